"""What a shock may be."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from airpocket.cascade.shock import Buying, Shock
from airpocket.errors import InputError
from airpocket.market.events import Side


def test_the_sign_says_whom_it_threatens() -> None:
    fall, rise = Shock.by_move(-0.03, absorbed=0.6), Shock.by_move(2.5)
    assert (fall.side, fall.fall, fall.absorbed) == (Side.LONG, 0.03, 0.6)
    assert (rise.side, rise.fall) == (Side.SHORT, 2.5)
    assert Shock.by_sale(5e7).side is Side.LONG
    assert Shock.by_purchase(5e7).side is Side.SHORT
    assert Shock.by_sale(5e7).fall == 0.0
    assert Shock(side=Side.SHORT, move=0.0).fall == 0.0


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Shock(side=Side.LONG), "a move of the price or an order"),
        (lambda: Shock(side=Side.LONG, move=0.03), r"\+0.03 does not threaten longs: give a fall"),
        (lambda: Shock(side=Side.SHORT, move=-0.03), "-0.03 does not threaten shorts: give a rise"),
        (lambda: Shock.by_move(-1.0), "cannot fall by all of it"),
        (lambda: Shock.by_move(-1.5), "a move of -1.5"),
        (lambda: Shock.by_move(math.nan), "a move of nan"),
        (lambda: Shock.by_move(math.inf), "a move of inf"),
        (lambda: Shock.by_move(0.0), "threatens nobody"),
        (lambda: Shock.by_sale(-5e7), "the side says whether it sells or buys"),
        (lambda: Shock.by_purchase(math.nan), "a market order of nan"),
        (lambda: Shock.by_sale(math.inf), "a market order of inf"),
        (lambda: Shock.by_move(-0.1, absorbed=1.0), "absorbed share 1.0"),
        (lambda: Shock.by_move(-0.1, absorbed=-0.1), "absorbed share -0.1"),
        (lambda: Shock.by_move(-0.1, absorbed=math.nan), "absorbed share nan"),
        (lambda: Buying(np.array([0.1]), np.empty(0)), "differ in length"),
        (lambda: Buying(np.array([0.1, 0.1]), np.array([1.0, 2.0])), "distances do not ascend"),
        (lambda: Buying(np.array([0.1, 0.2]), np.array([2.0, 1.0])), "dollars do not ascend"),
        (lambda: Buying(np.array([-0.1]), np.array([1.0])), "distances hold"),
        (lambda: Buying(np.array([0.1]), np.array([math.nan])), "dollars hold"),
    ],
)
def test_what_is_none_is_refused(make: Callable[[], object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        make()


def test_others_have_bought_what_lies_within() -> None:
    buying = Buying(np.array([0.0, 0.02]), np.array([1.0, 3.0]))
    assert [buying.at(fall) for fall in (0.0, 0.019, 0.02, 9.0)] == [1.0, 1.0, 3.0, 3.0]
