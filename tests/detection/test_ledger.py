"""What is written down of an episode: sums of its own side, legs, waves, context."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.detection.episode import Ending, Kind
from airpocket.detection.ledger import Ledger, PriceLeg
from airpocket.market.events import Coverage, Method, Side
from airpocket.units import MINUTE_NS, SECOND_NS
from tests.detection.made import AAA, at_ns, forced


def ledger(**fields: Any) -> Ledger:
    given_fields: dict[str, Any] = {
        "scope": AAA, "kind": Kind.CASCADE, "side": Side.LONG, "side_inferred": False,
        "onset_ns": at_ns(0), "said_ns": at_ns(1), "unit": "usd", "bin_ns": SECOND_NS,
        "wave_ns": MINUTE_NS, "baseline": 100.0, "history_ns": 0, "provisional": False,
        "confirmed": True,
    }  # fmt: skip
    return Ledger(**{**given_fields, **fields})


def test_an_empty_ledger_knows_nothing_and_says_so() -> None:
    told = ledger().tell()
    assert (told.usd, told.count, told.adl_count, told.adl_usd) == (None, None, None, None)
    assert (told.peak, told.peak_ns, told.multiple, told.severity) == (None, None, None, None)
    assert (told.leg, told.snapback, told.depth_share, told.oi_change_coins) == (None,) * 4
    assert (told.waves, told.legs, told.venues, told.gaps) == ((), (), (), ())
    assert (told.ending, told.end_ns, told.onset_ns) == (Ending.OPEN, None, at_ns(0))


def test_flow_of_the_other_side_is_not_counted() -> None:
    book = ledger()
    book.add_flow(forced(0, [5.0, 7.0]))
    book.add_flow(forced(1, [1000.0], side=Side.SHORT))
    book.add_flow(forced(2, [3.0], side=None))  # a side that is not said cannot be ruled out
    told = book.tell()
    assert (told.usd, told.count) == (15.0, 3)
    both = ledger(side=None)
    both.add_flow(forced(0, [5.0]))
    both.add_flow(forced(1, [1000.0], side=Side.SHORT))
    assert both.tell().usd == 1005.0


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(1, 1000)), min_size=1, max_size=30))
def test_sums_waves_and_peak_agree(closes: list[tuple[int, int]]) -> None:
    book = ledger()
    for at_s, usd in sorted(closes):
        book.add_flow(forced(at_s, [float(usd)]))
    told = book.tell()
    assert told.usd == sum(usd for _, usd in closes)
    assert told.count == len(closes)
    assert sum(wave.total for wave in told.waves) == told.usd
    assert told.peak == max(wave.peak for wave in told.waves)
    assert told.peak_ns in {wave.peak_ns for wave in told.waves}
    assert book.flow_since(at_ns(0)) == told.usd
    assert told.onset_ns == at_ns(min(closes)[0]) + 5
    assert told.multiple == pytest.approx((told.peak or 0.0) / (100.0 * 60))


def test_flow_since_counts_whole_wave_bins_only() -> None:
    book = ledger()
    for at_s in (0, 59, 60, 119, 120):
        book.add_flow(forced(at_s, [1.0]))
    assert [book.flow_since(at_ns(since)) for since in (0, 1, 60, 61, 120, 121)] == [
        5.0, 3.0, 3.0, 1.0, 1.0, 0.0,
    ]  # fmt: skip


def test_a_count_is_not_a_dollar() -> None:
    book = ledger(unit="count", side=None)
    book.add_flow(forced(0, None, count=7, side=None))
    book.add_flow(forced(1, None, count=0, side=None))
    told = book.tell()
    assert (told.usd, told.count, told.peak) == (None, 7, 7.0)


def test_the_dollars_of_a_whole_recording_are_added_to_counts_once() -> None:
    book = ledger(unit="count", side=None)
    book.add_flow(forced(0, None, count=7, side=None))
    book.add_sum(forced(0, [900.0], side=None, method=Method.ADL))
    book.add_sum(forced(0, None, count=7, side=None))
    told = book.tell()
    assert (told.usd, told.adl_usd, told.count) == (900.0, 900.0, 7)
    dollars = ledger()
    dollars.add_flow(forced(0, [5.0]))
    dollars.add_sum(forced(0, [900.0]))
    assert dollars.tell().usd == 5.0


def test_the_share_of_what_is_still_seen() -> None:
    book, okx, dydx = ledger(), ("okx", AAA), ("dydx", AAA)
    assert book.share_of({}) == 1.0
    book.add_flow(forced(0, [30.0]))
    book.add_flow(forced(0, [10.0], venue="dydx"))
    assert book.share_of({okx: True, dydx: True}) == 1.0
    assert book.share_of({okx: True, dydx: False}) == 0.75
    assert book.share_of({okx: False, dydx: True}) == 0.25


def test_adl_is_a_part_with_its_own_first_time() -> None:
    book = ledger()
    book.add_flow(forced(0, [5.0]))
    book.add_flow(forced(9, [7.0, 8.0], method=Method.ADL))
    book.add_flow(forced(12, [1.0], method=Method.ADL))
    told = book.tell()
    assert (told.usd, told.count) == (21.0, 4)
    assert (told.adl_usd, told.adl_count, told.adl_first_ns) == (16.0, 3, at_ns(9) + 5)


def test_venues_are_listed_with_their_coverage() -> None:
    book = ledger()
    book.add_flow(forced(0, [5.0], venue="okx"))
    book.add_flow(forced(0, [5.0], venue="binance"))
    book.add_trades("dydx", at_ns(0), 5, None)
    assert book.tell().venues == (
        ("binance", Coverage.CENSUS), ("dydx", Coverage.INFERRED), ("okx", Coverage.CENSUS),
    )  # fmt: skip


def test_trades_of_a_shock_are_counted_with_their_worth_where_known() -> None:
    book = ledger(kind=Kind.SHOCK, unit="count", side=None)
    book.add_trades("okx", at_ns(0), 5, None)
    assert book.tell().usd is None
    book.add_trades("okx", at_ns(61), 3, 40.0)
    told = book.tell()
    assert (told.usd, told.count, told.peak) == (40.0, 8, 5.0)


def leg(reference: float, *prices: float) -> PriceLeg:
    made = PriceLeg("okx", AAA, reference)
    for number, price in enumerate(prices):
        made.see(price, number + 1, price, number + 1, price)
    return made


@pytest.mark.parametrize(
    ("prices", "falling", "fraction", "regained", "extreme_ns"),
    [
        ((95.0, 90.0, 92.5), True, -0.10, 0.25, 2),
        ((90.0, 90.0, 90.0), True, -0.10, 0.0, 1),  # the first of equal extremes
        ((90.0, 110.0), True, -0.10, 2.0, 1),
        ((105.0, 120.0, 110.0), False, 0.20, 0.5, 2),
        ((100.0,), True, 0.0, 0.0, 1),
    ],
)
def test_a_leg_by_hand(
    prices: tuple[float, ...], fraction: float, regained: float, extreme_ns: int, *, falling: bool
) -> None:
    told = leg(100.0, *prices).tell(falling=falling)
    assert told.fraction == pytest.approx(fraction)
    assert told.regained == pytest.approx(regained)
    assert told.extreme_ns == extreme_ns


@given(st.lists(st.floats(1.0, 1000.0), min_size=1, max_size=20), st.booleans())
def test_a_leg_in_the_mirror(prices: list[float], falling: bool) -> None:  # noqa: FBT001 — drawn
    """Under p → 1/p the extreme stays where it was."""
    one = leg(100.0, *prices).tell(falling=falling)
    other = leg(0.01, *(1.0 / price for price in prices)).tell(falling=not falling)
    assert other.extreme == pytest.approx(1.0 / one.extreme)
    assert 1.0 + other.fraction == pytest.approx(1.0 / (1.0 + one.fraction))
    assert one.regained >= 0.0


@pytest.mark.parametrize(("side", "expected"), [(Side.LONG, -0.1), (Side.SHORT, 0.3), (None, 0.3)])
def test_the_leg_goes_with_the_flow(side: Side | None, expected: float) -> None:
    """Where the side is not known: where the prices went furthest."""
    book = ledger(side=side)
    for venue in ("a", "b", "c"):
        book.legs[venue, AAA] = leg(100.0, 90.0, 130.0)
    fraction, regained = book.leg() or (None, None)
    assert fraction == pytest.approx(expected)
    assert regained == pytest.approx(4.0 if expected < 0 else 0.0)
    assert len(book.tell().legs) == 3


def test_one_wrong_price_does_not_make_the_leg() -> None:
    book = ledger()
    book.add_flow(forced(0, [60_000.0]))
    for venue, low in (("a", 90.0), ("b", 91.0), ("c", 1.0)):
        book.legs[venue, AAA] = leg(100.0, low)
    told = book.tell()
    assert told.leg == pytest.approx(-0.1)
    assert told.severity == pytest.approx(0.1 * 10.0)
    del book.legs["c", AAA]
    assert book.tell().leg == pytest.approx(-0.095)


def test_context_is_the_first_against_the_least() -> None:
    book = ledger()
    book.note_interest(None, None)
    for coins, usd in ((10.0, None), (8.0, 500.0), (9.0, 400.0)):
        book.note_interest(coins, usd)
    for share in (None, 0.7, 0.2, 0.9):
        book.note_depth(share)
    told = book.tell()
    assert told.oi_change_coins == pytest.approx(-0.2)
    assert told.oi_change_usd == pytest.approx(-0.2)
    assert told.depth_share == 0.2


def test_what_was_told_stays_as_it_was() -> None:
    book = ledger()
    book.add_flow(forced(0, [5.0]))
    book.legs["okx", AAA] = leg(100.0, 90.0)
    before = book.tell()
    again = book.tell()
    book.add_flow(forced(70, [50.0]))
    book.legs["okx", AAA].see(50.0, 9, 50.0, 9, 50.0)
    assert before == again
    assert book.tell() != before
