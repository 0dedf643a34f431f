"""One fault, the frames that it meets, and what faults do to them."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeAlias, final

from airpocket.market.events import BookChange, Event, Liquidation, Side
from tests.live import spoiling
from tests.live.ledger import Sent

if TYPE_CHECKING:
    from tests.live.fake_venue import Session

__all__ = [
    "Change", "Fault", "Filter", "Kind", "Parcel", "Said", "Where", "break_off", "concerns_topic",
    "flip", "grow", "lose", "skip", "spoil", "swallow", "thin", "twice",
]  # fmt: skip


class Kind(StrEnum):
    """What a frame is, for a fault to choose by."""

    PUSH = "push"  # of the market
    ACK = "ack"  # answers a request
    PONG = "pong"
    OTHER = "other"


@final
class Parcel:
    """A frame on its way to a client."""

    __slots__ = ("altered", "data", "events", "kind", "replayed", "session", "topic")

    def __init__(
        self, session: "Session", data: bytes, kind: Kind, topic: str, events: tuple[Sent, ...]
    ) -> None:
        self.session = session
        self.data = data
        self.kind = kind
        self.topic = topic
        self.events = events
        self.altered = False
        self.replayed = False

    def spoilt(self, data: bytes) -> "Parcel":
        """Make one with other bytes."""
        changed = Parcel(self.session, data, self.kind, self.topic, self.events)
        changed.altered, changed.replayed = True, self.replayed
        return changed


Said: TypeAlias = tuple[Event, Sent]
Where: TypeAlias = "Callable[[Session], bool] | None"
Filter: TypeAlias = Callable[["Fault", Parcel], Iterable[Parcel]]
Change: TypeAlias = Callable[["Fault", Event, Sent], Iterable[Said]]


@final
class Fault:
    """One misbehaviour that is switched on."""

    def __init__(self, name: str, where: Where = None) -> None:
        self.name = name
        self.fired = 0
        self.times: int | None = None  # that it may fire
        self.is_on = True
        self._where = where
        self.filter: Filter | None = None
        self.change: Change | None = None
        self.on_end: Callable[[], None] | None = None

    def concerns(self, session: "Session") -> bool:
        """Tell whether it works on a connection."""
        return self.is_on and (self._where is None or self._where(session))

    def end(self) -> None:
        """Behave again; what was held back is let go."""
        if self.is_on:
            self.is_on = False
            if self.on_end is not None:
                self.on_end()

    def __repr__(self) -> str:
        return f"Fault({self.name}, fired {self.fired})"


def concerns_topic(parcel: Parcel, pattern: str) -> bool:
    """Tell whether a frame is of the market and of a topic."""
    return parcel.kind is Kind.PUSH and fnmatchcase(parcel.topic, pattern)


def swallow(pattern: str) -> Filter:
    """Lose the frames of some topics."""

    def work(fault: Fault, parcel: Parcel) -> Iterable[Parcel]:
        if not concerns_topic(parcel, pattern):
            return (parcel,)
        fault.fired += 1
        return ()

    return work


def lose(kind: Kind, count: int) -> Filter:
    """Lose the next frames of a kind."""

    def work(fault: Fault, parcel: Parcel) -> Iterable[Parcel]:
        if parcel.kind is not kind or fault.fired >= count:
            return (parcel,)
        fault.fired += 1
        return ()

    return work


def break_off(kind: Kind, times: int) -> Filter:
    """Reset the connection in place of the next frames of a kind."""

    def work(fault: Fault, parcel: Parcel) -> Iterable[Parcel]:
        if parcel.kind is not kind or fault.fired >= times:
            return (parcel,)
        fault.fired += 1
        parcel.session.reset()
        return ()

    return work


def twice(pattern: str) -> Filter:
    """Send the frames of some topics two times."""

    def work(fault: Fault, parcel: Parcel) -> Iterable[Parcel]:
        if not concerns_topic(parcel, pattern):
            return (parcel,)
        fault.fired += 1
        return (parcel, parcel)

    return work


def spoil(every: int, spell: Callable[[Parcel, int], bytes], *, instead: bool) -> Filter:
    """Spell each so-many-th frame otherwise, in place of the good one or beside it."""
    seen = 0

    def work(fault: Fault, parcel: Parcel) -> Iterable[Parcel]:
        nonlocal seen
        if parcel.kind is not Kind.PUSH:
            return (parcel,)
        seen += 1
        data = parcel.data if seen % every else spell(parcel, fault.fired)
        if data == parcel.data:
            return (parcel,)
        fault.fired += 1
        bad = parcel.spoilt(data)
        if instead:
            return (bad,)
        bad.events = ()
        return (bad, parcel)

    return work


def skip(raw_symbol: str, count: int, every: int) -> Change:
    """Leave out changes of a book."""
    seen = 0

    def work(fault: Fault, event: Event, sent: Sent) -> Iterable[Said]:
        nonlocal seen
        if isinstance(event, BookChange) and event.raw_symbol == raw_symbol:
            seen += 1
            if fault.fired < count and seen % every == 0:
                fault.fired += 1
                return ()
        return ((event, sent),)

    return work


def flip(fault: Fault, event: Event, sent: Sent) -> Iterable[Said]:
    """Say liquidations of the other side."""
    if not isinstance(event, Liquidation):
        return ((event, sent),)
    fault.fired += 1
    other = {Side.LONG: Side.SHORT, Side.SHORT: Side.LONG, None: None}[event.liquidated]
    return ((spoiling.with_side(event, other), sent),)


def grow(factor: float) -> Change:
    """Say liquidations of another size."""

    def work(fault: Fault, event: Event, sent: Sent) -> Iterable[Said]:
        if not isinstance(event, Liquidation):
            return ((event, sent),)
        fault.fired += 1
        return ((spoiling.with_size(event, event.qty_raw * factor), sent),)

    return work


def thin(per_s: float, now_s: Callable[[], float]) -> Change:
    """Say only so many liquidations a second of each symbol, the first ones."""
    last: dict[str, float] = {}

    def work(fault: Fault, event: Event, sent: Sent) -> Iterable[Said]:
        if not isinstance(event, Liquidation):
            return ((event, sent),)
        if now_s() - last.get(event.raw_symbol, -1e9) < 1.0 / per_s:
            fault.fired += 1
            return ()
        last[event.raw_symbol] = now_s()
        return ((event, sent),)

    return work
