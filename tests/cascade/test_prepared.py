"""What a prepared ladder holds."""

import numpy as np
import pytest

from airpocket.cascade.prepared import prepare, waiting_of
from airpocket.cascade.settle import settle
from airpocket.cascade.shock import Buying, Shock
from airpocket.errors import InputError
from airpocket.leverage.ladder import Forced, Ladder, Layer, Levels, Provenance
from airpocket.market.events import Side
from tests.cascade.laws import book, ladder_at


def _layer(forced: Forced, provenance: Provenance, price: list[float]) -> Layer:
    at = np.array(price)
    levels = Levels(at, np.full(at.size, 1e6), 1e6 / at, np.ones(at.size, dtype=np.int64))
    none = Levels(at[:0], at[:0], at[:0])
    return Layer(forced=forced, provenance=provenance, longs=levels, shorts=none, source="made up")


def _ladder(*layers: Layer) -> Ladder:
    return Ladder(venue="x", symbol="X/USDT:USDT", mark_price=100.0, layers=layers)


@pytest.mark.parametrize(("side", "end"), [(Side.LONG, 75.0), (Side.SHORT, 125.0)])
def test_distances_and_sums_of_either_side(side: Side, end: float) -> None:
    ready = prepare(ladder_at([0.25, 0.5], [1e6, 3e6], side), side)
    assert ready.distance.tolist() == [0.25, 0.5]
    assert ready.cumulative_usd.tolist() == [0.0, 1e6, 4e6]
    assert ready.cumulative_qty[1] == pytest.approx(1e6 / end)
    assert ready.cumulative_count is None
    assert ready.price_at(0.25) == end
    assert ready.farthest == (1.0 if side is Side.LONG else float("inf"))


def test_stops_wait_beside_liquidations_and_estimates_apart() -> None:
    ladder = _ladder(
        _layer(Forced.LIQUIDATION, Provenance.MEASURED, [98.0, 90.0]),
        _layer(Forced.STOP, Provenance.MEASURED, [95.0]),
        _layer(Forced.LIQUIDATION, Provenance.ESTIMATED, [80.0]),
    )
    measured = prepare(ladder, Side.LONG)
    assert measured.distance == pytest.approx([0.02, 0.05, 0.10])
    assert measured.cumulative_count is not None
    assert measured.cumulative_count.tolist() == [0, 1, 2, 3]
    estimated = prepare(ladder, Side.LONG, Provenance.ESTIMATED)
    assert estimated.distance == pytest.approx([0.20])


def test_what_the_mark_has_passed_is_met_by_any_shock() -> None:
    ladder = _ladder(_layer(Forced.LIQUIDATION, Provenance.MEASURED, [101.0, 98.0]))
    settled = settle(ladder, book([1e7], [0.001]), Shock(side=Side.LONG, move=0.0))
    assert (settled.forced_usd, settled.fall) == (1e6, 0.001)


def test_levels_out_of_order_are_refused() -> None:
    for price in ([90.0, 98.0], [98.0, float("nan")]):
        ladder = _ladder(_layer(Forced.LIQUIDATION, Provenance.MEASURED, price))
        with pytest.raises(InputError, match="longs are not ordered"):
            prepare(ladder, Side.LONG)


def test_kernels_get_what_waits_and_what_others_buy() -> None:
    ready = prepare(ladder_at([0.25], [1e6], Side.LONG), Side.LONG)
    waiting = waiting_of(ready, Shock.by_move(-0.1, absorbed=0.25))
    assert (waiting.kept, waiting.most, waiting.buy_fall.size) == (0.75, 1.0, 0)
    others = Buying(np.array([0.1]), np.array([5.0]))
    assert waiting_of(ready, Shock.by_move(-0.1, buying=others)).buy_usd.tolist() == [5.0]
