import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.cascade.comparison import Held, compare, laid_out
from airpocket.cascade.impact import SquareRoot
from airpocket.cascade.parameters import ParameterSet
from airpocket.cascade.partial import Partial
from airpocket.cascade.settle import settle
from airpocket.cascade.shock import Shock
from airpocket.cascade.waterfall import Payers
from airpocket.errors import InputError
from airpocket.leverage.position_book import PositionBook
from airpocket.leverage.position_ladder import ladder_of
from airpocket.leverage.tiers import TierTable, table_of
from airpocket.market.events import Side
from airpocket.market.instrument import Instrument, Kind
from tests.cascade.laws import ladder_at

PERP = Instrument(
    venue="x", raw_symbol="X", symbol="X/USDT:USDT", kind=Kind.LINEAR, base="X", quote="USDT",
    settle="USDT",
)  # fmt: skip
TIERS = table_of(PERP.symbol, [(0, 1e5, 0.01, 0, 50), (1e5, 1e9, 0.02, 1e3, 25)], "made up")
LAW = SquareRoot(daily_volatility=0.05, daily_volume_usd=5e7)
PLAIN = ParameterSet(name="plain")
FIFTH = Partial(share=0.2, above_usd=1e5)
FALL = Shock.by_move(-0.08)


def _held(
    sides: list[bool], qty: list[float], leverage: list[float], tiers: TierTable = TIERS
) -> Held:
    count = len(sides)
    book = PositionBook(
        (PERP,),
        np.zeros(count, dtype=np.int32),
        np.array(sides),
        np.array(qty),
        np.full(count, 100.0),
        np.full(count, np.nan),
        np.array(leverage),
        np.zeros(count, dtype=np.bool_),
        np.full(count, np.nan),
        "made up",
    )
    return Held(book=book, mark_price=100.0, tiers=tiers)


POSITIONS = st.lists(
    st.tuples(st.booleans(), st.floats(1, 1e5), st.floats(2, 20)), min_size=1, max_size=30
)
Rows = list[tuple[bool, float, float]]


def _of(rows: Rows) -> Held:
    sides, qty, leverage = zip(*rows, strict=True)
    return _held(list(sides), list(qty), list(leverage))


@given(POSITIONS)
@settings(deadline=None, max_examples=40)
def test_the_plain_set_is_the_ladder_of_the_positions(rows: Rows) -> None:
    held = _of(rows)
    laid = laid_out(held, PLAIN)
    own = ladder_of(held.book, PERP.symbol, 100.0, tiers=TIERS)
    assert laid.at_once_usd == 0
    for side in Side:
        ours, theirs = laid.ladder.side(side), own.side(side)
        assert ours.price == pytest.approx(theirs.price)
        assert ours.notional_usd == pytest.approx(theirs.notional_usd)
        assert ours.bankruptcy_price is not None
        assert theirs.bankruptcy_price is not None
        assert ours.bankruptcy_price == pytest.approx(theirs.bankruptcy_price, rel=1e-6)


@given(POSITIONS, st.floats(1.05, 4), st.floats(0.01, 0.3))
@settings(deadline=None, max_examples=40)
def test_higher_maintenance_forces_a_superset_and_ends_no_nearer(
    rows: Rows, factor: float, move: float
) -> None:
    """I23 along the venue's own knob: liquidation prices come nearer."""
    held = _of(rows)
    found = compare(
        held, LAW, Shock.by_move(-move), PLAIN, ParameterSet(name="m", maintenance_factor=factor)
    )
    first, second = found.first, found.second
    slack = 1 + 1e-9
    # What no longer meets the requirement at the mark is closed by the change, not by the shock.
    if second.at_once_usd == 0:
        assert second.cascade.fall * slack >= first.cascade.fall
        assert (second.cascade.forced_count or 0) >= (first.cascade.forced_count or 0)


@given(POSITIONS, st.floats(0.01, 0.3), st.sampled_from([FIFTH, Partial(tiers_down=1)]))
@settings(deadline=None, max_examples=40)
def test_parts_force_no_more_coins_and_end_no_farther(
    rows: Rows, move: float, partial: Partial
) -> None:
    found = compare(
        _of(rows), LAW, Shock.by_move(-move), PLAIN, ParameterSet(name="parts", partial=partial)
    )
    whole, parts = found.first.cascade, found.second.cascade
    assert parts.forced_usd <= whole.forced_usd * (1 + 1e-9)
    assert parts.forced_qty_base <= whole.forced_qty_base * (1 + 1e-9)
    assert parts.fall <= whole.fall * (1 + 1e-9)


def test_two_equal_sets_do_not_differ_and_the_fund_is_counted() -> None:
    held = _held([True] * 20, [5e4] * 20, list(np.linspace(8, 18, 20)))
    rich = ParameterSet(name="a", fund_usd=1e7, fee_rate=0.005, fee_to_fund=True)
    same = compare(held, LAW, FALL, rich, rich)
    assert all(row.difference in {0.0, None} for row in same.rows)
    assert same.first.cascade.forced_usd > 0
    poor = ParameterSet(name="b", fund_usd=1.0)
    found = {row.key: row for row in compare(held, LAW, FALL, rich, poor).rows}
    assert found["fund_after_usd"].second == 0
    assert found["fund_after_usd"].first is not None
    assert found["fund_after_usd"].first > 0
    assert (found["adl_usd"].second or 0) > 0
    assert found["adl_usd"].first == 0
    assert found["fee_usd"].second == 0
    assert found["forced_usd"].difference == 0
    loans = compare(held, LAW, FALL, poor, poor, has_adl=False)
    owed = {row.key: row.first for row in loans.rows}
    assert owed["bad_debt_usd"] == pytest.approx(found["adl_usd"].second)
    assert owed["adl_usd"] == 0


def test_depth_and_backstop_are_those_of_the_set() -> None:
    held = _held([True] * 20, [5e4] * 20, list(np.linspace(8, 18, 20)))
    thin = ParameterSet(name="thin", depth_factor=0.25)
    kept = ParameterSet(name="kept", absorbed=0.9)
    found = compare(held, LAW, FALL, thin, kept)
    ladder = laid_out(held, PLAIN).ladder
    alone = settle(ladder, LAW.thinned(0.25), FALL, payers=Payers(has_adl=True))
    assert found.first.cascade.fall == alone.fall
    assert found.second.cascade.fall < found.first.cascade.fall
    rows = {row.key: row for row in found.rows}
    assert rows["absorbed_usd"].second == pytest.approx(0.9 * (rows["forced_usd"].second or 0))
    assert rows["fund_after_usd"].difference is None  # no fund is known


def test_what_would_be_taken_by_the_change_itself_is_told() -> None:
    held = _held([True, True], [100.0, 100.0], [5.0, 40.0])
    laid = laid_out(held, ParameterSet(name="m", maintenance_factor=3.0))
    assert laid.at_once_usd == pytest.approx(100.0 * 100.0)  # 2.5 % of margin against 3 %
    assert laid.ladder.side(Side.LONG).size == 1


def test_a_ladder_can_be_compared_where_positions_do_not_change() -> None:
    ladder = ladder_at([0.05, 0.09], [1e6, 1e6], Side.LONG)
    found = compare(
        ladder, LAW, FALL, PLAIN, ParameterSet(name="thin", depth_factor=0.1, fund_usd=1e6)
    )
    assert found.second.cascade.fall > found.first.cascade.fall
    assert {row.key: row.first for row in found.rows}["unknown_usd"] == 1e6
    for other in (
        ParameterSet(name="m", maintenance_factor=2.0),
        ParameterSet(name="p", partial=FIFTH),
        ParameterSet(name="t", tiers=TIERS),
    ):
        with pytest.raises(InputError, match="need positions, not a ladder's levels"):
            compare(ladder, LAW, FALL, PLAIN, other)


def test_a_book_without_dollars_or_a_price_is_refused() -> None:
    held = _held([True], [1.0], [5.0])
    bad = Held(book=held.book, mark_price=float("nan"), tiers=TIERS)
    with pytest.raises(InputError, match="mark price nan"):
        laid_out(bad, PLAIN)


def test_what_is_assumed_is_told_once() -> None:
    held = _held([True], [1e4], [5.0])
    found = compare(held, LAW, FALL, PLAIN, ParameterSet(name="parts", partial=FIFTH))
    assert len(found.assumed) == len(set(found.assumed))
    assert any("leaves all margin but the fee to the rest" in said for said in found.assumed)
