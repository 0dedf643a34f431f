"""Crowds: totals to the last lot, nobody taken, published shares, streams that keep apart."""

import hashlib
import math
import os
import subprocess
import sys
import tracemalloc
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from numpy.typing import NDArray

from airpocket.cascade.crowd import Crowd, draw_crowd, stream_key
from airpocket.cascade.crowd_spec import (
    BITMEX_CROWD,
    HYPERLIQUID_CROWD,
    MIXES,
    RETAIL_CROWD,
    CrowdMix,
    CrowdSpec,
    LogNormalEntries,
    OrderHabits,
    PathEntries,
    leverage_around,
)
from airpocket.cascade.tick_margin import tick_prices, tick_tiers
from airpocket.cascade.tick_margin_kernels import NEVER, is_taken
from airpocket.errors import InputError
from airpocket.leverage.margin import MarginRules
from airpocket.leverage.position import MarginMode, Position
from airpocket.leverage.position_ladder import ladder_of
from airpocket.leverage.position_prices import prices_of, refuse_above_cap
from airpocket.leverage.tiers import TierTable
from airpocket.market.events import Side
from airpocket.venues.register import rules_for
from tests.cascade.crowds import MARK_TICK, SYMBOL, coin, contract, one_tier, tier_table

_COUNT = 60_000
_COLUMNS = (
    "is_long", "lots", "entry_tick", "leverage_milli", "margin_micro", "liquidation_tick",
    "bankruptcy_tick",
)  # fmt: skip


def _spec(mix: CrowdMix = HYPERLIQUID_CROWD, count: int = _COUNT, **changed: object) -> CrowdSpec:
    spec = CrowdSpec(mix=mix, positions=count, open_interest_usd=7630.0 * count)
    return structs.replace(spec, **changed) if changed else spec


def _draw(spec: CrowdSpec, seed: int = 1, tiers: TierTable | None = None) -> Crowd:
    return draw_crowd(spec, contract(), tiers or tier_table(), mark_tick=MARK_TICK, seed=seed)


@cache
def _preset(name: str, seed: int = 1) -> Crowd:
    return _draw(_spec(MIXES[name]), seed)


def _hash(crowd: Crowd) -> str:
    digest = hashlib.sha256()
    for name in _COLUMNS:
        digest.update(getattr(crowd, name).tobytes())
    digest.update(crowd.orders.tick.tobytes())
    return digest.hexdigest()


def _share(crowd: Crowd, low: float, high: float, *, by_lots: bool = True) -> float:
    inside = (crowd.leverage_milli >= 1000 * low) & (crowd.leverage_milli < 1000 * high)
    weight = crowd.lots if by_lots else np.ones(crowd.size)
    return float(weight[inside].sum() / weight.sum())


def _is_sound(crowd: Crowd, is_long: NDArray[np.bool_], taken_at: NDArray[np.int64]) -> bool:
    """I01 and I04 to the last lot, and nobody taken at the mark."""
    longs, shorts = int(crowd.lots[is_long].sum()), int(crowd.lots[~is_long].sum())
    apart = np.where(is_long, taken_at < crowd.mark_tick, taken_at > crowd.mark_tick)
    return longs == shorts == crowd.open_interest_lots and bool(apart.all())


_PATH = 61_400 * np.exp(0.08 * np.sin(np.arange(500) / 40))


@settings(max_examples=40, database=None, deadline=None)
@given(
    st.integers(-(2**70), 2**70),
    st.integers(2, 400),
    st.sampled_from(sorted(MIXES)),
    st.floats(0.05, 0.95),
    st.floats(-1, 1),
    st.sampled_from([LogNormalEntries(0.0), LogNormalEntries(0.3), PathEntries(_PATH, 60.0)]),
    st.floats(200.0, 5e5),
)
def test_lots_balance_exactly_and_nobody_is_taken(
    seed: int,
    count: int,
    name: str,
    long_share: float,
    correlation: float,
    entries: LogNormalEntries | PathEntries,
    usd: float,
) -> None:
    mix = structs.replace(MIXES[name], long_share=long_share, size_leverage_correlation=correlation)
    spec = CrowdSpec(
        mix=mix, positions=count, open_interest_usd=usd * count, entries=entries,
        orders=OrderHabits(take_profit_share=0.5),
    )  # fmt: skip
    crowd = _draw(spec, seed)
    assert _is_sound(crowd, crowd.is_long, crowd.liquidation_tick)
    assert crowd.open_interest_lots == int(usd * count * 10**6 / (100 * MARK_TICK))
    assert crowd.lots.min() >= 1
    refuse_above_cap(crowd.book(), tier_table(), lambda row: row)
    # Margin is the value at entry over the leverage, rounded up.
    value = crowd.lots.astype(object) * crowd.entry_tick.astype(object) * 100
    exact = [
        -(-whole * 1000 // int(by)) for whole, by in zip(value, crowd.leverage_milli, strict=True)
    ]
    assert crowd.margin_micro.tolist() == exact


def test_planted_lots_and_ticks_are_noticed() -> None:
    crowd = _preset("retail")
    assert _is_sound(crowd, crowd.is_long, crowd.liquidation_tick)
    swapped = crowd.is_long.copy()
    swapped[0] = False
    assert not _is_sound(crowd, swapped, crowd.liquidation_tick)
    one_more = structs.replace(crowd, lots=crowd.lots + (np.arange(crowd.size) == crowd.size - 1))
    assert not _is_sound(one_more, crowd.is_long, crowd.liquidation_tick)
    at_mark = crowd.liquidation_tick.copy()
    at_mark[-1] = crowd.mark_tick
    assert not _is_sound(crowd, crowd.is_long, at_mark)


def test_the_venue_itself_would_take_nobody() -> None:
    crowd, rules = _preset("retail"), rules_for(contract())
    nearest = np.argsort(np.abs(crowd.liquidation_tick - MARK_TICK))[:24]
    for row in nearest.tolist():
        taken_at = int(crowd.liquidation_tick[row]) / 10
        step = 0.1 if crowd.is_long[row] else -0.1
        assert not _is_liquidatable(crowd, row, MARK_TICK / 10, rules)
        assert not _is_liquidatable(crowd, row, taken_at + step, rules)
        assert _is_liquidatable(crowd, row, taken_at - step, rules)


def _is_liquidatable(crowd: Crowd, row: int, price: float, rules: MarginRules) -> bool:
    position = Position(
        instrument=crowd.instrument,
        side=Side.LONG if crowd.is_long[row] else Side.SHORT,
        qty_raw=float(crowd.lots[row] * 0.001),
        entry_price=float(crowd.entry_tick[row] * 0.1),
        mode=MarginMode.ISOLATED,
        margin=float(crowd.margin_micro[row] / 10**6),
        leverage=float(crowd.leverage_milli[row] / 1000),
    )
    return rules.closing(position, price, tier_table()).is_liquidatable


@pytest.mark.parametrize("name", sorted(MIXES))
def test_ticks_are_those_that_the_book_is_priced_at(name: str) -> None:
    crowd = _preset(name)
    price = prices_of(crowd.book(), tiers=tier_table()).price
    none = np.isnan(price)
    assert bool(np.all(np.isin(crowd.liquidation_tick[none], (0, NEVER))))
    away = np.where(
        crowd.is_long, price * 10 - crowd.liquidation_tick, crowd.liquidation_tick - price * 10
    )
    assert away[~none].min() > -1e-6
    assert away[~none].max() < 1 + 1e-6


# What each preset is published as: share, from, to, by lots or by positions.
_PUBLISHED = [
    ("hyperliquid", 0, 3, 0.36, True),
    ("hyperliquid", 3, 7, 0.49, True),
    ("hyperliquid", 7, 200, 0.15, True),
    ("retail", 5, 5.001, 0.15, False),
    ("retail", 10, 10.001, 0.30, False),
    ("retail", 25, 25.001, 0.25, False),
    ("bitmex", 50, 200, 0.20, True),
]


@pytest.mark.parametrize(("name", "low", "high", "share", "by_lots"), _PUBLISHED)
def test_presets_have_the_published_shares(
    name: str,
    low: float,
    high: float,
    share: float,
    by_lots: bool,  # noqa: FBT001
) -> None:
    for seed in (1, 2):  # relabelling seeds changes positions, not shares
        crowd = _preset(name, seed)
        # Tiers cut the largest ones' leverage, and a share ends within a position.
        slack = crowd.cut * float(crowd.lots.max()) / crowd.lots.sum() if by_lots else 0.0
        largest = float(crowd.lots.max() / crowd.lots.sum()) if by_lots else crowd.cut / crowd.size
        found = _share(crowd, low, high, by_lots=by_lots)
        assert abs(found - share) < largest + min(slack, 0.02) + 1e-3
    assert _preset(name, 1).lots.tolist() != _preset(name, 2).lots.tolist()


def test_one_preset_is_not_another() -> None:
    for name, low, high, share, by_lots in _PUBLISHED:
        others = (other for other in MIXES if other != name)
        assert all(
            abs(_share(_preset(other), low, high, by_lots=by_lots) - share) > 0.02
            for other in others
        )  # fmt: skip


def test_bitmex_has_its_mean_and_its_80_percent() -> None:
    crowd = _preset("bitmex")
    mean = float(np.average(crowd.leverage_milli, weights=crowd.lots)) / 1000
    assert 22 <= mean <= 30
    assert _share(crowd, 0, 54) >= 0.79


def test_sides_may_have_leverages_of_their_own() -> None:
    mix = structs.replace(BITMEX_CROWD, leverage_of_shorts=leverage_around(30.0))
    crowd, both = _draw(_spec(mix)), _preset("bitmex")
    longs = crowd.is_long
    assert crowd.leverage_milli[longs].tolist() == both.leverage_milli[longs].tolist()
    assert np.mean(crowd.leverage_milli[~longs] == 30_000) > 0.99


@pytest.mark.parametrize("name", sorted(MIXES))
def test_sizes_have_the_measured_tail(name: str) -> None:
    crowd = _preset(name)
    for side in (crowd.is_long, ~crowd.is_long):
        lots = crowd.lots[side]
        p95, p99 = np.quantile(lots, (0.95, 0.99))
        assert 0.93 <= math.log(5) / math.log(p99 / p95) <= 1.31
        # Above the coarseness of a lot: from the median up.
        middle, high = np.quantile(lots, (0.5, 0.8413447))
        assert 2.0 <= math.log(high / middle) <= 2.4


def test_small_positions_can_have_the_higher_leverage() -> None:
    mix = structs.replace(RETAIL_CROWD, size_leverage_correlation=-0.6)
    ranks = [
        np.corrcoef(np.argsort(np.argsort(c.lots)), c.leverage_milli)[0, 1]
        for c in (_draw(_spec(mix)), _preset("retail"))
    ]
    assert ranks[0] < -0.45
    assert abs(ranks[1]) < 0.02
    crowd = _draw(_spec(mix))
    assert _share(crowd, 5, 5.001, by_lots=False) == pytest.approx(0.15, abs=0.003)


def test_the_same_seed_gives_the_same_in_another_process() -> None:  # I14
    code = (
        "from tests.cascade import test_crowd as t;"
        "print(t._hash(t._draw(t._spec(t.RETAIL_CROWD, 500, orders=t.OrderHabits()), 9)))"
    )
    here = _hash(_draw(_spec(RETAIL_CROWD, 500, orders=OrderHabits()), 9))
    there = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "77"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stdout.strip() == here
    assert _hash(_draw(_spec(RETAIL_CROWD, 500, orders=OrderHabits()), 10)) != here


def test_streams_do_not_disturb_each_other() -> None:
    plain = _preset("hyperliquid")
    with_orders = _draw(_spec(orders=OrderHabits()))
    assert [getattr(with_orders, name).tolist() for name in _COLUMNS] == [
        getattr(plain, name).tolist() for name in _COLUMNS
    ]
    both = _draw(_spec(orders=OrderHabits(take_profit_share=0.3)))
    stops = both.orders.is_stop
    assert both.orders.tick[stops].tolist() == with_orders.orders.tick.tolist()
    # Another leverage or entry leaves sizes; another entry leaves leverage.
    other = _draw(_spec(structs.replace(HYPERLIQUID_CROWD, leverage=leverage_around(4.0))))
    assert other.lots.tolist() == plain.lots.tolist()
    moved = _draw(_spec(entries=LogNormalEntries(0.01)))
    assert moved.leverage_milli.tolist() == plain.leverage_milli.tolist()
    # Entries of all whom neither leverage forbids the first draw.
    same = float(np.mean(other.entry_tick == plain.entry_tick))
    assert same > 0.8


def test_streams_of_two_venues_have_nothing_in_common() -> None:
    spec = _spec(count=20_000)
    ours = _draw(spec, 1)
    theirs = draw_crowd(spec, coin(), tier_table(), mark_tick=MARK_TICK, seed=1)
    assert theirs.open_interest_lots == ours.open_interest_lots
    assert abs(float(np.corrcoef(np.log(ours.lots), np.log(theirs.lots))[0, 1])) < 0.03
    assert stream_key(11, "1/x") != stream_key(1, "11/x")


def _within(crowd: Crowd, fraction: float) -> int:
    """Lots of longs that a fall of a fraction takes."""
    reached = crowd.liquidation_tick >= crowd.mark_tick * (1 - fraction)
    return int(crowd.lots[crowd.is_long & reached].sum())


def test_concentrated_leverage_lies_closer_together_at_equal_open_interest() -> None:
    entries = LogNormalEntries(0.002)
    crowds = [
        _draw(_spec(structs.replace(RETAIL_CROWD, leverage=leverage_around(20.0, factor)), entries=entries))
        for factor in (1.0, 6.0)
    ]  # fmt: skip
    assert crowds[0].lots.tolist() == crowds[1].lots.tolist()
    concentrated, dispersed = (_within(c, 0.06) - _within(c, 0.03) for c in crowds)
    assert concentrated > 2.5 * dispersed


def test_split_positions_are_taken_where_the_whole_one_is() -> None:
    crowd = _draw(_spec(), tiers=one_tier())
    even = np.flatnonzero(crowd.lots % 2 == 0)[:5000]
    is_long, half = crowd.is_long[even], crowd.lots[even] // 2
    entry, by = crowd.entry_tick[even], crowd.leverage_milli[even].astype(np.int64)
    margin = -(-half * entry * 100 * 1000 // by)
    halves = tick_prices(contract(), one_tier(), is_long, half, entry, margin)
    # A margin rounded up twice is a micro-dollar more: outward, and a tick at the most.
    for ours, whole in (
        (halves.liquidation_tick, crowd.liquidation_tick[even]),
        (halves.bankruptcy_tick, crowd.bankruptcy_tick[even]),
    ):
        outward = np.where(is_long, whole - ours, ours - whole)
        assert set(outward.tolist()) <= {0, 1}
        assert np.mean(outward) < 0.01


def test_order_of_rows_makes_no_difference_to_the_ladder() -> None:  # I19
    book = _preset("retail").book()
    order = np.random.default_rng(1).permutation(book.size)
    ladders = [
        ladder_of(some, SYMBOL, MARK_TICK / 10, tiers=tier_table(), tick=0.1)
        for some in (book, book.rows(order))
    ]
    first, second = (ladder.layers[0] for ladder in ladders)
    for side in ("longs", "shorts"):
        ours, theirs = getattr(first, side), getattr(second, side)
        assert ours.price.tolist() == theirs.price.tolist()
        assert ours.qty_base == pytest.approx(theirs.qty_base)


def test_who_would_not_have_survived_the_path_is_not_there() -> None:
    dip = np.concatenate((np.full(300, 61_500.0), np.full(3, 50_000.0), np.full(300, 61_400.0)))
    mix = structs.replace(RETAIL_CROWD, leverage=leverage_around(10.0))
    spec = _spec(mix, 20_000, entries=PathEntries(dip))
    crowd = _draw(spec, tiers=one_tier())
    before = crowd.entry_tick == 615_000
    assert not before[crowd.is_long].any()
    assert 0.4 < before[~crowd.is_long].mean() < 0.6
    # Planted: judged by the present mark alone, they would be there.
    whole = tick_tiers(contract(), one_tier())
    margin = 10 * 615_000 * 100 // 10
    assert is_taken(500_000, True, 10, 615_000, margin, whole)
    assert not is_taken(MARK_TICK, True, 10, 615_000, margin, whole)
    assert crowd.at_mark == 0
    risen = PathEntries(np.append(np.full(1000, 80_000.0), [30_000.0, 130_000.0]))
    assert 500 < _draw(_spec(mix, 2000, entries=risen), tiers=one_tier()).at_mark < 2000


def test_orders_close_positions_between_mark_and_liquidation() -> None:
    crowd = _draw(_spec(orders=OrderHabits(stop_share=0.4, take_profit_share=0.2)))
    orders = crowd.orders
    assert len(set(orders.position[orders.is_stop].tolist())) == orders.is_stop.sum() > 1000
    is_long, taken_at = crowd.is_long[orders.position], crowd.liquidation_tick[orders.position]
    stops = orders.is_stop
    low = np.where(is_long, taken_at, MARK_TICK)
    high = np.where(is_long, MARK_TICK, taken_at)
    assert bool(np.all((low < orders.tick)[stops] & (orders.tick < high)[stops]))
    profits = orders.tick[~stops]
    assert np.mean(profits % 5000 == 0) == pytest.approx(0.7, abs=0.03)
    assert bool(np.all((profits > MARK_TICK) == is_long[~stops]))
    assert _preset("retail").orders.tick.size == 0


def _refused(said: str, spec: CrowdSpec, tiers: TierTable | None = None) -> None:
    with pytest.raises(InputError, match=said):
        _draw(spec, tiers=tiers)


def test_what_cannot_be_held_is_refused() -> None:
    _refused("can hold 5,600 to", _spec(count=10_000, open_interest_usd=1000.0))
    small = one_tier()
    small = structs.replace(small, tiers=(structs.replace(small.tiers[0], up_to=1e4),))
    _refused("positions can hold", _spec(count=10, open_interest_usd=1e6), small)
    _refused("which a mark of 61400", _spec(entries=PathEntries(np.array([1e9]))))
    _refused("their own entry", _spec(RETAIL_CROWD), one_tier(0.02, 100.0))
    with pytest.raises(InputError, match="mark_tick of 0"):
        draw_crowd(_spec(), contract(), tier_table(), mark_tick=0, seed=1)
    with pytest.raises(InputError, match="must be whole"):
        draw_crowd(_spec(), coin(tick=1e-7), tier_table(), mark_tick=10, seed=1)


def test_the_smallest_lots_and_the_largest_total_do_not_overflow() -> None:
    tiny = coin(tick=0.001, lot=0.001)
    spec = CrowdSpec(mix=RETAIL_CROWD, positions=50, open_interest_usd=1e6)
    crowd = draw_crowd(spec, tiny, one_tier(), mark_tick=1, seed=1)  # a lot is a micro-dollar
    assert crowd.open_interest_lots == 10**12
    assert crowd.lots.min() >= 1
    assert _is_sound(crowd, crowd.is_long, crowd.liquidation_tick)
    with pytest.raises(InputError, match=f"{1 << 46:,}"):
        draw_crowd(
            structs.replace(spec, open_interest_usd=1e9), tiny, one_tier(), mark_tick=1, seed=1
        )


def test_a_position_takes_less_than_200_bytes() -> None:
    spec = _spec(orders=OrderHabits(take_profit_share=0.2))
    _draw(spec)  # compiled kernels are no part of it
    tracemalloc.start()
    crowd = _draw(spec)
    _, peak = tracemalloc.get_traced_memory()
    book = crowd.book()
    _, with_book = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert crowd.nbytes / crowd.size < 60
    assert max(peak, with_book) / book.size < 200
