"""Settling a shock: what is told, why it ends, and what is refused."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.cascade.impact import BookWalk, Curve, Impact, SquareRoot
from airpocket.cascade.outcome import StopReason
from airpocket.cascade.settle import prepare, settle, settle_both
from airpocket.cascade.shock import Buying, Shock
from airpocket.errors import InputError
from airpocket.leverage.ladder import Ladder, Provenance
from airpocket.market.events import Side
from tests.cascade.laws import FIRST, LAWS, LEVELS, SIDES, book, ladder_at
from tests.cascade.test_kernels import least_rest

LONGS = ladder_at([0.02, 0.03, 0.05, 0.30], [1e6, 2e6, 4e6, 8e6], Side.LONG)
BOOK = book([1e6] * 20, [0.005] * 20)  # 0.5 % a million, 20 millions in sight


def _move(by: float, **more: object) -> Shock:
    return Shock(side=Side.LONG, move=by, **more)  # type: ignore[arg-type]


def test_waves_by_hand() -> None:
    settled = settle(LONGS, BOOK, Shock.by_move(-0.02))
    # 2 %: one million sold moves it to 2.5 %, which is no level.
    assert [(w.number, w.from_price, w.to_price, w.notional_usd) for w in settled.waves] == [
        (0, 100.0, 98.0, 1e6), (1, 98.0, 97.5, 0.0),
    ]  # fmt: skip
    assert (settled.waves_count, settled.stop) == (2, StopReason.SETTLED)
    assert (settled.shock, settled.fall, settled.shocked_price) == (0.02, 0.025, 98.0)
    assert settled.amplification == pytest.approx(1.25)
    on = settle(LONGS, BOOK, Shock.by_move(-0.026))
    # 2.6 %: to 3.1 %, three millions to 4.1 %; at 3.5 % the third level would come in.
    assert [w.notional_usd for w in on.waves] == [1e6, 2e6, 0.0]
    assert on.fall == pytest.approx(0.041)
    run = settle(LONGS, BOOK, Shock.by_move(-0.036))
    assert [w.notional_usd for w in run.waves] == [3e6, 4e6, 0.0]
    assert run.fall == pytest.approx(0.071)
    assert (run.forced_usd, run.forced_count) == (7e6, None)
    assert run.forced_qty_base == pytest.approx(1e6 / 98 + 2e6 / 97 + 4e6 / 95)
    assert run.last_price == pytest.approx(92.9)
    assert run.law == "book_walk"
    assert run.waterfall.forced_usd == run.waterfall.unknown_usd == 7e6


def test_an_order_moves_the_price_before_anything_is_forced() -> None:
    settled = settle(LONGS, BOOK, Shock.by_sale(3.5e6))
    assert settled.shock == pytest.approx(0.02)  # four steps of the book
    assert [w.notional_usd for w in settled.waves] == [1e6, 0.0]
    assert settled.fall == pytest.approx(0.025)  # 4.5 millions: the fifth step
    both = settle(LONGS, BOOK, Shock(side=Side.LONG, move=-0.016, order_usd=1.0))
    assert both.shock == pytest.approx(0.021)
    assert both.fall == pytest.approx(0.026)


def test_folds_say_where_the_end_jumps() -> None:
    settled = settle(LONGS, BOOK, Shock.by_move(-0.001))
    assert [(f.shock, f.before, f.beyond) for f in settled.folds] == [
        pytest.approx((0.02, 0.02, 0.025)), pytest.approx((0.025, 0.03, 0.04)),
        pytest.approx((0.035, 0.05, 0.07)), pytest.approx((0.265, 0.30, 0.34)),
    ]  # fmt: skip
    assert settled.critical_shock == pytest.approx(0.02)
    assert settled.critical_order_usd is None
    large = settle(LONGS, BOOK, Shock.by_move(-0.001), jump_bps=150)
    assert large.critical_shock == pytest.approx(0.035)
    none = settle(LONGS, BOOK, Shock.by_move(-0.001), jump_bps=500)
    assert (none.folds, none.critical_shock) == ((), None)
    for fold in settled.folds:
        at, below = (
            settle(LONGS, BOOK, Shock.by_move(-fold.shock * (1 + eps))) for eps in (1e-9, -1e-9)
        )
        assert at.fall == pytest.approx(fold.beyond, abs=1e-8)
        assert below.fall == pytest.approx(fold.before, abs=1e-8)


def test_folds_of_an_order_are_orders() -> None:
    settled = settle(LONGS, BOOK, Shock.by_sale(1e6))
    assert settled.critical_order_usd == pytest.approx(3e6)
    first = settled.folds[0]
    assert first.order_usd == pytest.approx(3e6)
    assert settled.critical_shock == first.shock == pytest.approx(0.015)
    assert settle(LONGS, BOOK, Shock.by_sale(3e6 + 1)).fall == pytest.approx(first.beyond)
    assert settle(LONGS, BOOK, Shock.by_sale(3e6)).forced_usd == 0


@settings(max_examples=40, database=None)
@given(LEVELS, LAWS, st.floats(0.001, 0.3), SIDES, st.floats(0.0, 0.9))
def test_a_fold_parts_the_shocks(
    levels: list[tuple[float, float]], law: Impact, move: float, side: Side, absorbed: float
) -> None:
    ladder = prepare(ladder_at([x for x, _ in levels], [u for _, u in levels], side), side)
    sign = -1.0 if side is Side.LONG else 1.0
    settled = settle(ladder, law, Shock(side=side, move=sign * move, absorbed=absorbed), jump_bps=1)
    for fold in settled.folds:
        if 1e-6 < fold.shock < 0.9:
            ends = [
                settle(ladder, law, Shock(side=side, move=sign * at, absorbed=absorbed)).fall
                for at in (fold.shock - 1e-7, fold.shock + 1e-7)
            ]
            assert ends[0] <= fold.before + 1e-9
            assert ends[1] >= fold.beyond - 1e-9


_BUYING = st.lists(st.tuples(st.floats(0.001, 0.9), st.floats(1e3, 1e7)), min_size=1, max_size=5)


@settings(max_examples=60, database=None)
@given(LEVELS, _BUYING, LAWS, st.floats(0.0, 0.3), st.floats(1.0, 1e7), st.floats(0.0, 0.9))
def test_what_others_buy_holds_the_price(
    levels: list[tuple[float, float]],
    buying: list[tuple[float, float]],
    law: Impact,
    move: float,
    order: float,
    absorbed: float,
) -> None:
    ladder = ladder_at([x for x, _ in levels], [usd for _, usd in levels], Side.LONG)
    steps = sorted(dict(buying).items())
    others = Buying(np.array([x for x, _ in steps]), np.cumsum([usd for _, usd in steps]))
    shock = Shock(side=Side.LONG, move=-move, order_usd=order, absorbed=absorbed, buying=others)
    settled = settle(ladder, law, shock)
    distances = prepare(ladder, Side.LONG).distance.tolist()
    exact = list(zip(distances, prepare(ladder, Side.LONG).levels.notional_usd, strict=True))
    fall, forced = least_rest(exact, steps, law, move, order, 1 - absorbed)
    assert settled.fall == pytest.approx(fall, rel=1e-9, abs=1e-12)
    assert settled.forced_usd == pytest.approx(forced)
    alone = settle(ladder, law, Shock(side=Side.LONG, move=-move, order_usd=order,
        absorbed=absorbed))  # fmt: skip
    assert settled.fall <= alone.fall
    assert 0 <= settled.bought_usd <= min(others.at(settled.fall), (1 - absorbed) * forced + order)


_SHORT_BOOK = book([1e6] * 3, [0.005] * 3)


@pytest.mark.parametrize(
    ("shock", "law", "stop", "fall"),
    [
        (_move(-0.01), BOOK, StopReason.SETTLED, 0.01),
        # At 3.1 % the other buys all three millions.
        (
            _move(-0.026, buying=Buying(np.array([0.031]), np.array([3e6]))), BOOK,
            StopReason.BUYERS_ABSORBED, 0.031,
        ),
        # Four millions are forced at 5 %; one held it there.
        (
            _move(-0.036, buying=Buying(np.array([0.052]), np.array([5e6]))), BOOK,
            StopReason.BUYERS_ABSORBED, 0.052,
        ),
        (_move(-0.25), BOOK, StopReason.SETTLED, 0.285),
        (_move(-0.28), BOOK, StopReason.LADDER_EXHAUSTED, 0.355),
        (_move(-0.036), _SHORT_BOOK, StopReason.BOOK_EMPTY, 0.051),
        (Shock.by_sale(3.1e6), _SHORT_BOOK, StopReason.BOOK_EMPTY, 0.015),
        (_move(-0.36), _SHORT_BOOK, StopReason.BOOK_EMPTY, 0.375),
        # More than all of the price: it stays at 0.
        (
            _move(-0.9), SquareRoot(daily_volatility=5.0, daily_volume_usd=1e7),
            StopReason.LADDER_EXHAUSTED, 1.0,
        ),
    ],
    ids=lambda value: value.value if isinstance(value, StopReason) else "",
)  # fmt: skip
def test_why_it_ends(shock: Shock, law: Impact, stop: StopReason, fall: float) -> None:
    settled = settle(LONGS, law, shock)
    assert settled.stop is stop
    assert settled.fall == pytest.approx(fall)


def test_what_held_the_price_is_what_it_took() -> None:
    buying = Buying(np.array([0.01, 0.052]), np.array([1e5, 5e6]))
    settled = settle(LONGS, BOOK, _move(-0.036, buying=buying))
    # Seven millions are sold; the book takes three down to 5.1 %, the others the rest.
    assert settled.fall == 0.052
    assert settled.bought_usd == pytest.approx(7e6 - 3e6)
    all_of_it = settle(LONGS, BOOK, _move(-0.036, buying=Buying(np.array([0.04]), np.array([9e9]))))
    assert (all_of_it.fall, all_of_it.bought_usd) == (0.04, 3e6 - 0.0)


def test_it_stops_after_the_most_rounds() -> None:
    steps = ladder_at([k / 64 for k in range(1, 41)], [1e6] * 40, Side.LONG)
    deep = book([1e6] * 50, [1 / 64] * 50)
    cut = settle(steps, deep, Shock.by_move(-1 / 64), rounds_most=5)
    assert (cut.stop, cut.waves_count) == (StopReason.ROUNDS_MAX, 6)
    assert cut.fall == 6 / 64
    whole = settle(steps, deep, Shock.by_move(-1 / 64))
    assert (whole.stop, whole.waves_count) == (StopReason.LADDER_EXHAUSTED, 41)


def test_waves_beyond_a_thousand_are_in_the_totals_only() -> None:
    many = ladder_at([k / 4096 for k in range(1, 1501)], [1e6] * 1500, Side.SHORT)
    deep = book([1e6] * 1600, [1 / 4096] * 1600)
    settled = settle(many, deep, Shock.by_move(1 / 4096))
    assert (settled.waves_count, len(settled.waves)) == (1501, 1000)
    assert settled.forced_usd == 1.5e9
    assert sum(wave.notional_usd for wave in settled.waves) == 1e9


@settings(max_examples=60, database=None)
@given(LEVELS, LAWS, st.floats(0.0, 0.5), st.floats(0.0, 1e7), SIDES, st.floats(0.0, 0.99))
def test_waves_join_and_add_up(
    levels: list[tuple[float, float]],
    law: Impact,
    move: float,
    order: float,
    side: Side,
    absorbed: float,
) -> None:
    ladder = ladder_at([x for x, _ in levels], [usd for _, usd in levels], side)
    sign = -1.0 if side is Side.LONG else 1.0
    shock = Shock(side=side, move=sign * move, order_usd=order, absorbed=absorbed)
    settled = settle(ladder, law, shock)
    assert settled.waves[0].from_price == FIRST
    assert settled.waves[-1].to_price == settled.last_price
    for wave, after in zip(settled.waves, settled.waves[1:], strict=False):
        assert wave.to_price == after.from_price
        assert (after.to_price - wave.to_price) * sign >= 0
    assert sum(w.notional_usd for w in settled.waves) == pytest.approx(settled.forced_usd)
    assert sum(w.qty_base for w in settled.waves) == pytest.approx(settled.forced_qty_base)
    assert settled.waterfall.absorbed_usd == pytest.approx(absorbed * settled.forced_usd)
    assert settled.path_fall.shape == settled.path_m.shape
    if settled.fall > 1e-6:
        assert settled.path_fall[-1] >= settled.fall - 1e-9 > settled.path_fall[-1] - 0.0011


def test_counts_are_told_where_they_are_known() -> None:
    layer = LONGS.layers[0]
    counted = ladder_at([0.02, 0.03], [1e6, 2e6], Side.LONG).layers[0]
    levels = counted.longs
    known = type(levels)(
        levels.price, levels.notional_usd, levels.qty_base, np.array([3, 4], dtype=np.int64)
    )
    ladder = Ladder(
        venue="x", symbol="X", mark_price=FIRST,
        layers=(type(layer)(forced=layer.forced, provenance=layer.provenance, longs=known,
            shorts=layer.shorts, source="made up"),),
    )  # fmt: skip
    settled = settle(ladder, BOOK, Shock.by_move(-0.026))
    assert ([w.count for w in settled.waves], settled.forced_count) == ([3, 4, 0], 7)


def test_the_range_of_laws_holds_each() -> None:
    root = SquareRoot(daily_volatility=0.03, daily_volume_usd=1e9)
    both = settle_both(LONGS, (BOOK, root), Shock.by_move(-0.03))
    assert [one.law for one in both.cascades] == ["book_walk", "square_root"]
    alone = [settle(LONGS, law, Shock.by_move(-0.03)).fall for law in (BOOK, root)]
    assert both.falls == (min(alone), max(alone))


def test_estimates_are_settled_apart() -> None:
    estimated = settle(LONGS, BOOK, Shock.by_move(-0.03), provenance=Provenance.ESTIMATED)
    assert (estimated.forced_usd, estimated.stop) == (0.0, StopReason.SETTLED)


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda: settle(prepare(LONGS, Side.LONG), BOOK, Shock.by_move(0.1)), "threatens shorts"),
        (lambda: settle(LONGS, BOOK, Shock.by_move(-0.1), rounds_most=0), "most rounds 0"),
        (lambda: settle(LONGS, BOOK, Shock.by_move(-0.1), bin_bps=0), "bins of 0"),
        (lambda: settle(LONGS, BOOK, Shock.by_move(-0.1), bin_bps=math.nan), "bins of nan"),
        (lambda: settle(LONGS, BOOK, Shock.by_move(-0.1), jump_bps=-1), "jumps of -1"),
        (lambda: settle_both(LONGS, (), Shock.by_move(-0.1)), "no impact law is given"),
        (
            lambda: settle(
                LONGS, BookWalk(None, Curve(np.ones(1), np.ones(1))), Shock.by_move(-0.1)
            ),
            "has no bids",
        ),
    ],
)
def test_what_cannot_be_settled_is_refused(act: Callable[[], object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        act()
