import pytest

from airpocket.alerts.feed_cause import cause_of
from airpocket.alerts.outages import ChannelWatch
from airpocket.alerts.own_network import is_out, record_of
from airpocket.market.events import HealthState
from tests.alerts.feeds import DNS, at, health


def watch(state: str = "dead", reason: str = DNS) -> ChannelWatch:
    one = ChannelWatch()
    one.note(health(state, 0, reason=reason), at(0))
    return one


@pytest.mark.parametrize(
    ("venues", "told"),
    [
        ([[watch()], [watch(), watch()]], True),
        ([[watch()]], False),
        ([], False),
        ([[watch()], [watch(), watch("live")]], False),
        ([[watch()], [watch(reason="HTTP 451")]], False),
    ],
)
def test_all_of_all_must_have_lost_their_names(
    venues: list[list[ChannelWatch]], *, told: bool
) -> None:
    assert is_out(venues) is told


def test_the_record_says_why_in_a_word_of_the_list() -> None:
    out, back = record_of(at(0), out=True), record_of(at(9), out=False)
    assert (out.venue, out.channel, out.state) == ("airpocket", "network", HealthState.DEAD)
    assert cause_of(out.reason) == "no_names"
    assert (back.state, back.local_ns) == (HealthState.LIVE, at(9))
