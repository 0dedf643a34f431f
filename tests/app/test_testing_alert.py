"""A test message is marked as one, goes over the real sinks, and its fate is told."""

import asyncio
import json
from pathlib import Path

import pytest

from airpocket.alerts import render
from airpocket.alerts.alert import Signal, Stage
from airpocket.alerts.linter import violations
from airpocket.app.testing_alert import send_trial, trial_alert
from airpocket.live.channel import ChannelKind, ChannelSpec, Outcome, Secret
from airpocket.live.clock import SystemClock
from tests.alerts.made import alert as made
from tests.alerts.made import full
from tests.app.console import Console
from tests.live.alert_receiver import AlertReceiver, Answer, always

SECRET = "whsec_" + "c2VjcmV0" * 5
NOW_NS = 1_795_000_000_000_000_000


def configured(folder: Path, text: str) -> str:
    file = folder / "airpocket.toml"
    file.write_text(f"[store]\nfolder = '{folder}/data'\n{text}", encoding="utf-8")
    file.chmod(0o600)
    return str(file)


def test_it_says_that_it_is_a_test_and_leaves_nothing_open() -> None:
    alert = trial_alert(NOW_NS)
    assert (alert.signal, alert.stage) == (Signal.FEED_HEALTH, Stage.ALL_CLEAR)
    for told in (
        render.headline(alert), *render.as_text(alert)[:1], render.as_markdown(alert),
        render.as_html(alert),
    ):  # fmt: skip
        assert "est message: this channel works" in told
        assert "nothing has happened" in told
        assert violations(told) == ()
    for told in (
        "\n".join(render.as_text(alert)),
        render.as_markdown(alert),
        render.as_html(alert),
    ):
        assert "this is no alert" in told
        assert violations(told) == ()
        assert not any(word in told.lower() for word in ("clear", "feed_health", "not measured"))
    assert render.as_json(alert)["test"] is True
    assert "test" not in render.as_json(made(*full()))
    assert trial_alert(NOW_NS + 10**9).alert_id != alert.alert_id


def test_it_goes_over_the_real_sink_signed() -> None:
    async def attempt() -> tuple[AlertReceiver, Outcome]:
        async with AlertReceiver() as receiver:
            spec = ChannelSpec(
                name="desk", kind=ChannelKind.WEBHOOK, secrets=(Secret(SECRET),),
                url=Secret(f"http://127.0.0.1:{receiver.port}/hook"), allow_private=True,
            )  # fmt: skip
            (one,) = await send_trial([spec], clock=SystemClock())
            return receiver, one.delivery.outcome

    receiver, outcome = asyncio.run(attempt())
    assert outcome is Outcome.DELIVERED
    (request,) = receiver.requests
    assert request.headers["webhook-signature"].startswith("v1,")
    assert request.json()["headline"].startswith("Test message: ")
    assert request.json()["test"] is True


def test_channels_are_told_apart_and_one_that_fails_holds_up_no_other(tmp_path: Path) -> None:
    async def attempt() -> dict[str, Outcome]:
        async with AlertReceiver(answer=always(Answer(status=410))) as receiver:
            hook = ChannelSpec(
                name="gone", kind=ChannelKind.WEBHOOK, secrets=(Secret(SECRET),),
                url=Secret(f"http://127.0.0.1:{receiver.port}/hook"), allow_private=True,
            )  # fmt: skip
            bad = ChannelSpec(name="bad", kind=ChannelKind.APPRISE, url=Secret("nonsense"))
            file = ChannelSpec(
                name="file", kind=ChannelKind.JSONL, path=str(tmp_path / "alerts.jsonl")
            )
            tries = await send_trial([hook, bad, file], clock=SystemClock())
            return {one.channel: one.delivery.outcome for one in tries}

    found = asyncio.run(attempt())
    assert found == {
        "gone": Outcome.GONE, "bad": Outcome.REFUSED, "file": Outcome.DELIVERED,
    }  # fmt: skip


def test_the_command_prints_the_fate_of_each_channel(airpocket: Console, tmp_path: Path) -> None:
    config = configured(
        tmp_path,
        f"[channels.file]\nkind='jsonl'\npath='{tmp_path}/a.jsonl'\n[channels.here]\nkind='log'\n",
    )
    said = airpocket("test-alert", "--config", config)
    assert said.code == 0
    rows = [line.split() for line in said.out.splitlines()]
    assert rows == [
        ["file", "jsonl", "delivered"],
        ["here", "log", "delivered"],
        ["health_log", "log", "delivered"],
    ]
    (line,) = (tmp_path / "a.jsonl").read_text().splitlines()
    assert json.loads(line)["headline"].startswith("Test message: ")
    assert said.err.count("Test message: ") == said.err.count("test alert") == 2
    one = airpocket("test-alert", "--config", config, "--channel", "here", "--json")
    assert one.rows == [
        {"type": "try", "channel": "here", "kind": "log", "delivered": True, "reason": None}
    ]


def test_the_command_fails_with_a_channel(airpocket: Console, tmp_path: Path) -> None:
    config = configured(tmp_path, f"[channels.file]\nkind='jsonl'\npath='{tmp_path}/no/a.jsonl'\n")
    said = airpocket("test-alert", "--config", config, "--channel", "file")
    assert said.code == 1
    told = " ".join(said.out.split())
    assert "file jsonl FAILED: " in told
    assert "its folder does not exist" in told
    assert "nope" in airpocket("test-alert", "--config", config, "--channel", "nope").sentence


def test_no_secret_is_printed(airpocket: Console, tmp_path: Path) -> None:
    config = configured(
        tmp_path,
        "[channels.desk]\nkind='webhook'\nallow_private=true\n"
        f"url='http://127.0.0.1:9/s3cr3t-path'\nsecrets=['{SECRET}']\n"
        "[channels.phone]\nkind='apprise'\nurl='tgram://s3cr3t-token/chat'\n",
    )
    said = airpocket("test-alert", "--config", config, "--channel", "desk,phone")
    assert said.code == 1
    assert "s3cr3t" not in said.out + said.err
    assert SECRET not in said.out + said.err


@pytest.mark.parametrize("command", ["test-alert", "doctor", "subscriptions", "subscribe"])
def test_a_malformed_configuration_is_one_sentence(
    airpocket: Console, tmp_path: Path, command: str
) -> None:
    words = ["mine"] if command == "subscribe" else []
    config = configured(tmp_path, "[channels.a]\nkind='mail'\n")
    assert "channels.a.kind is 'mail'" in airpocket(command, *words, "--config", config).sentence
    missing = airpocket(command, *words, "--config", tmp_path / "nowhere.toml").sentence
    assert "there is no such configuration file" in missing
