"""Figures that contradict each other are noticed; a market that is merely wild is believed."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.live.plausible import Plausible
from airpocket.market.events import Coverage, Event, Liquidation, Method, OpenInterest, Side, Trade
from airpocket.units import SECOND_NS

LONG, SHORT = Side.LONG, Side.SHORT


def _head(name: str, at_s: float) -> dict[str, Any]:
    return {
        "venue": "bybit", "symbol": None, "raw_symbol": name, "local_ns": round(at_s * SECOND_NS),
    }  # fmt: skip


def _trade(at_s: float, price: float, name: str = "BTCUSDT") -> Event:
    return Trade(**_head(name, at_s), price=price, qty_raw=1.0)


def _forced(at_s: float, side: Side, size: float = 1.0, name: str = "BTCUSDT") -> Event:
    return Liquidation(
        **_head(name, at_s), liquidated=side, qty_raw=size, qty_base=size, method=Method.UNKNOWN,
        coverage=Coverage.CENSUS, rule_id="x",
    )  # fmt: skip


def _open(at_s: float, size: float, name: str = "BTCUSDT") -> Event:
    return OpenInterest(**_head(name, at_s), qty_base=size, notional_usd=None)


def _play(events: list[Event]) -> Plausible:
    plausible = Plausible()
    for event in events:
        plausible.see(event)
    return plausible


def _slide(side: Side, *, step: float = -5e-4, seconds: int = 300) -> list[Event]:
    """Let the price go one way for five minutes, and positions of one side be closed."""
    events: list[Event] = []
    for second in range(seconds):
        events.append(_trade(second, 100.0 * (1.0 + step) ** second))
        if second % 3 == 0:
            events.append(_forced(second + 0.5, side))
    return events


@pytest.mark.parametrize(("step", "loser"), [(-5e-4, LONG), (5e-4, SHORT)])
def test_the_side_that_lost_is_believed_and_the_other_is_not(step: float, loser: Side) -> None:
    winner = SHORT if loser is LONG else LONG
    assert _play(_slide(loser, step=step)).contradictions() == []
    (one,) = _play(_slide(winner, step=step)).contradictions()
    assert one.venue == "bybit"
    assert one.said.startswith("sides contradict the price")


def test_one_account_closed_in_pieces_proves_nothing() -> None:
    events = _slide(LONG, seconds=60)
    events += [_forced(60.0 + piece / 100, SHORT) for piece in range(500)]
    assert _play(events).contradictions() == []


def test_what_is_closed_on_the_way_back_is_believed() -> None:
    events = _slide(LONG, seconds=120)
    low = 100.0 * (1.0 - 5e-4) ** 120
    for second in range(120):
        price = low * (1.0 + 2e-4 * second)
        events += [_trade(120 + second, price), _forced(120.5 + second, LONG)]
    assert _play(events).contradictions() == []


def test_sides_that_agree_again_end_the_doubt() -> None:
    plausible = _play(_slide(SHORT))
    assert plausible.contradictions()
    for event in _slide(LONG, seconds=299):
        later = {"local_ns": (event.local_ns or 0) + 600 * SECOND_NS}
        plausible.see(
            type(event)(**{f: getattr(event, f) for f in event.__struct_fields__} | later)
        )
    assert plausible.contradictions() == []


def test_nobody_can_close_more_than_was_open() -> None:
    events = [_open(0, 1_000.0), *(_forced(second, LONG, 10.0) for second in range(1, 102))]
    assert _play(events[:-1]).contradictions() == []
    (one,) = _play(events).contradictions()
    assert one.said.startswith("sizes exceed open interest: 1010 coins of BTCUSDT were")


def test_positions_that_end_while_they_are_closed_were_open() -> None:
    events: list[Event] = []
    for second in range(600):  # what is open falls to nothing because it is closed
        events += [_open(second, max(0.0, 1_000.0 - second * 1.6)), _forced(second, LONG, 1.6)]
    assert _play(events).contradictions() == []


def test_sizes_that_are_possible_again_end_the_doubt() -> None:
    plausible = _play([_open(0, 10.0), _forced(1, LONG, 11.0)])
    assert plausible.contradictions()
    plausible.see(_forced(300, LONG, 0.1))
    assert plausible.contradictions()
    plausible.see(_forced(700, LONG, 0.1))
    assert plausible.contradictions() == []


def test_a_doubt_about_sizes_does_not_stay_for_ever() -> None:
    plausible = _play([_open(0, 10.0), _forced(1, LONG, 11.0)])
    plausible.see(_trade(3_700, 100.0))
    assert plausible.contradictions() == []


def test_old_figures_prove_nothing() -> None:
    late_s = 31 * 60.0
    assert _play([_open(0, 10.0), _forced(late_s, LONG, 11.0)]).contradictions() == []
    stale = [_trade(0, 100.0), _trade(60, 98.0)]
    stale += [_forced(120 + 10 * turn, SHORT) for turn in range(30)]
    assert _play(stale).contradictions() == []


def test_it_forgets_what_is_over() -> None:
    plausible = Plausible()
    for second in range(20_000):
        plausible.see(_trade(second, 100.0 + second % 7))
        plausible.see(_open(second, 1e6 + second % 11))
        plausible.see(_forced(second, LONG, 1e-6))
    venue = plausible._venues["bybit"]
    assert len(venue.prices["BTCUSDT"].buckets) <= 31
    assert len(venue.closed["BTCUSDT"].closed) <= 601
    assert len(venue.closed["BTCUSDT"].interest) <= 1_801


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-5, 3e-3))
def test_a_random_walk_with_honest_sides_is_always_believed(seed: int, volatility: float) -> None:
    """Whoever is closed where he has just lost a percent, and a few by chance, is no wonder."""
    rng = random.Random(seed)
    price, events = 100.0, [_open(0, 1e9)]
    past: list[float] = []
    for second in range(1_200):
        price *= 1.0 + rng.gauss(0.0, volatility)
        past = [*past[-120:], price]
        events.append(_trade(second, price))
        if price <= min(past) * 1.001 and rng.random() < 0.3:
            events.append(_forced(second + 0.5, LONG))
        elif price >= max(past) * 0.999 and rng.random() < 0.3:
            events.append(_forced(second + 0.5, SHORT))
        elif rng.random() < 0.01:
            events.append(_forced(second + 0.5, rng.choice((LONG, SHORT))))
    assert _play(events).contradictions() == []


def test_venues_are_judged_by_themselves() -> None:
    plausible = _play(_slide(SHORT))
    for event in _slide(LONG):
        fields = {name: getattr(event, name) for name in event.__struct_fields__}
        plausible.see(type(event)(**fields | {"venue": "okx"}))
    assert [one.venue for one in plausible.contradictions()] == ["bybit"]
