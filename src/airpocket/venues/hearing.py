"""Frames in the order they came, each through the wire of its connection.

A wire is the memory of one connection, so there is one for each (venue, stream). The connections
of a venue share its catalogue, which learns what the venue lists from frames of the stream
:data:`~airpocket.market.stream.INSTRUMENTS_STREAM`. What another connection has said already is
dropped (:class:`~airpocket.market.dedup.Dedup`).
"""

from typing import Final, final

import msgspec
from msgspec import Struct

from airpocket.market.dedup import Dedup
from airpocket.market.events import Event
from airpocket.market.instrument import Catalogue, Instrument
from airpocket.market.stream import INSTRUMENTS_STREAM
from airpocket.market.wire import Decoded, Frame, Wire, refuse
from airpocket.venues import register

__all__ = ["STREAMS_MOST", "Heard", "Hearing"]

STREAMS_MOST: Final = 1024
"""Connections that are remembered; beyond it the one silent for longest is forgotten."""


class Heard(Struct, frozen=True, gc=False):
    """What a frame said (``said``), and what of it was not said before (``fresh``)."""

    said: Decoded
    fresh: tuple[Event, ...]


class _Ear:
    """One connection, and when it was last heard, counted in frames."""

    __slots__ = ("last", "wire")

    def __init__(self, wire: Wire | None) -> None:
        self.wire = wire
        self.last = 0


@final
class Hearing:
    """Everything that has to be remembered to understand the next frame.

    Examples
    --------
    >>> frame = Frame("ftx", "public#1", None, b"{}")
    >>> Hearing().hear(frame).said.rejected
    ('no venue that airpocket reads',)
    """

    def __init__(self) -> None:
        self._ears: dict[tuple[str, str], _Ear] = {}
        self._catalogues: dict[str, Catalogue] = {}
        self._dedup = Dedup()
        self._frames = 0

    def hear(self, frame: Frame) -> Heard:
        """Read one frame. Never raises for what its bytes hold."""
        venue, stream = frame.venue, frame.stream
        if stream == INSTRUMENTS_STREAM:
            return Heard(self._learn(frame), ())
        ear = self._ears.get((venue, stream))
        if ear is None:
            ear = self._open(venue, stream)
        self._frames += 1
        ear.last = self._frames
        if ear.wire is None:
            return Heard(refuse("no venue that airpocket reads"), ())
        said = ear.wire.decode(frame.data, local_ns=frame.local_ns, raw_ref=frame.raw_ref)
        return Heard(said, self._dedup.fresh(stream, said.events) if said.events else ())

    def catalogue(self, venue: str) -> Catalogue:
        """Give the catalogue that all connections of a venue share.

        Raises
        ------
        InputError
            If there is no such venue.
        """
        found = self._catalogues.get(venue)
        if found is None:
            found = self._catalogues[venue] = register.catalogue_of(venue)
        return found

    def close_stream(self, venue: str, stream: str) -> None:
        """Forget a connection that is over; its name must not be used for another one."""
        self._ears.pop((venue, stream), None)
        self._dedup.close_stream(venue, stream)

    def _open(self, venue: str, stream: str) -> _Ear:
        wire = None
        if venue in register.LIVE:
            wire = register.open_wire(venue, self.catalogue(venue))
        elif venue in register.VENUES:
            wire = register.open_wire(venue)
        ear = self._ears[venue, stream] = _Ear(wire)
        if len(self._ears) > STREAMS_MOST:
            oldest = min(
                (key for key in self._ears if key != (venue, stream)),
                key=lambda key: self._ears[key].last,
            )
            self.close_stream(*oldest)
        return ear

    def _learn(self, frame: Frame) -> Decoded:
        if frame.venue not in register.LIVE:
            return refuse("no venue that airpocket follows")
        try:
            listed = msgspec.json.decode(frame.data, type=list[Instrument])
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            return refuse(f"not a list of instruments: {ascii(str(error))[1:-1]:.160}")
        own = [row for row in listed if row.venue == frame.venue]
        self.catalogue(frame.venue).learn(own)
        strange = len(listed) - len(own)
        said = f"{strange} instruments of another venue" if strange else ""
        return Decoded(control="instruments", rejected=(said,) if said else ())
