"""Baselines: each does what its rule says; and why no event is credited as a stretch of time."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.evidence.baselines import (
    AlwaysOn,
    PriceOnly,
    RandomAlarms,
    RollingZ,
    random_recall,
)
from airpocket.evidence.matching import Matched, Rule, match
from airpocket.evidence.running import Detecting, run, watched
from airpocket.evidence.score import grade
from airpocket.market.events import Coverage, Event, Liquidation, Mark, Method, Side
from airpocket.units import SECOND_NS
from tests.detection import made as records
from tests.evidence.made import alarm, at_ns, onset, watch

DAY_S = 86_400


def mark(at_s: float, price: float, symbol: str = "A", venue: str = "okx") -> Mark:
    return Mark(
        venue=venue, symbol=symbol, raw_symbol=symbol, mark_price=price, venue_ns=at_ns(at_s)
    )


def liquidation(at_s: float, usd: float | None, symbol: str = "A") -> Liquidation:
    return Liquidation(
        venue="okx", symbol=symbol, raw_symbol=symbol, venue_ns=at_ns(at_s),
        liquidated=Side.LONG, qty_raw=1.0, notional_usd=usd, method=Method.BOOK,
        coverage=Coverage.CENSUS, rule_id="made",
    )  # fmt: skip


def said_s(
    detector: Detecting, events: Sequence[Event], symbols: Sequence[str] = ("A",)
) -> list[float]:
    alarms = run(detector, events, symbols).alarms
    return [(one.said_ns - at_ns(0)) / SECOND_NS for one in alarms]


# -- prices only -------------------------------------------------------------------------------


def test_price_rule_by_hand() -> None:
    flat = [mark(at_s, 100.0) for at_s in range(100)]
    assert said_s(PriceOnly(), [*flat, mark(100, 99.51)]) == []
    assert said_s(PriceOnly(), [*flat, mark(100, 99.5)]) == [100]
    # Slowly: never half a percent within a minute.
    assert said_s(PriceOnly(), [mark(at_s, 100.0 * 0.99992**at_s) for at_s in range(600)]) == []
    # Without a price from a minute ago nothing can be said.
    assert said_s(PriceOnly(), [mark(at_s, 100.0 - at_s) for at_s in range(60)]) == []
    # It is over when the fall is older than a minute, and may then come again.
    fall = [*flat, *(mark(at_s, 99.0) for at_s in range(100, 200)), mark(200, 98.0)]
    assert said_s(PriceOnly(), fall) == [100, 200]


def test_price_rule_takes_the_median_of_symbols_and_compares_like_with_like() -> None:
    flat = [mark(at_s, 100.0, name) for at_s in range(100) for name in "ABC"]
    one = [*flat, mark(100, 90.0, "A")]
    two = [*one, mark(101, 90.0, "B")]
    assert said_s(PriceOnly(), one, "ABC") == []
    assert said_s(PriceOnly(), two, "ABC") == [101]
    # Another venue's price that lies lower is no fall of this one's.
    basis = [
        event
        for at_s in range(200)
        for event in (mark(at_s, 100.0), mark(at_s + 0.5, 95.0, "A", "bybit"))
    ]
    assert said_s(PriceOnly(), basis) == []


@pytest.mark.parametrize(
    ("side", "price", "alarms"),
    [
        (Side.LONG, 99.0, 1), (Side.LONG, 101.0, 0), (Side.SHORT, 99.0, 0), (Side.SHORT, 101.0, 1),
        (None, 99.0, 1), (None, 101.0, 1),
    ],
)  # fmt: skip
def test_price_rule_knows_its_direction(side: Side | None, price: float, alarms: int) -> None:
    events = [*(mark(at_s, 100.0) for at_s in range(100)), mark(100, price)]
    assert len(said_s(PriceOnly(side=side), events)) == alarms


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.floats(0.98, 1.02)), min_size=2, max_size=60),
    st.sampled_from([0.002, 0.005, 0.01]),
)
def test_price_rule_as_its_definition(steps: list[tuple[int, float]], fall: float) -> None:
    """Against all prices kept, and looked up anew each time."""
    at_s, price = 0, 100.0
    path: list[tuple[int, float]] = []
    detector = PriceOnly(fall)
    for wait_s, factor in steps:
        at_s, price = at_s + wait_s, price * factor
        if path and path[-1][0] == at_s:
            path.pop()  # the last price of a second stands for it
        path.append((at_s, price))
        detector.update(mark(at_s, price))
        old = [p for t, p in path if t <= at_s - 60]
        expected = bool(old) and price / old[-1] - 1.0 <= -fall
        assert (detector.phase("*") == "cascade") is expected
        assert detector.phase("A") == "calm"


# -- z-score -----------------------------------------------------------------------------------


def test_z_score_by_hand() -> None:
    # 100 bins of 10 s with 1,000 and 3,000 dollars by turns: mean 2,000, deviation 1,005.04.
    past: list[Event] = [liquidation(10 * n + 1, 1000.0 + 2000.0 * (n % 2)) for n in range(100)]
    spread = math.sqrt(100 / 99) * 1000.0
    below = [*past, liquidation(1003, 2000.0 + 5.999 * spread)]
    above = [*past, liquidation(1001, 2000.0), liquidation(1003, 6.001 * spread)]
    assert said_s(RollingZ(), below) == []
    assert said_s(RollingZ(), above) == [1003]
    # Unknown dollars add nothing; too short a past, or one without any difference, says nothing.
    assert said_s(RollingZ(), [*past, liquidation(1003, None)]) == []
    assert said_s(RollingZ(least_bins=101), [*past, liquidation(1003, 1e9)]) == []
    assert said_s(RollingZ(), [mark(0, 1.0), mark(999, 1.0), liquidation(1003, 1e9)]) == []
    # Silence counts as nothing closed, and what is out of the history is forgotten.
    quiet = [*past, mark(5000, 1.0), liquidation(5003, 5000.0)]
    assert said_s(RollingZ(), quiet) == []
    assert said_s(RollingZ(history_bins=450), quiet) == [5003]


def test_z_score_sees_bins_as_it_sees_ticks() -> None:
    z = RollingZ(least_bins=10)
    for n in range(30):
        z.update(records.forced(10 * n + 1, [1000.0 + n % 2], symbol="A"))
    z.update(records.forced(301, [9000.0], symbol="A"))
    assert z.phase("A") == "cascade"
    assert z.phase("B") == z.phase("*") == "calm"


# -- chance ------------------------------------------------------------------------------------


def test_random_alarms_come_at_their_rate_and_score_as_chance_does() -> None:
    clock = [mark(at_s, 1.0) for at_s in range(0, 40 * DAY_S, 120)]
    detector = RandomAlarms(20.0, ["A", "B"], seed=4)
    ran = run(detector, clock, ["A", "B"])
    assert len(ran.alarms) == pytest.approx(40 * 2 * 20, abs=4 * 40)  # ± 4 sigma
    assert len({one.said_ns for one in ran.alarms}) > 0.9 * len(ran.alarms)  # each its own
    again = run(RandomAlarms(20.0, ["B", "A"], seed=4), clock, ["A", "B"])
    assert again.alarms == ran.alarms
    assert run(RandomAlarms(20.0, ["A", "B"], seed=5), clock, ["A", "B"]).alarms != ran.alarms
    onsets = [onset(at_s, name) for at_s in range(500, 40 * DAY_S, 900) for name in ("A", "B")]
    score = grade("chance", [watched(ran, "a", onsets)], draws=0)
    assert score.recall_at(120).share == pytest.approx(random_recall(20.0, 120.0), abs=0.008)


def test_always_on_tells_of_everything_and_is_never_silent() -> None:
    ran = run(AlwaysOn(), [mark(at_s, 1.0) for at_s in range(0, DAY_S // 2, 2)], ["A"])
    events_s = np.random.default_rng(2).integers(300, DAY_S // 2 - 300, 40).tolist()
    score = grade("always", [watched(ran, "a", [onset(at_s) for at_s in events_s])], draws=0)
    assert score.recall_at(120).share == pytest.approx(1.0, abs=0.06)  # some lie close together
    assert score.delays.median_s == pytest.approx(30.0, abs=15.0)  # the dead time, halved
    assert score.false_per_day > 1200


@pytest.mark.parametrize(
    "make",
    [
        lambda: PriceOnly(0.0), lambda: PriceOnly(math.nan), lambda: PriceOnly(horizon_ns=0),
        lambda: RollingZ(0.0), lambda: RollingZ(least_bins=1),
        lambda: RollingZ(least_bins=9, history_bins=8), lambda: RandomAlarms(0.0, ["A"]),
        lambda: RandomAlarms(math.inf, ["A"]), lambda: AlwaysOn(0),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(make: Any) -> None:
    with pytest.raises(InputError):
        make()


# -- A10: what point adjustment does -----------------------------------------------------------


def point_adjusted_recall(matched: Matched, length_s: int) -> float:
    """The rule that is not used here: one alarm anywhere within an event tells of all of it."""
    said = np.array(sorted(one.alarm.said_ns for one in matched.judged))
    starts = np.array([one.onset.onset_ns for one in matched.outcomes])
    first = np.searchsorted(said, starts)
    last = np.searchsorted(said, starts + length_s * SECOND_NS)  # its seconds: 0 to length − 1
    return float(np.mean(last > first))


@pytest.mark.parametrize(("rate", "published"), [(0.001, 0.51), (0.002, 0.76), (0.005, 0.97)])
def test_point_adjustment_credits_a_coin(rate: float, published: float) -> None:
    """A10: a coin thrown each second has PA-recall 1 − (1 − r)^L for events of L seconds."""
    events, length_s = 1000, 720
    every_s = 2 * length_s
    rng = np.random.default_rng(10)
    coin_s = np.flatnonzero(rng.random(events * every_s) < rate)
    one = watch(
        [onset(n * every_s, end_s=n * every_s + length_s - 1) for n in range(events)],
        [alarm(at_s) for at_s in coin_s.tolist()], to_s=events * every_s,
    )  # fmt: skip
    matched = match(one, Rule(dead_ns=0))
    adjusted = 1.0 - (1.0 - rate) ** length_s
    sigma = math.sqrt(adjusted * (1.0 - adjusted) / events)
    assert adjusted == pytest.approx(published, abs=0.005)
    assert point_adjusted_recall(matched, length_s) == pytest.approx(adjusted, abs=4 * sigma)
    # The same alarms by the rule that is used: what chance has in two minutes, and their price.
    score = grade("coin", [one], Rule(dead_ns=0), draws=0)
    fair = 1.0 - (1.0 - rate) ** 121
    sigma = math.sqrt(fair * (1.0 - fair) / events)
    assert score.recall_at(120).share == pytest.approx(fair, abs=4 * sigma)
    assert fair == pytest.approx(random_recall(rate * DAY_S, 121.0), abs=0.002)
    assert score.false_per_day > 50
