"""A ladder from ten million positions beside numpy: nanoseconds a position, and memory.

Ours is the public call (``levels_from_prices``): it checks every figure, adds dollars, coins and
positions up by tick and gives levels in order. numpy does the least that a sorted ladder takes:
``argsort`` of the prices and ``take`` of prices and coins, nothing checked and nothing added up.
They alternate in one process. Memory is what the process holds at most while ours runs, the input
among it, over the input.
"""

import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from airpocket.leverage.binning import levels_from_prices
from airpocket.leverage.ladder import Levels
from airpocket.market.events import Side
from benchmarks.side_by_side import side_by_side, verdict

POSITIONS = 10_000_000
WINDOWS = 5
MARK = 100_000.0
TICK = 0.1
TICK_TOO_FINE = 1e-4
STATUS = Path("/proc/self/status")


class Positions:
    """Longs of one contract, most of them 5 to 20 % away, on ticks between 0.2 and 60 %."""

    def __init__(self, count: int) -> None:
        draws = np.random.default_rng(1)
        away = np.clip(draws.gamma(2.0, 0.06, count), 0.002, 0.6)
        self.price = np.round(MARK * (1 - away), 1)
        self.notional = draws.exponential(1e4, count) + 1.0
        self.qty = self.notional / self.price

    def levels(self, *, tick: float = TICK, with_bankruptcy: bool = False) -> Levels:
        return levels_from_prices(
            Side.LONG, self.price, self.notional, self.qty, tick=tick, mark_price=MARK,
            bankruptcy_price=self.price if with_bankruptcy else None,
        )  # fmt: skip

    def sorted(self, *, with_bankruptcy: bool = False) -> tuple[np.ndarray, ...]:
        order = np.argsort(self.price)
        columns = (self.price, self.qty, *((self.price,) if with_bankruptcy else ()))
        return tuple(column[order] for column in columns)

    def bytes(self) -> int:
        return self.price.nbytes + self.notional.nbytes + self.qty.nbytes


def resident(name: str) -> int:
    """Bytes of this process as Linux counts them: VmRSS now, VmHWM at most."""
    found = re.search(rf"^{name}:\s+(\d+) kB$", STATUS.read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def memory(tick: float) -> float | None:
    """What ours takes at its peak with its input, over the input; ``None`` where it is not told.

    To be asked in a new process: in a used one, memory that was given back is taken again unseen.
    """
    positions = Positions(POSITIONS)
    few = np.ones(10)
    levels_from_prices(Side.LONG, few, few, few, tick=1.0, mark_price=1.0)  # loads what it needs
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    except OSError:
        return None
    before = resident("VmRSS")
    levels = positions.levels(tick=tick)
    taken = resident("VmHWM") - before
    assert levels.size
    return (positions.bytes() + taken) / positions.bytes()


def memory_lines() -> list[str]:
    """Say the memory of counting and of sorting, each measured in a process of its own."""
    lines = []
    for what, tick in (("", TICK), (" where it sorts", TICK_TOO_FINE)):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            taken = process.submit(memory, tick).result()
        lines.append(
            "memory: not measured, this system does not tell a peak"
            if taken is None
            else verdict(taken, 3.0, text=f"peak memory{what}: {taken:.2f} times the input")
        )
    return lines


def run() -> list[str]:
    """Measure both, and ours with bankruptcy prices and on ticks that are too many to count."""
    positions = Positions(POSITIONS)
    levels = positions.levels()
    assert abs(levels.total_usd / positions.notional.sum() - 1) < 1e-12
    assert levels.count is not None
    assert levels.count.sum() == POSITIONS
    ways: dict[str, Callable[[], object]] = {
        "ours": positions.levels,
        "bankruptcy": lambda: positions.levels(with_bankruptcy=True),
        "too fine": lambda: positions.levels(tick=TICK_TOO_FINE),
        "numpy": positions.sorted,
        "numpy, a third column": lambda: positions.sorted(with_bankruptcy=True),
    }
    timing = side_by_side(ways, windows=WINDOWS)

    def said(name: str) -> str:
        return f"{timing.ns(name, POSITIONS):.1f} ns a position"

    first = (
        f"{POSITIONS / 1e6:.0f} M positions on {levels.size:,} ticks: {said('ours')}, numpy argsort +"
        f" take {said('numpy')}: {timing.ratio('numpy', 'ours'):.1f} times as fast"
    )
    second = (
        f"with bankruptcy prices: {said('bankruptcy')}, numpy taking a third column"
        f" {said('numpy, a third column')}:"
        f" {timing.ratio('numpy, a third column', 'bankruptcy'):.1f} times as fast"
    )
    third = (
        f"on ticks too many to count, where it sorts: {said('too fine')},"
        f" {timing.ratio('too fine', 'numpy'):.1f} times numpy's time"
    )
    told = verdict(timing.ratio("ours", "numpy"), 1 / 5, text=first)
    return [told, second, third, *memory_lines()]
