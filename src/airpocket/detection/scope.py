"""One followed scope: its machine, its streams, and the ledger of its open episode."""

from collections import deque
from typing import final

from airpocket.detection.config import DetectorConfig
from airpocket.detection.episode import Kind
from airpocket.detection.ledger import Ledger
from airpocket.detection.phases import PhaseMachine
from airpocket.market.events import ForcedFlow, Gap, Side

__all__ = ["Scope", "concerns", "lose"]


@final
class Scope:
    """One machine with its episode: forced flow of a symbol, or a shock.

    Parameters
    ----------
    name
        Unified symbol, or ``"*"`` for the market.
    kind
        What it is fed by.
    config
        Thresholds of its machine.
    side
        Side of the forced flow it follows; ``None`` if the feed does not say, or for a shock.
    """

    def __init__(
        self, name: str, kind: Kind, config: DetectorConfig, *, side: Side | None = None
    ) -> None:
        self.side = side
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

    def is_blind(self) -> bool:
        """Tell whether nothing is observed any more, or too little of what fed its episode.

        What a small venue says is not the end of what a large one showed.
        """
        if not self.rows:
            return False
        share = 1.0 if self.ledger is None else self.ledger.share_of(self.sources)
        return share < 0.5 or not any(self.sources.values())


def lose(scope: Scope, gap: Gap, sources: list[tuple[str, str]]) -> None:
    """Note that sources of a scope are no longer observed."""
    for source in sources:
        scope.sources[source] = False
    if sources:
        scope.gap = gap
        if scope.ledger is not None:
            scope.ledger.gaps.append(gap)


def concerns(gap: Gap, symbol: str, source: tuple[str, str]) -> bool:
    """Tell whether a gap hides a source, given as (venue, raw symbol)."""
    if gap.venue != source[0]:
        return False
    return gap.raw_symbol == "*" or gap.raw_symbol == source[1] or gap.symbol == symbol
