"""Records made by hand: quiet tapes, cascades in them, and what a detector says of them."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from airpocket.detection.config import DetectorConfig
from airpocket.detection.detector import Detector, Observation
from airpocket.detection.episode import Episode, Kind, Phase, Transition
from airpocket.market.events import Bar, Coverage, ForcedFlow, Gap, GapCause, Mark, Side
from airpocket.units import SECOND_NS, ns_from_iso

START_NS = ns_from_iso("2026-03-01T00:00:00Z")
SECONDS = DetectorConfig.for_width(SECOND_NS)
AAA = "AAA/USDT:USDT"


def at_ns(at_s: float) -> int:
    return START_NS + round(at_s * SECOND_NS)


def forced(
    at_s: int,
    sizes_usd: Sequence[float] | None,
    *,
    side: Side | None = Side.LONG,
    symbol: str = AAA,
    venue: str = "okx",
    count: int | None = None,
    width_s: int = 1,
    **fields: Any,
) -> ForcedFlow:
    """One bin of forced closes: single sizes, or a count alone (``sizes_usd`` None)."""
    start_ns = at_ns(at_s)
    sizes = sizes_usd or ()
    return ForcedFlow(
        venue=venue, symbol=symbol, raw_symbol=symbol, venue_ns=start_ns,
        width_ns=width_s * SECOND_NS, side=side, count=len(sizes) if count is None else count,
        usd=None if sizes_usd is None else sum(sizes),
        usd_squared=None if sizes_usd is None else sum(size * size for size in sizes),
        coverage=Coverage.CENSUS, first_ns=start_ns + 5, last_ns=start_ns + 7, **fields,
    )  # fmt: skip


def bar(
    at_s: int,
    prices: Sequence[float],
    *,
    symbol: str = AAA,
    venue: str = "okx",
    trades: int | None = 3,
    width_s: int = 1,
) -> Bar:
    """Prices of one bin, first to last."""
    return Bar(
        venue=venue, symbol=symbol, raw_symbol=symbol, venue_ns=at_ns(at_s),
        width_ns=width_s * SECOND_NS, open=prices[0], high=max(prices), low=min(prices),
        close=prices[-1], trades=trades,
    )  # fmt: skip


def mark(at_s: float, price: float, *, symbol: str = AAA, venue: str = "okx") -> Mark:
    return Mark(
        venue=venue, symbol=symbol, raw_symbol=symbol, venue_ns=at_ns(at_s), mark_price=price
    )


def gap(
    at_s: float,
    cause: GapCause = GapCause.DISCONNECT,
    *,
    channel: str = "*",
    symbol: str = "*",
    venue: str = "okx",
) -> Gap:
    """A hole in what one venue says, beginning now."""
    return Gap(
        venue=venue, symbol=symbol, raw_symbol=symbol, channel=channel, from_ns=at_ns(at_s),
        to_ns=None, cause=cause, proven_by="made by hand",
    )  # fmt: skip


class Shape(NamedTuple):
    """A tape of one symbol: quiet, a burst of forced closes with the price, quiet again."""

    symbol: str = AAA
    venue: str = "okx"
    side: Side = Side.LONG
    quiet_s: int = 1200
    burst_s: int = 40
    after_s: int = 900
    sizes_usd: tuple[float, ...] = (20_000.0,) * 10  # forced closes a second of the burst
    fall: float = 0.05  # of the price over the burst; negative: it rises
    back: float = 0.5  # of the fall, regained in the minute after the burst
    seed: int = 1
    prices: bool = True
    forced: bool = True
    counts_only: bool = False
    trades: int = 3  # a second; ten times as many in the burst


NORMAL = Shape()


def tape(shape: Shape = NORMAL, starts_s: int = 0) -> list[Observation]:
    """Records of one symbol in order of time."""
    rng = np.random.default_rng(shape.seed)
    records: list[Observation] = []
    burst_s, end_s = shape.quiet_s, shape.quiet_s + shape.burst_s
    log_price = 0.0
    for second in range(end_s + shape.after_s):
        drift = 0.0
        if burst_s <= second < end_s:
            drift = np.log1p(-shape.fall) / shape.burst_s
        elif end_s <= second < end_s + 60:
            drift = -shape.back * np.log1p(-shape.fall) / 60
        before, log_price = log_price, log_price + float(drift + rng.normal(0.0, 5e-5))
        at_s, loud = starts_s + second, burst_s <= second < end_s
        sizes = list(shape.sizes_usd) if loud else []
        if rng.random() < 0.1:
            sizes.append(2000.0)
        if sizes and shape.forced:
            records.append(_closes(shape, at_s, sizes))
        if shape.prices:
            trades = shape.trades * (10 if loud else 1)
            path = (100.0 * np.exp((before, log_price))).tolist()
            records.append(bar(at_s, path, symbol=shape.symbol, venue=shape.venue, trades=trades))
    return records


def _closes(shape: Shape, at_s: int, sizes: list[float]) -> ForcedFlow:
    where: dict[str, Any] = {"symbol": shape.symbol, "venue": shape.venue}
    if shape.counts_only:
        return forced(at_s, None, count=len(sizes), side=None, **where)
    return forced(at_s, sizes, side=shape.side, **where)


def merged(*tapes: Iterable[Observation]) -> list[Observation]:
    """Several tapes as one, in order of time; what came first stays first within a bin."""
    return sorted((record for one in tapes for record in one), key=time_of)


def time_of(record: Observation) -> int:
    if isinstance(record, Gap):
        return record.from_ns
    return record.venue_ns or 0


def play(
    records: Iterable[Observation],
    *,
    config: DetectorConfig = SECONDS,
    until_s: int | None = None,
    finish: bool = False,
) -> list[Transition]:
    """Everything a fresh detector says of the records."""
    detector = Detector(config)
    said = [transition for record in records for transition in detector.update(record)]
    if until_s is not None:
        said += detector.advance(at_ns(until_s))
    return said + (detector.finish() if finish else [])


def steps(said: Iterable[Transition], scope: str = AAA, kind: Kind = Kind.CASCADE) -> list[Phase]:
    """Phases that a scope went through, without news within one and what only sets the scene.

    Of its two sides, the one that cascaded is followed; the other goes its own way.
    """
    own = [told for told in said if told.scope == scope and told.kind is kind]
    loud = [told.side for told in own if told.after is Phase.CASCADE] or [t.side for t in own[:1]]
    return [
        told.after
        for told in own
        if told.side is loud[0] and told.after not in {Phase.BUILDING, Phase.CALM, told.before}
    ]


def episodes(said: Iterable[Transition], kind: Kind = Kind.CASCADE) -> list[Episode]:
    """Last word on each episode of one kind, in order of their onset."""
    last = {
        (told.scope, told.episode.said_ns): told.episode
        for told in said
        if told.episode is not None and told.kind is kind
    }
    return sorted(last.values(), key=lambda episode: (episode.onset_ns, episode.scope))
