"""Which shock reaches a position, against the same worked out level by level."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.app.check_chain import Chain, Surroundings, chain_json, chain_of, surroundings_of
from airpocket.app.check_command import Asked
from airpocket.app.check_facts import Facts, facts_of
from airpocket.app.check_words import market_of
from airpocket.app.ladder_commands import DepthOptions
from airpocket.cascade.impact import BookWalk, Curve, Impact, SquareRoot
from airpocket.cascade.settle import settle
from airpocket.cascade.shock import Shock
from airpocket.errors import InputError
from airpocket.leverage.ladder import Ladder, Provenance
from airpocket.leverage.ladder_file import write_ladder
from airpocket.market.events import Side
from tests.leverage.ladders import ladder

LONG = Asked(venue="binance", symbol="BTCUSDT", side="long", size=1.0, mark=100.0, leverage=10.0)
SHORT = replace(LONG, side="short")
ROOT = SquareRoot(daily_volatility=0.03, daily_volume_usd=1e9, y=1.0)


def facts(asked: Asked) -> Facts:
    return facts_of(asked, market_of(asked))


def around(waits: Ladder, *laws: Impact, absorbed: float = 0.0) -> Surroundings:
    named = tuple((law.law, law) for law in laws)
    return Surroundings(ladder=waits, seen=None, laws=named, absorbed=absorbed)


def chain(asked: Asked, waits: Ladder, *laws: Impact, absorbed: float = 0.0) -> Chain:
    found = chain_of(facts(asked), around(waits, *laws, absorbed=absorbed))
    assert found is not None
    return found


def book(usd: list[float], fall: list[float]) -> BookWalk:
    side = Curve(np.array(usd), np.array(fall))
    return BookWalk(side, side)


def needed(waits: Ladder, side: Side, law: Impact, away: float, absorbed: float) -> float:
    """Smallest move: at each level before, impact and move together must have reached it."""
    levels = waits.side(side)
    distance = np.abs(levels.price - waits.mark_price) / waits.mark_price
    most = 0.0
    for stop in [*distance[distance < away], away]:
        forced = (1 - absorbed) * float(levels.notional_usd[distance < stop].sum())
        most = max(most, stop - law.curve(side, waits.mark_price).at(forced))
    return most


@settings(max_examples=25)
@given(
    rows=st.lists(st.tuples(st.floats(0.001, 0.2), st.floats(1e3, 1e6)), max_size=10),
    steps=st.lists(st.tuples(st.floats(1e4, 1e6), st.floats(0.001, 0.03)), min_size=1, max_size=6),
    is_long=st.booleans(),
    absorbed=st.sampled_from([0.0, 0.6]),
)
def test_the_smallest_move_is_the_one_worked_out_by_hand(
    rows: list[tuple[float, float]],
    steps: list[tuple[float, float]],
    is_long: bool,  # noqa: FBT001
    absorbed: float,
) -> None:
    sign = -1 if is_long else 1
    made = [(100.0 * (1 + sign * away), usd, usd / 100) for away, usd in rows]
    waits = ladder(made, []) if is_long else ladder([], made)
    usd, fall = np.cumsum(steps, axis=0).T
    usd[-1] = 1e9  # the book holds more than all of it
    laws: tuple[Impact, ...] = (book(usd.tolist(), fall.tolist()), ROOT)
    asked = LONG if is_long else SHORT
    found = chain(asked, waits, *laws, absorbed=absorbed)
    side = Side.LONG if is_long else Side.SHORT
    for one, law in zip(found.reaches, laws, strict=True):
        expected = needed(waits, side, law, found.move_alone, absorbed)
        assert one.move == pytest.approx(expected, abs=2e-7)
        assert one.move <= found.move_alone
        reached = settle(waits, law, _move(side, one.move + 1e-9, absorbed)).fall
        assert reached >= found.move_alone - 1e-9
        if one.move > 1e-5:
            short_of = settle(waits, law, _move(side, one.move - 1e-6, absorbed)).fall
            assert short_of < found.move_alone


def _move(side: Side, away: float, absorbed: float) -> Shock:
    return Shock(side=side, move=-away if side is Side.LONG else away, absorbed=absorbed)


def test_without_others_only_the_move_itself_reaches_it() -> None:
    found = chain(LONG, ladder([], []), ROOT)
    price = facts(LONG).liquidation.price
    assert price is not None
    assert found.move_alone == pytest.approx(1 - price / 100)
    (one,) = found.reaches
    assert one.move == pytest.approx(found.move_alone, abs=2e-7)
    assert (one.waves, one.forced_usd, found.ahead_usd) == (0, 0.0, 0.0)


def test_what_is_nearer_counts_and_what_is_farther_does_not() -> None:
    waits = ladder([(99.0, 5.0, 0.05), (95.0, 7.0, 0.07), (80.0, 1e9, 1e7)], [(101.0, 9.0, 0.09)])
    assert chain(LONG, waits).ahead_usd == 12.0
    assert chain(SHORT, waits).ahead_usd == 9.0


def test_a_chain_carries_a_small_move_to_it() -> None:
    """1 % sets off 2 M USD, which walk the book 12 % down."""
    waits = ladder([(99.0, 2e6, 2e4)], [])
    (one,) = chain(LONG, waits, book([1e6, 1e9], [0.01, 0.12])).reaches
    assert one.move == pytest.approx(0.01, abs=2e-7)
    assert (one.waves, one.forced_usd) == (1, 2e6)
    assert one.order_alone_usd == pytest.approx(1e6)
    assert one.order_usd is not None
    # An order that takes the book to 1 % sets them off; both together go beyond.
    assert one.order_alone_usd is not None
    assert 0 < one.order_usd < one.order_alone_usd


def test_where_the_book_ends_it_is_at_most() -> None:
    waits = ladder([(99.0, 2e6, 2e4)], [])
    (one,) = chain(LONG, waits, book([1e6], [0.04])).reaches
    assert one.is_at_most
    assert one.order_alone_usd is None
    assert one.order_usd is None
    assert 0.01 < one.move < chain(LONG, waits).move_alone


def test_more_than_a_day_s_volume_is_not_told_of_the_square_root() -> None:
    calm = SquareRoot(daily_volatility=0.001, daily_volume_usd=1e9, y=0.5)
    (one,) = chain(LONG, ladder([], []), calm).reaches
    assert one.order_usd is None


def test_a_mark_that_has_passed_it_has_no_chain() -> None:
    asked = replace(LONG, entry=100.0, mark=85.0)
    assert chain_of(facts(asked), around(ladder([], [], mark=85.0), ROOT)) is None
    unreached = replace(LONG, leverage=1.0)
    assert facts(unreached).liquidation.price is None
    assert chain_of(facts(unreached), around(ladder([], []), ROOT)) is None


def test_estimated_levels_are_said_to_be_so_and_not_added() -> None:
    waits = ladder([(99.0, 5.0, 0.05)], [], provenance=Provenance.ESTIMATED)
    found = chain(LONG, waits, ROOT)
    assert found.provenance is Provenance.ESTIMATED
    assert chain_json(found)["provenance"] == "estimated"


def test_sources_are_read_and_looked_at_from_the_mark(tmp_path: Path) -> None:
    path = tmp_path / "ladder.json"
    write_ladder(ladder([(99.0, 5.0, 0.05)], [(101.0, 9.0, 0.09)]), path)
    asked = replace(LONG, positions=path, daily_volume="1bn", daily_volatility="3%", absorbed="60%")
    found = surroundings_of(asked, DepthOptions(), market_of(asked))
    assert found is not None
    assert [name for name, _ in found.laws] == ["square root, Y 0.5", "square root, Y 1"]
    assert (found.absorbed, found.ladder.mark_price, found.seen) == (0.6, 100.0, None)
    nearer = replace(asked, mark=98.5)
    rolled = surroundings_of(nearer, DepthOptions(), market_of(nearer))
    assert rolled is not None
    assert rolled.ladder.mark_price == 98.5
    assert rolled.ladder.side(Side.LONG).size == 0  # the level at 99 has been met
    assert surroundings_of(LONG, DepthOptions(), market_of(LONG)) is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"daily_volume": "1bn"}, "--daily-volume is of a chain"),
        ({"absorbed": "60%"}, "--absorbed is of a chain"),
        ({"absorbed": "160%"}, "--absorbed is '160%'"),
        ({"positions": Path("/nowhere/at/all.csv")}, "/nowhere/at/all.csv"),
    ],
)
def test_what_cannot_be_followed_is_refused(changed: dict[str, Any], said: str) -> None:
    asked = replace(LONG, **changed)
    with pytest.raises((InputError, OSError)) as caught:
        surroundings_of(asked, DepthOptions(), market_of(asked))
    assert said in str(caught.value)


def test_volume_without_volatility_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ladder.json"
    write_ladder(ladder([(99.0, 5.0, 0.05)], []), path)
    asked = replace(LONG, positions=path, daily_volume="1bn")
    with pytest.raises(InputError, match="give --daily-volatility too"):
        surroundings_of(asked, DepthOptions(), market_of(asked))


def test_json_says_all_of_it() -> None:
    waits = ladder([(99.0, 2e6, 2e4)], [])
    told = chain_json(chain(LONG, waits, book([1e6, 1e9], [0.01, 0.12]), ROOT))
    assert [law["law"] for law in told["laws"]] == ["book_walk", "square_root"]
    assert told["laws"][0]["move_bps"] == pytest.approx(100.0, abs=0.01)
    assert told["ahead_usd"] == 2e6
    assert told["sources"] == [{"source": "made up", "forced": "liquidation", "share_of_oi": None}]
    assert "the ladder does not hold this position itself" in told["assumed"]
