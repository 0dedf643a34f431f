"""Which venues are heard and which are silent, so that every alert can say it.

Concluded from frames and gaps alone: a tape gives the same answer as the live feed it was.
"""

from typing import Final, final

from msgspec import Struct

from airpocket.detection.episode import Kind
from airpocket.market.events import Coverage, Gap, GapCause
from airpocket.units import HOUR_NS, MINUTE_NS

__all__ = ["ALIVE_NS", "FeedState", "Feeds"]

ALIVE_NS: Final = MINUTE_NS
"""A venue is alive for so long after its last frame of data."""

_KEPT_NS: Final = 6 * HOUR_NS  # how long a closed gap still speaks of the sums of an episode
_GAPS_MOST: Final = 4096
_FORCED: Final = frozenset({"liquidations", "forced_flow", "*"})
_TRADED: Final = _FORCED | {"trades", "bars"}


class FeedState(Struct, frozen=True):
    """How the feeds stand for one scope at one time.

    ``alive``, ``throttled`` and ``silent`` are venue ids, sorted, each in one of them;
    ``is_whole`` is false if a hole lies within the time asked for: sums are lower bounds.
    """

    alive: tuple[str, ...]
    throttled: tuple[str, ...]
    silent: tuple[str, ...]
    is_whole: bool


@final
class Feeds:
    """Keeps what was last heard of each venue, and its holes.

    Examples
    --------
    >>> feeds = Feeds()
    >>> feeds.hear("okx", 5)
    >>> feeds.state("BTC/USDT:USDT", Kind.CASCADE, 0, 9).alive
    ('okx',)
    """

    def __init__(self) -> None:
        self._now_ns = 0
        self._heard_ns: dict[str, int] = {}
        self._throttled: dict[str, bool] = {}
        self._gaps: dict[tuple[str, str, str, int], Gap] = {}

    def hear(self, venue: str, now_ns: int) -> None:
        """Note that a venue has sent data."""
        self._heard_ns[venue] = self._now_ns = max(self._now_ns, now_ns)

    def note_coverage(self, venue: str, coverage: Coverage) -> None:
        """Note what share of the truth the liquidation feed of a venue shows."""
        self._throttled[venue] = coverage is Coverage.THROTTLED

    def take_gap(self, gap: Gap) -> None:
        """Take a hole in; an open one is closed by taking it again with its end."""
        # The first of them is the oldest: closed ones that nobody asks about any more go first.
        self._gaps.pop((gap.venue, gap.channel, gap.raw_symbol, gap.from_ns), None)
        self._gaps[gap.venue, gap.channel, gap.raw_symbol, gap.from_ns] = gap
        if len(self._gaps) > _GAPS_MOST:
            oldest_ns = self._now_ns - _KEPT_NS
            old = [k for k, g in self._gaps.items() if g.to_ns is not None and g.to_ns < oldest_ns]
            for key in old or [next(iter(self._gaps))]:
                del self._gaps[key]

    def state(self, scope: str, kind: Kind, from_ns: int, at_ns: int) -> FeedState:
        """Say how the feeds stand.

        Parameters
        ----------
        scope
            Unified symbol, or ``"*"`` for the market.
        kind
            Whether liquidations are followed, or trades.
        from_ns, at_ns
            Time that the sums cover.
        """
        silent: set[str] = set()
        is_whole = True
        channels = _FORCED if kind is Kind.CASCADE else _TRADED
        for gap in self._gaps.values():
            if gap.channel not in channels or not _concerns(gap, scope):
                continue
            if gap.to_ns is None or gap.from_ns <= at_ns < gap.to_ns:
                # What ended was whole until then, and the alert says that it has ended.
                is_whole = is_whole and gap.cause is GapCause.END_OF_RECORDING
                if scope != "*" or gap.raw_symbol == "*":
                    silent.add(gap.venue)
            elif gap.from_ns < at_ns and gap.to_ns > from_ns:
                is_whole = False
        alive_ns = self._now_ns - ALIVE_NS
        alive = {venue for venue, ns in self._heard_ns.items() if ns >= alive_ns} - silent
        throttled = {venue for venue in alive if self._throttled.get(venue)}
        return FeedState(
            alive=tuple(sorted(alive - throttled)),
            throttled=tuple(sorted(throttled)),
            silent=tuple(sorted(silent)),
            is_whole=is_whole,
        )


def _concerns(gap: Gap, scope: str) -> bool:
    """Tell whether a hole hides something of a scope; of the market, each of its parts counts."""
    if scope == "*" or gap.raw_symbol == "*":
        return True
    return scope in {gap.symbol, f"{gap.venue} {gap.raw_symbol}"}
