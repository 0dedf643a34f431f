"""What is written down of one open episode, until it is told as a frozen :class:`Episode`."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import final

from airpocket.detection.episode import Ending, Episode, Kind, Leg, waves_of
from airpocket.market.events import Coverage, ForcedFlow, Gap, Method, Side

__all__ = ["Ledger", "PriceLeg"]


@final
class PriceLeg:
    """One price in an episode: its reference, and the extremes since."""

    def __init__(self, venue: str, symbol: str, reference: float) -> None:
        self.venue = venue
        self.symbol = symbol
        self.reference = reference
        self.low = self.high = self.last = reference
        self.low_ns = self.high_ns = 0

    def see(self, low: float, low_ns: int, high: float, high_ns: int, last: float) -> None:
        """Take prices in; the first of equal extremes counts."""
        if low < self.low or not self.low_ns:
            self.low, self.low_ns = low, low_ns
        if high > self.high or not self.high_ns:
            self.high, self.high_ns = high, high_ns
        self.last = last

    def tell(self, *, falling: bool) -> Leg:
        """Leg in one direction."""
        extreme, extreme_ns = (self.low, self.low_ns) if falling else (self.high, self.high_ns)
        gone = extreme - self.reference
        regained = (self.last - extreme) / -gone if gone else 0.0
        return Leg(
            venue=self.venue,
            symbol=self.symbol,
            reference=self.reference,
            extreme=extreme,
            extreme_ns=extreme_ns,
            fraction=gone / self.reference,
            regained=max(0.0, regained),
        )


@final
class Ledger:
    """Sums, waves, legs and context of one episode while it is open.

    Parameters
    ----------
    scope, kind, side, side_inferred, onset_ns, said_ns
        As in :class:`~airpocket.detection.episode.Episode`.
    unit
        ``"usd"`` or ``"count"``.
    bin_ns, wave_ns
        Bin of the detector and of the wave count.
    baseline
        Frozen mean flow of a bin, ``None`` if there was no history.
    history_ns, provisional
        Length of the baseline's history, and whether it is too short to trust.
    """

    def __init__(
        self,
        *,
        scope: str,
        kind: Kind,
        side: Side | None,
        side_inferred: bool,
        onset_ns: int,
        said_ns: int,
        unit: str,
        bin_ns: int,
        wave_ns: int,
        baseline: float | None,
        history_ns: int,
        provisional: bool,
        confirmed: bool | None,
    ) -> None:
        self.scope = scope
        self.kind = kind
        self.side = side
        self.side_inferred = side_inferred
        self.onset_ns = onset_ns
        self.said_ns = said_ns
        self.unit = unit
        self.bin_ns = bin_ns
        self.wave_ns = wave_ns
        self.baseline = baseline
        self.history_ns = history_ns
        self.provisional = provisional
        self.confirmed = confirmed
        self.end_ns: int | None = None
        self.ending = Ending.OPEN
        self.first_ns: int | None = None
        self.depth_share: float | None = None
        self.coins_before: float | None = None
        self.usd_before: float | None = None
        self.coins_least: float | None = None
        self.usd_least: float | None = None
        self.funding_before: float | None = None
        self.legs: dict[tuple[str, str], PriceLeg] = {}
        self.gaps: list[Gap] = []
        self.peak = 0.0  # largest wave bin so far
        self._told_flow: float | None = None  # total when something was last said
        self._told_adl = False
        self._usd: float | None = None
        self._count: int | None = None
        self._adl_usd: float | None = None
        self._adl_count: int | None = None
        self._adl_first_ns: int | None = None
        self._waves: defaultdict[int, float] = defaultdict(float)
        self._venues: dict[str, Coverage] = {}
        self._fed: defaultdict[tuple[str, str], float] = defaultdict(float)

    def add_flow(self, flow: ForcedFlow) -> None:
        """Count one bin of forced flow."""
        start_ns = flow.venue_ns or 0
        if self.side is not None and flow.side is not None and flow.side is not self.side:
            return
        if flow.count is not None:
            self._count = (self._count or 0) + flow.count
        if flow.usd is not None:
            self._usd = (self._usd or 0.0) + flow.usd
        value = flow.usd if self.unit == "usd" else flow.count
        if value:
            self._swell(start_ns, value)
            self._fed[flow.venue, flow.raw_symbol] += value
            if self.first_ns is None and flow.first_ns is not None:
                self.first_ns = flow.first_ns
        self._venues.setdefault(flow.venue, flow.coverage)
        if flow.method is Method.ADL and (flow.count or flow.usd):
            self._adl_count = (self._adl_count or 0) + (flow.count or 0)
            if flow.usd is not None:
                self._adl_usd = (self._adl_usd or 0.0) + flow.usd
            if self._adl_first_ns is None:
                self._adl_first_ns = flow.first_ns if flow.first_ns is not None else start_ns

    def add_sum(self, flow: ForcedFlow) -> None:
        """Take in the dollars of a whole recording whose bins only told counts."""
        if flow.usd is None or self.unit == "usd":
            return
        self._usd = (self._usd or 0.0) + flow.usd
        if flow.method is Method.ADL:
            self._adl_usd = (self._adl_usd or 0.0) + flow.usd

    def add_trades(self, venue: str, start_ns: int, trades: int, usd: float | None) -> None:
        """Count one bin of trades (shocks have nothing better)."""
        self._count = (self._count or 0) + trades
        if usd is not None:
            self._usd = (self._usd or 0.0) + usd
        self._swell(start_ns, trades)
        self._venues.setdefault(venue, Coverage.INFERRED)

    def _swell(self, start_ns: int, value: float) -> None:
        step = start_ns // self.wave_ns
        self._waves[step] += value
        self.peak = max(self.peak, self._waves[step])

    def flow_since(self, since_ns: int) -> float:
        """Flow of the wave bins that begin at or after a time."""
        first = -(-since_ns // self.wave_ns)
        return sum(value for step, value in self._waves.items() if step >= first)

    def share_of(self, sources: Mapping[tuple[str, str], bool]) -> float:
        """Part of the flow so far that came from sources that are still observed."""
        whole = sum(self._fed.values())
        seen = sum(value for source, value in self._fed.items() if sources.get(source))
        return seen / whole if whole else 1.0

    def note_interest(self, coins: float | None, usd: float | None) -> None:
        """Take open interest in; the first reading is the one before the episode."""
        if coins is not None:
            self.coins_before = coins if self.coins_before is None else self.coins_before
            self.coins_least = coins if self.coins_least is None else min(self.coins_least, coins)
        if usd is not None:
            self.usd_before = usd if self.usd_before is None else self.usd_before
            self.usd_least = usd if self.usd_least is None else min(self.usd_least, usd)

    def note_depth(self, share: float | None) -> None:
        """Keep the thinnest depth seen, as a share of its normal."""
        if share is not None:
            self.depth_share = share if self.depth_share is None else min(self.depth_share, share)

    def has_news(self) -> bool:
        """Tell, once each, that the flow has grown tenfold or that auto-deleveraging began."""
        flow = sum(self._waves.values())
        adl = self._adl_first_ns is not None
        if self._told_flow is None:
            self._told_flow, self._told_adl = flow, adl
            return False
        if flow < 10.0 * self._told_flow and adl == self._told_adl:
            return False
        self._told_flow, self._told_adl = flow, adl
        return True

    def leg(self) -> tuple[float, float] | None:
        """Median leg and median regained share over the prices; ``None`` without prices."""
        legs = self._told_legs()
        if not legs:
            return None
        return _median(leg.fraction for leg in legs), _median(leg.regained for leg in legs)

    def tell(self) -> Episode:
        """Freeze what is known now."""
        starts = sorted(self._waves)
        values = [self._waves[start] for start in starts]
        peak = self.peak if values else None
        peak_ns = None if peak is None else starts[values.index(peak)] * self.wave_ns
        multiple = None
        if peak is not None and self.baseline:
            multiple = peak / (self.baseline * self.wave_ns / self.bin_ns)
        leg = self.leg()
        severity = None if leg is None or multiple is None else abs(leg[0]) * multiple
        return Episode(
            scope=self.scope, kind=self.kind, side=self.side, side_inferred=self.side_inferred,
            onset_ns=self.onset_ns if self.first_ns is None else self.first_ns,
            said_ns=self.said_ns, end_ns=self.end_ns, ending=self.ending,
            confirmed=self.confirmed, provisional=self.provisional, history_ns=self.history_ns,
            unit=self.unit, bin_ns=self.bin_ns, baseline_per_bin=self.baseline,
            usd=self._usd, count=self._count, adl_count=self._adl_count, adl_usd=self._adl_usd,
            adl_first_ns=self._adl_first_ns, peak_ns=peak_ns, peak=peak,
            peak_width_ns=self.wave_ns, multiple=multiple, severity=severity,
            waves=waves_of([start * self.wave_ns for start in starts], values, self.wave_ns),
            legs=self._told_legs(), leg=None if leg is None else leg[0],
            snapback=None if leg is None else leg[1], depth_share=self.depth_share,
            oi_change_coins=_change(self.coins_before, self.coins_least),
            oi_change_usd=_change(self.usd_before, self.usd_least),
            funding_before=self.funding_before,
            venues=tuple(sorted(self._venues.items())), gaps=tuple(self.gaps),
        )  # fmt: skip

    def _told_legs(self) -> tuple[Leg, ...]:
        falling = self.side is not Side.SHORT
        if self.side is None and self.legs:
            falling = sum(leg.low / leg.reference + leg.high / leg.reference - 2.0
                          for leg in self.legs.values()) <= 0.0  # fmt: skip
        return tuple(self.legs[key].tell(falling=falling) for key in sorted(self.legs))


def _median(values: Iterable[float]) -> float:
    ranked = sorted(values)
    half = len(ranked) // 2
    return ranked[half] if len(ranked) % 2 else (ranked[half - 1] + ranked[half]) / 2.0


def _change(before: float | None, least: float | None) -> float | None:
    return None if not before or least is None else least / before - 1.0
