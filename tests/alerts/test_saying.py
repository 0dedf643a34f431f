from airpocket.alerts.alert import InformationalAlert, Stage
from airpocket.alerts.desk import AlertDesk
from airpocket.alerts.fact import FactName
from airpocket.alerts.feeds import Feeds
from airpocket.alerts.saying import told
from airpocket.detection.episode import Ending, Episode, Phase, Transition
from airpocket.units import MINUTE_NS
from tests.alerts.test_desk import ending, opening
from tests.app.sayings import AT_NS, episode, transition


def test_a_step_comes_before_its_alert_and_an_episode_after_its_end() -> None:
    said = list(told(AlertDesk(), [opening(), ending(Ending.SETTLED)]))
    kinds = [Transition, InformationalAlert, Transition, InformationalAlert, Episode]
    assert [type(one) for one in said] == kinds


def test_news_that_is_no_step_is_told_as_an_alert_only() -> None:
    desk = AlertDesk(pause_ns=0)
    desk.take([opening()])
    grown = transition(
        Phase.CASCADE, before=Phase.CASCADE, at_ns=AT_NS + MINUTE_NS, episode=episode()
    )
    (said,) = told(desk, [grown])
    assert isinstance(said, InformationalAlert)
    assert said.stage is Stage.UPDATE


def test_feeds_are_handed_on() -> None:
    feeds = Feeds()
    feeds.hear("okx", AT_NS)
    (_, alert) = told(AlertDesk(), [opening()], feeds)
    assert isinstance(alert, InformationalAlert)
    assert alert.value(FactName.VENUES_LIVE) == ("okx",)
