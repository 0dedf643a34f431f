"""The tape beside the disk: what a durable commit costs above writing and syncing its bytes.

The peer is the least that could be durable: the same frames joined, appended to a file with one
``write`` and one ``fdatasync``. Both alternate in one run, in one folder (``TMPDIR``).
"""

import os
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from airpocket.store.tape import TapeReader, TapeWriter

RATE = 10_000  # frames a second, the goal of the service
COMMIT_S = 0.05
BATCH = int(RATE * COMMIT_S)
ROUNDS = 200
PACED_S = 5


def frames(count: int) -> list[bytes]:
    """Return frames of about 200 bytes that shrink as real ones do."""
    draws = random.Random(1)  # noqa: S311 - not a secret
    return [
        b'{"e":"forceOrder","E":%d,"o":{"s":"%s","S":"SELL","o":"LIMIT","f":"IOC","q":"%.3f",'
        b'"p":"%.2f","ap":"%.2f","X":"FILLED","l":"%.3f","z":"%.3f","T":%d}}'
        % (
            1_760_130_903_127 + number,
            draws.choice((b"BTCUSDT", b"ETHUSDT", b"1000SHIBUSDT", b"SOLUSDT")),
            draws.random() * 9,
            draws.random() * 120_000,
            draws.random() * 120_000,
            draws.random() * 9,
            draws.random() * 9,
            1_760_130_903_120 + number,
        )
        for number in range(count)
    ]


def timed(act: Callable[[], object]) -> float:
    """Return how long a call takes, in milliseconds."""
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1e3


def tail(times_ms: list[float]) -> str:
    """Say the middle and the 99th percentile."""
    ordered = sorted(times_ms)
    return (
        f"p50 {statistics.median(ordered):.2f} ms, p99 {ordered[int(len(ordered) * 0.99)]:.2f} ms"
    )


def append(tape: TapeWriter, batch: list[bytes]) -> None:
    for data in batch:
        tape.append("binance", "fstream/forceOrder", 1_760_130_903_127_000_000, data)


def beside_the_disk(folder: Path) -> list[str]:
    """Commit and plain write-and-sync of the same frames, alternating."""
    batch = frames(BATCH)
    plain = b"\n".join(batch)
    ours, disk, appends = [], [], []
    log = os.open(folder / "plain.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def sync() -> None:
        os.write(log, plain)
        os.fdatasync(log)

    with TapeWriter(folder / "disk.tape", "bench") as tape:
        for _ in range(ROUNDS):
            disk.append(timed(sync))
            appends.append(timed(lambda: append(tape, batch)))
            ours.append(timed(tape.commit))
    os.close(log)
    ratio = statistics.median(ours) / statistics.median(disk)
    size = (folder / "disk.tape").stat().st_size / (folder / "plain.log").stat().st_size
    rate = BATCH * ROUNDS / (sum(ours) + sum(appends)) * 1e3
    return [
        f"commit of {BATCH} frames of {len(plain) // BATCH} bytes: {tail(ours)}",
        f"write + fdatasync of the same bytes: {tail(disk)}",
        f"ratio of the medians {ratio:.1f}; size on disk {size:.2f} of the plain log",
        f"flat out: {rate:,.0f} frames/s appended and durable",
        f"append alone: {statistics.median(appends) / BATCH * 1e6:.0f} ns a frame",
    ]


def paced(folder: Path) -> list[str]:
    """Receive at the goal's rate, commit every 50 ms: how long a frame waits to be safe."""
    batch = frames(BATCH)
    commits, late = [], 0
    with TapeWriter(folder / "paced.tape", "bench") as tape:
        began = time.perf_counter()
        for number in range(int(PACED_S / COMMIT_S)):
            append(tape, batch)
            commits.append(timed(tape.commit))
            rest_s = began + (number + 1) * COMMIT_S - time.perf_counter()
            late += rest_s < 0
            time.sleep(max(0.0, rest_s))
    return [
        f"{RATE:,} frames/s for {PACED_S} s, a commit every {COMMIT_S * 1e3:.0f} ms: {tail(commits)}",
        f"{late} of {len(commits)} commits late (goal: p99 <= 50 ms)",
    ]


def reading(folder: Path) -> list[str]:
    """Replay, and single frames at random."""
    with TapeReader(folder / "disk.tape") as tape:
        count = tape.about().frames
        replay_ms = timed(lambda: sum(1 for _ in tape.frames()))
        draws = random.Random(2)  # noqa: S311 - not a secret
        chosen = [draws.randrange(count) for _ in range(500)]
        single_ms = timed(lambda: [tape.frame(ordinal) for ordinal in chosen])
    return [
        f"replay: {count / replay_ms * 1e3:,.0f} frames/s",
        f"one frame by its raw_ref: {single_ms / len(chosen):.2f} ms",
    ]


def run() -> list[str]:
    """Return the lines of this benchmark."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        return [*beside_the_disk(folder), *paced(folder), *reading(folder)]
