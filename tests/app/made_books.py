"""Small order books as their venues would send them: lines of frames, tapes, sums of depth."""

import json
from collections.abc import Sequence
from pathlib import Path

from airpocket.store.tape import TapeWriter
from airpocket.units import SECOND_NS, iso, ns_from_iso

START_NS = ns_from_iso("2026-03-02T09:00:00Z")
Levels = Sequence[tuple[float, float]]


def book_frame(bids: Levels, asks: Levels, *, coin: str = "BTC", second: float = 0) -> bytes:
    """Write a whole book as Hyperliquid sends it."""
    levels = [[{"px": str(px), "sz": str(sz), "n": 1} for px, sz in side] for side in (bids, asks)]
    data = {"coin": coin, "levels": levels, "time": (START_NS + int(second * 1e9)) // 1_000_000}
    return json.dumps({"channel": "l2Book", "data": data}).encode()


def level_books(
    mid: float, *, usd: float = 1e6, step: float = 0.001, count: int = 20
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Make a book of as many dollars on each level, levels ``step`` of the mid apart."""
    bids = [round(mid * (1 - step * n), 4) for n in range(1, count + 1)]
    asks = [round(mid * (1 + step * n), 4) for n in range(1, count + 1)]
    return [(px, usd / px) for px in bids], [(px, usd / px) for px in asks]


def frame_lines(path: Path, frames: Sequence[tuple[float, bytes]]) -> Path:
    """Write frames, one a line, with the nanosecond at which they came."""
    lines = [b"%d %s\n" % (START_NS + int(second * 1e9), frame) for second, frame in frames]
    path.write_bytes(b"".join(lines))
    return path


def book_lines(path: Path, mid: float, *, coin: str = "BTC", usd: float = 1e6) -> Path:
    """Write one book as a file of frames."""
    bids, asks = level_books(mid, usd=usd)
    return frame_lines(path, [(0, book_frame(bids, asks, coin=coin))])


def tape(path: Path, frames: Sequence[tuple[str, str, float, bytes]]) -> Path:
    """Write frames (venue, stream, second, bytes) as a tape."""
    with TapeWriter(path, path.stem) as writer:
        for venue, stream, second, frame in frames:
            writer.append(venue, stream, START_NS + int(second * 1e9), frame)
        writer.commit()
    return path


def band_rows(path: Path, rows: Sequence[tuple[int, float, float, float]]) -> Path:
    """Write sums of depth (second, percent, coins, dollars) as Binance dumps them."""
    lines = ["timestamp,percentage,depth,notional"]
    for second, percent, coins, usd in rows:
        at = iso(START_NS + second * SECOND_NS).replace("T", " ").removesuffix("Z")
        lines.append(f"{at},{percent},{coins},{usd}")
    path.write_text("\n".join(lines) + "\n")
    return path
