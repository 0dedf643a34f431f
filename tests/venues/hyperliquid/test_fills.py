"""Whose leg a fill is decides which side was liquidated; two legs make one forced close."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.market.events import Coverage, Liquidation, Method, Side
from airpocket.venues.hyperliquid.fills import (
    ADL_DIR,
    Fill,
    ForcedMark,
    Recent,
    complete,
    is_forced,
    liquidated_side,
    method_of,
    trade_key,
)

VICTIM, OTHER = "0x" + "a1" * 20, "0x" + "b2" * 20
MARK = ForcedMark(VICTIM, 99.0, "market")
BACKSTOP = ForcedMark(VICTIM, 99.0, "backstop")


def _fill(side: str = "A", **fields: object) -> Fill:
    given_: dict[str, object] = {"coin": "SOL", "px": 100.0, "sz": 2.0, "time": 1_760_130_964_831}
    return Fill(**{**given_, "tid": 7, "side": side, **fields})  # type: ignore[arg-type]


def _said(fill: Fill, user: str | None) -> Liquidation:
    mark = fill.liquidation or ForcedMark()
    return Liquidation(
        venue="hyperliquid",
        symbol=None,
        raw_symbol=fill.coin,
        liquidated=liquidated_side(fill, user),
        fill_price=fill.px,
        qty_raw=fill.sz,
        method=method_of(fill),
        coverage=Coverage.CENSUS,
        rule_id="x",
        mark_price=mark.mark_px,
        account=mark.liquidated_user,
    )


@pytest.mark.parametrize(
    ("direction", "side"),
    [
        ("Liquidated Cross Long", Side.LONG),
        ("Liquidated Isolated Long", Side.LONG),
        ("Liquidated Cross Short", Side.SHORT),
        ("Liquidated Isolated Short", Side.SHORT),
    ],
)
def test_dir_names_the_side_on_either_leg_whoever_it_belongs_to(direction: str, side: Side) -> None:
    for leg, user, crossed in product("AB", (VICTIM, OTHER, None), (True, False, None)):
        fill = _fill(leg, dir=direction, crossed=crossed, liquidation=BACKSTOP)
        assert liquidated_side(fill, user) is side


@pytest.mark.parametrize(
    ("user", "leg", "side"),
    [
        (VICTIM, "A", Side.LONG),  # sold what it held
        (VICTIM, "B", Side.SHORT),  # bought back what it owed
        (OTHER, "A", Side.SHORT),  # sold into a forced buy
        (OTHER, "B", Side.LONG),  # bought from a forced sell
        (VICTIM.upper().replace("0X", "0x"), "A", Side.LONG),  # checksummed addresses vary in case
    ],
)
def test_else_the_account_of_the_leg_decides(user: str, leg: str, side: Side) -> None:
    for crossed in (True, False, None):
        fill = _fill(leg, dir="Close Long", crossed=crossed, liquidation=MARK)
        assert liquidated_side(fill, user) is side


def test_without_an_account_the_forced_order_is_the_taker_of_the_book() -> None:
    assert liquidated_side(_fill("A", crossed=True, liquidation=MARK), None) is Side.LONG
    assert liquidated_side(_fill("A", crossed=False, liquidation=MARK), None) is Side.SHORT
    assert liquidated_side(_fill("B", crossed=True, liquidation=MARK), None) is Side.SHORT
    assert liquidated_side(_fill("B", crossed=False, liquidation=MARK), None) is Side.LONG


def test_nothing_is_guessed_where_nothing_tells() -> None:
    assert liquidated_side(_fill("A", dir="Close Long", liquidation=MARK), None) is None
    # both legs of a takeover say crossed: it does not tell whose leg it is
    assert liquidated_side(_fill("B", crossed=True, liquidation=BACKSTOP), None) is None


def test_a_deleveraged_short_buys_back_from_the_underwater_long() -> None:
    winner = _fill("B", dir=ADL_DIR, crossed=True, liquidation=BACKSTOP)
    for user in (OTHER, None):
        assert liquidated_side(winner, user) is Side.LONG
    assert method_of(winner) is Method.ADL


def test_methods() -> None:
    assert method_of(_fill(liquidation=MARK)) is Method.BOOK
    assert method_of(_fill(liquidation=BACKSTOP)) is Method.BACKSTOP
    for mark in (None, ForcedMark(), ForcedMark(VICTIM, 1.0, "new way")):
        assert method_of(_fill(liquidation=mark)) is Method.UNKNOWN


def test_forced_means_an_object_or_a_dir_that_says_so() -> None:
    assert is_forced(_fill(liquidation=ForcedMark()))
    assert is_forced(_fill(dir=ADL_DIR))
    assert is_forced(_fill(dir="Liquidated Isolated Short"))
    for direction in (None, "Close Long", "Liquidated", "Spot Dust Conversion"):
        assert not is_forced(_fill(dir=direction))


@pytest.mark.parametrize("reverse", [False, True])
def test_an_adl_is_known_by_either_order_of_its_legs(reverse: bool) -> None:  # noqa: FBT001
    loser = _fill("A", dir="Liquidated Cross Long", crossed=True, liquidation=BACKSTOP), VICTIM
    winner = _fill("B", dir=ADL_DIR, crossed=True, liquidation=BACKSTOP), OTHER
    first, second = (winner, loser) if reverse else (loser, winner)
    joined = complete(_said(*first), *second)
    assert (joined.method, joined.liquidated, joined.account) == (Method.ADL, Side.LONG, VICTIM)


def test_the_second_leg_fills_what_the_first_left_open() -> None:
    bare = _said(_fill("A", liquidation=ForcedMark()), None)
    joined = complete(bare, _fill("B", crossed=False, liquidation=MARK), OTHER)
    assert (joined.liquidated, joined.method) == (Side.LONG, Method.BOOK)
    assert (joined.mark_price, joined.account) == (99.0, VICTIM)
    assert complete(joined, _fill("A", crossed=True, liquidation=MARK), VICTIM) is joined


def test_key_needs_a_trade_id() -> None:
    assert trade_key(_fill()) == ("SOL", 7, 1_760_130_964_831)
    assert trade_key(_fill(tid=None)) is None


@given(st.lists(st.integers(0, 12)), st.integers(1, 6))
def test_memory_is_bounded_and_never_forgets_the_last_few(tids: list[int], size: int) -> None:
    seen, fresh = Recent(size), list[int]()
    for tid in tids:
        if seen.is_new(("X", tid, 0)):
            assert tid not in fresh[-size:]
            fresh.append(tid)
        else:
            assert tid in fresh[-2 * size :]
        assert len(seen) <= 2 * size
