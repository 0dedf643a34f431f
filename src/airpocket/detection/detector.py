"""Is a cascade happening? A nowcast from bins of forced flow and prices, in seconds.

The detector eats records in order of time (:class:`ForcedFlow`, :class:`Bar`, :class:`Mark`,
depth, open interest, funding, :class:`Gap`) and says transitions. It reads no clock: time passes
when records pass. It never says where the price goes next.
"""

from collections.abc import Iterator
from statistics import median
from typing import Final, TypeAlias, final

from msgspec.structs import replace

from airpocket.detection.config import DetectorConfig
from airpocket.detection.episode import Ending, Episode, Kind, Phase, Reading, Transition
from airpocket.detection.gauges import FlowScore
from airpocket.detection.judge import Judge
from airpocket.detection.ledger import Ledger, PriceLeg
from airpocket.detection.panel import MARKET, Move, Panel, coin_of, median_onset
from airpocket.detection.phases import Condition
from airpocket.detection.scope import Scope, concerns, lose
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

__all__ = ["Detector", "Observation"]

Observation: TypeAlias = ForcedFlow | Bar | Mark | Depth | DepthBands | OpenInterest | Funding | Gap
"""What the detector eats. Ticks are binned before (:class:`airpocket.market.flow.FlowBinner`)."""

_FORCED_CHANNELS = frozenset({"liquidations", "forced_flow", "*"})
_PRICE_CHANNELS = frozenset({"trades", "bars", "*"})


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
        self._panel = Panel(config)
        self._judge = Judge(config, self._panel)
        # A cascade of longs and one of shorts of the same symbol are two: a side has its machine.
        self._scopes: dict[tuple[str, Side | None], Scope] = {}
        self._shocks: dict[str, Scope] = {}
        self._gaps: list[Gap] = []
        self._closing: list[Gap] = []  # holes whose end is known, and still ahead
        self._market = self._forced(MARKET, None)
        self._market_shock = self._shock(MARKET)

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
            self._gaps.append(record)  # the bin that is being filled was still observed
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

    def open_episodes(self) -> tuple[Episode, ...]:
        """Every episode that is open, as it stands now."""
        opened = (scope.ledger for scope in self._open_scopes())
        return tuple(ledger.tell() for ledger in opened if ledger is not None)

    def phases(self) -> dict[tuple[str, Kind], Phase]:
        """Present phase of every symbol that was fed; of two sides, that of the louder one."""
        told: dict[tuple[str, Kind], Phase] = {}
        for scope in (*self._scopes.values(), *self._shocks.values()):
            key, phase = (scope.name, scope.kind), scope.machine.phase
            if (scope.rows or scope.kind is Kind.SHOCK) and told.get(key) in {None, Phase.CALM}:
                told[key] = phase
        return told

    def _take_forced(self, flow: ForcedFlow) -> None:
        name = flow.symbol or f"{flow.venue} {flow.raw_symbol}"
        if self._symbols is not None and name not in self._symbols and name != MARKET:
            return
        scope = self._forced(name, flow.side)
        if flow.width_ns > self.config.bin_ns:
            self._take_sum(scope, flow)
            return
        # A feed that tells one side tells both: the other's history begins now, with nothing.
        for side in (flow.side,) if flow.side is None else (Side.LONG, Side.SHORT):
            self._see(self._forced(name, side), flow)
        row = scope.rows[flow.side]
        self._panel.forced.set_live(row, live=True)
        scope.recent.append(flow)
        if scope.ledger is not None:
            scope.ledger.add_flow(flow)
        if self._market.ledger is not None and name != MARKET and not self._market.rows:
            self._market.ledger.add_flow(flow)
        if scope.units[flow.side] == "usd" and flow.usd is not None:
            self._panel.forced.put(row, flow.usd, flow.usd_squared)
            if flow.count is not None:
                if flow.side not in scope.count_rows:
                    scope.count_rows[flow.side] = self._panel.forced.row((name, flow.side, "count"))
                self._panel.forced.put(scope.count_rows[flow.side], flow.count, flow.count)
        elif scope.units[flow.side] == "count":
            self._panel.forced.put(row, flow.count or 0, flow.count or 0)

    def _see(self, scope: Scope, flow: ForcedFlow) -> None:
        """Note that a source speaks of a side, be it that nothing was closed."""
        if scope.side not in scope.rows:
            scope.rows[scope.side] = self._panel.forced.row((scope.name, scope.side))
            scope.units[scope.side] = "usd" if flow.usd is not None else "count"
            self._panel.forced.set_live(scope.rows[scope.side], live=True)
        self._hear(scope, (flow.venue, flow.raw_symbol))

    def _hear(self, scope: Scope, source: tuple[str, str]) -> None:
        if not scope.sources.get(source):
            scope.sources[source] = True
            for row in scope.all_rows():
                self._panel.forced.set_live(row, live=True)

    def _take_sum(self, scope: Scope, flow: ForcedFlow) -> None:
        """Take in a sum over bins that were told one by one, if it covers the open episode."""
        reaches_ns = (flow.venue_ns or 0) - self.config.bin_ns
        if scope.ledger is not None and reaches_ns <= scope.ledger.onset_ns:
            scope.ledger.add_sum(flow)

    def _take_bar(self, bar: Bar) -> None:
        name = bar.symbol or f"{bar.venue} {bar.raw_symbol}"
        source = (bar.venue, name)
        fine = self._panel.take_bar(bar, source)
        start_ns = bar.venue_ns or 0
        if fine or self._panel.is_marked(source):
            low_ns, high_ns = bar.low_ns or start_ns, bar.high_ns or start_ns
            for scope in self._open_scopes():
                if scope.ledger is not None and source in scope.ledger.legs:
                    scope.ledger.legs[source].see(bar.low, low_ns, bar.high, high_ns, bar.close)
        if not fine or bar.trades is None:
            return
        for scope in (self._shock(name), self._market_shock):
            scope.sources[source] = True
            if scope.ledger is not None and bar.trades:
                scope.ledger.add_trades(bar.venue, start_ns, bar.trades, bar.usd)

    def _take_mark(self, mark: Mark) -> None:
        source = (mark.venue, mark.symbol or f"{mark.venue} {mark.raw_symbol}")
        self._panel.take_mark(mark.mark_price, source)
        if not self._panel.is_marked(source):
            return
        price, at_ns = mark.mark_price, _start_ns(mark) or 0
        for scope in self._open_scopes():
            if scope.ledger is not None and source in scope.ledger.legs:
                scope.ledger.legs[source].see(price, at_ns, price, at_ns, price)

    def _take_context(self, record: Depth | DepthBands | OpenInterest | Funding) -> None:
        name = record.symbol or f"{record.venue} {record.raw_symbol}"
        coin = coin_of(name)
        opened = [
            s for s in self._open_scopes() if coin_of(s.name) == coin and s.ledger is not None
        ]
        if isinstance(record, OpenInterest):
            self._panel.interest[coin].update(record)
            for scope in opened:
                if scope.ledger is not None:
                    scope.ledger.note_interest(record.qty_base, record.notional_usd)
        elif isinstance(record, Funding):
            self._panel.funding[coin] = record.rate
        else:
            self._panel.depth[coin].update(record, frozen=bool(opened))

    def _take_gap(self, gap: Gap) -> None:
        if gap.channel in _FORCED_CHANNELS:
            for scope in self._scopes.values():
                self._lose_forced(scope, gap)
            if gap.to_ns is not None:
                self._closing.append(gap)
        if gap.channel in _PRICE_CHANNELS:
            for key in self._panel.trade_rows:
                if concerns(gap, key[1], key):
                    self._panel.lose_trades(key)
                    for shock in (self._market_shock, self._shocks[key[1]]):
                        lose(shock, gap, [key])

    def _close_gaps(self) -> None:
        """Observe again what a gap hid, once it is over: a silent feed is not a lost one."""
        end_ns = ((self._now or 0) + 1) * self.config.bin_ns
        for gap in [gap for gap in self._closing if gap.to_ns is not None and gap.to_ns <= end_ns]:
            self._closing.remove(gap)
            for scope in self._scopes.values():
                for key in [key for key in scope.sources if concerns(gap, scope.name, key)]:
                    self._hear(scope, key)

    def _lose_forced(self, scope: Scope, gap: Gap) -> None:
        lose(scope, gap, [key for key in scope.sources if concerns(gap, scope.name, key)])
        if scope.sources and not any(scope.sources.values()):
            for row in scope.all_rows():
                self._panel.forced.set_live(row, live=False)

    # -- time passes ---------------------------------------------------------------------------

    def _move_to(self, start_ns: int, known_ns: int) -> list[Transition]:
        step = start_ns // self.config.bin_ns
        said: list[Transition] = []
        if self._now is None:
            self._now = step
        self._said_ns = max(self._said_ns, known_ns)
        while self._now < step:
            if not self._panel.is_observed():
                said += self._close()
                self._panel.skip(step - self._now - 1)
                self._now = step  # nothing is observed: time passes unseen, not quiet
                break
            said += self._close()
            self._now += 1
        return said

    def _close(self) -> list[Transition]:
        """Close the bin that is being filled and let every scope that is not calm decide."""
        panel = self._panel
        self._judge.now = self._now or 0
        panel.step(self._now or 0)
        said: list[Transition] = []
        forced, scores = panel.forced.scores().tolist(), panel.traded.scores().tolist()
        for scope in list(self._scopes.values()):
            score = max((forced[row] for row in scope.all_rows()), default=0.0)
            if scope is not self._market and not self._is_hot(scope, score):
                continue
            said += self._step_forced(scope)
        traded: dict[str, list[int]] = {}
        for (_, symbol), row in panel.trade_rows.items():
            wanted = self._symbols is None or symbol in self._symbols
            if wanted and (not self._is_fed(symbol) or self._shocks[symbol].ledger is not None):
                traded.setdefault(symbol, []).append(row)
        for symbol, rows in traded.items():
            if self._is_hot(self._shocks[symbol], max(scores[row] for row in rows)):
                said += self._step_shock(self._shocks[symbol], rows)
        said += self._step_market_shock()
        while self._gaps:
            self._take_gap(self._gaps.pop(0))
        self._close_gaps()
        self._forget()
        return said

    def _is_fed(self, symbol: str) -> bool:
        """Tell whether forced flow of a symbol is seen: then nothing need be inferred."""
        sides = (self._scopes.get((symbol, side)) for side in (Side.LONG, Side.SHORT, None))
        return any(scope is not None and scope.rows for scope in sides)

    def _is_hot(self, scope: Scope, score: float) -> bool:
        needed = self.config.score_alone * self.config.building_share / 2.0
        return score >= needed or scope.machine.phase is not Phase.CALM or scope.gap is not None

    # -- one scope, one bin --------------------------------------------------------------------

    def _step_forced(self, scope: Scope) -> list[Transition]:
        config = self.config
        side, best = self._judge.best_side(scope)
        together = None
        if scope is self._market and not scope.rows:
            loudest = self._judge.loudest_rows(self._scopes.values())
            if len(loudest) < config.together_least and not scope.machine.in_episode:
                return []  # a few symbols are no market
            together = self._panel.coincident(loudest, self._now or 0)
            side, best = self._judge.sum_of_symbols(scope, self._scopes.values())
        if best is None and together is None and not scope.machine.in_episode:
            return []
        row_score = best or FlowScore(0.0, 1, 0.0, 0.0, 0.0, 0.0)
        move = self._panel.move(scope.name, scope.ledger.side if scope.ledger else side)
        threshold = config.score_alone if move is not None else config.score_unconfirmed
        opens = False
        if scope.rows:
            opens = row_score.score >= threshold and self._judge.is_large(
                scope, side, row_score, priced=move is not None
            )
        elif scope is self._market:
            threshold, opens = config.score_together, together is not None
        opens = opens and (move is None or move.passes)
        blind = scope.is_blind()
        if scope is self._market and not scope.rows and scope.machine.in_episode:
            fed = [s for s in self._scopes.values() if s.rows]
            blind = 2 * sum(any(s.sources.values()) for s in fed) < len(fed)
            scope.gap = next((s.gap for s in fed if s.gap is not None), None) if blind else None
        unit = scope.units.get(side, "usd")
        condition = self._judge.condition(scope, opens, row_score, threshold, blind=blind)
        reading = self._judge.reading(scope, row_score, threshold, move, together)
        if not scope.machine.in_episode and opens and not blind:
            onset_bin = (self._now or 0) + 1 - row_score.window_bins
            if together is not None:
                onset_bin = median_onset(together)
            self._open(scope, side, unit, onset_bin, row_score, move)
        return self._step(scope, condition, reading)

    def _step_shock(self, scope: Scope, rows: list[int]) -> list[Transition]:
        """Let one symbol decide once a bin: by the loudest venue, and the flow of all of them."""
        live = [row for row in rows if self._panel.traded.is_live(row)]
        flows = {row: self._panel.traded.read(row) for row in live or rows}
        row = max(flows, key=lambda row: flows[row].score)
        flow = flows[row]._replace(
            total=sum(flow.total for flow in flows.values()),
            baseline=sum(flow.baseline for flow in flows.values()),
            recent=sum(flow.recent for flow in flows.values()),
        )
        move = self._panel.move(scope.name, scope.ledger.side if scope.ledger else None)
        opens = flow.score >= self.config.score_shock and move is not None and move.passes
        blind = not live
        threshold = self.config.score_shock
        condition = self._judge.condition(scope, opens, flow, threshold, blind=blind)
        if not scope.machine.in_episode and opens and not blind:
            hit = self._panel.trade_hits.get(row)
            onset = hit.onset_bin if hit else (self._now or 0) + 1 - flow.window_bins
            self._open(scope, None, "count", onset, flow, move)
        watched = sum(map(self._panel.traded.is_live, self._panel.trade_rows.values()))
        reading = self._judge.reading(scope, flow, threshold, move, None, watched=watched)
        return self._step(scope, condition, reading)

    def _step_market_shock(self) -> list[Transition]:
        scope, panel = self._market_shock, self._panel
        # Symbols with a liquidation feed need no inference, and speak for themselves.
        unfed = {
            source: row
            for source, row in panel.trade_rows.items()
            if panel.traded.is_live(row) and not self._is_fed(source[1])
        }
        symbols = {symbol: row for (_, symbol), row in unfed.items()}
        rows = list(unfed.values())
        together = panel.coincident_trades(unfed, self._now or 0)
        if together is None and scope.machine.phase is Phase.CALM:
            return []
        flows = [self._panel.traded.read(row) for row in rows]
        whole = FlowScore(
            median(flow.score for flow in flows) if flows else 0.0,
            1,
            sum(flow.total for flow in flows),
            sum(flow.baseline for flow in flows),
            sum(flow.recent for flow in flows),
            median(flow.history_bins for flow in flows) if flows else 0.0,
        )
        move = self._panel.move(MARKET, scope.ledger.side if scope.ledger else None)
        opens = together is not None and move is not None and move.passes
        threshold = self.config.score_together
        # An all-clear from the few streams that are left would not speak for the market.
        blind = len(rows) < max(1, (scope.watched + 1) // 2)
        condition = self._judge.condition(scope, opens, whole, threshold, blind=blind)
        reading = self._judge.reading(scope, whole, threshold, move, together, watched=len(symbols))
        if not scope.machine.in_episode and opens and together is not None and not blind:
            self._open(scope, None, "count", median_onset(together), whole, move)
            scope.watched = len(rows)
        return self._step(scope, condition, reading)

    def _step(self, scope: Scope, condition: Condition, reading: Reading) -> list[Transition]:
        said: list[Transition] = []
        before = scope.machine.phase
        after = scope.machine.step(condition)
        ledger = scope.ledger
        if ledger is not None:
            ledger.note_depth(self._panel.depth[coin_of(scope.name)].share())
            if after is Phase.SETTLED:
                ledger.ending, ledger.end_ns = Ending.SETTLED, condition.end_ns
        over = condition.blind and self._ended_for_good(scope)
        if after is Phase.SETTLED and condition.settled_multiple is not None:
            reading = replace(reading, multiple=condition.settled_multiple)
        if after is not None and not over:
            said.append(self._transition(scope, before, after, condition.end_ns, reading))
        if after is None and before is Phase.CASCADE and ledger is not None and ledger.has_news():
            said.append(self._transition(scope, before, before, condition.end_ns, reading))
        if after is Phase.SETTLED:
            self._release(scope)
        elif over:
            said += self._end_feed(scope, before=before, reading=reading)
        elif ledger is not None and condition.end_ns - ledger.onset_ns > self.config.thaw_ns:
            self._freeze(scope, frozen=False)
        return said

    def _open(
        self, scope: Scope, side: Side | None, unit: str, onset_bin: int, flow: FlowScore,
        move: Move | None,
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
        whole = scope is self._market and not scope.rows
        for fed in self._scopes.values() if whole else (scope,):
            for record in fed.recent:
                if (record.venue_ns or 0) >= ledger.onset_ns:
                    ledger.add_flow(record)
        bins_ago = now + 1 - onset_bin
        for key, row in self._panel.legs_of(scope.name).items():
            reference = self._panel.prices.reference(row, bins_ago)
            found = self._panel.prices.extremes(row, bins_ago)
            last = self._panel.prices.last(row)
            if reference is None or found is None or last is None:
                continue
            low, low_ago, high, high_ago = found
            ends = (now + 1) * config.bin_ns
            leg = ledger.legs[key] = PriceLeg(*key, reference)
            leg.see(
                low, ends - low_ago * config.bin_ns, high, ends - high_ago * config.bin_ns, last
            )
        interest = self._panel.interest[coin_of(scope.name)]
        ledger.note_interest(interest.coins, interest.usd)
        ledger.funding_before = self._panel.funding.get(coin_of(scope.name))
        if ledger.baseline is not None:  # without one, one must be learnt
            self._freeze(scope, frozen=True, since_bins=bins_ago)

    def _release(self, scope: Scope) -> None:
        self._freeze(scope, frozen=False)
        scope.ledger = None
        scope.watched = 0

    def _freeze(self, scope: Scope, *, frozen: bool, since_bins: int = 0) -> None:
        for row in scope.all_rows():
            self._panel.forced.set_frozen(row, frozen=frozen, since_bins=since_bins)
        if scope.kind is Kind.SHOCK:
            for key, row in self._panel.trade_rows.items():
                if scope.name in {MARKET, key[1]}:
                    self._panel.traded.set_frozen(row, frozen=frozen, since_bins=since_bins)
        for row in self._panel.legs_of(scope.name).values():
            self._panel.prices.set_frozen(row, frozen=frozen, since_bins=since_bins)

    def _end_feed(
        self, scope: Scope, *, before: Phase | None = None, reading: Reading | None = None
    ) -> list[Transition]:
        """Close an open episode whose feed is over: never an all-clear."""
        ledger = scope.ledger
        if ledger is None:
            return []
        ledger.ending = Ending.FEED_ENDED
        before = scope.machine.phase if before is None else before
        if reading is None:
            reading = self._judge.reading(
                scope, FlowScore(0.0, 1, 0.0, 0.0, 0.0, 0.0), 0.0, None, None
            )
        scope.machine.close()
        end_ns = ((self._now or 0) + 1) * self.config.bin_ns
        told = self._transition(scope, before, Phase.UNKNOWN, end_ns, reading)
        self._release(scope)
        return [told]

    # -- what is read off the gauges -----------------------------------------------------------

    def _transition(
        self, scope: Scope, before: Phase, after: Phase, at_ns: int, reading: Reading
    ) -> Transition:
        return Transition(
            scope=scope.name, kind=scope.kind, side=scope.side, before=before, after=after,
            at_ns=at_ns, said_ns=max(self._said_ns, at_ns), reading=reading,
            episode=None if scope.ledger is None else scope.ledger.tell(),
            gap=scope.gap if after is Phase.UNKNOWN else None,
        )  # fmt: skip

    def _forced(self, name: str, side: Side | None) -> Scope:
        scope = self._scopes.get((name, side))
        if scope is None:
            scope = self._scopes[name, side] = Scope(name, Kind.CASCADE, self.config, side=side)
        return scope

    def _shock(self, name: str) -> Scope:
        scope = self._shocks.get(name)
        if scope is None:
            scope = self._shocks[name] = Scope(name, Kind.SHOCK, self.config)
        return scope

    def _open_scopes(self) -> Iterator[Scope]:
        for scope in (*self._scopes.values(), *self._shocks.values()):
            if scope.ledger is not None:
                yield scope

    def _forget(self) -> None:
        """Drop what no onset can reach any more."""
        oldest_ns = ((self._now or 0) - self.config.windows[-1]) * self.config.bin_ns
        for scope in self._scopes.values():
            while scope.recent and (scope.recent[0].venue_ns or 0) < oldest_ns:
                scope.recent.popleft()

    @staticmethod
    def _ended_for_good(scope: Scope) -> bool:
        return scope.gap is not None and scope.gap.cause is GapCause.END_OF_RECORDING


def _start_ns(record: Observation) -> int | None:
    if isinstance(record, Gap):
        return record.from_ns
    return record.venue_ns if record.venue_ns is not None else record.local_ns


def _known_ns(record: Observation, start_ns: int) -> int:
    """When a record could first be known: a bin at its end, at the latest event it holds."""
    if isinstance(record, ForcedFlow):
        return record.first_ns or start_ns
    return start_ns
