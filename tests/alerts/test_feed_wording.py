from typing import Any

import pytest

from airpocket.alerts.alert import Signal, Stage
from airpocket.alerts.fact import KINDS, FactName, fact
from airpocket.alerts.feed_wording import CAUSES, feed_sentences
from airpocket.alerts.linter import violations
from airpocket.alerts.render import as_html, as_json, as_markdown, as_text, headline
from airpocket.units import ns_from_iso
from tests.alerts.made import alert

HEALTH = "airpocket:health"
N = FactName


def told(stage: Stage, **facts: Any) -> list[str]:
    parts = [fact(N(name), value, source=HEALTH) for name, value in facts.items()]
    said = alert(*parts, signal=Signal.FEED_HEALTH, stage=stage, scope="*")
    for render in (headline, as_json, as_html, as_markdown, as_text):
        render(said)  # the linter lets it pass
    return [sentence for sentence in feed_sentences(said) if sentence]


def test_every_cause_is_said_and_is_a_fact() -> None:
    assert set(CAUSES) == KINDS[N.FEED_CAUSE].words
    assert [text for text in CAUSES.values() if violations(text)] == []


@pytest.mark.parametrize("cause", sorted(set(CAUSES) - {"test"}))
def test_an_opening_says_who_since_when_and_why(cause: str) -> None:
    said = told(
        Stage.OPEN, feed_venues=("okx",), feed_channel="liquidations", feed_state="dead",
        feed_cause=cause, venues_silent=(), venues_live=("binance",),
    )  # fmt: skip
    assert said == [
        f"feed health: okx liquidations dead since 20:00 UTC: {CAUSES[cause]}",
        "what it says is received and not relied on"
        if cause == "implausible"
        else "what happens there is not seen",
        "live: binance",
    ]


def test_what_was_not_believed_was_no_gap() -> None:
    said = told(
        Stage.ALL_CLEAR, feed_venues=("okx",), feed_channel="liquidations", feed_cause="implausible",
        feed_gap_to=ns_from_iso("2026-02-05T20:30:00Z"),
    )  # fmt: skip
    assert said == [
        "feed back: okx liquidations live again, after doubt from 20:00 UTC to 20:30 UTC (30 min)",
        "what it said meanwhile is not relied on",
    ]


def test_a_venue_that_is_out_as_a_whole_is_one_thing() -> None:
    said = told(
        Stage.OPEN, feed_venues=("okx",), feed_channels=("liquidations", "trades"),
        feed_state="blocked", feed_cause="region", venues_silent=("bybit", "okx"), venues_live=(),
    )  # fmt: skip
    assert said == [
        f"feed health: okx (all channels) blocked since 20:00 UTC: {CAUSES['region']}",
        "what happens there is not seen",
        "no data from bybit either",
    ]


def test_an_update_says_what_is_back_and_how_often_it_dropped() -> None:
    said = told(
        Stage.UPDATE, feed_venues=("okx",), feed_channel="trades", feed_state="suspect",
        feed_channels_back=("mark",), feed_drops=7, feed_symbols=("BTC/USDT:USDT",),
    )  # fmt: skip
    assert said == [
        "feed health: okx trades still suspect since 20:00 UTC",
        "7 interruptions so far",
        "instruments concerned: BTC/USDT:USDT",
        "back: mark",
        "what happens there is not seen",
    ]


def test_an_all_clear_says_what_was_missed() -> None:
    said = told(
        Stage.ALL_CLEAR, feed_venues=("okx",), feed_channels=("liquidations", "trades"),
        feed_drops=2, feed_gap_to=ns_from_iso("2026-02-05T20:30:00Z"),
    )  # fmt: skip
    assert said == [
        "feed back: okx liquidations, trades live again, after a gap from 20:00 UTC to 20:30 UTC (30 min)",
        "2 interruptions in all",
        "what happened in the gap was not seen",
    ]


def test_our_own_tape_is_not_a_venue_that_goes_unseen() -> None:
    parts: dict[str, Any] = {"feed_venues": ("airpocket",), "feed_channel": "tape"}
    said = told(Stage.OPEN, **parts, feed_state="dead", feed_cause="disk_full")
    assert said == [
        "feed health: airpocket tape dead since 20:00 UTC: the disk is full",
        "what is received is not kept",
    ]
    assert told(Stage.ALL_CLEAR, **parts)[1:] == ["what came in the gap is not kept"]


def test_an_ended_feed_is_no_all_clear() -> None:
    said = told(Stage.FEED_ENDED, feed_venues=("okx",), feed_channel="trades")
    assert said == ["feed ended: okx trades", "this is not an all-clear"]


def test_a_notice_is_in_no_phase_of_a_market() -> None:
    parts = [fact(N.FEED_VENUES, ("okx",), source=HEALTH)]
    said = "\n".join(as_text(alert(*parts, signal=Signal.FEED_HEALTH, scope="*")))
    assert "whole market" not in said
    assert "phase" not in said
