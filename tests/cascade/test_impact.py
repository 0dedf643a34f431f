"""What every impact law must do, and what each of the two is."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from airpocket.cascade.fold_kernels import turn
from airpocket.cascade.impact import LINEAR_BELOW, BookWalk, Curve, Impact, SquareRoot
from airpocket.cascade.kernels import fall_of
from airpocket.errors import InputError
from airpocket.market.book import Book
from airpocket.market.events import Depth, DepthBand, DepthBands, Side
from airpocket.market.instrument import Instrument, Kind
from airpocket.market.liquidity import buy_cost_bps, sell_cost_bps
from airpocket.market.sequence import SequenceRule
from airpocket.venues.binance.wire import open_wire
from tests.market.books import recorded

_FIRST = 100.0
_AMOUNTS = st.one_of(st.just(0.0), st.floats(1e-6, 1e9))


def _instrument(kind: Kind = Kind.LINEAR, quote: str = "USDT", value: float = 1.0) -> Instrument:
    return Instrument(
        venue="x", raw_symbol="X", symbol="X", kind=kind, base="X", quote=quote, settle=quote,
        contract_value=value,
    )  # fmt: skip


def _depth(bids: list[tuple[float, float]], asks: list[tuple[float, float]]) -> Depth:
    return Depth(venue="x", symbol=None, raw_symbol="X", bids=tuple(bids), asks=tuple(asks))


def _mirrored() -> Depth:
    """A book whose asks hold the dollars of its bids at the same distances from 100."""
    usd = [1e5, 3e5, 2e6, 5e7]
    bids = [(100.0 - 2.0**k / 8, dollars / (100.0 - 2.0**k / 8)) for k, dollars in enumerate(usd)]
    asks = [(100.0 + 2.0**k / 8, dollars / (100.0 + 2.0**k / 8)) for k, dollars in enumerate(usd)]
    return _depth(bids, asks)


_BANDS_M = {0.2: 22.0, 1: 159.7, 2: 352.4, 3: 416.9, 4: 456.1, 5: 480.8}


def _bands(*signs: int) -> DepthBands:
    """BTCUSDT of 2026-07-03: what rests within 0.2 to 5 % of the mid."""
    bands = tuple(
        DepthBand(sign * percent, 1.0, usd * 1e6)
        for sign in signs
        for percent, usd in _BANDS_M.items()
    )
    return DepthBands(venue="binance", symbol=None, raw_symbol="BTCUSDT", bands=bands)


LAWS: dict[str, Impact] = {
    "book": BookWalk.of(_mirrored(), _instrument()),
    "thin book": BookWalk.of(_mirrored(), _instrument(), 0.1),
    "bands": BookWalk.of_bands(_bands(-1, 1)),
    "root": SquareRoot(daily_volatility=0.025, daily_volume_usd=17.5e9),
    "calm root": SquareRoot(daily_volatility=0.01, daily_volume_usd=1e9, y=0.5, factor=0.3),
}


def check_monotone(law: Impact, usd: float, more: float) -> None:
    """More moves the price no less."""
    assert law.fall(usd, Side.LONG, _FIRST) <= law.fall(usd + more, Side.LONG, _FIRST)


def check_nothing_at_nothing(law: Impact, _usd: float, _more: float) -> None:
    """Nothing taken moves nothing, and nothing is ever below 0."""
    assert law.fall(0.0, Side.LONG, _FIRST) == 0.0
    assert law.fall(_usd, Side.SHORT, _FIRST) >= 0.0


def check_sides(law: Impact, usd: float, _more: float) -> None:
    """A law that is the same on both sides moves both the same way."""
    assert law.fall(usd, Side.LONG, _FIRST) == pytest.approx(law.fall(usd, Side.SHORT, _FIRST))


def check_scale(law: Impact, usd: float, more: float) -> None:
    """Amount and depth times c: the same (I18)."""
    by = 1 + more / 1e8
    below, above = (law.fall(usd * (1 + eps), Side.LONG, _FIRST) for eps in (-1e-9, 1e-9))
    if above == pytest.approx(below, rel=1e-8):  # else it stands at a step of the book
        scaled = law.thinned(by).fall(usd * by, Side.LONG, _FIRST)
        assert scaled == pytest.approx(law.fall(usd, Side.LONG, _FIRST), rel=1e-8)


def check_room(law: Impact, usd: float, _more: float) -> None:
    """What may be taken within a fall falls no farther, and a little more does."""
    fall = law.fall(usd, Side.LONG, _FIRST)
    if math.isfinite(fall):
        room = law.curve(Side.LONG, _FIRST).room(fall)
        assert room >= usd * (1 - 1e-9)
        assert law.fall(room * (1 - 1e-9), Side.LONG, _FIRST) <= fall * (1 + 1e-9)


CHECKS: tuple[Callable[[Impact, float, float], None], ...] = (
    check_monotone, check_nothing_at_nothing, check_sides, check_scale, check_room,
)  # fmt: skip


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("check", CHECKS)
def test_every_law_keeps_the_contract(
    check: Callable[[Impact, float, float], None], name: str
) -> None:
    @settings(max_examples=40, database=None)
    @given(_AMOUNTS, _AMOUNTS)
    def kept(usd: float, more: float) -> None:
        check(LAWS[name], usd, more)

    kept()


class _Wrong(Struct, frozen=True):
    """A law with a planted mistake."""

    how: str
    factor: float = 1.0

    law = "wrong"

    def curve(self, _side: Side, _first: float) -> Curve:
        return Curve(np.empty(0), np.empty(0), 1e-6)

    def fall(self, usd: float, side: Side, _first: float) -> float:
        usd /= self.factor
        if self.how == "falls back":
            return abs(math.sin(usd / 1e8))
        if self.how == "half the spread first":
            return 1e-4 + usd / 1e10
        if self.how == "shorts worse":
            return usd / 1e10 * (1.1 if side is Side.SHORT else 1.0)
        if self.how == "deaf to depth":
            return usd * self.factor / 1e10
        return usd / 1e10

    def thinned(self, factor: float) -> "_Wrong":
        return _Wrong(self.how, self.factor * factor)


@pytest.mark.parametrize(
    ("check", "how"),
    [
        (check_monotone, "falls back"),
        (check_nothing_at_nothing, "half the spread first"),
        (check_sides, "shorts worse"),
        (check_scale, "deaf to depth"),
        (check_room, "curve of another"),
    ],
)
def test_the_contract_notices_a_wrong_law(
    check: Callable[[Impact, float, float], None], how: str
) -> None:
    wrong: Any = _Wrong(how)

    def kept() -> None:
        for usd in np.geomspace(1, 1e9, 40).tolist():
            check(wrong, usd, 1e8)

    with pytest.raises(AssertionError):
        kept()


@pytest.mark.parametrize("name", LAWS)
def test_kernels_see_the_same_curve(name: str) -> None:
    curve = LAWS[name].curve(Side.LONG, _FIRST)
    amounts = np.concatenate(([-1.0, 0.0], np.geomspace(1.0, 1e9, 200), curve.usd))
    last = curve.fall[-1] if curve.is_table else math.inf  # beyond the book a kernel stays at it
    said = np.minimum(curve.falls(amounts), last)
    one_by_one = [fall_of(usd, curve.usd, curve.fall, curve.law) for usd in amounts.tolist()]
    np.testing.assert_allclose(one_by_one, said, rtol=1e-12)
    in_bulk = amounts.copy()
    turn(in_bulk, curve.usd, curve.fall, curve.law, False)
    np.testing.assert_allclose(in_bulk, said, rtol=1e-12)


@pytest.mark.parametrize("name", LAWS)
def test_what_may_be_taken_before_a_distance_falls_short_of_it(name: str) -> None:
    curve = LAWS[name].curve(Side.LONG, _FIRST)
    distances = np.concatenate(([0.0], np.geomspace(1e-6, 0.2, 200), curve.fall))
    room = distances.copy()
    turn(room, curve.usd, curve.fall, curve.law, True)
    within = np.isfinite(room)
    assert np.all(curve.falls(room[within]) <= distances[within] * (1 + 1e-12))
    more = curve.falls(room[within] * (1 + 1e-9) + 1e-9)
    assert np.all(more >= distances[within] * (1 - 1e-6))
    assert within.all() == (not curve.is_table)


def test_a_book_by_hand() -> None:
    walk = BookWalk.of(_depth([(99.0, 1.0), (98.0, 5.0)], [(101.0, 2.0)]), _instrument(value=0.01))
    assert walk.mid_price == 100.0
    assert walk.fall(99.0, Side.LONG, 100.0) == 0.01
    assert walk.fall(99.01, Side.LONG, 100.0) == 0.02
    assert walk.fall(589.0, Side.LONG, 100.0) == 0.02
    assert walk.fall(589.01, Side.LONG, 100.0) == math.inf
    assert walk.fall(202.0, Side.SHORT, 100.0) == 0.01
    inverse = BookWalk.of(
        _depth([(50.0, 1.0), (25.0, 4.0)], [(150.0, 1.0)]), _instrument(Kind.INVERSE, "USD", 100.0)
    )
    assert inverse.curve(Side.LONG, 1.0).usd.tolist() == [100.0, 500.0]
    assert inverse.fall(101.0, Side.LONG, 1.0) == 0.75


def test_a_book_laid_at_another_price_keeps_its_fractions() -> None:
    walk = LAWS["book"]
    assert walk.fall(2e5, Side.LONG, 100.0) == walk.fall(2e5, Side.LONG, 61_400.0)


def test_bands_are_joined_by_straight_lines() -> None:
    walk = BookWalk.of_bands(_bands(-1, 1))
    for percent, usd in _BANDS_M.items():
        assert walk.fall(usd * 1e6, Side.LONG, 1.0) == pytest.approx(percent / 100)
    assert walk.fall(11e6, Side.LONG, 1.0) == pytest.approx(0.001)
    half = (159.7 + 352.4) / 2 * 1e6
    assert walk.fall(half, Side.SHORT, 1.0) == pytest.approx(0.015)
    assert walk.fall(480.9e6, Side.LONG, 1.0) == math.inf
    assert walk.thinned(0.5).fall(11e6, Side.LONG, 1.0) == pytest.approx(0.002)


def test_a_side_that_the_source_has_not_is_asked_for() -> None:
    walk = BookWalk.of_bands(_bands(-1))
    with pytest.raises(InputError, match="has no asks"):
        walk.curve(Side.SHORT, 1.0)


def test_a_root_is_a_line_where_nobody_measured_it() -> None:
    law = SquareRoot(daily_volatility=0.025, daily_volume_usd=17.5e9, y=0.5)
    edge = LINEAR_BELOW * 17.5e9
    at_edge = 0.5 * 0.025 * math.sqrt(5e-6)
    for usd in (edge, edge * (1 - 1e-12), edge * (1 + 1e-12)):
        assert law.fall(usd, Side.LONG, 1.0) == pytest.approx(at_edge)
    assert law.fall(edge / 4, Side.LONG, 1.0) == pytest.approx(at_edge / 4)
    assert law.fall(edge * 4, Side.LONG, 1.0) == pytest.approx(at_edge * 2)


def test_the_published_impact_of_a_percent_of_ladder() -> None:
    low = SquareRoot(daily_volatility=0.025, daily_volume_usd=17.5e9, y=0.5)
    high = SquareRoot(daily_volatility=0.025, daily_volume_usd=17.5e9, y=1.0)
    for usd, (least, most) in {159e6: (0.12, 0.24), 251e6: (0.15, 0.30)}.items():
        assert 100 * low.fall(usd, Side.LONG, 1.0) == pytest.approx(least, abs=0.005)
        assert 100 * high.fall(usd, Side.LONG, 1.0) == pytest.approx(most, abs=0.005)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: BookWalk.of(_depth([(99.0, 1.0)], []), _instrument()), "a side is empty"),
        (lambda: BookWalk.of(_depth([(9.0, 1.0)], [(9.0, 1.0)]), _instrument()), "not below ask 9"),
        (lambda: BookWalk.of(_mirrored(), _instrument(Kind.QUANTO)), "not priced in dollars"),
        (lambda: BookWalk.of(_mirrored(), _instrument(quote="EUR")), "not priced in dollars"),
        (
            lambda: BookWalk.of(_depth([(9.0, 1.0), (9.5, 1.0)], [(10.0, 1.0)]), _instrument()),
            "not ordered",
        ),
        (lambda: BookWalk.of(_depth([(9.0, 0.0)], [(10.0, 1.0)]), _instrument()), "no price or"),
        (lambda: BookWalk.of(_depth([(9.0, math.nan)], [(9.1, 1)]), _instrument()), "no price or"),
        (lambda: BookWalk.of(_mirrored(), _instrument(), 0.0), "liquidity factor 0.0"),
        (lambda: BookWalk.of(_mirrored(), _instrument(), math.nan), "liquidity factor nan"),
        (lambda: LAWS["book"].thinned(-1), "liquidity factor -1"),
        (lambda: LAWS["root"].thinned(math.inf), "liquidity factor inf"),
        (lambda: SquareRoot(daily_volatility=0, daily_volume_usd=1.0), "daily volatility 0"),
        (lambda: SquareRoot(daily_volatility=2.5e1, daily_volume_usd=1.0), "daily volatility 25"),
        (lambda: SquareRoot(daily_volatility=0.02, daily_volume_usd=-1.0), "daily volume -1"),
        (lambda: SquareRoot(daily_volatility=0.02, daily_volume_usd=1.0, y=0.4), "is 0.4"),
        (lambda: SquareRoot(daily_volatility=0.02, daily_volume_usd=1.0, y=math.nan), "is nan"),
    ],
)
def test_what_cannot_be_a_law_is_refused(make: Callable[[], object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        make()


@pytest.mark.parametrize("usd", [21e6, math.nan, 0.0])
def test_bands_that_hold_less_farther_out_are_refused(usd: float) -> None:
    bands = (DepthBand(-0.2, 1.0, 22e6), DepthBand(-1.0, 1.0, usd))
    with pytest.raises(InputError, match="a band"):
        BookWalk.of_bands(DepthBands(venue="x", symbol=None, raw_symbol="X", bands=bands))


def _average_bps(curve: Curve, usd: float, side: Side) -> float:
    """Cost of selling (or buying) ``usd`` along a curve, from the mid to the average price."""
    taken = np.diff(np.minimum(curve.usd, usd), prepend=0.0)
    sign = 1.0 if side is Side.LONG else -1.0
    coins_at_mid = float(np.sum(taken / (1 - sign * curve.fall)))
    return sign * 1e4 * (1 - usd / coins_at_mid)


_QTYS = st.lists(st.floats(0.1, 50.0), min_size=1, max_size=8)


@settings(max_examples=60, database=None)
@given(_QTYS, st.floats(1.0, 500.0))
def test_its_average_is_what_an_order_pays(qtys: list[float], usd: float) -> None:
    depth = _depth(
        [(100.0 - i, qty) for i, qty in enumerate(qtys)],
        [(101.0 + i, qty) for i, qty in enumerate(qtys)],
    )
    walk = BookWalk.of(depth, _instrument())
    for cost, side in ((sell_cost_bps, Side.LONG), (buy_cost_bps, Side.SHORT)):
        paid = cost(depth, usd, _instrument())
        if paid is None:
            assert walk.fall(usd, side, 1.0) == math.inf
        else:
            assert _average_bps(walk.curve(side, 1.0), usd, side) == pytest.approx(paid, abs=1e-6)


@pytest.mark.data
def test_the_recorded_book_costs_what_it_did(data_dir: Path) -> None:
    path = next((data_dir / "l2_book").glob("binance_um_*.raw.gz"))
    book = Book(SequenceRule.LINKED)
    for change in recorded(path, open_wire()):
        book.apply(change)
    depth = book.depth()
    assert depth is not None
    walk = BookWalk.of(depth, _instrument())
    curve = walk.curve(Side.LONG, 1.0)
    costs = [_average_bps(curve, usd * 1e6, Side.LONG) for usd in (1, 5, 10, 50)]
    assert costs == pytest.approx([0.76, 4.97, 8.10, 26.79], abs=0.005)
    for usd, average in zip((1e6, 5e6, 1e7, 5e7), costs, strict=True):
        assert average == pytest.approx(sell_cost_bps(depth, usd, _instrument()), abs=1e-6)
        assert 1e4 * walk.fall(usd, Side.LONG, 1.0) > average  # the last coin is the cheapest
