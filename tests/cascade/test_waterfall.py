"""Every forced dollar and every loss is somebody's."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.cascade.impact import Impact
from airpocket.cascade.outcome import Waterfall
from airpocket.cascade.settle import settle
from airpocket.cascade.shock import Shock
from airpocket.cascade.waterfall import Payers
from airpocket.errors import InputError
from airpocket.market.events import Side
from tests.cascade.laws import LAWS, SIDES, book, ladder_at

BOOK = book([1e6] * 20, [0.005] * 20)
ALL = Payers(fund_usd=1e5, fee_rate=0.005, margin_left_to_fund=True, fee_to_fund=True, has_adl=True)


def _paid(payers: Payers | None, lost: list[float] | None, **shock: Any) -> Waterfall:
    """Two levels at 2 % and 3 %, a million each, and a move of 4 %; ``lost`` in fractions."""
    ladder = ladder_at([0.02, 0.03], [0.98e6, 0.97e6], Side.LONG, lost)
    return settle(ladder, BOOK, Shock(side=Side.LONG, move=-0.04, **shock), payers=payers).waterfall


def test_by_hand() -> None:
    # 10,000 coins each. The first 0.98 millions are sold at 4.5 %; of the others 0.02 there and 0.95
    # at 5 %. Margin lasts to 4.6 % and to 3.5 %.
    told = _paid(Payers(fund_usd=10_000.0, fee_rate=0.0005, has_adl=True), [0.046, 0.035])
    second = 0.04 + (0.02 * 0.005 + 0.95 * 0.01) / 0.97
    assert told.forced_usd == pytest.approx(1.95e6)
    assert told.margin_before_usd == pytest.approx(10_000 * (2.6 + 0.5))
    assert told.margin_lost_usd == pytest.approx(10_000 * (2.5 + 0.5))
    assert told.fee_usd == pytest.approx(0.0005 * 955_000)
    assert told.margin_left_usd == pytest.approx(10_000 * 0.1 - told.fee_usd)
    beyond = 10_000 * 100 * (second - 0.035)
    assert told.fund_before_usd == 1e4
    assert told.fund_paid_usd == pytest.approx(1e4)
    assert told.fund_after_usd == pytest.approx(0.0)
    assert told.adl_usd == pytest.approx(beyond - 1e4)
    # What winners take over at 96.5 instead of selling it at about 95.
    assert told.adl_notional_usd == pytest.approx(told.adl_usd / beyond * 10_000 * 96.5)
    assert told.bad_debt_usd == 0.0
    assert told.unknown_usd == 0.0
    nobody = _paid(Payers(), [0.046, 0.035])
    assert nobody.bad_debt_usd == pytest.approx(beyond)
    assert nobody.adl_usd == 0.0
    assert nobody.fund_before_usd is nobody.fund_after_usd is None


def test_margin_left_and_fees_fill_the_fund_before_it_pays() -> None:
    told = _paid(ALL, [0.10, 0.035])
    assert told.fund_after_usd == pytest.approx(
        1e5 + told.margin_left_usd + told.fee_usd - told.fund_paid_usd
    )
    assert told.fund_paid_usd > 0
    assert told.adl_usd == 0.0


def test_what_is_not_known_is_said_and_in_nothing_else() -> None:
    half = _paid(ALL, [math.nan, 0.035])
    assert half.unknown_usd == pytest.approx(0.98e6)
    assert half.margin_before_usd == pytest.approx(10_000 * 0.5)
    for payers, lost in ((ALL, None), (None, [0.046, 0.035])):
        none = _paid(payers, lost)
        assert none.unknown_usd == none.forced_usd == pytest.approx(1.95e6)
        assert none.margin_before_usd == none.loss_usd == none.fee_usd == 0.0
    assert _paid(ALL, None).fund_before_usd == _paid(ALL, None).fund_after_usd == 1e5


def test_the_backstop_takes_margin_along() -> None:
    told = _paid(Payers(), [0.2, 0.2], absorbed=0.75)
    assert told.absorbed_usd == pytest.approx(0.75 * 1.95e6)
    assert told.margin_handed_usd == pytest.approx(0.75 * told.margin_before_usd)
    assert told.loss_usd == told.margin_lost_usd < _paid(Payers(), [0.2, 0.2]).loss_usd / 4


_ROWS = st.lists(
    st.tuples(
        st.floats(0.001, 0.5),
        st.floats(1e4, 1e7),
        st.one_of(st.just(math.nan), st.floats(-0.02, 0.1)),
    ),
    max_size=30,
)
_PAYERS = st.builds(
    Payers,
    fund_usd=st.floats(0.0, 1e6),
    fee_rate=st.floats(0.0, 0.02),
    margin_left_to_fund=st.booleans(),
    fee_to_fund=st.booleans(),
    has_adl=st.booleans(),
)


def conserves(told: Waterfall, payers: Payers) -> None:
    """Check that all that is counted adds up, and nothing is below 0."""
    assert told.margin_before_usd == pytest.approx(
        told.margin_handed_usd + told.margin_left_usd + told.margin_lost_usd + told.fee_usd,
        rel=1e-9, abs=1e-3,
    )  # fmt: skip
    assert told.loss_usd == pytest.approx(
        told.margin_lost_usd + told.fund_paid_usd + told.adl_usd + told.bad_debt_usd,
        rel=1e-9, abs=1e-3,
    )  # fmt: skip
    assert told.fund_after_usd == pytest.approx(
        (payers.fund_usd or 0.0)
        + (told.margin_left_usd if payers.margin_left_to_fund else 0.0)
        + (told.fee_usd if payers.fee_to_fund else 0.0)
        - told.fund_paid_usd,
        rel=1e-9, abs=1e-3,
    )  # fmt: skip
    for name in Waterfall.__struct_fields__:
        assert getattr(told, name) >= -1e-6, name
    assert told.absorbed_usd <= told.forced_usd
    assert told.unknown_usd <= told.forced_usd * (1 + 1e-12)
    assert not (told.adl_usd and told.bad_debt_usd)


@settings(max_examples=80, database=None)
@given(_ROWS, LAWS, st.floats(0.0, 0.3), st.floats(0.0, 1e6), st.floats(0.0, 0.9), SIDES, _PAYERS)
def test_it_is_conserved(
    rows: list[tuple[float, float, float]],
    law: Impact,
    move: float,
    order: float,
    absorbed: float,
    side: Side,
    payers: Payers,
) -> None:
    ladder = ladder_at(
        [x for x, _, _ in rows], [usd for _, usd, _ in rows], side,
        [x + margin for x, _, margin in rows],
    )  # fmt: skip
    sign = -1.0 if side is Side.LONG else 1.0
    shock = Shock(side=side, move=sign * move, order_usd=order, absorbed=absorbed)
    settled = settle(ladder, law, shock, payers=payers)
    told = settled.waterfall
    conserves(told, payers)
    unknown = sum(usd for x, usd, margin in rows if math.isnan(margin) and x <= settled.fall)
    assert told.unknown_usd == pytest.approx(unknown, abs=1e-3) or any(
        abs(x - settled.fall) < 1e-9 for x, _, _ in rows
    )
    # Winners and creditors are asked last (I07), and a richer fund spares them.
    if (
        told.adl_usd + told.bad_debt_usd > 1e-3
        and not payers.margin_left_to_fund | payers.fee_to_fund
    ):
        assert told.fund_after_usd == pytest.approx(0.0, abs=1e-6)
    richer = Payers(
        fund_usd=(payers.fund_usd or 0.0) + 1e5, fee_rate=payers.fee_rate,
        margin_left_to_fund=payers.margin_left_to_fund, fee_to_fund=payers.fee_to_fund,
        has_adl=payers.has_adl,
    )  # fmt: skip
    spared = settle(ladder, law, shock, payers=richer).waterfall
    assert spared.adl_usd + spared.bad_debt_usd <= told.adl_usd + told.bad_debt_usd + 1e-3


def test_conservation_notices_a_dollar_that_is_missing() -> None:
    told = _paid(ALL, [0.046, 0.035])
    conserves(told, ALL)
    for name in ("fee_usd", "margin_lost_usd", "fund_paid_usd", "margin_handed_usd", "adl_usd"):
        fields = {field: getattr(told, field) for field in Waterfall.__struct_fields__}
        with pytest.raises(AssertionError):
            conserves(Waterfall(**fields | {name: fields[name] + 1.0}), ALL)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"fund_usd": -1.0}, "fund of -1.0"),
        ({"fund_usd": math.nan}, "fund of nan"),
        ({"fee_rate": 1.0}, "fee 1.0"),
        ({"fee_rate": -0.1}, "fee -0.1"),
        ({"fee_rate": math.nan}, "fee nan"),
        ({"margin_left_to_fund": True}, "give fund_usd"),
        ({"fee_to_fund": True}, "give fund_usd"),
    ],
)
def test_payers_that_cannot_be_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Payers(**wrong)


def test_read_only_columns_are_taken() -> None:
    ladder = ladder_at([0.02, 0.03], [1e6, 1e6], Side.LONG, [0.03, 0.04])
    longs = ladder.layers[0].longs
    for column in (longs.price, longs.notional_usd, longs.qty_base, longs.bankruptcy_price):
        assert isinstance(column, np.ndarray)
        column.flags.writeable = False
    assert settle(ladder, BOOK, Shock.by_move(-0.04), payers=ALL).waterfall.loss_usd > 0
