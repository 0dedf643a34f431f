"""A book as it is opened, against the published depth; its terms; what is refused."""

import math

import numpy as np
import pytest

from airpocket.cascade.density_book import (
    NO_FILLS,
    BookTerms,
    Withdrawal,
    copied,
    levels_of,
    open_book,
)
from airpocket.cascade.density_kernels import (
    ASK,
    BEST,
    BID,
    BOOK,
    NO_BID,
    RESTING,
    STACKED,
    join,
    refill,
    take,
)
from airpocket.cascade.depth_profile import (
    PUBLISHED_ASK_USD,
    PUBLISHED_BANDS,
    PUBLISHED_BID_USD,
    DepthProfile,
    SideProfile,
)
from airpocket.cascade.makers_kernels import offset_of
from airpocket.errors import InputError
from tests.cascade.plain_book import check, held

_TERMS = BookTerms(micro_per_tick_lot=1_000, width=8192)  # ticks of a dollar, lots of 0.001 coins
_PRICE = 61_400


def test_an_opened_book_holds_the_published_depth() -> None:
    profile = DepthProfile.published()
    book, _ = open_book(profile, _TERMS, _PRICE)
    check(book)
    assert book.figures[:BOOK, BEST].tolist() == [_PRICE, _PRICE + 1]
    for is_bid, law, usd, tolerance in (
        (True, profile.bid, PUBLISHED_BID_USD, 0.02),
        (False, profile.ask, PUBLISHED_ASK_USD, 0.16),
    ):
        levels = levels_of(book, is_bid=is_bid)
        away = np.abs(levels.ticks - (_PRICE + 0.5)) + 0.5
        for band, there in zip(PUBLISHED_BANDS, usd, strict=True):
            inside = away <= band * (_PRICE + 0.5)
            resting = float((levels.lots * levels.ticks)[inside].sum()) * _TERMS.usd_per_tick_lot
            reached = law.usd_within(math.floor(band * (_PRICE + 0.5)) / (_PRICE + 0.5))
            assert resting == pytest.approx(reached, abs=100.0)  # a lot is 61 dollars
            assert resting == pytest.approx(there, rel=tolerance)


def test_a_spread_of_more_ticks_keeps_the_depth() -> None:
    near, _ = open_book(DepthProfile.published(), _TERMS, _PRICE)
    wide, _ = open_book(
        DepthProfile.published(), BookTerms(micro_per_tick_lot=1_000, nearest_ticks=7), _PRICE
    )
    check(wide)
    assert wide.figures[:BOOK, BEST].tolist() == [_PRICE - 6, _PRICE + 7]
    assert np.all(np.abs(wide.figures[:BOOK, RESTING] - near.figures[:BOOK, RESTING]) <= 3)


def test_levels_are_read_as_they_lie() -> None:
    book, _ = open_book(DepthProfile.published(), BookTerms(micro_per_tick_lot=50, width=64), 500)
    assert join(book, True, 40, 7)
    assert join(book, True, 20, 7)
    assert book.figures[BID, STACKED] == 2
    for side, is_bid in ((BID, True), (ASK, False)):
        levels, plain = levels_of(book, is_bid=is_bid), held(book)[side]
        order = sorted(plain, reverse=is_bid)
        assert levels.ticks.tolist() == order
        assert levels.makers_lots.tolist() == [plain[tick][0] for tick in order]
        assert levels.others_lots.tolist() == [plain[tick][1] for tick in order]


def test_a_book_swept_and_left_comes_back_by_its_half_lives() -> None:
    book, target = open_book(DepthProfile.published(), _TERMS, _PRICE)
    whole = int(book.figures[BID, RESTING])
    take(book, False, whole, NO_BID, NO_FILLS)
    assert book.figures[BID, BEST] == NO_BID
    gains = _TERMS.gains(100_000_000)
    for i in range(100):  # 10 s
        refill(book, target.goals, _PRICE, 1.0, gains, offset_of(3, i))
    check(book)
    expected = 0.5 * 0.5 + 0.5 * (1 - 0.5 ** (10 / 600))
    # What comes slowly fills part of what would have come quickly.
    assert book.figures[BID, RESTING] / whole == pytest.approx(expected, rel=0.01)


def test_a_copy_stands_alone() -> None:
    book, _ = open_book(DepthProfile.published(), BookTerms(micro_per_tick_lot=50, width=64), 500)
    kept = copied(book)
    before = [column.tobytes() for column in kept]
    take(book, False, 99, NO_BID, NO_FILLS)
    assert [column.tobytes() for column in kept] == before
    assert [column.tobytes() for column in book] != before


def test_a_book_near_a_price_of_nothing_stays_above_it() -> None:
    book, _ = open_book(DepthProfile.published(), BookTerms(micro_per_tick_lot=9, width=64), 5)
    check(book)
    assert levels_of(book, is_bid=True).ticks.tolist() == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("micro_per_tick_lot", 0),
        ("width", 100),
        ("width", 0),
        ("capacity", 0),
        ("nearest_ticks", 0),
        ("quick_share", 1.1),
        ("quick_share", math.nan),
        ("tolerance", -0.1),
        ("quick_half_life_s", 0.0),
        ("slow_half_life_s", math.inf),
        ("withdrawal_half_life_s", -1.0),
    ],
)
def test_terms_that_no_book_can_live_by_are_refused(field: str, bad: float) -> None:
    terms = {"micro_per_tick_lot": 100, field: bad}
    with pytest.raises(InputError, match=field):
        BookTerms(**terms)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("steepness", -1.0),
        ("floor", 2.0),
        ("quick_share", math.nan),
        ("quick_half_life_s", 0.0),
        ("slow_half_life_s", -5.0),
    ],
)
def test_what_is_no_withdrawal_is_refused(field: str, bad: float) -> None:
    with pytest.raises(InputError, match=field):
        Withdrawal(**{field: bad})


def test_a_book_that_cannot_be_opened_is_refused() -> None:
    profile = DepthProfile.published()
    for reference in (0, -3, 1 << 40):
        with pytest.raises(InputError, match="reference"):
            open_book(profile, _TERMS, reference)
    vast = DepthProfile(SideProfile(0.02, 1e16, 1.0, 1.0), profile.ask)
    with pytest.raises(InputError, match="bid depth"):
        open_book(vast, _TERMS, _PRICE)
    fine = DepthProfile(profile.bid, SideProfile(0.02, 1e13, 1.0, 0.1))
    with pytest.raises(InputError, match="too many lots"):
        open_book(fine, BookTerms(micro_per_tick_lot=1), 10)
