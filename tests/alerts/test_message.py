"""Message ids tell messages apart, fit a header and say nothing; kept text is short and whole."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.alerts.alert import InformationalAlert, Stage
from airpocket.alerts.linter import violations
from airpocket.alerts.message import NAME_MOST, as_kept, message_id, require_channel
from airpocket.errors import InputError
from tests.alerts.made import UNHURRIED, alert, alerts


@UNHURRIED
@given(alerts(), st.text())
def test_an_id_is_stable_fits_a_header_and_says_nothing(
    one: InformationalAlert, channel: str
) -> None:
    name = message_id(one, channel)
    assert name == message_id(one, channel)
    # Not a full stop: a signature (Standard Webhooks) is made of parts set apart by them.
    assert re.fullmatch(r"[A-Za-z0-9-]{20,60}", name)
    assert violations(name) == ()


def test_id_sequence_and_channel_tell_messages_apart() -> None:
    opened = alert()
    update = alert(stage=Stage.UPDATE, sequence=1)
    other = alert(scope="ETH/USDT:USDT")
    ids = {message_id(one, name) for one in (opened, update, other) for name in ("a", "b")}
    assert len(ids) == 6


def test_a_thousand_channels_have_ids_without_a_word() -> None:
    opened = alert()
    ids = [message_id(opened, f"channel {count}") for count in range(1_000)]
    assert [name for name in ids if violations(name)] == []
    assert len(set(ids)) > 995  # 32 bits


@pytest.mark.parametrize("name", ["", "x" * (NAME_MOST + 1), "a\nb", "a\0", "\x1b[2J", "\ud800"])
def test_what_names_no_channel_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="is not the name of a channel"):
        require_channel(name)


def test_a_channel_may_be_called_anything_printable() -> None:
    for name in ("telegram", "böse; DROP TABLE", "币安", "x" * NAME_MOST):
        assert require_channel(name) == name


@UNHURRIED
@given(st.text(), st.integers(0, 50))
def test_kept_text_can_be_written_and_is_short(text: str, most: int) -> None:
    kept = as_kept(text, most)
    assert len(kept) <= most
    kept.encode()
    assert as_kept(kept, most) == kept
