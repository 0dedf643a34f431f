"""Ladders made by hand, and the files that people would have them in."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from airpocket.leverage.ladder import Forced, Ladder, Layer, Levels, Provenance, levels_of
from airpocket.market.events import Side
from airpocket.units import ns_from_iso

MARK = 100.0
AT_NS = ns_from_iso("2026-03-02T09:00:00Z")
Rows = Sequence[tuple[float, float]]


def levels(side: Side, rows: Rows, *, counted: bool = True) -> Levels:
    """Make levels of (price, dollars), one position each."""
    table = np.array(rows, dtype=float).reshape(-1, 2)
    count = np.ones(len(table), dtype=np.int64) if counted else None
    return levels_of(side, table[:, 0].copy(), table[:, 1].copy(), table[:, 1] / table[:, 0], count)


def layer(
    longs: Rows = (),
    shorts: Rows = (),
    *,
    forced: Forced = Forced.LIQUIDATION,
    known: Provenance = Provenance.MEASURED,
    share: float | None = None,
    assumed: tuple[str, ...] = ("a layer made by hand",),
    counted: bool = True,
) -> Layer:
    """Make a layer of (price, dollars)."""
    return Layer(
        forced=forced,
        provenance=known,
        longs=levels(Side.LONG, longs, counted=counted),
        shorts=levels(Side.SHORT, shorts, counted=counted),
        source="made.csv",
        share_of_oi=share,
        assumed=assumed,
    )


def ladder(*layers: Layer, mark: float = MARK, **more: Any) -> Ladder:
    """Make a ladder around 100."""
    named: dict[str, Any] = {
        "venue": "hyperliquid",
        "symbol": "BTC/USDC:USDC",
        "at_ns": AT_NS,
    } | more
    return Ladder(mark_price=mark, layers=layers, **named)


DENSE = [(98.95 - 0.1 * n, 4e6) for n in range(10)]
"""Forty million dollars of longs within a percent, beginning a percent below 100."""


def both_sides() -> Ladder:
    """A ladder with all kinds of layers."""
    return ladder(
        layer([(99.0, 2e6), (96.0, 8e6), (90.0, 1e6)], [(101.5, 3e6), (108.0, 5e6)]),
        layer([(98.5, 1e6)], [(102.0, 5e5)], forced=Forced.STOP, share=0.12),
        layer([(97.0, 2e7)], [(103.0, 3e7)], known=Provenance.ESTIMATED, share=1.0),
    )


def positions_file(path: Path, rows: Sequence[tuple[str, str, float, float, float]]) -> Path:
    """Write positions (symbol, side, size, entry, liquidation price) as a venue's CSV."""
    lines = ["venue,symbol,side,size,entry_price,liquidation_price,mark_price"]
    lines += [
        f"hyperliquid,{symbol},{side},{size},{entry},{at},100"
        for symbol, side, size, entry, at in rows
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


TWO_SIDES = [
    ("BTC", "long", 20_000.0, 101.0, 98.0),
    ("BTC", "long", 50_000.0, 102.0, 97.0),
    ("BTC", "short", 30_000.0, 99.0, 103.0),
]


def clusters_file(path: Path, *minutes: int, coins: Sequence[str] = ("BTC",)) -> Path:
    """Write maps of clusters, one a minute, the price a dollar lower each time."""
    lines = []
    for number, minute in enumerate(minutes):
        mark = 100.0 - number
        coin = {
            "currentPrice": mark,
            "positionCount": 3,
            "longLiquidations": [
                {"price": 97.0, "value": 2e6, "10x": 2e6, "25x": 0, "50x": 0, "100x": 0}
            ],
            "shortLiquidations": [
                {"price": 103.0, "value": 1e6, "10x": 1e6, "25x": 0, "50x": 0, "100x": 0}
            ],
        }
        said = {
            "lastUpdated": f"2026-03-02T09:{minute:02d}:00Z",
            "tradersCount": 200,
            "data": dict.fromkeys(coins, coin),
        }
        lines.append(json.dumps({"commit": "x", "snapshot": said}))
    path.write_text("\n".join(lines) + "\n")
    return path
