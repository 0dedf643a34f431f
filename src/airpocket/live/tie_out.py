"""Acknowledged but silent: liquidations that must have been there and did not come.

A canary proves the route, not the one stream on it. What else is seen at the same time does:
other venues force-close the same coins, or the venue's own open interest falls in coins while its
price runs. Each makes liquidations of a venue due; that none comes can then be chance with a
probability that is computed and compared with one in a million.

Trades are tied out as well: open interest changes by trades alone, so if it keeps changing while
none is shown, trades are missing. What was doubted stays doubted until it is heard again.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, final

from msgspec import Struct

from airpocket.market.events import Event, Liquidation, OpenInterest, Trade, event_ns
from airpocket.market.stream import Channel
from airpocket.units import MINUTE_NS, SECOND_NS

__all__ = ["TieOut", "Verdict"]

_WINDOW_NS: Final = 10 * MINUTE_NS
_UNLIKELY: Final = 14.0  # e^-14 is a millionth
_CLUMPED: Final = 5.0  # liquidations come in clumps: five count as one independent event
_LEAST_SHARE: Final = 0.05  # of a venue that has never been seen to liquidate
_INTEREST_FALL: Final = 0.03
_PRICE_RUN: Final = 0.01
_BUCKET_NS: Final = 10_000_000_000
_LEAST_NS: Final = MINUTE_NS // 2  # shorter silence is no silence
_STEPS: Final = 10  # of open interest without a trade: one or two are settlements
_STREAMED_NS: Final = 20 * SECOND_NS  # figures further apart were polled, trades or none between


class Verdict(Struct, frozen=True):
    """Why a silent channel is not believed; ``raw_symbol`` is ``"*"`` for all of a venue."""

    venue: str
    since_ns: int
    said: str
    channel: str = Channel.LIQUIDATIONS
    raw_symbol: str = "*"


class _Steps:
    """How often the open interest of an instrument changed since its last trade."""

    __slots__ = ("count", "last_ns", "value")

    def __init__(self) -> None:
        self.count = 0
        self.value: float | None = None
        self.last_ns = 0

    def see(self, at_ns: int, value: float) -> None:
        is_streamed = at_ns - self.last_ns <= _STREAMED_NS
        if self.value is not None and value != self.value and is_streamed:
            self.count += 1
        self.value, self.last_ns = value, at_ns


class _Seen:
    """What was seen of one venue."""

    __slots__ = ("buckets", "interest", "last_ns", "prices", "steps", "total", "traded_ns")

    def __init__(self) -> None:
        self.buckets: deque[tuple[int, int]] = deque()
        self.interest: dict[str, deque[tuple[int, float]]] = {}
        self.prices: dict[str, deque[tuple[int, float]]] = {}
        self.last_ns: int | None = None
        self.steps: dict[str, _Steps] = {}
        self.total = 0
        self.traded_ns: dict[str, int] = {}

    def count_since(self, from_ns: int) -> int:
        return sum(count for start_ns, count in self.buckets if start_ns >= from_ns)


@final
class TieOut:
    """Compares venues with each other, and each with its own open interest.

    Parameters
    ----------
    venues
        Those whose liquidation streams are followed.
    begun_ns
        Since when.
    also
        Those that show no liquidations; their trades are tied out all the same.

    Examples
    --------
    >>> TieOut(("bybit", "okx"), 0).verdicts(5 * 60 * 10**9)
    []
    """

    def __init__(
        self, venues: tuple[str, ...], begun_ns: int, *, also: tuple[str, ...] = ()
    ) -> None:
        self._begun_ns = begun_ns
        self._showing = frozenset(venues)
        self._seen = {venue: _Seen() for venue in (*venues, *also)}
        self._held: dict[tuple[str, str, str], tuple[int, Verdict]] = {}  # and since when

    def see(self, event: Event) -> None:
        """Take in what a venue said."""
        seen = self._seen.get(event.venue)
        at_ns = event.local_ns if event.local_ns is not None else event_ns(event)
        if seen is None or at_ns is None:
            return
        if isinstance(event, Liquidation):
            start_ns = at_ns // _BUCKET_NS * _BUCKET_NS
            if seen.buckets and seen.buckets[-1][0] == start_ns:
                seen.buckets[-1] = (start_ns, seen.buckets[-1][1] + 1)
            else:
                seen.buckets.append((start_ns, 1))
            while seen.buckets and seen.buckets[0][0] < at_ns - 2 * _WINDOW_NS:
                seen.buckets.popleft()
            seen.last_ns, seen.total = at_ns, seen.total + 1
        elif isinstance(event, OpenInterest):
            if event.qty_base:
                steps = seen.steps.setdefault(event.raw_symbol, _Steps())
                steps.see(at_ns, event.qty_base)
                _note(seen.interest.setdefault(event.raw_symbol, deque()), at_ns, event.qty_base)
        elif isinstance(event, Trade):
            seen.traded_ns[event.raw_symbol] = at_ns
            if event.raw_symbol in seen.steps:
                seen.steps[event.raw_symbol].count = 0
            prices = seen.prices.setdefault(event.raw_symbol, deque())
            if not prices or at_ns - prices[-1][0] >= _BUCKET_NS:
                _note(prices, at_ns, event.price)

    def verdicts(
        self, now_ns: int, watched_since_ns: Callable[[str, str], int | None] = lambda *_: 0
    ) -> list[Verdict]:
        """Name the channels whose silence is not believed.

        Parameters
        ----------
        now_ns
            Receipt clock.
        watched_since_ns
            Since when a channel of a venue has no known hole; ``None``: it has one. What happened
            in a hole proves nothing.
        """
        for key, (at_ns, _) in list(self._held.items()):
            if self._heard_ns(*key) > at_ns:
                del self._held[key]
        for venue, seen in self._seen.items():
            fresh: list[Verdict] = []
            if venue in self._showing:
                fresh += self._of_liquidations(
                    venue, seen, now_ns, watched_since_ns(venue, Channel.LIQUIDATIONS)
                )
            fresh += self._of_trades(venue, seen, now_ns, watched_since_ns(venue, Channel.TRADES))
            for one in fresh:
                self._held.setdefault((one.venue, one.channel, one.raw_symbol), (now_ns, one))
        return [verdict for _, verdict in self._held.values()]

    def _heard_ns(self, venue: str, channel: str, raw_symbol: str) -> int:
        seen = self._seen[venue]
        if channel == Channel.LIQUIDATIONS:
            return seen.last_ns or 0
        return seen.traded_ns.get(raw_symbol, 0)

    def _of_liquidations(
        self, venue: str, seen: _Seen, now_ns: int, watched_ns: int | None
    ) -> list[Verdict]:
        if watched_ns is None:
            return []
        since_ns = max(self._begun_ns, watched_ns, seen.last_ns or 0, now_ns - _WINDOW_NS)
        if now_ns - since_ns < _LEAST_NS:
            return []
        said = self._beside_others(venue, seen, since_ns) or _beside_interest(seen, since_ns)
        return [] if said is None else [Verdict(venue, since_ns, said)]

    def _of_trades(
        self, venue: str, seen: _Seen, now_ns: int, watched_ns: int | None
    ) -> list[Verdict]:
        found = []
        for raw_symbol, steps in seen.steps.items():
            if watched_ns is None:
                steps.count = 0
                continue
            since_ns = max(self._begun_ns, watched_ns, seen.traded_ns.get(raw_symbol, 0))
            if steps.count >= _STEPS and now_ns - since_ns >= _LEAST_NS:
                said = (
                    f"no trade of {raw_symbol[:40]} since then while its open interest changed"
                    f" {steps.count} times"
                )
                found.append(Verdict(venue, since_ns, said, Channel.TRADES, raw_symbol))
        return found

    def _beside_others(self, venue: str, seen: _Seen, since_ns: int) -> str | None:
        others = [(name, one) for name, one in self._seen.items() if name != venue]
        elsewhere = sum(one.count_since(since_ns) for _, one in others)
        total = seen.total + sum(one.total for _, one in others)
        before = total - elsewhere
        share = max(_LEAST_SHARE, 0.5 * seen.total / before) if before > 200 else _LEAST_SHARE
        expected = elsewhere * share / (1.0 - min(share, 0.9)) / _CLUMPED
        if expected <= _UNLIKELY:
            return None
        return (
            f"none since then while other venues showed {elsewhere}; by its share of"
            f" {share:.0%} some {expected * _CLUMPED:.0f} were due"
        )


def _beside_interest(seen: _Seen, since_ns: int) -> str | None:
    for raw_symbol, series in seen.interest.items():
        inside = [value for at_ns, value in series if at_ns >= since_ns]
        prices = [price for at_ns, price in seen.prices.get(raw_symbol, ()) if at_ns >= since_ns]
        if len(inside) < 2 or len(prices) < 2:
            continue
        fall = 1.0 - inside[-1] / max(inside)
        run = max(prices) / min(prices) - 1.0
        if fall >= _INTEREST_FALL and run >= _PRICE_RUN:
            return (
                f"none since then while open interest of {raw_symbol[:40]} fell by {fall:.1%} in"
                f" coins and its price ran {run:.1%}"
            )
    return None


def _note(series: deque[tuple[int, float]], at_ns: int, value: float) -> None:
    series.append((at_ns, value))
    while series[0][0] < at_ns - 2 * _WINDOW_NS:
        series.popleft()
