import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.alerts.fact import KINDS, FactName
from airpocket.alerts.feed_cause import cause_of, channel_word
from airpocket.live.transport import ConnectFault
from airpocket.market.stream import Channel
from tests.alerts.made import UNHURRIED

REASONS = {
    "wss://fstream.example: answered with HTTP 451": "region",
    "HTTP 403": "forbidden",
    "wss://x: its certificate cannot be trusted (self-signed)": "certificate",
    "HTTP 429, again in 30 s": "rate_limited",
    "HTTP 418": "rate_limited",
    "HTTP 503": "unavailable",
    "no space left on device": "disk_full",
    "wss://x: DNS knows no such name": "name_unknown",
    "suspended for 600 s": "suspended",
    "clock skew of 3,600 s": "clock_skew",
    "what it sends is unreadable": "unreadable",
    "sides contradict the price: in 9 of 10 moves …": "implausible",
    "sizes exceed open interest: 1,010 coins of …": "implausible",
    "silent for 60 s, its canary flows": "silent",
    "timed out": "no_answer",
    "timeout": "no_answer",
    "connection refused": "refused",
    "closed with 1006": "disconnected",
    "the venue said something else": None,
    "": None,
}


@pytest.mark.parametrize("reason", REASONS)
def test_a_reason_becomes_a_word_of_the_list(reason: str) -> None:
    assert cause_of(reason) == REASONS[reason]


def test_each_word_of_the_list_is_its_own_cause() -> None:
    for word in KINDS[FactName.FEED_CAUSE].words:
        assert cause_of(word) == word


def test_faults_of_a_connection_are_known() -> None:
    unclear = {ConnectFault.STATUS}  # its number says more
    assert {fault for fault in ConnectFault if cause_of(fault) is None} == unclear


@UNHURRIED
@given(st.text())
def test_no_text_of_a_stranger_comes_through(reason: str) -> None:
    assert cause_of(reason) in KINDS[FactName.FEED_CAUSE].words | {None}
    assert channel_word(reason) in KINDS[FactName.FEED_CHANNEL].words


def test_a_long_reason_costs_no_time() -> None:
    began = time.process_time()
    for text in ("too many " * 10_000, " " * 100_000, "clos" * 20_000):
        cause_of(text)
    assert time.process_time() - began < 0.5


def test_channels_of_streams_keep_their_names() -> None:
    assert [channel_word(one) for one in Channel] == [one.value for one in Channel]
    assert channel_word("<b>") == "other"
