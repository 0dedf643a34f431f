import html
import io
import json
import re
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import force_setattr
from rich.console import Console

from airpocket.alerts import render, wording
from airpocket.alerts.alert import PHASES, InformationalAlert, Signal, Stage
from airpocket.alerts.fact import FactName, Unit, fact
from airpocket.alerts.linter import violations
from airpocket.alerts.names import alias_of, instrument_label
from airpocket.alerts.render import (
    HEADLINE_MAX,
    as_html,
    as_json,
    as_markdown,
    as_text,
    escape_html,
    escape_markdown,
    escape_terminal,
    headline,
)
from airpocket.errors import AirpocketError, FactsOnlyError
from tests.alerts.made import ADVICE, DETECTOR, SOURCE, alert, alerts, full

CHANNELS: list[Callable[[InformationalAlert], Any]] = [
    headline,
    as_json,
    as_text,
    as_markdown,
    as_html,
]
HOSTILE = ["@everyone", "<a href='x'>", "`rm`", "[red]", "*b*", "x\n\x1b[2J", "<@123>", "http://t.me/x", "\u202e",
           "\\[red]", "[/]", "[link=x]y[/link]", "&lt;", "||", "＠here", ":rocket:"]  # fmt: skip
KEYS = {
    "type",
    "id",
    "signal",
    "stage",
    "phase",
    "symbol",
    "side",
    "time",
    "onset",
    "sequence",
    "headline",
    "facts",
}
UNHURRIED = settings(deadline=None, max_examples=60)  # the machine is shared
FACT_KEYS = {"name", "value", "unit", "window", "source", "at_least"}


@UNHURRIED
@given(alerts())
def test_every_channel_says_facts_only(one: InformationalAlert) -> None:
    for channel in CHANNELS:
        assert violations(channel(one)) == ()


@UNHURRIED
@given(alerts())
def test_a_headline_fits_and_ends_with_its_id(one: InformationalAlert) -> None:
    told = headline(one)
    assert len(told) <= HEADLINE_MAX
    assert told.endswith(f" {one.alert_id}")
    assert "\n" not in told


@UNHURRIED
@given(alerts())
def test_json_has_only_its_keys(one: InformationalAlert) -> None:
    told = as_json(one)
    assert set(told) == KEYS
    for part in told["facts"]:
        assert FACT_KEYS <= set(part) <= FACT_KEYS | {"scope"}
        assert part["name"] in set(FactName)
        assert part["unit"] in set(Unit)
        assert type(part["value"]) in {bool, int, float, str, list, type(None)}
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert {"reward_to_risk", "past_cascades"} <= {part["name"] for part in told["facts"]} or (
        one.signal is Signal.FEED_HEALTH
    )


@UNHURRIED
@given(alerts())
def test_chats_get_what_fits_them(one: InformationalAlert) -> None:
    assert len(as_markdown(one)) <= 2_000
    assert len(as_html(one)) <= 4_096
    assert re.sub(r"</?b>", "", as_html(one)).count("<") == 0
    if one.signal is not Signal.FEED_HEALTH:
        assert html.unescape(as_html(one)).endswith(wording.NO_PLAN)


@UNHURRIED
@given(alerts())
def test_a_terminal_shows_the_text_as_it_is(one: InformationalAlert) -> None:
    shown = io.StringIO()
    console = Console(file=shown, width=10_000, color_system=None)
    for line in as_text(one):
        assert line.isprintable()
        console.print(line)
    assert shown.getvalue().startswith(headline(one))


def test_every_regime_in_every_channel() -> None:
    """Phase × side × signal × stage: whatever the types let exist, every channel can tell."""
    told = 0
    for phase, side, signal, stage in product(
        sorted(PHASES), ("longs", "shorts", None), Signal, Stage
    ):
        try:
            one = alert(
                *(full()[:5] if signal is Signal.LIQUIDATION_CASCADE else full()[2:5]),
                phase=phase, side=side, signal=signal, stage=stage,
            )  # fmt: skip
        except AirpocketError:
            continue
        told += 1
        for channel in CHANNELS:
            assert violations(channel(one)) == ()
    assert told >= 50


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_hostile_symbol_is_told_under_an_alias(channel: Callable[..., Any]) -> None:
    for text in (*ADVICE, *HOSTILE):
        symbol = f"{text}/USDT:USDT"
        told = channel(alert(full()[0], scope=instrument_label(symbol)))
        assert violations(told) == ()
        assert alias_of(symbol) in json.dumps(told).replace("\\", "")


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("field", ["scope", "phase", "side", "alert_id", "signal", "stage"])
def test_what_was_slipped_in_later_is_not_told(channel: Callable[..., Any], field: str) -> None:
    for text in (*ADVICE, *HOSTILE):
        one = alert(*full())
        force_setattr(one, field, text)
        with pytest.raises(AirpocketError):
            channel(one)


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("field", ["source", "scope", "value", "unit", "name", "window_ns"])
def test_what_was_slipped_into_a_fact_is_not_told(channel: Callable[..., Any], field: str) -> None:
    for text in ADVICE:
        one = alert(*full())
        force_setattr(one.facts[0], field, text)
        with pytest.raises(AirpocketError):
            channel(one)


@pytest.mark.parametrize("channel", CHANNELS)
def test_only_informational_alerts_are_told(channel: Callable[..., Any]) -> None:
    class Lookalike:
        alert_id, facts = "buy now", ()

    for other in (Lookalike(), {"entry": 1}, "buy", None, full()[0]):
        with pytest.raises(FactsOnlyError):
            channel(other)


@pytest.mark.parametrize(
    ("channel", "name", "bug"),
    [
        *((one, "sentences", lambda _: ["Target 60,000."]) for one in CHANNELS),
        *(
            (one, "lines", lambda _: [("Target", "60,000", "")])
            for one in (as_text, as_markdown, as_html)
        ),
        *(
            (one, "lines", lambda _: [("Price", "60,000 ↑", "")])
            for one in (as_text, as_markdown, as_html)
        ),
        (as_json, "_json_fact", lambda _: {"name": "waves", "target": 60_000}),
        (as_json, "_json_fact", lambda _: {"name": "waves", "value": {"tp1": 60_000}}),
        (as_json, "_json_value", lambda _: "go long"),
        (as_markdown, "NO_PLAN", "Buy the dip."),
        (as_html, "NO_PLAN", "Stop at 60k"),
        (as_text, "NO_PLAN", "This is likely over"),
    ],
)
def test_a_renderer_with_a_planted_bug_is_caught(
    monkeypatch: pytest.MonkeyPatch, channel: Callable[..., Any], name: str, bug: object
) -> None:
    channel(alert(*full()))
    monkeypatch.setattr(render, name, bug)
    with pytest.raises(FactsOnlyError):
        channel(alert(*full()))


def test_names_that_read_badly_in_a_sentence_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    def clumsy(one: InformationalAlert) -> list[str]:
        return ["Go long." if one.scope == "BTC/USDT:USDT" else "Fine."]

    monkeypatch.setattr(render, "sentences", clumsy)
    assert headline(alert()).startswith("Fine.")


def test_the_worked_example() -> None:
    one = alert(*full())
    assert headline(one) == (
        "Real liquidations: BTC longs, at least $134.3M in 60 min (binance, bybit), since 20:00 UTC. "
        "61 × its normal. Price −8.2 %. No data from okx. Book at 16 % of its normal depth. "
        f"Open interest −3.1 % in coins. Throttled: binance. {one.alert_id}"
    )
    assert as_json(one)["facts"][0] == {
        "name": "observed_usd",
        "value": 134.3e6,
        "unit": "usd",
        "window": "2026-02-05T20:00:00Z/2026-02-05T21:00:00Z",
        "source": SOURCE,
        "at_least": True,
    }
    assert as_text(one)[5:7] == [
        "  From liquidations (binance, bybit)",
        "    Liquidated                 at least $134.3M in 60 min",
    ]
    assert as_text(one)[-1] == wording.NO_PLAN
    assert as_html(one).startswith("<b>Real liquidations: BTC longs, ")
    assert "Reward to risk: not measured" in as_markdown(one)


def test_times_are_told_in_utc() -> None:
    onset = fact(FactName.ONSET, 1_760_130_903_127_372_000, source=DETECTOR)
    told = as_json(alert(onset))
    assert told["onset"] == "2026-02-05T20:00:00Z"
    assert {part["name"]: part["value"] for part in told["facts"]}[
        "onset"
    ] == "2025-10-10T21:15:03.127372Z"


@given(st.text() | st.sampled_from(HOSTILE))
def test_escapes_leave_no_markup(text: str) -> None:
    assert not re.search(r"[<>\"'@＠]", escape_html(text))
    assert html.unescape(escape_html(text)).isprintable()
    bare = re.sub(r"\\[!-/:-@\[-`{-~]", "", escape_markdown(text))
    assert not re.search(r"[*_`\[\]()~|<>#@＠]", bare)
    shown = io.StringIO()
    Console(file=shown, width=100_000, color_system=None, emoji=False).print(
        escape_terminal(text), end="", soft_wrap=True
    )
    assert escape_terminal(text).isprintable()
    assert "\x1b" not in shown.getvalue()
    assert len(shown.getvalue().splitlines()) <= 1
