"""What an outcome tells by itself."""

from airpocket.cascade.outcome import StopReason
from airpocket.cascade.settle import settle, settle_both
from airpocket.cascade.shock import Shock
from airpocket.market.events import Side
from tests.cascade.laws import book, ladder_at

LADDER = ladder_at([0.25], [1e6], Side.LONG)
DEEP, THIN = book([1e7], [0.125]), book([1e7], [0.25])


def test_amplification_needs_a_shock() -> None:
    assert settle(LADDER, DEEP, Shock.by_move(-0.25)).amplification == 1.5
    assert settle(LADDER, DEEP, Shock(side=Side.LONG, move=0.0)).amplification is None


def test_a_range_holds_its_ends() -> None:
    both = settle_both(LADDER, (THIN, DEEP), Shock.by_move(-0.25))
    assert both.falls == (0.375, 0.5)


def test_stop_reasons_are_words() -> None:
    assert sorted(StopReason) == [
        "book_empty", "buyers_absorbed", "ladder_exhausted", "rounds_max", "settled",
    ]  # fmt: skip
