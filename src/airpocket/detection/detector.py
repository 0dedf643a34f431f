"""Is a cascade happening? A nowcast from bins of forced flow and prices, in seconds.

The detector eats records in order of time (:class:`ForcedFlow`, :class:`Bar`, :class:`Mark`,
depth, open interest, funding, :class:`Gap`) and says transitions. It reads no clock: time passes
when records pass. It never says where the price goes next.
"""

import math
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from statistics import median
from typing import Any, Final, NamedTuple, TypeAlias, final

import numpy as np

from airpocket.detection.config import DetectorConfig
from airpocket.detection.episode import Ending, Kind, Phase, Reading, Transition
from airpocket.detection.gauges import DepthGauge, FlowBank, FlowScore, InterestGauge, PriceBank
from airpocket.detection.ledger import Ledger, PriceLeg
from airpocket.detection.phases import Condition, PhaseMachine
from airpocket.market.events import (
    Bar,
    Depth,
    DepthBands,
    ForcedFlow,
    Funding,
    Gap,
    GapCause,
    Mark,
    OpenInterest,
    Side,
)

__all__ = ["MARKET", "Detector", "Observation"]

MARKET: Final = "*"

Observation: TypeAlias = ForcedFlow | Bar | Mark | Depth | DepthBands | OpenInterest | Funding | Gap
"""What the detector eats. Ticks are binned before (:class:`airpocket.market.flow.FlowBinner`)."""

_FORCED_CHANNELS = frozenset({"liquidations", "forced_flow", "*"})
_PRICE_CHANNELS = frozenset({"trades", "bars", "*"})


class _Move(NamedTuple):
    """Price confirmation of a scope: signed move, its threshold, whether it passes."""

    fraction: float
    threshold: float
    passes: bool


class _Hit(NamedTuple):
    """When a stream last passed the coincidence score, and where its burst began."""

    at_bin: int
    onset_bin: int


class _Scope:
    """One machine with its episode: forced flow of a symbol, or a shock."""

    def __init__(self, name: str, kind: Kind, config: DetectorConfig) -> None:
        self.name = name
        self.kind = kind
        self.machine = PhaseMachine(config)
        self.ledger: Ledger | None = None
        self.rows: dict[Side | None, int] = {}  # flow in its unit
        self.count_rows: dict[Side | None, int] = {}  # flow in prints, where dollars are known too
        self.units: dict[Side | None, str] = {}
        self.sources: dict[tuple[str, str], bool] = {}  # (venue, raw symbol) -> observed
        self.recent: deque[ForcedFlow] = deque()
        self.gap: Gap | None = None
        self.watched = 0  # streams that were observed when a market episode opened

    def all_rows(self) -> tuple[int, ...]:
        """Rows of both measures."""
        return (*self.rows.values(), *self.count_rows.values())


@final
class Detector:
    """Follow every symbol, and the market as a whole, through the phases of a cascade.

    Parameters
    ----------
    config
        Thresholds, and the width of the bins it will be fed.
    symbols
        Scopes to say something about (unified symbols; the market is always followed).
        ``None``: all.

    Examples
    --------
    >>> detector = Detector(DetectorConfig.for_width(1_000_000_000))
    >>> flow = ForcedFlow(venue="okx", symbol="X", raw_symbol="X", venue_ns=0, width_ns=10**9,
    ...                   side=Side.LONG, count=1, usd=5.0, usd_squared=25.0, coverage="census")
    >>> detector.update(flow)
    []
    """

    def __init__(self, config: DetectorConfig, *, symbols: frozenset[str] | None = None) -> None:
        self.config: Final = config
        self._symbols = symbols
        self._now: int | None = None  # index of the bin that is being filled
        self._said_ns = 0
        shared: dict[str, Any] = {
            "recent_bins": config.bins(config.recent_ns),
            "guard_bins": config.bins(config.guard_ns),
            "mean_half_life_bins": config.bins(config.mean_half_life_ns),
            "spread_half_life_bins": config.bins(config.spread_half_life_ns),
        }
        self._forced = FlowBank(config.windows, **shared)
        self._traded = FlowBank(config.windows, **shared)
        self._prices = PriceBank(
            horizon_bins=config.bins(config.horizon_ns),
            reference_bins=config.bins(config.reference_ns),
            guard_bins=shared["guard_bins"],
            half_life_bins=shared["mean_half_life_bins"],
            reach_bins=config.windows[-1] + config.bins(config.horizon_ns),
        )
        self._scopes: dict[str, _Scope] = {}
        self._shocks: dict[str, _Scope] = {}
        self._trade_rows: dict[tuple[str, str], int] = {}  # (venue, symbol)
        self._price_rows: dict[tuple[str, str], int] = {}  # trades or bars of our own width
        self._mark_rows: dict[tuple[str, str], int] = {}  # marks and wider bars
        self._speaking: dict[str, dict[tuple[str, str], int]] = {}  # scope -> its prices
        self._forced_hits: dict[int, _Hit] = {}
        self._trade_hits: dict[int, _Hit] = {}
        self._depth: dict[str, DepthGauge] = defaultdict(DepthGauge)
        self._interest: dict[str, InterestGauge] = defaultdict(InterestGauge)
        self._funding: dict[str, float] = {}
        self._market = self._scope(self._scopes, MARKET, Kind.CASCADE)
        self._market_shock = self._scope(self._shocks, MARKET, Kind.SHOCK)

    # -- what comes in -------------------------------------------------------------------------

    def update(self, record: Observation) -> list[Transition]:
        """Take one record in; records come in order of the time at which they are complete.

        Returns
        -------
        list of Transition
            What could be said because time moved on, in order.
        """
        said = []
        start_ns = _start_ns(record)
        if start_ns is not None:
            said = self._move_to(start_ns, _known_ns(record, start_ns))
        if isinstance(record, ForcedFlow):
            self._take_forced(record)
        elif isinstance(record, Bar):
            self._take_bar(record)
        elif isinstance(record, Mark):
            self._take_mark(record)
        elif isinstance(record, Gap):
            self._take_gap(record)
        else:
            self._take_context(record)
        return said

    def advance(self, now_ns: int) -> list[Transition]:
        """Let time pass that something else proved (a canary stream, a later record).

        Parameters
        ----------
        now_ns
            All records before it have been taken in.
        """
        return self._move_to(now_ns, now_ns)

    def finish(self) -> list[Transition]:
        """End of everything: close the bin that is being filled and say what was left open."""
        said: list[Transition] = []
        if self._now is None:
            return said
        self._said_ns = max(self._said_ns, (self._now + 1) * self.config.bin_ns)
        said += self._close()
        for scope in (*self._scopes.values(), *self._shocks.values()):
            said += self._end_feed(scope)
        return said

    def phases(self) -> dict[tuple[str, Kind], Phase]:
        """Present phase of every scope that was fed."""
        scopes = (*self._scopes.values(), *self._shocks.values())
        return {(s.name, s.kind): s.machine.phase for s in scopes if s.rows or s.kind is Kind.SHOCK}

    def _take_forced(self, flow: ForcedFlow) -> None:
        name = flow.symbol or f"{flow.venue} {flow.raw_symbol}"
        if self._symbols is not None and name not in self._symbols and name != MARKET:
            return
        scope = self._scope(self._scopes, name, Kind.CASCADE)
        row = scope.rows.get(flow.side)
        if row is None:
            row = scope.rows[flow.side] = self._forced.row((name, flow.side))
            scope.units[flow.side] = "usd" if flow.usd is not None else "count"
        scope.sources[flow.venue, flow.raw_symbol] = True
        self._forced.set_live(row, live=True)
        scope.recent.append(flow)
        if scope.ledger is not None:
            scope.ledger.add_flow(flow)
        if scope.units[flow.side] == "usd" and flow.usd is not None:
            self._forced.put(row, flow.usd, flow.usd_squared)
            if flow.count is not None:
                if flow.side not in scope.count_rows:
                    scope.count_rows[flow.side] = self._forced.row((name, flow.side, "count"))
                self._forced.put(scope.count_rows[flow.side], flow.count, flow.count)
        elif scope.units[flow.side] == "count" and flow.count is not None:
            self._forced.put(row, flow.count, flow.count)

    def _take_bar(self, bar: Bar) -> None:
        name = bar.symbol or f"{bar.venue} {bar.raw_symbol}"
        key = (bar.venue, name)
        if bar.width_ns > self.config.bin_ns:
            self._put_price(self._mark_rows, key, bar.low, bar.high, bar.close)
            return
        self._put_price(self._price_rows, key, bar.low, bar.high, bar.close)
        start_ns = bar.venue_ns or 0
        if bar.trades is not None:
            row = self._trade_rows.get(key)
            if row is None:
                row = self._trade_rows[key] = self._traded.row(key)
                self._scope(self._shocks, name, Kind.SHOCK).sources[key] = True
                self._market_shock.sources[key] = True
            self._traded.put(row, bar.trades, bar.trades)
        for scope in self._open_scopes():
            ledger = scope.ledger
            if ledger is None:
                continue
            leg = ledger.legs.get(key)
            if leg is not None:
                leg.see(
                    bar.low, bar.low_ns or start_ns, bar.high, bar.high_ns or start_ns, bar.close
                )
            if scope.kind is Kind.SHOCK and bar.trades and scope.name in {name, MARKET}:
                ledger.add_trades(bar.venue, start_ns, bar.trades, bar.usd)

    def _take_mark(self, mark: Mark) -> None:
        key = (mark.venue, mark.symbol or f"{mark.venue} {mark.raw_symbol}")
        self._put_price(self._mark_rows, key, mark.mark_price, mark.mark_price, mark.mark_price)

    def _put_price(
        self, rows: dict[tuple[str, str], int], key: tuple[str, str],
        low: float, high: float, close: float,
    ) -> None:  # fmt: skip
        row = rows.get(key)
        if row is None:
            row = rows[key] = self._prices.row((*key, rows is self._price_rows))
            self._speaking.clear()
        self._prices.put(row, low, high, close)

    def _take_context(self, record: Depth | DepthBands | OpenInterest | Funding) -> None:
        name = record.symbol or f"{record.venue} {record.raw_symbol}"
        coin = _coin(name)
        opened = [s for s in self._open_scopes() if _coin(s.name) == coin and s.ledger is not None]
        if isinstance(record, OpenInterest):
            self._interest[coin].update(record)
            for scope in opened:
                if scope.ledger is not None:
                    scope.ledger.note_interest(record.qty_base, record.notional_usd)
        elif isinstance(record, Funding):
            self._funding[coin] = record.rate
        else:
            self._depth[coin].update(record, frozen=bool(opened))

    def _take_gap(self, gap: Gap) -> None:
        if gap.channel in _FORCED_CHANNELS:
            for scope in self._scopes.values():
                self._lose_forced(scope, gap)
        if gap.channel in _PRICE_CHANNELS:
            for key, row in self._trade_rows.items():
                if _concerns(gap, key[1], key):
                    self._traded.set_live(row, live=False)
                    self._prices.drop(self._price_rows[key])
                    for shock in (self._market_shock, self._shocks[key[1]]):
                        _lose(shock, gap, [key])

    def _lose_forced(self, scope: _Scope, gap: Gap) -> None:
        _lose(scope, gap, [key for key in scope.sources if _concerns(gap, scope.name, key)])
        if scope.sources and not any(scope.sources.values()):
            for row in scope.all_rows():
                self._forced.set_live(row, live=False)

    # -- time passes ---------------------------------------------------------------------------

    def _move_to(self, start_ns: int, known_ns: int) -> list[Transition]:
        step = start_ns // self.config.bin_ns
        said: list[Transition] = []
        if self._now is None:
            self._now = step
        self._said_ns = max(self._said_ns, known_ns)
        while self._now < step:
            if not self._forced.any_live() and not self._traded.any_live():
                said += self._close()
                self._now = step  # nothing is observed: time passes unseen, not quiet
                break
            said += self._close()
            self._now += 1
        return said

    def _close(self) -> list[Transition]:
        """Close the bin that is being filled and let every scope that is not calm decide."""
        self._forced.step()
        self._traded.step()
        self._prices.step()
        self._note_hits(self._forced, self._forced_hits)
        self._note_hits(self._traded, self._trade_hits)
        said: list[Transition] = []
        forced, scores = self._config_scores()
        for scope in list(self._scopes.values()):
            score = max((forced[row] for row in scope.all_rows()), default=0.0)
            if scope is not self._market and not self._is_hot(scope, score):
                continue
            said += self._step_forced(scope)
        for key, row in self._trade_rows.items():
            shock = self._shocks[key[1]]
            if key[1] in self._scopes and self._scopes[key[1]].rows:
                continue  # the symbol has a liquidation feed: no need to infer
            if self._symbols is not None and key[1] not in self._symbols:
                continue
            if self._is_hot(shock, scores[row]):
                said += self._step_shock(shock, row)
        said += self._step_market_shock()
        self._forget()
        return said

    def _config_scores(self) -> tuple[list[float], list[float]]:
        return self._forced.scores().tolist(), self._traded.scores().tolist()

    def _is_hot(self, scope: _Scope, score: float) -> bool:
        needed = self.config.score_alone * self.config.building_share / 2.0
        return score >= needed or scope.machine.phase is not Phase.CALM or scope.gap is not None

    def _note_hits(self, bank: FlowBank, hits: dict[int, _Hit]) -> None:
        now = self._now or 0
        for row in np.flatnonzero(bank.scores() >= self.config.score_together).tolist():
            before = hits.get(row)
            if before is not None and before.at_bin == now - 1:
                hits[row] = _Hit(now, before.onset_bin)
            else:
                hits[row] = _Hit(now, now + 1 - bank.read(row).window_bins)

    def _coincident(self, bank: FlowBank, hits: dict[int, _Hit]) -> list[_Hit] | None:
        """Hits of the last seconds if enough streams of those watched passed together."""
        now = self._now or 0
        watched = sum(bank.is_live(row) for row in range(len(bank)))
        needed = max(self.config.together_least, int(self.config.together_share * watched))
        span = self.config.bins(self.config.together_ns)
        recent = [hit for row, hit in hits.items() if now - hit.at_bin < span and bank.is_live(row)]
        return recent if len(recent) >= needed else None

    # -- one scope, one bin --------------------------------------------------------------------

    def _step_forced(self, scope: _Scope) -> list[Transition]:
        config = self.config
        side, best = self._best_side(scope)
        together = None
        if scope is self._market and not scope.rows:
            together = self._coincident(self._forced, self._forced_hits)
        if best is None and together is None and not scope.machine.in_episode:
            return []
        row_score = best or FlowScore(0.0, 1, 0.0, 0.0, 0.0, 0.0)
        move = self._move(scope.name, scope.ledger.side if scope.ledger else side)
        threshold = config.score_alone if move is not None else config.score_unconfirmed
        opens = row_score.score >= threshold and self._is_large(scope, side, row_score)
        if together is not None:
            threshold, opens = config.score_together, True
        opens = opens and (move is None or move.passes)
        blind = bool(scope.rows) and not any(scope.sources.values())
        unit = scope.units.get(side, "count")
        multiple = self._multiple(scope, row_score)
        condition = self._condition(scope, opens, row_score, threshold, multiple, blind=blind)
        reading = self._reading(row_score, threshold, multiple, move, together)
        if not scope.machine.in_episode and opens and not blind:
            onset_bin = (self._now or 0) + 1 - row_score.window_bins
            if together is not None:
                onset_bin = _median_onset(together)
            self._open(scope, side, unit, onset_bin, row_score, move)
        return self._step(scope, condition, reading)

    def _step_shock(self, scope: _Scope, row: int) -> list[Transition]:
        flow = self._traded.read(row)
        move = self._move(scope.name, scope.ledger.side if scope.ledger else None)
        opens = flow.score >= self.config.score_shock and move is not None and move.passes
        multiple = self._multiple(scope, flow)
        blind = not self._traded.is_live(row)
        threshold = self.config.score_shock
        condition = self._condition(scope, opens, flow, threshold, multiple, blind=blind)
        if not scope.machine.in_episode and opens and not blind:
            hit = self._trade_hits.get(row)
            onset = hit.onset_bin if hit else (self._now or 0) + 1 - flow.window_bins
            self._open(scope, None, "count", onset, flow, move)
        return self._step(scope, condition, self._reading(flow, threshold, multiple, move, None))

    def _step_market_shock(self) -> list[Transition]:
        scope = self._market_shock
        together = self._coincident(self._traded, self._trade_hits)
        if together is None and scope.machine.phase is Phase.CALM:
            return []
        rows = [row for row in self._trade_rows.values() if self._traded.is_live(row)]
        flows = [self._traded.read(row) for row in rows]
        whole = FlowScore(
            median(flow.score for flow in flows) if flows else 0.0,
            1,
            sum(flow.total for flow in flows),
            sum(flow.baseline for flow in flows),
            sum(flow.recent for flow in flows),
            median(flow.history_bins for flow in flows) if flows else 0.0,
        )
        move = self._move(MARKET, scope.ledger.side if scope.ledger else None)
        opens = together is not None and move is not None and move.passes
        multiple = self._multiple(scope, whole)
        threshold = self.config.score_together
        # An all-clear from the few streams that are left would not speak for the market.
        blind = len(rows) < max(1, (scope.watched + 1) // 2)
        condition = self._condition(scope, opens, whole, threshold, multiple, blind=blind)
        reading = self._reading(whole, threshold, multiple, move, together, watched=len(rows))
        if not scope.machine.in_episode and opens and together is not None and not blind:
            self._open(scope, None, "count", _median_onset(together), whole, move)
            scope.watched = len(rows)
        return self._step(scope, condition, reading)

    def _step(self, scope: _Scope, condition: Condition, reading: Reading) -> list[Transition]:
        said: list[Transition] = []
        before = scope.machine.phase
        after = scope.machine.step(condition)
        ledger = scope.ledger
        if ledger is not None:
            ledger.note_depth(self._depth[_coin(scope.name)].share())
            if after is Phase.SETTLED:
                ledger.ending, ledger.end_ns = Ending.SETTLED, condition.end_ns
        over = condition.blind and self._ended_for_good(scope)
        if after is not None and not over:
            said.append(self._transition(scope, before, after, condition.end_ns, reading))
        if after is Phase.SETTLED:
            self._release(scope)
        elif over:
            said += self._end_feed(scope, before=before, reading=reading)
        elif ledger is not None and condition.end_ns - ledger.onset_ns > self.config.thaw_ns:
            self._freeze(scope, frozen=False)
        return said

    def _open(
        self, scope: _Scope, side: Side | None, unit: str, onset_bin: int, flow: FlowScore,
        move: _Move | None,
    ) -> None:  # fmt: skip
        config, now = self.config, self._now or 0
        history_ns = int(flow.history_bins * config.bin_ns)
        inferred = side is None and move is not None
        if move is not None and side is None:
            side = Side.LONG if move.fraction < 0 else Side.SHORT
        ledger = scope.ledger = Ledger(
            scope=scope.name, kind=scope.kind, side=side, side_inferred=inferred,
            onset_ns=onset_bin * config.bin_ns, said_ns=self._said_ns, unit=unit,
            bin_ns=config.bin_ns, wave_ns=config.wave_ns,
            baseline=flow.baseline if flow.history_bins >= 1.0 else None,
            history_ns=history_ns, provisional=history_ns < config.provisional_ns,
            confirmed=None if move is None else move.passes,
        )  # fmt: skip
        for record in scope.recent:
            if (record.venue_ns or 0) >= ledger.onset_ns:
                ledger.add_flow(record)
        bins_ago = now + 1 - onset_bin
        for key, row in self._legs_of(scope.name).items():
            reference = self._prices.reference(row, bins_ago)
            found = self._prices.extremes(row, bins_ago)
            last = self._prices.last(row)
            if reference is None or found is None or last is None:
                continue
            low, low_ago, high, high_ago = found
            ends = (now + 1) * config.bin_ns
            leg = ledger.legs[key] = PriceLeg(*key, reference)
            leg.see(
                low, ends - low_ago * config.bin_ns, high, ends - high_ago * config.bin_ns, last
            )
        interest = self._interest[_coin(scope.name)]
        ledger.note_interest(interest.coins, interest.usd)
        ledger.funding_before = self._funding.get(_coin(scope.name))
        self._freeze(scope, frozen=True)

    def _release(self, scope: _Scope) -> None:
        self._freeze(scope, frozen=False)
        scope.ledger = None
        scope.watched = 0

    def _freeze(self, scope: _Scope, *, frozen: bool) -> None:
        for row in scope.all_rows():
            self._forced.set_frozen(row, frozen=frozen)
        if scope.kind is Kind.SHOCK:
            for key, row in self._trade_rows.items():
                if scope.name in {MARKET, key[1]}:
                    self._traded.set_frozen(row, frozen=frozen)
        for row in self._legs_of(scope.name).values():
            self._prices.set_frozen(row, frozen=frozen)

    def _end_feed(
        self, scope: _Scope, *, before: Phase | None = None, reading: Reading | None = None
    ) -> list[Transition]:
        """Close an open episode whose feed is over: never an all-clear."""
        ledger = scope.ledger
        if ledger is None:
            return []
        ledger.ending = Ending.FEED_ENDED
        before = scope.machine.phase if before is None else before
        if reading is None:
            reading = self._reading(FlowScore(0.0, 1, 0.0, 0.0, 0.0, 0.0), 0.0, None, None, None)
        scope.machine.close()
        end_ns = ((self._now or 0) + 1) * self.config.bin_ns
        told = self._transition(scope, before, Phase.UNKNOWN, end_ns, reading)
        self._release(scope)
        return [told]

    # -- what is read off the gauges -----------------------------------------------------------

    def _best_side(self, scope: _Scope) -> tuple[Side | None, FlowScore | None]:
        """Side with the highest score; within an episode the episode's own flow."""
        readings = {side: self._flow_of(scope, side) for side in scope.rows}
        if not readings:
            return None, None
        ledger = scope.ledger
        if ledger is not None and ledger.side in readings:
            return ledger.side, readings[ledger.side]
        side = max(readings, key=lambda s: (readings[s].score, str(s)))
        return side, readings[side]

    def _flow_of(self, scope: _Scope, side: Side | None) -> FlowScore:
        """Flow in its unit, with the score of dollars or of prints, whichever is higher.

        Dollars see a few large closes, prints see many small ones; both are forced selling.
        """
        flow = self._forced.read(scope.rows[side])
        if side not in scope.count_rows:
            return flow
        prints = self._forced.read(scope.count_rows[side])
        if prints.score <= flow.score:
            return flow
        return flow._replace(score=prints.score, window_bins=prints.window_bins)

    def _is_large(self, scope: _Scope, side: Side | None, flow: FlowScore) -> bool:
        """Absolute size of the window that scored: quiet baselines make anything look large."""
        config = self.config
        since_ns = ((self._now or 0) + 1 - flow.window_bins) * config.bin_ns
        within = [
            record
            for record in scope.recent
            if record.side is side and (record.venue_ns or 0) >= since_ns
        ]
        usd = [record.usd for record in within if record.usd is not None]
        counts = [record.count for record in within if record.count is not None]
        if scope.units[side] == "usd" and sum(usd) < config.least_usd:
            return False
        return not counts or sum(counts) >= config.least_count

    def _multiple(self, scope: _Scope, flow: FlowScore) -> float | None:
        baseline = flow.baseline if flow.history_bins >= 1.0 else None
        if scope.ledger is not None and scope.ledger.baseline is not None:
            aged = (self._now or 0) * self.config.bin_ns - scope.ledger.onset_ns
            if aged <= self.config.thaw_ns and scope is not self._market_shock:
                baseline = scope.ledger.baseline  # the market's is summed over what is still live
        elif scope.ledger is not None:
            baseline = None
        if not baseline:
            return None
        return flow.recent / (baseline * self.config.bins(self.config.recent_ns))

    def _condition(
        self, scope: _Scope, opens: bool, flow: FlowScore, threshold: float,  # noqa: FBT001
        multiple: float | None, *, blind: bool,
    ) -> Condition:  # fmt: skip
        config, ledger = self.config, scope.ledger
        end_ns = ((self._now or 0) + 1) * config.bin_ns
        rekindles, regained, price_calm, depth_back = False, None, None, None
        if ledger is not None and scope.machine.phase is not Phase.CASCADE:
            told = ledger.leg()
            regained = None if told is None else told[1]
            if multiple is not None and multiple < config.exhausted_multiple:
                price_calm = self._is_price_calm(scope.name)
            share = self._depth[_coin(scope.name)].share()
            depth_back = None if share is None else share >= config.settled_depth
            rekindles = (
                multiple is not None
                and multiple >= config.rekindled_multiple
                and flow.recent >= config.rekindled_share * ledger.peak
            )
        return Condition(
            end_ns=end_ns, opens=opens, readiness=flow.score / threshold, multiple=multiple,
            rekindles=rekindles, regained=regained, price_calm=price_calm, depth_back=depth_back,
            blind=blind,
        )  # fmt: skip

    def _reading(
        self, flow: FlowScore, threshold: float, multiple: float | None, move: _Move | None,
        together: list[_Hit] | None, *, watched: int | None = None,
    ) -> Reading:  # fmt: skip
        return Reading(
            score=flow.score, threshold=threshold,
            window_ns=flow.window_bins * self.config.bin_ns, multiple=multiple,
            move=None if move is None else move.fraction,
            move_threshold=None if move is None else move.threshold,
            history_ns=int(flow.history_bins * self.config.bin_ns),
            coincident=None if together is None else len(together), watched=watched,
        )  # fmt: skip

    def _move(self, scope: str, side: Side | None) -> _Move | None:
        """Median move of the scope's prices in the flow's direction, against its threshold."""
        known = [
            move
            for row in self._legs_of(scope).values()
            if (move := self._prices.move(row)) is not None
        ]
        if not known:
            return None
        fall = median(move.fall for move in known)
        rise = median(move.rise for move in known)
        sigma = median([move.sigma for move in known if not math.isnan(move.sigma)] or [0.0])
        threshold = max(self.config.move_least, self.config.move_sigmas * sigma)
        if side is Side.LONG or (side is None and -fall >= rise):
            return _Move(fall, threshold, -fall >= threshold)
        return _Move(rise, threshold, rise >= threshold)

    def _is_price_calm(self, scope: str) -> bool | None:
        bins = self.config.bins(self.config.settled_ns)
        steps = bins / self.config.bins(self.config.horizon_ns)
        calm = []
        for row in self._legs_of(scope).values():
            span, sigma = self._prices.span(row, bins), self._prices.sigma(row)
            if span is not None and sigma > 0.0:
                calm.append(span <= self.config.settled_sigmas * sigma * steps**0.5)
        return None if not calm else sum(calm) * 2 >= len(calm)

    def _legs_of(self, scope: str) -> dict[tuple[str, str], int]:
        """Prices that speak for a scope: its own trades, else its marks, else its coin's."""
        if scope == MARKET:
            return self._price_rows
        found = self._speaking.get(scope)
        if found is None:
            found = self._speaking[scope] = self._find_legs(scope)
        return found

    def _find_legs(self, scope: str) -> dict[tuple[str, str], int]:
        for rows in (self._price_rows, self._mark_rows):
            own = {key: row for key, row in rows.items() if key[1] == scope}
            if own:
                return own
        coin = _coin(scope)
        return {key: row for key, row in self._price_rows.items() if _coin(key[1]) == coin}

    def _transition(
        self, scope: _Scope, before: Phase, after: Phase, at_ns: int, reading: Reading
    ) -> Transition:
        return Transition(
            scope=scope.name, kind=scope.kind, before=before, after=after, at_ns=at_ns,
            said_ns=max(self._said_ns, at_ns), reading=reading,
            episode=None if scope.ledger is None else scope.ledger.tell(),
            gap=scope.gap if after is Phase.UNKNOWN else None,
        )  # fmt: skip

    def _scope(self, scopes: dict[str, _Scope], name: str, kind: Kind) -> _Scope:
        scope = scopes.get(name)
        if scope is None:
            scope = scopes[name] = _Scope(name, kind, self.config)
        return scope

    def _open_scopes(self) -> Iterator[_Scope]:
        for scopes in (self._scopes, self._shocks):
            for scope in scopes.values():
                if scope.ledger is not None:
                    yield scope

    def _forget(self) -> None:
        """Drop what no onset can reach any more."""
        oldest_ns = ((self._now or 0) - self.config.windows[-1]) * self.config.bin_ns
        for scope in self._scopes.values():
            while scope.recent and (scope.recent[0].venue_ns or 0) < oldest_ns:
                scope.recent.popleft()

    @staticmethod
    def _ended_for_good(scope: _Scope) -> bool:
        return scope.gap is not None and scope.gap.cause is GapCause.END_OF_RECORDING


def _start_ns(record: Observation) -> int | None:
    if isinstance(record, Gap):
        return record.from_ns
    if isinstance(record, Bar | ForcedFlow) and record.venue_ns is not None:
        return record.venue_ns
    return record.venue_ns if record.venue_ns is not None else record.local_ns


def _known_ns(record: Observation, start_ns: int) -> int:
    """When a record could first be known: a bin at its end, at the latest event it holds."""
    if isinstance(record, ForcedFlow):
        return record.first_ns or start_ns
    return start_ns


def _coin(symbol: str) -> str:
    return symbol.partition("/")[0]


def _lose(scope: _Scope, gap: Gap, sources: list[tuple[str, str]]) -> None:
    """Note that sources of a scope are no longer observed."""
    for source in sources:
        scope.sources[source] = False
    if sources:
        scope.gap = gap
        if scope.ledger is not None:
            scope.ledger.gaps.append(gap)


def _concerns(gap: Gap, symbol: str, source: tuple[str, str]) -> bool:
    if gap.venue != source[0]:
        return False
    return gap.raw_symbol == "*" or gap.raw_symbol == source[1] or gap.symbol == symbol


def _median_onset(hits: Iterable[_Hit]) -> int:
    onsets = sorted(hit.onset_bin for hit in hits)
    return onsets[len(onsets) // 2]
