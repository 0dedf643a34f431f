"""Who pays, against a twin that adds up numeric integrals and exact fractions of the same rule."""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.cascade.impact import Curve, Impact
from airpocket.cascade.waterfall_kernels import Borne, Forced, pour
from airpocket.market.events import Side
from tests.cascade.laws import LAWS


class _Level(NamedTuple):
    distance: float
    usd: float
    margin: float  # of the price, before bankruptcy; NaN unknown


_LEVELS = st.lists(
    st.builds(
        _Level,
        st.floats(0.001, 0.5),
        st.floats(1e4, 1e7),
        st.one_of(st.just(math.nan), st.floats(-0.01, 0.05)),
    ),
    min_size=1,
    max_size=12,
)


def _mean_fall(curve: Curve, begin: float, end: float) -> float:
    """Integrate in many small pieces, put between the corners of the curve."""
    if end <= begin:
        return min(curve.at(end), float(curve.fall[-1]) if curve.is_table else math.inf)
    corners = [begin, *[usd for usd in curve.usd.tolist() if begin < usd < end], end]
    total = 0.0
    for left, right in pairwise(corners):
        points = left + (right - left) * (np.arange(2000) + 0.5) / 2000
        falls = curve.falls(points)
        if curve.is_table:
            falls = np.minimum(falls, curve.fall[-1])
        total += float(np.mean(falls)) * (right - left)
    return total / (end - begin)


def _twin(
    levels: list[_Level], curve: Curve, begin: float, order: float, kept: float, end: float,
    sign: float, fee: float, fund: float, to_fund: bool, has_adl: bool,  # noqa: FBT001
) -> dict[str, float]:  # fmt: skip
    said = dict.fromkeys(Borne._fields, 0.0) | {"fund": fund}
    supply = order
    for level in levels:
        price = 100.0 * (1 - sign * level.distance)
        before, supply = supply, supply + kept * level.usd
        if math.isnan(level.margin):
            said["unknown"] += level.usd
            continue
        far = begin + _mean_fall(curve, before, supply)
        far = min(max(far, level.distance), max(end, level.distance))
        out, broke = 100.0 * (1 - sign * far), price * (1 - sign * level.margin)
        coins = level.usd / price
        margin = max(sign * (price - broke), 0.0) * coins
        equity = sign * (out - broke) * coins * kept
        paid_fee = min(fee * out * coins * kept, max(equity, 0.0))
        said["margin_before"] += margin
        said["margin_handed"] += (1 - kept) * margin
        said["fee"] += paid_fee
        said["margin_left"] += max(equity, 0.0) - paid_fee
        said["margin_lost"] += kept * margin - max(equity, 0.0)
        if to_fund:
            said["fund"] += max(equity, 0.0)
        short = max(-equity, 0.0)
        said["loss"] += kept * margin - max(equity, 0.0) + short
        from_fund = min(said["fund"], short)
        said["fund"] -= from_fund
        said["fund_paid"] += from_fund
        if short > from_fund:
            said["adl" if has_adl else "bad_debt"] += short - from_fund
            if has_adl:
                said["adl_notional"] += (short - from_fund) / abs(out - broke) * broke
    return said


@pytest.mark.parametrize("sign", [1.0, -1.0])
@settings(max_examples=40, database=None)
@given(
    _LEVELS, LAWS, st.floats(0.0, 0.1), st.floats(0.0, 1e6), st.floats(0.1, 1.0),
    st.floats(0.0, 0.02), st.floats(0.0, 1e5), st.booleans(), st.booleans(),
)  # fmt: skip
def test_it_is_its_plain_twin(
    sign: float,
    drawn: list[_Level],
    law: Impact,
    begin: float,
    order: float,
    kept: float,
    fee: float,
    fund: float,
    to_fund: bool,  # noqa: FBT001
    has_adl: bool,  # noqa: FBT001
) -> None:
    levels = sorted(drawn)
    curve = law.curve(Side.LONG if sign > 0 else Side.SHORT, 100.0)
    end = max(begin + curve.at(1e6), levels[-1].distance) if begin else 0.5
    end = min(end, 0.6)
    distance = np.array([level.distance for level in levels])
    price = 100.0 * (1 - sign * distance)
    usd = np.array([level.usd for level in levels])
    broke = price * (1 - sign * np.array([level.margin for level in levels]))
    borne = pour(
        Forced(distance, usd, usd / price, broke), np.empty(0), np.empty(0), curve.usd,
        curve.fall, curve.law, begin, order, kept, end, 100.0, sign, fee, fund, to_fund, to_fund,
        has_adl,
    )  # fmt: skip
    twin = _twin(levels, curve, begin, order, kept, end, sign, fee, fund, to_fund, has_adl)
    assert borne._asdict() == pytest.approx(twin, rel=1e-4, abs=1e-4 * float(np.sum(usd)) * 1e-3)


def test_what_others_buy_moves_nothing() -> None:
    """The first million is bought away, so the second is sold as if it came first."""
    two = np.full(2, 1e6)
    curve = Curve(np.array([1e6, 5e6]), np.array([0.01, 0.04]))
    levels = Forced(np.array([0.02, 0.03]), two, two / 97.0, np.array([98.0, 97.0]) * 0.99)

    def loss(buy_fall: list[float], buy_usd: list[float]) -> float:
        borne = pour(
            levels, np.array(buy_fall), np.array(buy_usd), curve.usd, curve.fall, curve.law, 0.03,
            0.0, 1.0, 0.5, 100.0, 1.0, 0.0, 0.0, False, False, False,
        )  # fmt: skip
        return float(borne.loss)

    # At 3 % and its first step, 4 %, both lose: 2 and 1 of the first price a coin, then 3.
    coins = 1e6 / 97.0
    assert loss([], []) == pytest.approx((2.0 + 4.0) * coins)
    assert loss([0.02], [1e6]) == pytest.approx((1.0 + 1.0) * coins)
