"""What the gauges say of one scope at the end of a bin: its flow, its baseline, its condition."""

from collections.abc import Iterable
from statistics import median
from typing import Final, final

from airpocket.detection.config import DetectorConfig
from airpocket.detection.episode import Kind, Reading
from airpocket.detection.gauges import FlowScore
from airpocket.detection.panel import MARKET, Hit, Move, Panel, coin_of
from airpocket.detection.phases import Condition
from airpocket.detection.scope import Scope
from airpocket.market.events import Side

__all__ = ["Judge"]


@final
class Judge:
    """Reads the panel for one scope after another; it decides nothing and keeps nothing.

    Parameters
    ----------
    config
        Thresholds.
    panel
        The gauges. ``now`` is set to the bin they have just closed.
    """

    def __init__(self, config: DetectorConfig, panel: Panel) -> None:
        self.config: Final = config
        self.panel: Final = panel
        self.now = 0

    def best_side(self, scope: Scope) -> tuple[Side | None, FlowScore | None]:
        """Side with the highest score; within an episode the episode's own flow."""
        readings = {side: self.flow_of(scope, side) for side in scope.rows}
        if not readings:
            return None, None
        ledger = scope.ledger
        if ledger is not None and ledger.side in readings:
            return ledger.side, readings[ledger.side]
        side = max(readings, key=lambda s: (readings[s].score, str(s)))
        return side, readings[side]

    def loudest_rows(self, scopes: Iterable[Scope]) -> dict[str, int]:
        """Row of the side with the highest score, for each symbol that is fed."""
        scores: list[float] = self.panel.forced.scores().tolist()
        loudest: dict[str, int] = {}
        for scope in scopes:
            for row in scope.all_rows() if scope.name != MARKET else ():
                if scope.name not in loudest or scores[row] > scores[loudest[scope.name]]:
                    loudest[scope.name] = row
        return loudest

    def sum_of_symbols(
        self, market: Scope, scopes: Iterable[Scope]
    ) -> tuple[Side | None, FlowScore | None]:
        """Flow of the market where no venue tells it: the dollars of all symbols, one side."""
        rows: dict[Side | None, list[int]] = {}
        for scope in scopes:
            for side, row in scope.rows.items():
                if scope.name != market.name and scope.units[side] == "usd":
                    rows.setdefault(side, []).append(row)
        if not rows:
            return None, None
        totals = {side: self.panel.forced.read_many(found) for side, found in rows.items()}
        chosen = market.ledger.side if market.ledger is not None else None
        if chosen not in totals:
            chosen = max(totals, key=lambda side: sum(flow.recent for flow in totals[side]))
        flows = totals[chosen]
        return chosen, FlowScore(
            median(flow.score for flow in flows), 1, sum(flow.total for flow in flows),
            sum(flow.baseline for flow in flows), sum(flow.recent for flow in flows),
            median(flow.history_bins for flow in flows),
        )  # fmt: skip

    def flow_of(self, scope: Scope, side: Side | None) -> FlowScore:
        """Flow in its unit, with the score of dollars or of prints, whichever is higher.

        Dollars see a few large closes, prints see many small ones; both are forced selling.
        """
        flow = self.panel.forced.read(scope.rows[side])
        if side not in scope.count_rows:
            return flow
        prints = self.panel.forced.read(scope.count_rows[side])
        if prints.score <= flow.score:
            return flow
        return flow._replace(score=prints.score, window_bins=prints.window_bins)

    def is_large(self, scope: Scope, side: Side | None, flow: FlowScore, *, priced: bool) -> bool:
        """Absolute size of the window that scored: quiet baselines make anything look large."""
        config = self.config
        since_ns = (self.now + 1 - flow.window_bins) * config.bin_ns
        within = [
            record
            for record in scope.recent
            if record.side is side and (record.venue_ns or 0) >= since_ns
        ]
        usd = [record.usd for record in within if record.usd is not None]
        counts = [record.count for record in within if record.count is not None]
        least_usd = config.least_usd if priced else config.least_usd_unconfirmed
        if scope.units[side] == "usd" and sum(usd) < least_usd:
            return False
        return not counts or sum(counts) >= config.least_count

    def baseline(self, scope: Scope, flow: FlowScore) -> float | None:
        """Mean flow of a bin to compare with; frozen at the onset while an episode is open.

        An episode that opened without any history gets a baseline once it has run for as long as
        a baseline must be old to be trusted: a flow that is steady from then on is the normal.
        """
        ledger, config = scope.ledger, self.config
        if ledger is None:
            return flow.baseline if flow.history_bins >= 1.0 else None
        if ledger.baseline is None:
            learnt = flow.history_bins * config.bin_ns >= config.provisional_ns
            return flow.baseline if learnt else None
        aged = self.now * config.bin_ns - ledger.onset_ns > config.thaw_ns
        if aged or scope.kind is Kind.SHOCK:
            return flow.baseline  # a shock's is frozen too, and summed over what is still live
        return ledger.baseline

    def condition(
        self, scope: Scope, opens: bool, flow: FlowScore, threshold: float,  # noqa: FBT001
        *, blind: bool,
    ) -> Condition:  # fmt: skip
        """Put what the gauges say into the terms of the phase machine."""
        config, baseline = self.config, self.baseline(scope, flow)
        end_ns = (self.now + 1) * config.bin_ns
        ledger = scope.ledger
        if ledger is None:
            return Condition(
                end_ns=end_ns, opens=opens, readiness=flow.score / threshold, blind=blind
            )
        span = config.bins(config.recent_ns)
        quiet = flow_back = rekindles = False
        settled_multiple = None
        if baseline is not None:
            normal = config.exhausted_multiple * baseline
            quiet = flow.recent < max(normal * span, config.exhausted_share * ledger.peak)
            settled = ledger.flow_since(end_ns - config.settled_ns)
            flow_back = settled <= normal * config.bins(config.settled_ns)
            if baseline > 0.0:
                settled_multiple = settled / (baseline * config.bins(config.settled_ns))
            rekindles = flow.recent >= max(
                config.rekindled_multiple * baseline * span, config.rekindled_share * ledger.peak
            )
        told = ledger.leg()
        share = self.panel.depth[coin_of(scope.name)].share()
        return Condition(
            end_ns=end_ns, opens=opens, readiness=flow.score / threshold, quiet=quiet,
            settled_multiple=settled_multiple,
            flow_back=flow_back, rekindles=rekindles, regained=None if told is None else told[1],
            price_calm=self.panel.is_price_calm(scope.name) if quiet else None,
            depth_back=None if share is None else share >= config.settled_depth, blind=blind,
        )  # fmt: skip

    def reading(
        self, scope: Scope, flow: FlowScore, threshold: float, move: Move | None,
        together: list[Hit] | None, *, watched: int | None = None,
    ) -> Reading:  # fmt: skip
        """Write down the numbers behind a transition."""
        baseline = self.baseline(scope, flow)
        normal = (baseline or 0.0) * self.config.bins(self.config.recent_ns)
        return Reading(
            score=flow.score, threshold=threshold,
            window_ns=flow.window_bins * self.config.bin_ns,
            multiple=flow.recent / normal if normal else None,
            move=None if move is None else move.fraction,
            move_threshold=None if move is None else move.threshold,
            history_ns=int(flow.history_bins * self.config.bin_ns),
            coincident=None if together is None else len(together), watched=watched,
        )  # fmt: skip
