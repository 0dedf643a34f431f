"""What the diagnosis says of a machine: all at once, in time, in words, with the right exit code."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from airpocket.app import diagnosing
from airpocket.app.channels import channel_specs
from airpocket.app.config import Settings
from airpocket.app.diagnosing import diagnose, summed_up
from airpocket.app.settings import Channel, StoreSettings, VenueSettings, WatchSettings
from airpocket.live.probes import Check, Verdict
from airpocket.live.transport import ConnectError, ConnectFault, Connection
from tests.app.console import Console
from tests.live.virtual import run

NO_NETWORK = "no venue can be reached: this machine seems to have no network, or no DNS"
ALL_OK = Check("x", "stream y", Verdict.OK, "")


class NoNetwork:
    """A transport that reaches nothing."""

    def __init__(self) -> None:
        self.tried: list[str] = []

    async def connect(self, url: str, *, frame_bytes_most: int) -> Connection:
        self.tried.append(url)
        raise ConnectError(ConnectFault.REFUSED, f"{url}: no connection (Network is unreachable)")

    async def close(self) -> None:
        return


async def _no_rest(venue: str, *, clock: Any, rng: random.Random, url: str | None) -> Any:
    await asyncio.sleep(0.5)
    return Check(venue, "rest", Verdict.OK, f"asked {url}"), 0


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(diagnosing, "probe_rest", _no_rest)
    return Settings(
        store=StoreSettings(folder=tmp_path / "data"),
        watch=WatchSettings(),
        venues={
            venue: VenueSettings(ws_url="ws://127.0.0.1:9", rest_url="http://127.0.0.1:9")
            for venue in ("binance", "bybit", "okx", "hyperliquid")
        },
        channels={"here": Channel.model_validate({"kind": "log"})},
    )


def found(settings: Settings, transport: NoNetwork, *, send: bool = False) -> list[Check]:
    return run(
        lambda bench: diagnose(
            settings, channel_specs(settings), send=send, transport=transport, clock=bench.clock
        )
    )


def test_every_line_of_every_venue_is_tried_where_it_is_configured(settings: Settings) -> None:
    transport = NoNetwork()
    checks = found(settings, transport)
    assert {check.about for check in checks} >= {
        "disk", "store", "binance", "bybit", "okx", "hyperliquid", "here", "health_log",
    }  # fmt: skip
    assert all(url.startswith("ws://127.0.0.1:9/") for url in transport.tried)
    assert len(transport.tried) >= 6
    rest = [check for check in checks if check.name == "rest"]
    assert [check.said for check in rest] == ["asked http://127.0.0.1:9"] * 4


def test_channels_are_sent_to_only_when_asked(settings: Settings) -> None:
    quiet = {c.about: c.said for c in found(settings, NoNetwork())}
    assert quiet["here"] == "alerts are lines of the log"
    sent = {c.about: c.said for c in found(settings, NoNetwork(), send=True)}
    assert sent["here"] == "a test message was delivered"


def test_what_hangs_is_ended(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_: object, **__: object) -> Check:
        await asyncio.sleep(1e6)
        raise AssertionError

    monkeypatch.setattr(diagnosing, "probe_line", hang)

    async def attempt(bench: Any) -> tuple[list[Check], float]:
        checks = await diagnose(
            settings, channel_specs(settings), send=False, transport=NoNetwork(), clock=bench.clock
        )
        return checks, bench.elapsed_s()

    checks, took_s = run(attempt)
    assert took_s <= 15
    late = [check for check in checks if check.name == "in all"]
    assert {check.about for check in late} == {"binance", "bybit", "okx", "hyperliquid"}


def test_a_channel_that_cannot_be_used_is_told_and_the_rest_goes_on(
    settings: Settings, tmp_path: Path
) -> None:
    channels = {
        "lost": Channel.model_validate({"kind": "jsonl", "path": str(tmp_path / "no" / "a")}),
        "inside": Channel.model_validate(
            {
                "kind": "webhook",
                "url": "https://127.0.0.1/x",
                "secrets": ["whsec_" + "c2VjcmV0" * 5],
            }
        ),
    }
    checks = {
        check.about: check
        for check in found(settings.model_copy(update={"channels": channels}), NoNetwork())
    }
    assert "its folder does not exist" in checks["lost"].said
    assert "loopback" in checks["inside"].said
    assert checks["lost"].verdict is checks["inside"].verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("health", "kind", "warned"),
    [(False, "jsonl", True), (True, "jsonl", False), (False, "log", False)],
)
def test_alerts_without_a_way_out_for_feed_health_are_warned_of(
    settings: Settings, tmp_path: Path, *, health: bool, kind: str, warned: bool
) -> None:
    path = {"path": str(tmp_path / "a.jsonl")} if kind == "jsonl" else {}
    channel = Channel.model_validate({"kind": kind, "health": health, **path})
    here = settings.model_copy(update={"channels": {"here": channel}})
    told = [check for check in found(here, NoNetwork()) if check.name == "feed health"]
    assert [(check.verdict, "health = true" in check.said) for check in told] == (
        [(Verdict.WARN, True)] if warned else []
    )


@pytest.mark.parametrize(
    ("checks", "told"),
    [
        ([ALL_OK, ALL_OK], "2 checks: all ok"),
        ([Check("x", "stream", Verdict.WARN, "")], "1 check: 0 ok, 1 to look at, 0 failed"),
        (
            [Check("x", "stream a", Verdict.FAIL, "", "dns")] * 2,
            f"2 checks: 0 ok, 0 to look at, 2 failed; {NO_NETWORK}",
        ),
        (
            [ALL_OK, Check("x", "stream a", Verdict.FAIL, "", "dns")],
            "2 checks: 1 ok, 0 to look at, 1 failed",
        ),
        (
            [Check("x", "stream a", Verdict.FAIL, "", "tls")],
            "1 check: 0 ok, 0 to look at, 1 failed",
        ),
    ],
)
def test_the_sum_says_when_there_is_no_network(checks: list[Check], told: str) -> None:
    assert summed_up(checks) == told


def configured(folder: Path, text: str = "") -> str:
    file = folder / "airpocket.toml"
    file.write_text(f"[store]\nfolder = '{folder}/data'\n[watch]\nvenues = 'okx'\n{text}")
    return str(file)


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosing, "probe_rest", _no_rest)
    monkeypatch.setattr(diagnosing, "AiohttpTransport", NoNetwork)


@pytest.mark.usefixtures("fails")
def test_the_command_ends_with_1_if_a_check_failed(airpocket: Console, tmp_path: Path) -> None:
    config = configured(tmp_path, "[venues.okx]\nws_url='ws://127.0.0.1:9'\n")
    said = airpocket("doctor", "--config", config)
    assert said.code == 1
    assert said.err == ""
    rows = [line.split()[:3] for line in said.out.splitlines()]
    assert ["FAIL", "okx", "stream"] in rows
    assert ["ok", "disk", "folder"] in rows
    assert "this machine seems to have no network" in said.out.replace("\n", " ")
    json_ = airpocket("doctor", "--json", "--config", config)
    assert json_.code == 1
    assert {row["verdict"] for row in json_.rows if row["type"] == "check"} == {"ok", "fail"}
    assert json_.rows[-1]["type"] == "summary"


@pytest.mark.usefixtures("fails")
def test_the_command_ends_with_0_if_all_is_well(
    airpocket: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fine(*_: object, **__: object) -> Check:
        return Check("okx", "stream public", Verdict.OK, "first data 3 ms [red]\n\x1b[2J")

    monkeypatch.setattr(diagnosing, "probe_line", fine)
    said = airpocket("doctor", "--config", configured(tmp_path))
    assert said.code == 0, said.out
    assert "all ok" in said.out
    assert "\x1b" not in said.out
    assert "[red]" in said.out


def test_the_example_is_printed_and_nothing_else(airpocket: Console) -> None:
    said = airpocket("doctor", "--example-config")
    assert said.code == 0
    assert said.out.startswith("# airpocket.toml")


def test_a_wrong_address_is_one_sentence(airpocket: Console, tmp_path: Path) -> None:
    config = configured(tmp_path, "[venues.okx]\nws_url='http://x'\n")
    assert "venues.okx.ws_url" in airpocket("doctor", "--config", config).sentence
