"""The project's own detector, fed with ticks as a watcher feeds it, so that it can be scored."""

from typing import Final, final

from msgspec.structs import replace

from airpocket.detection.config import DetectorConfig
from airpocket.detection.detector import Detector, Observation
from airpocket.detection.episode import Kind, Phase, Transition
from airpocket.errors import InputError
from airpocket.evidence.running import known_ns
from airpocket.market.events import (
    Bar,
    Depth,
    DepthBands,
    Event,
    ForcedFlow,
    Funding,
    Gap,
    Liquidation,
    Mark,
    OpenInterest,
    Side,
    Trade,
)
from airpocket.market.flow import FlowBinner
from airpocket.units import SECOND_NS

__all__ = ["Nowcast"]

# Of two sides, or of flow and trades, the louder phase speaks for a symbol.
_LOUDNESS: Final = {
    phase: rank
    for rank, phase in enumerate(
        (Phase.CALM, Phase.SETTLED, Phase.BUILDING, Phase.UNKNOWN, Phase.SNAPBACK, Phase.EXHAUSTED,
         Phase.CASCADE)
    )
}  # fmt: skip
_STATES: Final = Mark | Depth | DepthBands | OpenInterest | Funding


@final
class Nowcast:
    """Bin ticks and let :class:`~airpocket.detection.detector.Detector` follow them.

    Parameters
    ----------
    config
        Thresholds and bin width; those of one second if not given.
    reorder_ns
        How long a bin waits after its end for what is received late: part of the delay that is
        scored, as it is part of the delay of a watcher.
    strictness
        What all flow scores of the config are multiplied by: the threshold of a curve.

    Examples
    --------
    >>> nowcast = Nowcast()
    >>> nowcast.phase("*").value
    'calm'
    """

    def __init__(
        self,
        config: DetectorConfig | None = None,
        *,
        reorder_ns: int = 2 * SECOND_NS,
        strictness: float = 1.0,
    ) -> None:
        if not strictness > 0 or reorder_ns < 0:
            raise InputError(
                f"strictness {strictness!r} and {reorder_ns} ns of waiting: need > 0 and >= 0"
            )
        config = DetectorConfig.for_width(SECOND_NS) if config is None else config
        scores = ("score_alone", "score_unconfirmed", "score_together", "score_shock")
        told = {name: strictness * getattr(config, name) for name in scores}
        self._detector = Detector(replace(config, **told))
        self._width_ns = config.bin_ns
        self._reorder_ns = reorder_ns
        self._binner = FlowBinner(config.bin_ns)
        self._waiting: dict[int, list[Observation]] = {}
        self._phases: dict[tuple[str, Kind, Side | None], Phase] = {}
        self._loudest: dict[str, Phase] = {}
        self._now_ns: int | None = None
        self._closed = 0  # bins before this one are closed

    @property
    def late(self) -> int:
        """Ticks that came too late for their bin."""
        return self._binner.late

    def update(self, event: Event, /) -> None:
        """Take one event in, and close the bins whose time to wait is over."""
        at_ns = known_ns(event)
        if at_ns is not None:
            if self._now_ns is None:  # what happened before the first receipt may still come
                self._closed = (at_ns - self._reorder_ns) // self._width_ns
            self._now_ns = at_ns if self._now_ns is None else max(self._now_ns, at_ns)
        if self._now_ns is None:
            return
        self._place(event, self._now_ns)
        step = (self._now_ns - self._reorder_ns) // self._width_ns
        if step > self._closed:
            self._close_before(step)

    def phase(self, symbol: str, /) -> Phase:
        """Present phase of a symbol or of the market, the loudest of its sides."""
        return self._loudest.get(symbol, Phase.CALM)

    def _place(self, event: Event, now_ns: int) -> None:
        if isinstance(event, Trade | Liquidation):
            self._binner.add(event)
            return
        if isinstance(event, Gap):
            start_ns = min(event.from_ns, now_ns)
        elif isinstance(event, Bar | ForcedFlow | _STATES):
            start_ns = now_ns if event.venue_ns is None else event.venue_ns
        else:
            return
        # What is late holds from now on: a state until the next one, a hole until it is over.
        step = max(start_ns // self._width_ns, self._closed)
        if isinstance(event, Bar | ForcedFlow) and step != start_ns // self._width_ns:
            self._binner.late += 1
            return
        self._waiting.setdefault(step, []).append(event)

    def _close_before(self, step: int) -> None:
        for binned in self._binner.take(step * self._width_ns):
            self._waiting.setdefault((binned.venue_ns or 0) // self._width_ns, []).append(binned)
        for ready in sorted(number for number in self._waiting if number < step):
            for record in sorted(self._waiting.pop(ready), key=_rank):
                self._note(self._detector.update(record))
        self._note(self._detector.advance(step * self._width_ns))
        self._closed = step

    def _note(self, said: list[Transition]) -> None:
        for told in said:
            self._phases[told.scope, told.kind, told.side] = told.after
            own = (phase for key, phase in self._phases.items() if key[0] == told.scope)
            self._loudest[told.scope] = max(own, key=_LOUDNESS.__getitem__)


def _rank(record: Observation) -> int:
    """Bins first, then states, then holes: what was seen in a bin was seen."""
    return 0 if isinstance(record, Bar | ForcedFlow) else 2 if isinstance(record, Gap) else 1
