import numpy as np
import pytest
from msgspec.structs import replace
from rich.text import Text

from airpocket.app.depth_sources import SeenDepth
from airpocket.app.ladder_commands import ShockOptions
from airpocket.app.shock_drawing import axis_step, is_beyond, lines_of, shock_words, stop_words
from airpocket.app.shocking import Settled, payers_of, settled_of
from airpocket.cascade.impact import BookWalk, Curve, Impact, SquareRoot
from airpocket.cascade.outcome import StopReason
from airpocket.cascade.shock import Shock
from airpocket.leverage.ladder import Ladder, Provenance
from tests.app.made_ladders import DENSE, ladder, layer

SEEN = SeenDepth(venue="okx", symbol="BTC/USDT:USDT", source="[b]book", at_ns=None, mid=100.0)
ROOTS = [
    (f"square root, Y {y:g}", SquareRoot(daily_volatility=0.03, daily_volume_usd=1e9, y=y))
    for y in (0.5, 1.0)
]


def _walk(count: int, usd: float = 1e4) -> BookWalk:
    steps = np.arange(1.0, count + 1.0, dtype=np.float64)
    side = Curve(np.multiply(steps, usd), np.multiply(steps, 1e-5))
    return BookWalk(side, side, 100.0)


def settled(
    shock: Shock, *, made: Ladder | None = None, count: int = 40_000, roots: bool = True
) -> Settled:
    laws: list[tuple[str, Impact]] = [("book walk", _walk(count)), *(ROOTS if roots else [])]
    made = ladder(layer(DENSE)) if made is None else made
    return settled_of(made, SEEN, shock, laws, payers_of(ShockOptions(fund="1M", fee="1%")))


def _told(one: Settled) -> str:
    return "\n".join(Text.from_markup(line).plain for line in lines_of(one))


def test_the_laws_stand_side_by_side_and_each_chain_below() -> None:
    told = _told(settled(Shock.by_move(-0.015)))
    heading = next(line for line in told.splitlines() if line.strip().startswith("book walk"))
    assert heading.split() == [
        "book",
        "walk",
        "square",
        "root,",
        "Y",
        "0.5",
        "square",
        "root,",
        "Y",
        "1",
    ]
    assert "a fall of 1.5 %: BTC/USDC:USDC on hyperliquid at 100, 2026-03-02 09:00:00 UTC" in told
    assert "98.500  −1.50 %" in told
    assert "air-pocket" in told
    assert "range of the laws: " in told
    assert "from [b]book" in told, "a name is no markup"


def test_columns_stand_under_each_other() -> None:
    rows = _told(settled(Shock.by_move(-0.015))).splitlines()
    at = next(row for row in rows if "square root, Y 0.5" in row).index("square root, Y 0.5")
    for label in ("price at rest", "forced to close", "it ended", "waves after"):
        row = next(row for row in rows if row.startswith(label))
        assert row[at - 1] == " "
        assert row[at] != " "


def test_a_book_that_does_not_suffice_has_no_price_at_its_end() -> None:
    one = settled(Shock.by_move(-0.015), count=300)
    assert is_beyond(one.cascades[0][1])
    told = _told(one)
    assert "beyond the book in sight" in told
    assert "→ past the book" in told
    assert "range of the laws: −1.77 % to beyond the book in sight" in told


def test_an_order_that_empties_the_book_itself() -> None:
    told = _told(settled(Shock.by_sale(50e6), count=300))
    assert "a market sale of $50.0M" in told
    assert "empties the book in sight" in told


def test_a_jump_is_said() -> None:
    told = _told(settled(Shock.by_move(-0.002)))
    row = next(row for row in told.splitlines() if row.startswith("shock where it jumps"))
    assert "−1.05 %: −1.05 % → " in row
    assert "none up to the last level" in row, "under the square root"


def test_measured_is_at_least_and_an_estimate_about() -> None:
    assert "at least $40.0M" in _told(settled(Shock.by_move(-0.025)))
    guess = ladder(layer(DENSE, known=Provenance.ESTIMATED))
    told = _told(settled(Shock.by_move(-0.025), made=guess))
    assert "about $40.0M" in told
    assert "at least" not in told


def test_counts_that_are_not_known_are_said() -> None:
    told = _told(settled(Shock.by_move(-0.02), made=ladder(layer(DENSE, counted=False))))
    assert "not known" in next(row for row in told.splitlines() if row.startswith("positions"))


def test_many_waves_are_told_in_short() -> None:
    rows = [(99.9 - 0.012 * n, 1.25e5) for n in range(400)]
    one = settled(Shock.by_move(-0.0011), made=ladder(layer(rows)), roots=False)
    assert one.cascades[0][1].waves_count > 13
    told = _told(one)
    assert "more waves force $" in told
    listed = [row.split()[0] for row in told.splitlines() if " → " in row and row.startswith(" ")]
    assert listed[:3] == ["shock", "1", "2"]
    assert len(listed) == 12
    assert "and 2 more air-pockets, listed by --json" in told


@pytest.mark.parametrize(
    ("shock", "said"),
    [
        (Shock.by_move(-0.03), "a fall of 3 %"),
        (Shock.by_move(0.125), "a rise of 12.5 %"),
        (Shock.by_sale(5e7), "a market sale of $50.0M"),
        (Shock.by_purchase(5e7), "a market purchase of $50.0M"),
    ],
)
def test_shocks_in_words(shock: Shock, said: str) -> None:
    both = ladder(layer(DENSE, [(101.0, 1e6)]))
    assert shock_words(settled(shock, made=both)) == said


def test_every_reason_has_words() -> None:
    one = settled(Shock.by_move(-0.015)).cascades[0][1]
    words = {stop_words(replace(one, stop=reason)) for reason in StopReason}
    assert len(words) == len(StopReason)


def test_prices_are_said_to_their_size() -> None:
    assert [axis_step(price) for price in (70_328.0, 100.0, 0.5)] == [
        1.0,
        pytest.approx(1e-3),
        pytest.approx(1e-5),
    ]
