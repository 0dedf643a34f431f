"""L2 books beside hftbacktest and nautilus: nanoseconds a level update, best prices read each time.

All apply the same updates of one book (the recorded bitcoin books of Binance if ``AIRPOCKET_DATA``
has them, else a random one), from arrays or objects that were made before: hftbacktest its whole
backtest loop (``wait_next_feed``, then both best ticks), once with its local book only, the least
it can do, nautilus ``OrderBook.apply_delta``. Ours are the public calls: ``replay`` for all in
bulk, with quotes after every level, and ``Book.apply`` for each change as it comes. Peer and ours
alternate in one process; the best prices at the end must agree.
"""

import gzip
import importlib.util
import os
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from airpocket.market.book import Book
from airpocket.market.events import BookChange
from airpocket.market.levels import LevelColumns, replay
from airpocket.market.sequence import SequenceRule
from airpocket.venues.binance.wire import open_wire

ROUNDS = 7
TICK = 0.1
CHANGES = 6_000
Best = tuple[float, float]
LINKED = SequenceRule.LINKED


def recorded(product: str) -> list[BookChange]:
    """Return the snapshot of the recorded book and the changes it lacks, or nothing."""
    folder = Path(os.environ.get("AIRPOCKET_DATA", "../shared/data")) / "l2_book"
    wire, changes = open_wire(), []
    for path in sorted(folder.glob(f"binance_{product}_*.raw.gz")):
        with gzip.open(path) as lines:
            for line in lines:
                if b'"depthUpdate"' in line or b'"lastUpdateId"' in line:
                    local_ns, _, data = line.partition(b" ")
                    decoded = wire.decode(data, local_ns=int(local_ns))
                    changes += [e for e in decoded.events if isinstance(e, BookChange)]
    first = next((k for k, change in enumerate(changes) if change.is_snapshot), None)
    if first is None:
        return []
    snapshot, waiting = changes[first], changes[:first]
    lacking = [change for change in waiting if change.last_update_id >= snapshot.last_update_id]
    return [snapshot, *lacking, *changes[first + 1 :]]  # peers know nothing of numbers


def invented() -> list[BookChange]:
    """Return changes of a book whose price walks at random."""
    draws = random.Random(1)  # noqa: S311 - not a secret
    mid, changes = 600_000, []
    for number in range(CHANGES):
        mid += draws.randrange(-20, 21)
        whole = number == 0
        count = 1_000 if whole else 30
        distances = (
            range(1, count + 1)
            if whole
            else [1 + int(draws.expovariate(0.02)) for _ in range(count)]
        )
        bids = {
            mid - d: 0.0 if draws.random() < 0.4 and not whole else draws.random()
            for d in distances
        }
        asks = {
            mid + d: 0.0 if draws.random() < 0.4 and not whole else draws.random()
            for d in distances
        }
        if not whole:  # what the price passed is gone
            bids |= {mid + d: 0.0 for d in range(25)}
            asks |= {mid - d: 0.0 for d in range(25)}
        changes.append(
            BookChange(
                venue="binance", symbol=None, raw_symbol="BTCUSDT", is_snapshot=whole,
                bids=[(tick * TICK, qty) for tick, qty in bids.items()],
                asks=[(tick * TICK, qty) for tick, qty in asks.items()],
                first_update_id=number, last_update_id=number, previous_update_id=number - 1,
                venue_ns=1_760_000_000_000_000_000 + number * 50_000_000,
            )
        )  # fmt: skip
    return changes


def flat(changes: list[BookChange]) -> list[tuple[int, bool, float, float]]:
    """Return (number of change, is bid, price, quantity) of each level."""
    return [
        (number, is_bid, price, qty)
        for number, change in enumerate(changes)
        for is_bid, side in ((True, change.bids), (False, change.asks))
        for price, qty in side
    ]


def our_book(changes: list[BookChange]) -> Callable[[], Best]:
    """Apply the changes one by one."""

    def act() -> Best:
        book = Book(LINKED)
        for change in changes:
            book.apply(change)
            best = book.best()
        assert best is not None
        return best

    return act


def our_replay(levels: LevelColumns) -> Callable[[], Best]:
    """Replay them in bulk."""

    def act() -> Best:
        quotes = replay(levels, LINKED, each_level=True)
        return float(quotes.bids[-1]), float(quotes.asks[-1])

    return act


# Peers are imported where they are used: either may be missing.
# ruff: noqa: PLC0415


def hftbacktest_loops(changes: list[BookChange]) -> dict[str, Callable[[], Best]]:
    """Return the loops of hftbacktest by what they do: its two books, with and without exchange."""
    import hftbacktest as hft
    import numba
    from hftbacktest.binding import event_dtype

    rows = flat(changes)
    events = np.zeros(len(rows), event_dtype)
    times = [changes[number].venue_ns for number, *_ in rows]
    events["exch_ts"] = times
    events["local_ts"] = np.array(times) + 1_000_000
    events["px"] = [price for _, _, price, _ in rows]
    events["qty"] = [qty for *_, qty in rows]
    side = np.where([is_bid for _, is_bid, _, _ in rows], hft.BUY_EVENT, hft.SELL_EVENT)
    low = float(np.floor(events["px"].min())) - 1
    high = float(np.ceil(events["px"].max())) + 1

    @numba.njit
    def loop(backtest: Any) -> tuple[int, int, int]:
        seen = total = 0
        while backtest.wait_next_feed(False, 10**18) == 2:
            depth = backtest.depth(0)
            total += depth.best_bid_tick + depth.best_ask_tick
            seen += 1
        depth = backtest.depth(0)
        return seen, depth.best_bid_tick, depth.best_ask_tick

    def prepare(flags: int, build: Any) -> Callable[[], Best]:
        events["ev"] = side | hft.DEPTH_EVENT | flags
        data = events.copy()

        def act() -> Best:
            asset = (
                hft.BacktestAsset()
                .data([data])
                .linear_asset(1.0)
                .constant_order_latency(0, 0)
                .risk_adverse_queue_model()
                .no_partial_fill_exchange()
                .trading_value_fee_model(0.0, 0.0)
                .tick_size(TICK)
                .lot_size(0.001)
                .roi_lb(low)
                .roi_ub(high)
            )
            backtest = build([asset])
            _, bid, ask = loop(backtest)
            backtest.close()
            return bid * TICK, ask * TICK

        return act

    both = hft.EXCH_EVENT | hft.LOCAL_EVENT
    return {
        "hftbacktest, ROI vector": prepare(both, hft.ROIVectorMarketDepthBacktest),
        "hftbacktest, ROI vector, local book only": prepare(
            hft.LOCAL_EVENT, hft.ROIVectorMarketDepthBacktest
        ),
        "hftbacktest, hash map": prepare(both, hft.HashMapMarketDepthBacktest),
    }


def nautilus_loop(changes: list[BookChange]) -> dict[str, Callable[[], Best]]:
    """Return the loop of nautilus over deltas that were made before."""
    from nautilus_trader.model.book import OrderBook
    from nautilus_trader.model.data import BookOrder, OrderBookDelta
    from nautilus_trader.model.enums import BookAction, BookType, OrderSide
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.objects import Price, Quantity

    instrument = InstrumentId.from_str("BTCUSDT-PERP.BINANCE")
    deltas = []
    for number, is_bid, price, qty in flat(changes):
        order = BookOrder(
            OrderSide.BUY if is_bid else OrderSide.SELL, Price(price, 1), Quantity(qty, 3), 0
        )
        action = BookAction.UPDATE if qty > 0 else BookAction.DELETE
        moment = changes[number].venue_ns
        deltas.append(OrderBookDelta(instrument, action, order, 0, number, moment, moment))

    def act() -> Best:
        book = OrderBook(instrument, BookType.L2_MBP)
        for delta in deltas:
            book.apply_delta(delta)
            book.best_bid_price()
            book.best_ask_price()
        return float(book.best_bid_price()), float(book.best_ask_price())

    def act_unread() -> Best:
        book = OrderBook(instrument, BookType.L2_MBP)
        for delta in deltas:
            book.apply_delta(delta)
        return float(book.best_bid_price()), float(book.best_ask_price())

    return {"nautilus apply_delta": act, "nautilus apply_delta, best not read": act_unread}


def alternate(acts: dict[str, Callable[[], Best]]) -> dict[str, float]:
    """Run all in turn; the median seconds of each. Their best prices at the end must agree."""
    ends = {name: act() for name, act in acts.items()}
    expected = next(iter(ends.values()))
    for name, end in ends.items():
        assert np.allclose(end, expected, rtol=0, atol=TICK / 4), (name, end, expected)
    taken: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(ROUNDS):
        for name, act in acts.items():
            began = time.perf_counter()
            act()
            taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(times) for name, times in taken.items()}


def run() -> list[str]:
    """Return the lines of this benchmark."""
    books = {
        "recorded BTCUSDT, 68 levels a change": recorded("um"),
        "recorded BTCUSD_PERP, 11 levels a change": recorded("cm"),
    }
    if not all(books.values()):
        books = {"invented book": invented()}
    return [line for what, changes in books.items() for line in compare(what, changes)]


def compare(what: str, changes: list[BookChange]) -> list[str]:
    """Measure all on one book."""
    began = time.perf_counter()
    levels = LevelColumns.gather(changes)
    gathered_s = time.perf_counter() - began
    acts = {"replay": our_replay(levels), "Book.apply": our_book(changes)}
    missing = []
    for peer, make in (("hftbacktest", hftbacktest_loops), ("nautilus_trader", nautilus_loop)):
        if importlib.util.find_spec(peer) is None:
            missing.append(f"not measured: {peer} is not installed")
        else:
            acts |= make(changes)
    taken = alternate(acts)
    count = len(levels)
    lines = [
        f"{what}: {len(changes):,} changes, {count:,} levels; median of {ROUNDS}, in turn",
        f"ours, replay in bulk: {taken['replay'] / count * 1e9:.1f} ns a level",
        f"ours, LevelColumns.gather, once: {gathered_s / count * 1e9:.0f} ns a level",
        f"ours, Book.apply: {taken['Book.apply'] / count * 1e9:.0f} ns a level",
    ]
    for name, seconds in taken.items():
        if name not in {"replay", "Book.apply"}:
            lines.append(
                f"{name}: {seconds / count * 1e9:.0f} ns a level,"
                f" {seconds / taken['replay']:.1f} times replay,"
                f" {seconds / taken['Book.apply']:.2f} times Book.apply"
            )
    return lines + missing
