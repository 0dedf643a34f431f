"""From positions to liquidation prices and to a ladder, in bulk.

*Prices*: ``many_liquidation_prices`` of a million isolated positions under Binance's tiers of
BTCUSDT, beside a Python loop over the scalar ``MarginRules.liquidation_price`` on ready
``Position`` objects, a sample of them. Both must find the same prices.

*Rounds*: who is liquidated as the mark falls in 20 steps, beside lrvx's ``LiquidationEngine.
on_mark``, which goes through its positions at each. Its tiers have no deduction, so both get one
flat tier, where its condition is ours; the counts of every round must agree. Filling its engine
with positions is not counted; ours counts the prices and the rounds.

*Ladder*: ``ladder_of`` ten million positions by tick: checks, prices under tiers, bankruptcy
prices, levels. Beside it numpy sorts the prices and takes dollars and coins in that order, and
nothing else. Its memory is measured in a process of its own, by tick and with a level a position:
peak beyond what was there before the book, over the bytes of the book's columns.
"""

import importlib
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airpocket.leverage.bulk import many_liquidation_prices
from airpocket.leverage.position import Position
from airpocket.leverage.position_book import PositionBook
from airpocket.leverage.position_ladder import ladder_of
from airpocket.leverage.tiers import TierTable, TierTables, table_of
from airpocket.market.events import Side
from airpocket.market.instrument import Catalogue, Instrument
from airpocket.venues.binance import rules as binance
from benchmarks.side_by_side import side_by_side, verdict

POSITIONS = 1_000_000
SAMPLE = 2_000
LADDER = 10_000_000
ROUND_POSITIONS = 20_000
ROUNDS = 5
MARK = 60_000.0
MARKS = np.linspace(MARK, MARK / 2, 21)[1:]
TICK = 0.1
OF_LOOP = 1 / 20
OF_INPUT = 3.0
COLUMNS = (
    "instrument", "is_long", "qty_raw", "entry_price", "margin", "leverage", "is_cross",
    "liquidation_price",
)  # fmt: skip

_TOML = Path(binance.__file__).with_name("venue.toml")


def contract() -> tuple[Instrument, TierTable]:
    """BTCUSDT of Binance and its tiers."""
    instrument = Catalogue.load(_TOML).find("BTCUSDT")
    assert instrument is not None
    return instrument, TierTables.load(_TOML).find(instrument.symbol)


def made_up(count: int) -> PositionBook:
    """Isolated positions of 0.002 to 10 BTC at 2 to 20 times, by leverage alone."""
    draws = np.random.default_rng(1)
    unknown = np.full(count, np.nan)
    return PositionBook(
        instruments=(contract()[0],),
        instrument=np.zeros(count, dtype=np.int32),
        is_long=draws.random(count) < 0.5,
        qty_raw=np.clip(np.exp(draws.normal(-2, 1.5, count)), 0.002, 10),
        entry_price=MARK * (1 + 0.02 * draws.standard_normal(count)),
        margin=unknown,
        leverage=draws.integers(2, 20, count).astype(np.float64),
        is_cross=np.zeros(count, dtype=np.bool_),
        liquidation_price=unknown.copy(),
        source="made up",
    )


def margins(book: PositionBook) -> NDArray[np.float64]:
    """Give the margins that the leverages imply."""
    return book.qty_raw * book.entry_price / book.leverage


def positions(book: PositionBook, count: int) -> list[Position]:
    """Make objects of the first positions."""
    behind = margins(book)
    return [
        Position(
            instrument=book.instruments[0],
            side=Side.LONG if book.is_long[at] else Side.SHORT,
            qty_raw=float(book.qty_raw[at]),
            entry_price=float(book.entry_price[at]),
            margin=float(behind[at]),
        )
        for at in range(count)
    ]


def prices() -> str:
    """Compare bulk prices with a loop over the scalar function."""
    instrument, tiers = contract()
    book = made_up(POSITIONS)
    behind, rules = margins(book), binance.rules_at("usdm")
    sample = positions(book, SAMPLE)

    def bulk() -> NDArray[np.float64]:
        return many_liquidation_prices(
            instrument, tiers, book.qty_raw, book.is_long, book.entry_price, behind
        ).price

    def loop() -> list[float | None]:
        return [rules.liquidation_price(one, tiers).price for one in sample]

    said = [np.nan if price is None else price for price in loop()]
    np.testing.assert_allclose(bulk()[:SAMPLE], said, rtol=1e-9)
    timing = side_by_side({"bulk": bulk, "loop": loop})
    ratio = timing.ratio("bulk", "loop") * SAMPLE / POSITIONS
    text = (
        f"prices of {POSITIONS:,} under {len(tiers.tiers)} tiers: 1/{1 / ratio:.0f} of a Python"
        f" loop ({timing.ns('bulk', POSITIONS):.0f} ns against"
        f" {timing.ns('loop', SAMPLE):,.0f} ns a position)"
    )
    return verdict(ratio, OF_LOOP, text=text)


def falling(book: PositionBook, tiers: TierTable) -> list[int]:
    """Count who is liquidated at each mark, by prices found once."""
    price = many_liquidation_prices(
        book.instruments[0], tiers, book.qty_raw, book.is_long, book.entry_price, margins(book)
    ).price
    longs, shorts = price[book.is_long], price[~book.is_long]
    below = [int((longs >= mark).sum() + (shorts <= MARKS[0]).sum()) for mark in MARKS]
    return [now - before for now, before in zip(below, [0, *below[:-1]], strict=True)]


def engine_of(lrvx: Any, book: PositionBook, rate: float) -> Any:
    """Fill lrvx's engine: one account a position, no impact, no deleveraging, a full fund."""
    engine = lrvx.LiquidationEngine()
    engine.add_tier(0.0, rate)
    engine.set_adl_enabled(False)
    engine.set_mark_impact_model("none")
    engine.set_liquidation_slippage_bps(0.0)
    engine.set_insurance_fund_capital(1e15)
    signed = np.where(book.is_long, book.qty_raw, -book.qty_raw)
    rows = zip(signed.tolist(), book.entry_price.tolist(), margins(book).tolist(), strict=True)
    for number, (qty, entry, margin) in enumerate(rows):
        engine.open_position(number, 1, qty, entry, margin)
    return engine


def rounds() -> str:
    """Compare 20 steps of the mark with lrvx's engine."""
    try:
        lrvx: Any = importlib.import_module("lrvx")
    except ImportError as error:
        return f"rounds beside lrvx: not measured, it cannot be loaded ({error})"
    book, rate = made_up(ROUND_POSITIONS), 0.005
    flat = table_of(contract()[0].symbol, [(0, 1e12, rate, 0, 125)], "made up")
    falling(book, flat)
    ratios, spent = [], []
    for _ in range(ROUNDS):
        engine = engine_of(lrvx, book, rate)
        began = time.process_time()
        theirs = [int(engine.on_mark(1, float(mark))["liquidations_count"]) for mark in MARKS]
        middle = time.process_time()
        ours = falling(book, flat)
        spent.append((time.process_time() - middle, middle - began))
        ratios.append(spent[-1][0] / spent[-1][1])
        assert ours == theirs, (ours, theirs)
    mine, peer = (statistics.median(side) * 1e3 for side in zip(*spent, strict=True))
    return (
        f"{len(MARKS)} rounds of {ROUND_POSITIONS:,} positions, one flat tier:"
        f" 1/{1 / statistics.median(ratios):.0f} of lrvx ({mine:.1f} ms against {peer:,.0f} ms,"
        f" {sum(ours):,} liquidated by both)"
    )


def ladder() -> str:
    """Time a ladder by tick beside a sort."""
    book, (_, tiers) = made_up(LADDER), contract()
    price = np.random.default_rng(2).permutation(book.entry_price)

    def ours() -> float:
        found = ladder_of(book, "BTCUSDT", MARK, tiers=tiers, tick=TICK)
        return found.layers[0].longs.total_usd

    def sort() -> float:
        order = np.argsort(price)
        return float(price[order][0] + book.qty_raw[order][0] + book.entry_price[order][0])

    timing = side_by_side({"ours": ours, "sort": sort}, windows=3)
    return (
        f"ladder of {LADDER:,} positions by tick, prices and checks in it:"
        f" {timing.ns('ours', LADDER):.0f} ns a position, {timing.ratio('ours', 'sort'):.2f} of"
        f" numpy's argsort and take alone ({timing.ns('sort', LADDER):.0f} ns)"
    )


def memory_of(tick: float | None) -> float:
    """Measure in this process: peak of a ladder over the bytes of its book."""
    tiers = contract()[1]
    ladder_of(made_up(1_000), "BTCUSDT", MARK, tiers=tiers, tick=tick)
    before = _held_bytes()
    book = made_up(LADDER)
    size = sum(getattr(book, name).nbytes for name in COLUMNS)
    ladder_of(book, "BTCUSDT", MARK, tiers=tiers, tick=tick)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return (peak - before) / float(size)


def _held_bytes() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()


def memory() -> list[str]:
    """Measure the peak in a process of its own, by tick and with a level a position."""
    lines = []
    for name, tick in (("by tick", str(TICK)), ("with a level a position", "")):
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", "benchmarks.bench_positions", tick],
            check=True,
            capture_output=True,
            text=True,
        )
        ratio = float(done.stdout)
        text = f"ladder of {LADDER:,} positions {name}: peak memory {ratio:.2f} of the book"
        lines.append(verdict(ratio, OF_INPUT, text=text))
    return lines


def run() -> list[str]:
    """Time prices, rounds and the ladder, and weigh it."""
    # lrvx first: its library asks for memory that is gone once numba is loaded.
    return [rounds(), prices(), ladder(), *memory()]


if __name__ == "__main__":
    print(memory_of(float(sys.argv[1]) if sys.argv[1] else None))
