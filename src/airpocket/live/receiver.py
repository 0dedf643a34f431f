"""Where a feed hands over what it receives: the seam between the sockets and the pipeline."""

from typing import Protocol

from msgspec import Struct

from airpocket.market.events import Event, Gap, Health
from airpocket.market.wire import Decoded

__all__ = ["Reading", "Receiver"]


class Reading(Struct, frozen=True, gc=False):
    """What one received frame turned out to say.

    ``events``
        Without repeats of what another connection, or an earlier subscription, had said. Changes
        of a book are in it as they came.
    ``said``
        The whole of what the wire made of the frame.
    ``broken``
        Books that this frame showed to be incomplete: the gap that says why, once each.
    ``kept``
        Whether the tape took the frame; if not, nothing of it counts and a gap is due.
    """

    local_ns: int
    events: tuple[Event, ...]
    said: Decoded
    broken: tuple[Gap, ...] = ()
    kept: bool = True


class Receiver(Protocol):
    """Keeps frames and reads them. Never waits, never raises for what the bytes hold."""

    def receive(self, venue: str, stream: str, data: bytes) -> Reading:
        """Take one frame as received; ``stream`` names the connection (``"market#17"``)."""
        ...

    def record_gap(self, gap: Gap) -> None:
        """Keep a hole; an open one is closed by recording it again with its end."""
        ...

    def record_health(self, health: Health) -> None:
        """Say how a channel of a venue is."""
        ...
