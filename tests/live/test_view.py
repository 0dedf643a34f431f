import msgspec
from hypothesis import given

from airpocket.live.view import (
    ChannelView,
    OutboxView,
    Overall,
    TapeView,
    VenueView,
    WatchView,
    overall,
    venue_state,
)
from airpocket.market.events import HealthState
from tests.live import pictures


def test_a_venue_is_as_bad_as_its_worst_channel() -> None:
    one = pictures.venue("okx", trades=pictures.channel("okx", "trades", "dead"))
    assert venue_state(one) is HealthState.DEAD
    assert venue_state(pictures.venue("bybit")) is HealthState.LIVE
    assert venue_state(VenueView(venue="okx")) is None
    assert venue_state(VenueView(venue="okx", channels=(ChannelView(channel="x"),))) is None


def test_one_word_for_all_of_it() -> None:
    calm = pictures.calm()
    assert overall(calm) is Overall.OK
    assert overall(pictures.first()) is Overall.STARTING
    assert overall(pictures.dead()) is Overall.DEGRADED
    okx = pictures.dead().venues[2]
    assert overall(pictures.calm(venues=(okx,))) is Overall.BLIND
    assert overall(pictures.calm(tape=TapeView(fault="disk full"))) is Overall.BLIND
    assert overall(pictures.calm(outbox=OutboxView(fault="locked"))) is Overall.DEGRADED
    unknown = VenueView(venue="x", channels=(ChannelView(channel="trades"),))
    assert overall(pictures.calm(venues=(okx, unknown))) is Overall.DEGRADED
    assert overall(pictures.calm(venues=())) is Overall.STARTING


@pictures.SOME
@given(pictures.VIEWS)
def test_any_picture_has_a_word_and_stays_as_it_is(view: WatchView) -> None:
    before = repr(view)
    assert overall(view) in Overall
    assert repr(view) == before
    assert msgspec.structs.replace(view) == view or "nan" in before
