"""The gauges together: which prices speak for whom, who moves at once, which burst came first."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.detection.panel import MARKET, Hit, Panel, coin_of, median_onset
from airpocket.market.events import Side
from airpocket.units import MINUTE_NS, SECOND_NS
from tests.detection.made import AAA, SECONDS, bar

OKX, DYDX = ("okx", AAA), ("dydx", AAA)
HORIZON = SECONDS.horizon_ns // SECOND_NS


@pytest.mark.parametrize(
    ("symbol", "coin"),
    [("BTC/USDT:USDT", "BTC"), ("BTC", "BTC"), ("*", "*"), ("okx X-Y", "okx X-Y")],
)
def test_coin(symbol: str, coin: str) -> None:
    assert coin_of(symbol) == coin


@given(st.lists(st.integers(-100, 100), min_size=1, max_size=9))
def test_half_of_the_bursts_had_begun(onsets: list[int]) -> None:
    found = median_onset(Hit(200, onset) for onset in onsets)
    assert found in onsets
    assert 2 * sum(onset <= found for onset in onsets) > len(onsets)
    assert 2 * sum(onset >= found for onset in onsets) >= len(onsets)


def run(panel: Panel, closes: dict[tuple[str, str], list[float]], *, marks: bool = False) -> None:
    for now in range(max(map(len, closes.values()))):
        for source, prices in closes.items():
            if now < len(prices) and marks:
                panel.take_mark(prices[now], source)
            elif now < len(prices):
                panel.take_bar(bar(now, [prices[now]], symbol=source[1], venue=source[0]), source)
        panel.step(now)


def test_trades_speak_before_marks_and_marks_before_the_coin() -> None:
    other = ("okx", "AAA/USD:AAA")
    panel = Panel(SECONDS)
    panel.take_mark(100.0, OKX)
    panel.take_bar(bar(0, [100.0], symbol=other[1]), other)
    assert list(panel.legs_of(AAA)) == [OKX]
    assert panel.is_marked(OKX)
    panel.take_bar(bar(0, [100.0], venue="dydx"), DYDX)
    assert list(panel.legs_of(AAA)) == [DYDX]
    assert set(panel.legs_of("AAA")) == {DYDX, other}  # a coin: all that are quoted in it
    assert set(panel.legs_of(MARKET)) == {DYDX, other}
    assert panel.legs_of("BBB/USDT:USDT") == {}
    assert panel.move("BBB/USDT:USDT", None) is None
    assert not panel.is_marked(DYDX)


@pytest.mark.parametrize(("width_s", "fine"), [(1, True), (60, False), (61, False)])
def test_a_bar_wider_than_the_bins_brings_prices_and_no_trades(width_s: int, *, fine: bool) -> None:
    panel = Panel(SECONDS)
    assert panel.take_bar(bar(0, [100.0], width_s=width_s), OKX) is fine
    assert (OKX in panel.trade_rows) is fine
    assert (AAA in {symbol for _, symbol in panel.legs_of(AAA)}) is (width_s <= HORIZON)


@pytest.mark.parametrize("marks", [False, True])
@pytest.mark.parametrize(
    ("side", "last", "passes"),
    [
        (Side.LONG, 99.0, True),
        (Side.LONG, 99.7, False),
        (Side.LONG, 101.0, False),
        (Side.SHORT, 101.0, True),
        (Side.SHORT, 100.3, False),
        (Side.SHORT, 99.0, False),
        (None, 99.0, True),
        (None, 101.0, True),
        (None, 100.3, False),
    ],
)
def test_a_move_counts_in_the_direction_of_the_flow(
    side: Side | None, last: float, *, passes: bool, marks: bool
) -> None:
    panel = Panel(SECONDS)
    run(panel, {OKX: [100.0] * 200 + [last]}, marks=marks)
    move = panel.move(AAA, side)
    assert move is not None
    assert move.threshold == SECONDS.move_least
    assert move.passes is passes
    if passes:
        assert move.fraction == pytest.approx(last / 100.0 - 1.0)


def test_the_median_price_moves_not_the_wildest() -> None:
    panel = Panel(SECONDS)
    quiet = [100.0] * 200
    run(
        panel, {("a", AAA): [*quiet, 50.0], ("b", AAA): [*quiet, 100.0], ("c", AAA): [*quiet, 99.9]}
    )
    move = panel.move(AAA, Side.LONG)
    assert move is not None
    assert not move.passes
    assert move.fraction == pytest.approx(-0.001)


def test_a_wild_price_needs_a_wilder_move() -> None:
    rng = np.random.default_rng(2)
    walk = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-3, 2000)))
    panel = Panel(SECONDS)
    run(panel, {OKX: [*walk.tolist(), float(walk[-1]) * 0.99]})
    move = panel.move(AAA, Side.LONG)
    assert move is not None
    assert move.threshold == pytest.approx(4.0 * 1e-3 * 60**0.5, rel=0.3)
    assert not move.passes


def test_a_range_beyond_a_random_walk_is_not_calm() -> None:
    rng = np.random.default_rng(3)
    walk = (100.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-4, 2000)))).tolist()
    calm, torn = Panel(SECONDS), Panel(SECONDS)
    run(calm, {OKX: walk})
    run(torn, {OKX: [*walk, walk[-1] * 0.93, walk[-1]]})
    assert calm.is_price_calm(AAA) is True
    assert torn.is_price_calm(AAA) is False
    assert Panel(SECONDS).is_price_calm(AAA) is None


def loud_panel(loud: int, silent: int = 0) -> tuple[Panel, dict[str, int], int]:
    """So many symbols with a burst in the last second, so many without."""
    panel = Panel(SECONDS)
    rows = {f"S{number}": panel.forced.row(number) for number in range(loud + silent)}
    last = 300
    for now in range(last + 1):
        for number, row in enumerate(rows.values()):
            count = 1.0 if now % 10 == 0 else 50.0 if now == last - 1 and number < loud else 0.0
            panel.forced.put(row, count, count)
        panel.step(now)
    return panel, rows, last


@pytest.mark.parametrize(
    ("loud", "silent", "together"),
    [
        (4, 0, False),
        (5, 0, True),
        (5, 14, True),
        (5, 18, True),
        (5, 19, False),
        (9, 30, True),
        (8, 30, False),
    ],
)
def test_coincidence_needs_a_least_number_and_a_share(
    loud: int, silent: int, *, together: bool
) -> None:
    panel, rows, last = loud_panel(loud, silent)
    hits = panel.coincident(rows, last)
    assert (hits is not None) is together
    if hits is not None:
        assert len(hits) == loud
        assert {hit.onset_bin for hit in hits} <= {last - 1, last}


def test_a_lost_symbol_is_not_counted() -> None:
    panel, rows, last = loud_panel(5)
    panel.forced.set_live(rows["S0"], live=False)
    assert panel.coincident(rows, last) is None


def test_a_hit_of_long_ago_is_none() -> None:
    panel, rows, last = loud_panel(5)
    assert panel.coincident(rows, last + 9) is not None
    assert panel.coincident(rows, last + 10) is None


def test_a_symbol_on_five_venues_is_one_symbol() -> None:
    panel = Panel(SECONDS)
    sources = [(f"v{number}", AAA) for number in range(5)]
    for now in range(301):
        for venue, symbol in sources:
            trades = 500 if now == 300 else 1
            panel.take_bar(bar(now, [100.0], venue=venue, trades=trades), (venue, symbol))
        panel.step(now)
    rows = dict(panel.trade_rows)
    assert panel.coincident_trades(rows, 300) is None
    others = {(venue, f"S{number}"): rows[venue, AAA] for number, (venue, _) in enumerate(sources)}
    hits = panel.coincident_trades(others, 300)
    assert hits is not None
    assert len(hits) == 5


def test_time_that_nobody_saw_is_time() -> None:
    """A price that is still believed stays; what is lost is unknown on both sides of a hole."""
    panel = Panel(SECONDS)
    run(panel, {OKX: [100.0] * 200})
    assert panel.is_observed()
    panel.lose_trades(OKX)
    assert not panel.is_observed()
    panel.skip(3600)
    panel.take_bar(bar(3800, [90.0]), OKX)
    panel.step(3800)
    assert panel.is_observed()
    assert panel.move(AAA, Side.LONG) is None
    assert panel.forced._time == panel.prices._time == 3801


def test_horizons_are_in_bins() -> None:
    assert SECONDS.bins(MINUTE_NS) == HORIZON == 60
