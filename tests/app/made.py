"""Small recordings made by hand: a cascade in a Tardis file, frames of venues, broken files."""

import gzip
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from airpocket.errors import AirpocketError
from airpocket.units import SECOND_NS, ns_from_iso

HEADER = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
START_NS = ns_from_iso("2026-03-02T09:00:00Z")
ONSET_S = 35 * 60


def liquidations(
    path: Path, *, seconds: int = 65 * 60, symbol: str = "BTCUSDT",
    exchange: str = "binance-futures", seed: int = 1, cascade: bool = True, cut: int | None = None,
) -> Path:  # fmt: skip
    """Write liquidations: now and then one, and from ``ONSET_S`` on many for a minute."""
    rng = random.Random(seed)
    rows = []
    for second in range(seconds):
        after = second - ONSET_S
        busy = cascade and 0 <= after < 60
        if not busy and rng.random() > 0.01:
            continue
        price = 80_000.0 * (1.0 - 0.03 * min(max(after, 0), 60) / 60)
        at_us = (START_NS + second * SECOND_NS) // 1000 + rng.randrange(900) * 1000
        amount = 3.0 + rng.random() if busy else 0.05
        side = "sell" if busy or rng.random() < 0.5 else "buy"
        rows.append(
            f"{exchange},{symbol},{at_us},{at_us + 30_000},,{side},{price:.1f},{amount:.3f}\n"
        )
    return _write(path, rows, cut)


def trades(
    path: Path, *, seconds: int = 65 * 60, symbol: str = "BTCUSDT",
    exchange: str = "binance-futures", seed: int = 2,
) -> Path:  # fmt: skip
    """Write trades whose price falls by 3 % in the minute of :func:`liquidations`."""
    rng = random.Random(seed)
    rows = []
    noise = 0.0
    for second in range(seconds):
        fall = 0.03 * min(max(second - ONSET_S, 0), 60) / 60
        noise = 0.95 * noise + rng.gauss(0.0, 5e-5)
        price = 80_000.0 * (1.0 - fall) * math.exp(noise)
        at_us = (START_NS + second * SECOND_NS) // 1000 + rng.randrange(900) * 1000
        side = rng.choice(["buy", "sell"])
        rows.append(
            f"{exchange},{symbol},{at_us},{at_us + 30_000},{second},{side},{price:.1f},0.1\n"
        )
    return _write(path, rows, None)


def until_it_breaks(reading: Iterator[Any]) -> tuple[list[Any], AirpocketError | None]:
    """Read on to the end, or to the error that ends it."""
    items: list[Any] = []
    try:
        for item in reading:
            items.append(item)  # noqa: PERF402 — extend would lose nothing, but hides that
    except AirpocketError as error:
        return items, error
    return items, None


def _write(path: Path, rows: list[str], cut: int | None) -> Path:
    """Write a file; ``cut`` leaves so many bytes of it, as a broken download would."""
    data = "".join([HEADER, *rows]).encode()
    if path.suffix == ".gz":
        data = gzip.compress(data, mtime=0)
    path.write_bytes(data[:cut])
    return path
