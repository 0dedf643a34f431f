"""Between bytes and events: what every venue's ``wire`` module offers.

A wire is the memory of *one connection* to one venue. It has no socket and no clock: bytes go
in, events come out, and what could not be used comes out beside them with a reason. Bad bytes
never raise: exchange data is untrusted.
"""

from collections.abc import AsyncIterator, Iterable
from typing import Protocol

from msgspec import Struct

from airpocket.market.events import Event, RawRef

__all__ = ["NOTHING", "Decoded", "Frame", "FrameStream", "Wire", "refuse"]


class Frame(Struct, frozen=True, gc=False):
    """Bytes as received: by whom (``venue``), over what (``stream``), when (``local_ns``)."""

    venue: str
    stream: str
    local_ns: int | None
    data: bytes
    raw_ref: RawRef | None = None


class FrameStream(Protocol):
    """Frames in the order they came: a live feed and a tape are read the same way."""

    def __aiter__(self) -> AsyncIterator[Frame]:
        """Iterate with ``async for``."""
        ...


class Decoded(Struct, frozen=True, gc=False):
    """What one frame said.

    Attributes
    ----------
    events
        In the order the venue wrote them.
    rejected
        One sentence for each part of the frame that could not be used. The caller keeps the
        bytes: nothing is thrown away unseen.
    control
        Name of a frame that is part of the protocol, not of the market ("ack", "heartbeat", …).
    notes
        What the reader should know of the events: an unknown instrument, a skipped replay.
    """

    events: list[Event] = []
    rejected: tuple[str, ...] = ()
    control: str | None = None
    notes: tuple[str, ...] = ()


NOTHING = Decoded()


def refuse(reason: str) -> Decoded:
    """Reject a whole frame for one reason.

    Examples
    --------
    >>> refuse("not JSON").rejected
    ('not JSON',)
    """
    return Decoded(rejected=(reason,))


class Wire(Protocol):
    """One connection to one venue, both ways.

    ``decode(encode(events))`` gives what that feed can show of ``events`` (see each venue's
    docstring for what it cannot).
    """

    @property
    def venue(self) -> str:
        """Venue id, as in :class:`~airpocket.market.events.Event` records."""
        ...

    def decode(
        self, data: bytes, *, local_ns: int | None = None, raw_ref: RawRef | None = None
    ) -> Decoded:
        """Turn one frame into events. Never raises for what the bytes hold."""
        ...

    def encode(self, events: Iterable[Event]) -> list[bytes]:
        """Write events as the venue would send them.

        Raises
        ------
        InputError
            If the venue has no channel for an event, or the event lacks what its frame needs.
        """
        ...
