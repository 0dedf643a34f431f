import math

import pytest

from airpocket.cascade.goals import EmptiesFund, ReachesPrice
from airpocket.cascade.impact import SquareRoot
from airpocket.cascade.outcome import Cascade
from airpocket.cascade.settle import settle
from airpocket.cascade.shock import Shock
from airpocket.cascade.waterfall import Payers
from airpocket.errors import InputError
from airpocket.market.events import Side
from tests.cascade.laws import ladder_at

LAW = SquareRoot(daily_volatility=0.03, daily_volume_usd=1e8)


def _settled(side: Side, payers: Payers) -> Cascade:
    move = -0.03 if side is Side.LONG else 0.03
    ladder = ladder_at([0.02], [1e6], side, [0.021])
    return settle(ladder, LAW, Shock.by_move(move), payers=payers)


@pytest.mark.parametrize("side", list(Side))
def test_a_price_is_reached_in_the_losing_direction(side: Side) -> None:
    goal = ReachesPrice(90.0)
    assert goal.payers(Payers(fee_rate=0.1)) == Payers(fee_rate=0.1)
    one = _settled(side, Payers())
    assert ReachesPrice(one.last_price).met(one)
    beyond = one.last_price + (-1e-9 if side is Side.LONG else 1e-9)
    assert not ReachesPrice(beyond).met(one)


@pytest.mark.parametrize("side", list(Side))
def test_a_fund_is_empty_when_all_of_it_is_paid(side: Side) -> None:
    lost = _settled(side, Payers(fund_usd=1e9)).waterfall.fund_paid_usd
    assert lost > 0
    for fund, empty in ((0.5 * lost, True), (lost, True), (1.001 * lost, False)):
        goal = EmptiesFund(fund)
        payers = goal.payers(Payers(fee_rate=0.0, has_adl=True))
        assert (payers.fund_usd, payers.has_adl) == (fund, True)
        assert goal.met(_settled(side, payers)) is empty


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_what_is_no_goal_is_refused(bad: float) -> None:
    with pytest.raises(InputError, match="a fund of"):
        EmptiesFund(bad)
    with pytest.raises(InputError, match="a price of"):
        ReachesPrice(bad)
