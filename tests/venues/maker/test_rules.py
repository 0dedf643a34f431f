"""Maker's auctions: what the tests of dss state."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.venues.maker import rules


def answer(vector: dict[str, Any]) -> Any:
    inputs = vector["inputs"]
    if vector["kind"] == "auction_start":
        room = {"room": inputs["room"]} if "room" in inputs else {}
        names = ("ink", "art", "rate", "spot_px", "chop", "buf")
        started = rules.start_auction(*(inputs[name] for name in names), **room)
        return {name: getattr(started, name) for name in vector["expected"]}
    if vector["kind"] == "auction_take":
        taken = rules.take(inputs["lot"], inputs["tab"], inputs["price"], inputs["amt"])
        return {name: getattr(taken, name) for name in vector["expected"]}
    assert vector["kind"] == "auction_price"
    return rules.auction_price(inputs["top"], inputs["cut"], inputs["step"], inputs["t"])


def test_every_vector_within_its_tolerance(data_dir: Path) -> None:
    vectors = json.loads((data_dir / "venue_vectors.json").read_text(encoding="utf-8"))
    ours = [vector for vector in vectors if vector["venue"] == "maker"]
    assert len(ours) == 5
    for vector in ours:
        limit = vector["tolerance"]["abs"]
        assert answer(vector) == pytest.approx(vector["expected"], rel=0, abs=limit), vector["id"]


def test_the_cases_without_the_file() -> None:
    whole = rules.start_auction(40.0, 100.0, 1.0, 4.0, 1.1, 1.25)
    assert [whole.lot, whole.tab, whole.top] == pytest.approx([40.0, 110.0, 5.0])
    capped = rules.start_auction(40.0, 100.0, 1.0, 4.0, 1.1, 1.25, room=75.0)
    assert [capped.lot, capped.tab] == pytest.approx([27.2727272727, 75.0])
    assert rules.take(40.0, 110.0, 5.0, 25.0) == rules.Taken(110.0, 22.0, 18.0, 0.0)
    assert rules.take(40.0, 110.0, 5.0, 11.0) == rules.Taken(55.0, 11.0, 29.0, 55.0)
    assert rules.auction_price(5.0, 0.99, 1.0, 69.0) == pytest.approx(2.5, abs=0.002)
    assert rules.auction_price(5.0, 0.99, 90.0, 89.0) == 5.0  # the price falls in steps


def test_unsafe_is_strict() -> None:
    assert rules.is_unsafe(40.0, 2.4, 100.0, 1.0)
    assert not rules.is_unsafe(40.0, 2.5, 100.0, 1.0)


@given(
    lot=st.floats(0.1, 1e5), tab=st.floats(0.1, 1e7), price=st.floats(0.01, 1e4),
    amount=st.floats(0.01, 1e6),
)  # fmt: skip
def test_nobody_pays_more_than_is_owed_or_gets_more_than_there_is(
    lot: float, tab: float, price: float, amount: float
) -> None:
    taken = rules.take(lot, tab, price, amount)
    assert taken.owe <= tab
    assert taken.slice <= min(lot, amount) * (1 + 1e-12)
    assert taken.owe == pytest.approx(taken.slice * price)
    assert [taken.lot, taken.tab] == pytest.approx([lot - taken.slice, tab - taken.owe])


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="no room"):
        rules.start_auction(40.0, 100.0, 1.0, 4.0, 1.1, 1.25, room=0.0)
    with pytest.raises(InputError, match="art is 0"):
        rules.start_auction(40.0, 0.0, 1.0, 4.0, 1.1, 1.25)
    with pytest.raises(InputError, match="no auction"):
        rules.auction_price(5.0, 1.0, 1.0, 1.0)
    with pytest.raises(InputError, match="no purchase"):
        rules.take(40.0, 110.0, 0.0, 1.0)
