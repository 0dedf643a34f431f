import asyncio
import errno
import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest
import structlog

from airpocket.alerts.alert import Signal, Stage
from airpocket.alerts.linter import violations
from airpocket.alerts.render import as_json
from airpocket.errors import InputError
from airpocket.live.channel import DELIVERED, ChannelKind, ChannelSpec, Delivery, Outcome, Secret
from airpocket.live.sinks import JsonLinesSink, LogSink, open_sink, open_sinks
from tests.alerts.made import alert, full
from tests.live.alert_receiver import AlertReceiver, Answer, always
from tests.live.outgoing import due, numbered
from tests.live.test_webhook import NEW

CANARY = "canary8c1ftoken"


def send(sink: Any, *dues: Any) -> list[Delivery]:
    async def go() -> list[Delivery]:
        try:
            return [await sink.send(one) for one in dues]
        finally:
            await sink.close()

    return asyncio.run(go())


def test_the_log_gets_one_line_an_alert() -> None:
    with structlog.testing.capture_logs() as lines:
        assert send(LogSink(), due()) == [DELIVERED]
    (line,) = lines
    assert line["id"] == due().alert.alert_id
    assert line["message_id"] == due().message_id
    assert "at least $134.3M" in line["told"]
    assert all(isinstance(value, str) and value.isprintable() for value in line.values())
    assert violations({key: line[key] for key in ("told", "symbol", "side", "phase")}) == ()


@pytest.mark.parametrize(
    ("signal", "stage", "level"),
    [
        (Signal.FEED_HEALTH, Stage.OPEN, "warning"),
        (Signal.FEED_HEALTH, Stage.UPDATE, "warning"),
        (Signal.FEED_HEALTH, Stage.FEED_ENDED, "warning"),
        (Signal.FEED_HEALTH, Stage.ALL_CLEAR, "info"),
        (Signal.LIQUIDATION_CASCADE, Stage.OPEN, "info"),
    ],
)
def test_a_feed_that_is_out_is_a_warning(signal: Signal, stage: Stage, level: str) -> None:
    facts = () if signal is Signal.FEED_HEALTH else full()[:1]
    with structlog.testing.capture_logs() as lines:
        send(LogSink(), due(alert(*facts, signal=signal, stage=stage, scope="*")))
    assert [(line["log_level"], line["stage"]) for line in lines] == [(level, stage.value)]


def test_a_line_of_the_log_is_one_line_whatever_is_in_it() -> None:
    """S25: even if a message id were made of control codes."""
    hostile = due()
    hostile = type(hostile)(1, "log", hostile.alert, "a\n\x1b[2J\u202eb", 0, 1)
    with structlog.testing.capture_logs() as lines:
        send(LogSink(), hostile)
    rendered = structlog.processors.LogfmtRenderer()(None, "", lines[0])
    assert "\n" not in rendered
    assert "\x1b" not in rendered


def test_lines_of_a_file_are_objects_that_can_be_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    dues = [due(numbered(number), row=number) for number in range(3)]
    assert send(JsonLinesSink(path), *dues) == [DELIVERED] * 3
    told = [json.loads(line) for line in path.read_text().splitlines()]
    assert told == [{**as_json(one.alert), "message_id": one.message_id} for one in dues]
    assert violations(path.read_bytes().splitlines()) == ()


@pytest.mark.parametrize("cut", [1, 20, 60, -1])
def test_a_line_that_a_crash_cut_short_is_taken_off(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "alerts.jsonl"
    send(JsonLinesSink(path), due(numbered(1)))
    whole = path.read_bytes()
    path.write_bytes(whole + (whole[:cut] if cut > 15 or cut < 0 else b'{"type":"alert"'))
    send(JsonLinesSink(path), due(numbered(2)))
    lines = path.read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [
        numbered(1).alert_id,
        numbered(2).alert_id,
    ]


def test_what_others_wrote_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    path.write_text("# mine, without an end of line")
    send(JsonLinesSink(path), due())
    assert path.read_text().startswith("# mine, without an end of line\n{")


@pytest.mark.parametrize("failing", ["write", "fsync"])
def test_a_full_disk_leaves_no_half_line_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    path = tmp_path / "alerts.jsonl"
    sink = JsonLinesSink(path)
    send(sink, due(numbered(1)))
    before = path.read_bytes()
    real = os.write

    def half(descriptor: int, line: bytes) -> int:
        return real(descriptor, line[:10])

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, failing, half if failing == "write" else fail)
        (delivery,) = send(sink, due(numbered(2)))
    assert delivery.outcome is Outcome.RETRY
    assert path.read_bytes() == before
    assert send(sink, due(numbered(2))) == [DELIVERED]


def test_a_line_counts_once_it_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fsync

    def sync(descriptor: int) -> None:
        synced.append(descriptor)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    send(JsonLinesSink(tmp_path / "a.jsonl"), due())
    assert len(synced) == 1


def spec(**parts: Any) -> ChannelSpec:
    return ChannelSpec(**{"name": "mine", "kind": ChannelKind.LOG, **parts})


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"kind": ChannelKind.JSONL}, "path"),
        ({"kind": ChannelKind.JSONL, "path": "/nowhere/at/all.jsonl"}, "folder"),
        ({"kind": ChannelKind.JSONL, "path": "/dev/null"}, "plain file"),
        ({"kind": ChannelKind.WEBHOOK}, "url"),
        (
            {"kind": ChannelKind.WEBHOOK, "url": Secret(f"https://h.example.org/{CANARY}")},
            "secrets",
        ),
        (
            {
                "kind": ChannelKind.WEBHOOK,
                "url": Secret(f"http://h.example.org/{CANARY}"),
                "secrets": (Secret(NEW),),
            },
            "https",
        ),
        ({"kind": ChannelKind.APPRISE}, "url"),
        ({"kind": ChannelKind.APPRISE, "url": Secret(f"nothing://{CANARY}")}, "apprise"),
        ({"kind": ChannelKind.APPRISE, "url": Secret(CANARY)}, "apprise"),
        ({"rate_per_min": 0}, "rate_per_min"),
        ({"rate_per_min": 10**9}, "rate_per_min"),
    ],
)
def test_what_cannot_work_is_refused_in_one_clear_sentence(
    parts: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError) as caught:
        open_sink(spec(**parts))
    text = str(caught.value)
    assert said in text
    assert CANARY not in text
    assert "\n" not in text


def test_channels_have_names_of_their_own(tmp_path: Path) -> None:
    opened = open_sinks([spec(), spec(name="b", kind=ChannelKind.JSONL, path=str(tmp_path / "b"))])
    assert sorted(opened) == ["b", "mine"]
    with pytest.raises(InputError, match="mine"):
        open_sinks([spec(), spec()])


def test_a_configured_rate_replaces_the_services_own() -> None:
    chat = Secret("discord://417429632418316298/JHZ7lQml277CDHmQKMHI8qBe7bk2ZwO5UKjCiOAF7711o33")
    for rate, windows in ((7, ((7, 60.0),)), (None, ((5, 2.5), (30, 60.0)))):
        sink = open_sink(spec(kind=ChannelKind.APPRISE, url=chat, rate_per_min=rate))
        assert sink.windows == windows
        asyncio.run(sink.close())


@pytest.mark.parametrize(
    "answer", [Answer(200), Answer(500, body=CANARY.encode()), Answer(reset=True)]
)
def test_no_secret_reaches_a_log_a_reason_or_a_repr(
    answer: Answer, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """S15, with every library talking as much as it can."""
    caplog.set_level(1)
    for name in ("apprise", "urllib3", "urllib3.connectionpool", "aiohttp", "asyncio", "requests"):
        caplog.set_level(1, logger=name)
    shown: list[str] = []

    async def go() -> None:
        asyncio.get_running_loop().set_debug(True)
        async with AlertReceiver(always(answer)) as receiver:
            host = f"127.0.0.1:{receiver.port}"
            for kind, url in (
                (ChannelKind.WEBHOOK, f"http://{host}/{CANARY}?t={CANARY}"),
                (ChannelKind.APPRISE, f"json://{CANARY}:{CANARY}@{host}/{CANARY}"),
                (ChannelKind.APPRISE, f"gotify://{host}/{CANARY}"),
            ):
                made = spec(kind=kind, url=Secret(url), secrets=(Secret(NEW),), allow_private=True)
                sink = open_sink(made)
                delivery = await sink.send(due())
                shown.extend((repr(made), repr(sink), repr(delivery), str(sink)))
                await sink.close()
            assert len(receiver.requests) == 3

    asyncio.run(go())
    shown += [record.getMessage() for record in caplog.records] + [caplog.text]
    shown += list(capsys.readouterr())
    assert [text for text in shown if CANARY in text or NEW[6:] in text] == []
    assert logging.getLogger("asyncio").isEnabledFor(1)  # it was listening
