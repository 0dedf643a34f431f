from collections import Counter
from itertools import islice, pairwise

import pytest

from airpocket.app.demo_market import START_NS, STREAMS, events
from airpocket.market.events import Coverage, Liquidation, Side, Trade
from airpocket.units import MINUTE_NS, SECOND_NS
from airpocket.venues import register


def test_the_same_seed_tells_the_same_story() -> None:
    assert list(islice(events(3), 5_000)) == list(islice(events(3), 5_000))
    assert list(islice(events(3), 50)) != list(islice(events(4), 50))


@pytest.fixture(scope="module")
def told() -> list[Trade | Liquidation]:
    return list(events())


def test_events_come_in_order_on_venues_that_have_a_stream(
    told: list[Trade | Liquidation],
) -> None:
    times = [event.venue_ns or 0 for event in told]
    assert all(before <= now for before, now in pairwise(times))
    assert times[0] >= START_NS
    assert {event.venue for event in told} == set(STREAMS) <= set(register.VENUES)
    assert {event.symbol for event in told} == {"BTC/USDT:USDT", "ETH/USDT:USDT"}


def test_figures_agree_with_each_other(told: list[Trade | Liquidation]) -> None:
    for event in told:
        assert event.qty_raw > 0
        assert event.qty_base is not None
        assert event.qty_base > 0
        if isinstance(event, Trade):
            assert event.notional_usd == pytest.approx(event.qty_base * event.price)
        else:
            price = event.fill_price or event.bankruptcy_price
            assert price is not None
            assert event.notional_usd == pytest.approx(event.qty_base * price)
            assert event.coverage is Coverage.THROTTLED


def test_trades_have_ids_of_their_own(told: list[Trade | Liquidation]) -> None:
    ids = [(event.venue, event.trade_id) for event in told if isinstance(event, Trade)]
    assert len(set(ids)) == len(ids)


def test_binance_shows_at_most_one_forced_order_a_symbol_and_second(
    told: list[Trade | Liquidation],
) -> None:
    seen = Counter(
        (event.symbol, (event.venue_ns or 0) // SECOND_NS)
        for event in told
        if isinstance(event, Liquidation) and event.venue == "binance"
    )
    assert max(seen.values()) == 1


def test_longs_are_closed_in_two_waves(told: list[Trade | Liquidation]) -> None:
    forced = [event for event in told if isinstance(event, Liquidation)]
    minutes = Counter(((event.venue_ns or 0) - START_NS) // MINUTE_NS for event in forced)
    assert minutes[38] > 300
    assert minutes[44] > 300
    assert minutes[41] < 20
    assert sum(minutes[minute] for minute in range(37)) < 100
    after = [event for event in forced if (event.venue_ns or 0) - START_NS > 39 * MINUTE_NS]
    assert {event.liquidated for event in after} == {Side.LONG}


@pytest.mark.parametrize("venue", sorted(STREAMS))
def test_every_event_survives_its_venue_s_wire(told: list[Trade | Liquidation], venue: str) -> None:
    """What the frames do not say is filled in by the wire: side, size, price, time come back."""
    own = [event for event in told if event.venue == venue]
    sample = [*own[:300], *(event for event in own if isinstance(event, Liquidation))][:1_500]
    out, back = register.open_wire(venue), register.open_wire(venue)
    for event in sample:
        (again,) = [e for frame in out.encode([event]) for e in back.decode(frame).events]
        assert isinstance(again, Trade | Liquidation)
        assert type(again) is type(event)
        assert (again.symbol, again.venue_ns, again.qty_raw) == (
            event.symbol, event.venue_ns, event.qty_raw,
        )  # fmt: skip
        assert again.notional_usd == pytest.approx(event.notional_usd)
        if isinstance(event, Liquidation) and isinstance(again, Liquidation):
            assert again.liquidated is event.liquidated
