"""Figures that contradict each other: the form of a message stays, its meaning changes.

A venue may say from one day to the next the other side, or contracts where it said coins, and
every frame still reads well. Two things cannot be, whatever the words mean: that longs are closed
by force again and again where the price has just risen, and shorts where it fell; and that more is
closed by force than there was open. Either is a reason to distrust a liquidation channel until its
figures agree again.

It has no clock: time comes with the events, by their receipt.
"""

from collections import deque
from typing import Final, final

from msgspec import Struct

from airpocket.market.events import Event, Liquidation, OpenInterest, Side, Trade, event_ns
from airpocket.units import MINUTE_NS, SECOND_NS

__all__ = ["Contradiction", "Plausible"]

_BUCKET_NS: Final = 10 * SECOND_NS
_RANGE_NS: Final = 5 * MINUTE_NS  # a price has risen or fallen within so long
_STALE_NS: Final = 30 * SECOND_NS  # a price that is older is not the price any more
_MOVE: Final = 0.01  # less is no move that closes anybody
_AT_EXTREME: Final = 0.1  # of the move: else it is on its way back, and both sides may be closed
_VOTES: Final = 10
_AGAINST: Final = 9
_WINDOW_NS: Final = 10 * MINUTE_NS
_INTEREST_NS: Final = 30 * MINUTE_NS
_FORGIVEN_NS: Final = 60 * MINUTE_NS


class Contradiction(Struct, frozen=True):
    """Why the figures of a venue's liquidations are not believed."""

    venue: str
    said: str


class _Prices:
    """Lowest and highest price of an instrument, by ten seconds."""

    __slots__ = ("buckets", "last", "last_ns")

    def __init__(self) -> None:
        self.buckets: deque[tuple[int, float, float]] = deque()
        self.last = 0.0
        self.last_ns = 0

    def see(self, at_ns: int, price: float) -> None:
        start_ns = at_ns // _BUCKET_NS * _BUCKET_NS
        if self.buckets and self.buckets[-1][0] == start_ns:
            _, low, high = self.buckets[-1]
            if not low <= price <= high:
                self.buckets[-1] = (start_ns, min(low, price), max(high, price))
        else:
            self.buckets.append((start_ns, price, price))
            while self.buckets[0][0] < at_ns - _RANGE_NS:
                self.buckets.popleft()
        self.last, self.last_ns = price, at_ns

    def expected(self, at_ns: int) -> Side | None:
        """Whose positions are closed where the price stands now; ``None``: anybody's."""
        if at_ns - self.last_ns > _STALE_NS:
            return None
        fall = max(high for _, _, high in self.buckets) / self.last - 1.0
        rise = self.last / min(low for _, low, _ in self.buckets) - 1.0
        if fall >= _MOVE and rise <= _AT_EXTREME * fall:
            return Side.LONG
        if rise >= _MOVE and fall <= _AT_EXTREME * rise:
            return Side.SHORT
        return None


class _Closed:
    """How much of an instrument was closed by force, and how much was open."""

    __slots__ = ("closed", "interest", "total")

    def __init__(self) -> None:
        self.closed: deque[tuple[int, float]] = deque()
        self.interest: deque[tuple[int, float]] = deque()
        self.total = 0.0

    def see_open(self, at_ns: int, size: float) -> None:
        while self.interest and self.interest[-1][1] <= size:  # only what may be the most is kept
            self.interest.pop()
        self.interest.append((at_ns, size))
        self._forget(at_ns)

    def close(self, at_ns: int, size: float) -> float | None:
        """Note a liquidation; what was open at most if more than that is closed now."""
        self.closed.append((at_ns, size))
        self.total += size
        while self.closed[0][0] < at_ns - _WINDOW_NS:
            self.total -= self.closed.popleft()[1]
        self._forget(at_ns)
        if not self.interest:
            return None
        most = self.interest[0][1]
        return most if self.total > most else None

    def _forget(self, at_ns: int) -> None:
        while self.interest and self.interest[0][0] < at_ns - _INTEREST_NS:
            self.interest.popleft()


class _Venue:
    """What was seen of one venue."""

    __slots__ = ("ballots", "breaches", "closed", "prices", "votes", "wrong")

    def __init__(self) -> None:
        self.prices: dict[str, _Prices] = {}
        self.closed: dict[str, _Closed] = {}
        self.ballots: dict[str, tuple[int, int, int]] = {}  # ten seconds, with and against
        self.votes: deque[bool] = deque(maxlen=_VOTES)  # whether against
        self.wrong: str | None = None
        self.breaches: dict[str, tuple[int, str]] = {}


@final
class Plausible:
    """Compares the liquidations of venues with their own prices and open interest.

    Ten seconds of one instrument are one vote, however many liquidations fell into them: one large
    account that is closed in pieces proves nothing.

    Examples
    --------
    >>> Plausible().contradictions()
    []
    """

    def __init__(self) -> None:
        self._venues: dict[str, _Venue] = {}
        self._now_ns = 0

    def see(self, event: Event) -> None:
        """Take in what a venue said."""
        at_ns = event.local_ns if event.local_ns is not None else event_ns(event)
        if at_ns is None:
            return
        self._now_ns = max(self._now_ns, at_ns)
        venue = self._venues.get(event.venue)
        if venue is None:
            venue = self._venues[event.venue] = _Venue()
        name = event.raw_symbol
        if isinstance(event, Trade):
            prices = venue.prices.get(name)
            if prices is None:
                prices = venue.prices[name] = _Prices()
            prices.see(at_ns, event.price)
        elif isinstance(event, OpenInterest):
            if event.qty_base:
                venue.closed.setdefault(name, _Closed()).see_open(at_ns, event.qty_base)
        elif isinstance(event, Liquidation):
            _vote(venue, event, at_ns)
            _weigh(venue, event, at_ns)

    def contradictions(self) -> list[Contradiction]:
        """Name the venues whose figures are not believed, and why."""
        found = []
        for name, venue in self._venues.items():
            venue.breaches = {
                symbol: (at_ns, said)
                for symbol, (at_ns, said) in venue.breaches.items()
                if self._now_ns - at_ns <= _FORGIVEN_NS
            }
            breaches = [said for _, said in venue.breaches.values()]
            if venue.wrong is not None or breaches:
                found.append(Contradiction(name, venue.wrong or breaches[0]))
        return found


def _vote(venue: _Venue, event: Liquidation, at_ns: int) -> None:
    """Compare the side of a liquidation with the way that the price went."""
    prices = venue.prices.get(event.raw_symbol)
    expected = None if prices is None else prices.expected(at_ns)
    if expected is None or event.liquidated is None:
        return
    start_ns = at_ns // _BUCKET_NS * _BUCKET_NS
    before = venue.ballots.get(event.raw_symbol)
    if before is not None and before[0] != start_ns:
        venue.votes.append(before[2] > before[1])
        before = None
        _judge(venue)
    _, agreed, against = before or (start_ns, 0, 0)
    is_against = event.liquidated is not expected
    venue.ballots[event.raw_symbol] = (
        start_ns, agreed + (not is_against), against + is_against,
    )  # fmt: skip


def _judge(venue: _Venue) -> None:
    against = sum(venue.votes)
    if against >= _AGAINST:
        venue.wrong = (
            f"sides contradict the price: in {against} of {_VOTES} moves the side was closed"
            " that had won"
        )
    elif against <= _VOTES - _AGAINST:
        venue.wrong = None


def _weigh(venue: _Venue, event: Liquidation, at_ns: int) -> None:
    """Compare what was closed with what was open."""
    if not event.qty_base:
        return
    name = event.raw_symbol
    closed = venue.closed.setdefault(name, _Closed())
    most = closed.close(at_ns, event.qty_base)
    if most is None:
        venue.breaches.pop(name, None)
        return
    said = (
        f"sizes exceed open interest: {closed.total:.6g} coins of {name[:40]} were closed within"
        f" {_WINDOW_NS // MINUTE_NS} minutes, {most:.6g} were open"
    )
    venue.breaches[name] = at_ns, said
