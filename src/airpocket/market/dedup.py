"""The same event said twice: by two connections, or by a venue that repeats itself.

Two connections overlap whenever one replaces the other, merged venues send one event over two
endpoints, and many venues repeat the last events when they are subscribed to. Where an event came
from is therefore no part of what it is. The rules:

Named events (a trade with a ``trade_id``, a liquidation with an ``event_id``)
    One for its kind, venue, instrument and id.

Liquidations and trades without a name
    What the venue said of it is all there is, and two liquidations may look the same. Each
    connection counts them: one is new if its own connection has now said more of them than any
    connection had before. Two equal ones on one connection are two; the same two again over
    another connection add none. One thing is not counted: an event that its own connection has
    said before and whose time lies more than two seconds (:data:`RESENT_NS`) before the newest
    time of that connection. That is the venue repeating itself after a new subscription, because
    nobody sends a new event that late behind others.

Marks, funding rates, open interest, funds, warnings
    A state said twice is no news: only the first of equal ones, if the venue gave its time.

Changes and samples of a book pass untouched: a book needs what its own connection said.

What cannot be told apart: a second equal liquidation that only the second of two overlapping
connections saw counts as the first one again. Sums are too low then, never too high.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple, final

from airpocket.market.events import (
    AdlWarning,
    Event,
    Funding,
    InsuranceFund,
    Liquidation,
    Mark,
    OpenInterest,
    Trade,
)
from airpocket.units import MINUTE_NS, SECOND_NS

__all__ = ["RESENT_NS", "Dedup"]

RESENT_NS: Final = 2 * SECOND_NS
"""So far behind the newest time of its connection, an event said before is a repeat."""

_CREDIBLE_NS: Final = MINUTE_NS  # a time so far ahead of our clock is nobody's newest
_NEVER: Final = -(1 << 62)
_INSTRUMENTS_MOST: Final = 1 << 14  # of one kind; venues list 3,000, strangers may invent more


class _Bounds(NamedTuple):
    """How much is remembered of one instrument."""

    least: int
    most: int
    span_ns: int


class _Memory:
    """What was said of one instrument: the newest ``least`` at the least, and ``span_ns`` of it.

    Two generations: when the young one is full it becomes the old one, which is forgotten. So
    nothing is searched, and memory is at most twice ``most``.
    """

    __slots__ = ("began_ns", "old", "young")

    def __init__(self) -> None:
        self.young: dict[Any, Any] = {}
        self.old: dict[Any, Any] = {}
        self.began_ns = _NEVER

    def put(self, key: Any, value: Any, at_ns: int, bounds: _Bounds) -> None:
        young = self.young
        count = len(young)
        if count >= bounds.least and (
            count >= bounds.most or at_ns - self.began_ns > bounds.span_ns
        ):
            self.old, young = young, {}
            self.young = young
            count = 0
        if not count:
            self.began_ns = at_ns
        young[key] = value


class _Count:
    """How often each connection has said one nameless event, and the most that any has."""

    __slots__ = ("by_stream", "most")

    def __init__(self, stream: str) -> None:
        self.by_stream = {stream: 1}
        self.most = 1


@final
class Dedup:
    """Let each event through once, whatever connection it comes over.

    Parameters
    ----------
    span_ns
        How far back events are remembered, by their own time. Of a quiet instrument at least the
        last 256 are, however old, because that many are repeated at a new subscription; of a loud
        one at most 131,072 (65,536 for certain).
    state_span_ns
        The same for marks, funding rates and open interest.

    Examples
    --------
    >>> dedup = Dedup()
    >>> trade = Trade(venue="okx", symbol=None, raw_symbol="X", venue_ns=5, price=2.0,
    ...               qty_raw=1.0, trade_id="7")
    >>> len(dedup.fresh("first", [trade])), len(dedup.fresh("second", [trade]))
    (1, 0)
    """

    def __init__(
        self, *, span_ns: int = 10 * MINUTE_NS, state_span_ns: int = 30 * SECOND_NS
    ) -> None:
        self._bounds = _Bounds(256, 1 << 16, span_ns)
        self._state_bounds = _Bounds(4, 1 << 10, state_span_ns)
        self._trades: dict[tuple[str, str], _Memory] = {}
        self._others: dict[tuple[type[Any], str, str], _Memory] = {}
        self._newest_ns: dict[tuple[str, str], int] = {}  # by (venue, stream)

    def fresh(self, stream: str, events: Iterable[Event]) -> tuple[Event, ...]:
        """Events that no connection has said before, in their order.

        Parameters
        ----------
        stream
            The connection they came over; names are never used again for another connection.
        events
            Of one frame, in the order in which the venue wrote them.
        """
        return tuple([event for event in events if self.is_new(stream, event)])

    def is_new(self, stream: str, event: Event) -> bool:
        """Tell whether an event was not said before, and remember it."""
        at_ns = event.venue_ns
        local_ns = event.local_ns
        source = (event.venue, stream)
        newest_ns = self._newest_ns.get(source)
        if newest_ns is None:
            newest_ns = self._newest_ns[source] = _NEVER
            _forget_oldest(self._newest_ns)
        if (
            at_ns is not None
            and at_ns > newest_ns
            and (local_ns is None or at_ns <= local_ns + _CREDIBLE_NS)
        ):
            self._newest_ns[source] = newest_ns = at_ns
        if isinstance(event, Trade) and event.trade_id is not None:
            return self._is_new_trade((event.venue, event.raw_symbol), event.trade_id, event)
        identity = _IDENTITIES.get(type(event))
        if identity is None:
            return True  # of a book, or made by us
        memory = self._memory(event)
        key: Any = (at_ns, *identity(event))
        bounds = self._state_bounds
        if isinstance(event, Liquidation) and event.event_id is not None:
            key, bounds = event.event_id, self._bounds
        elif isinstance(event, Trade | Liquidation):
            return self._counts_more(memory, key, stream, event, newest_ns)
        elif at_ns is None:
            return True  # nothing tells a repeat from a state that lasts
        if key in memory.young or key in memory.old:
            return False
        memory.put(key, None, _known_ns(event), bounds)
        return True

    def close_stream(self, venue: str, stream: str) -> None:
        """Forget the clock of a connection that is over: it will say nothing more."""
        self._newest_ns.pop((venue, stream), None)

    def _is_new_trade(self, place: tuple[str, str], name: str, event: Event) -> bool:
        memory = self._trades.get(place)
        if memory is None:
            memory = self._trades[place] = _Memory()
            _forget_oldest(self._trades)
        elif name in memory.young or name in memory.old:
            return False
        memory.put(name, None, _known_ns(event), self._bounds)
        return True

    def _memory(self, event: Event) -> _Memory:
        place = (type(event), event.venue, event.raw_symbol)
        memory = self._others.get(place)
        if memory is None:
            memory = self._others[place] = _Memory()
            _forget_oldest(self._others)
        return memory

    def _counts_more(
        self, memory: _Memory, key: Any, stream: str, event: Event, newest_ns: int
    ) -> bool:
        count = memory.young.get(key) or memory.old.get(key)
        if count is None:
            memory.put(key, _Count(stream), _known_ns(event), self._bounds)
            return True
        said = count.by_stream.get(stream, 0)
        at_ns = event.venue_ns
        if said and at_ns is not None and at_ns < newest_ns - RESENT_NS:
            return False
        count.by_stream[stream] = said + 1
        if said < count.most:
            return False
        count.most = said + 1
        return True


def _forget_oldest(memories: dict[Any, Any]) -> None:
    if len(memories) > _INSTRUMENTS_MOST:
        del memories[next(iter(memories))]


def _known_ns(event: Event) -> int:
    at_ns = event.venue_ns if event.venue_ns is not None else event.local_ns
    return _NEVER if at_ns is None else at_ns


# What the venue gave, without what a catalogue or a dated rule made of it: those may be learnt
# between one copy and the next.
def _of_trade(event: Any) -> tuple[Any, ...]:
    return event.price, event.qty_raw, event.taker


def _of_liquidation(event: Any) -> tuple[Any, ...]:
    return (
        event.liquidated, event.order_price, event.fill_price, event.bankruptcy_price,
        event.entry_price, event.qty_raw, event.method, event.mark_price, event.account,
    )  # fmt: skip


_IDENTITIES: Final[dict[type[Any], Any]] = {
    Trade: _of_trade,
    Liquidation: _of_liquidation,
    Mark: lambda event: (event.mark_price, event.index_price),
    Funding: lambda event: (event.rate, event.interval_ns, event.due_ns),
    OpenInterest: lambda event: (event.qty_base, event.notional_usd),
    AdlWarning: lambda event: (
        event.state, event.coin, event.balance, event.peak_balance, event.drawdown,
    ),
    InsuranceFund: lambda event: (event.coin, event.balance, event.symbols),
}  # fmt: skip
