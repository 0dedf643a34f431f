"""m along the path, and the air-pockets in it."""

import math

import numpy as np
import pytest

from airpocket.cascade.impact import Curve
from airpocket.cascade.path import air_pockets, gains_along, pockets_among
from airpocket.cascade.prepared import prepare, waiting_of
from airpocket.cascade.shock import Buying, Shock
from airpocket.errors import InputError
from airpocket.market.events import Side
from tests.cascade.laws import book, ladder_at


def test_m_is_what_each_bin_adds() -> None:
    ready = prepare(ladder_at([0.005, 0.015, 0.018], [1e6, 2e6, 3e6], Side.LONG), Side.LONG)
    line = Curve(np.array([1e7]), np.array([0.02]), is_interpolated=True)  # 0.2 % a million
    waiting = waiting_of(ready, Shock.by_move(-0.01))
    ends, m = gains_along(waiting, line, 0.0, 0.025, 0.01)
    assert ends == pytest.approx([0.01, 0.02, 0.03])
    assert m == pytest.approx([0.2, 1.0, 0.0])
    half = waiting_of(ready, Shock.by_move(-0.01, absorbed=0.5))
    assert gains_along(half, line, 0.0, 0.03, 0.01)[1] == pytest.approx([0.1, 0.5, 0.0])
    others = Buying(np.array([0.012]), np.array([1e6]))
    helped = waiting_of(ready, Shock.by_move(-0.01, buying=others))
    assert gains_along(helped, line, 0.0, 0.03, 0.01)[1] == pytest.approx([0.2, 0.8, 0.0])
    # An order that was sold before does not change what a line adds, but what steps add.
    steps = Curve(np.array([1e6, 1e8]), np.array([0.01, 0.02]))
    assert gains_along(waiting, steps, 0.0, 0.02, 0.01)[1] == pytest.approx([1.0, 1.0])
    assert gains_along(waiting, steps, 2e6, 0.02, 0.01)[1] == pytest.approx([0.0, 0.0])


def test_beyond_the_book_in_sight_m_has_no_end() -> None:
    ready = prepare(ladder_at([0.005, 0.015], [1e6, 2e6], Side.SHORT), Side.SHORT)
    waiting = waiting_of(ready, Shock.by_move(0.01))
    thin = Curve(np.array([1e6]), np.array([0.001]))
    assert gains_along(waiting, thin, 0.0, 0.03, 0.01)[1].tolist() == [
        pytest.approx(0.1), math.inf, math.inf,
    ]  # fmt: skip
    assert np.all(np.isinf(gains_along(waiting, thin, 2e6, 0.03, 0.01)[1]))


def test_no_path_no_bins() -> None:
    ready = prepare(ladder_at([0.005], [1e6], Side.LONG), Side.LONG)
    line = Curve(np.array([1e7]), np.array([0.02]))
    ends, m = gains_along(waiting_of(ready, Shock.by_move(-0.1)), line, 0.0, 0.0, 0.01)
    assert ends.shape == m.shape == (0,)


@pytest.mark.parametrize(("side", "sign"), [(Side.LONG, -1), (Side.SHORT, 1)])
def test_pockets_are_the_stretches_with_m_of_one_and_more(side: Side, sign: int) -> None:
    ready = prepare(ladder_at([0.005], [1e6], side), side)
    m = np.array([1.0, 0.9, 1.5, math.inf, 0.999, 2.0])
    found = pockets_among(m, 0.01, ready)
    assert [(p.trigger, p.exhaustion, p.m_most) for p in found] == [
        (0.0, 0.01, 1.0), (0.02, 0.04, math.inf), (0.05, 0.06, 2.0),
    ]  # fmt: skip
    assert [p.trigger_price for p in found] == pytest.approx([100 + sign * d for d in (0, 2, 5)])
    assert [p.exhaustion_price for p in found] == pytest.approx([100 + sign * d for d in (1, 4, 6)])
    assert pockets_among(m[1:2], 0.01, ready) == ()


def test_a_map_shows_pockets_without_a_shock() -> None:
    ready = prepare(ladder_at([0.0515, 0.0535, 0.2], [1e6, 1e6, 1e6], Side.LONG), Side.LONG)
    law = book([1e6] * 9, [0.002] * 9)
    found = air_pockets(ready, law, 0.1)
    assert [(round(p.trigger, 9), round(p.exhaustion, 9)) for p in found] == [
        (0.051, 0.052), (0.053, 0.054),
    ]  # fmt: skip
    assert air_pockets(ready, law, 0.05) == ()
    for reach, width in ((0.0, 10.0), (math.nan, 10.0), (0.1, 0.0), (99.0, 10.0)):
        with pytest.raises(InputError, match="a reach of"):
            air_pockets(ready, law, reach, width)
