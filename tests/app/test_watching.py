"""``airpocket watch`` as a person runs it: a process of its own, against venues on real sockets."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from airpocket.app.cli import main
from airpocket.store.tape import TapeReader
from tests.live.loopback import Loopback, real_bench
from tests.live.rig import Rig

_PORT = 19_464 + os.getpid() % 1_000


def _config(folder: Path, loopback: Loopback | None, *, port: int = _PORT) -> Path:
    url = "ws://127.0.0.1:9" if loopback is None else loopback.url("wss://fstream.binance.com")
    path = folder / "airpocket.toml"
    path.write_text(
        f"""
[store]
folder = "{folder / "data"}"
[venues.binance]
ws_url = "{url.rstrip("/")}"
rest_url = "http://127.0.0.1:9"
[server]
port = {port}
[channels.file]
kind = "jsonl"
path = "{folder / "alerts.jsonl"}"
[channels.feeds]
kind = "jsonl"
path = "{folder / "feeds.jsonl"}"
health = true
""",
        encoding="utf-8",
    )
    return path


class Child:
    """A watcher in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def stop(self, how: signal.Signals = signal.SIGINT) -> tuple[int, float, str]:
        begun = time.monotonic()
        self.process.send_signal(how)
        _, log = await self.process.communicate()
        return self.process.returncode or 0, time.monotonic() - begun, log.decode()


def _beside(
    folder: Path, script: Callable[[Child, Rig], Awaitable[Any]], *words: str, serve: bool = True
) -> Any:
    """Start the watcher beside a fake Binance, and play a script."""

    async def play() -> Any:
        rig = Rig(real_bench(start_ns=time.time_ns()), {"binance": ("BTCUSDT", "ETHUSDT")})
        async with Loopback(rig.venues.values()) as loopback:
            config = _config(folder, loopback if serve else None)
            process = await asyncio.create_subprocess_exec(
                str(Path(sys.executable).with_name("airpocket")), "watch", "BTC", "ETH", "--venues",
                "binance", "--quiet", "--config", str(config), *words,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            child = Child(process)
            try:
                return await script(child, rig)
            finally:
                rig.world.stop()
                if process.returncode is None:
                    process.kill()
                    await process.communicate()

    return asyncio.run(play())


async def _health() -> dict[str, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{_PORT}/health") as answer,
    ):
        told: dict[str, Any] = json.loads(await answer.text())
        return told


async def _until(holds: Callable[[dict[str, Any]], bool], seconds: float = 30.0) -> dict[str, Any]:
    """Ask for the health until it is as wanted."""
    told: dict[str, Any] = {}
    async with asyncio.timeout(seconds):
        while True:
            try:
                told = await _health()
            except aiohttp.ClientError:
                told = {}
            if told and holds(told):
                return told
            await asyncio.sleep(0.1)


def _is_live(told: dict[str, Any]) -> bool:
    channels = told["venues"]["binance"]["channels"]
    return bool(channels["trades"]["state"] == "live")


def test_it_follows_keeps_and_stops_within_two_seconds(tmp_path: Path) -> None:
    async def script(child: Child, rig: Rig) -> tuple[dict[str, Any], int, float, str]:
        told = await _until(_is_live)
        await asyncio.sleep(3)
        return (told, *await child.stop())

    told, status, took_s, log = _beside(tmp_path, script)
    channels = told["venues"]["binance"]["channels"]
    assert channels["liquidations"]["state"] == "throttled"
    assert status == 0, log
    (stopped,) = [json.loads(line) for line in log.splitlines() if '"stopped"' in line]
    assert stopped["took_s"] < 2.0
    assert took_s < 10.0, log  # on a busy machine the interpreter's own end takes its time
    (tape,) = (tmp_path / "data" / "tapes").glob("*.tape")
    with TapeReader(tape) as opened:
        opened.check()
        assert opened.about().frames > 20


def test_a_second_process_on_the_same_store_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def script(child: Child, rig: Rig) -> int:
        await _until(lambda _: True)
        loop = asyncio.get_running_loop()
        words = ["watch", "BTC", "--venues", "binance", "--quiet", "--seconds", "5", "--config"]
        with pytest.raises(SystemExit) as ended:
            await loop.run_in_executor(None, main, [*words, str(tmp_path / "airpocket.toml")])
        await child.stop(signal.SIGTERM)
        return int(str(ended.value.code))

    assert _beside(tmp_path, script, serve=False) == 2
    assert "another airpocket records into it" in capsys.readouterr().err


def test_a_port_that_refuses_is_said_and_does_not_end_the_watch(tmp_path: Path) -> None:
    async def script(child: Child, rig: Rig) -> tuple[dict[str, Any], int, str]:
        told = await _until(
            lambda told: told["venues"]["binance"]["channels"]["trades"]["state"] == "dead"
        )
        assert child.process.returncode is None
        await _until(lambda _: (tmp_path / "feeds.jsonl").exists())  # a notice is held for 10 s
        status, _, log = await child.stop()
        return told, status, log

    told, status, log = _beside(tmp_path, script, serve=False)
    reason = told["venues"]["binance"]["channels"]["trades"]["reason"]
    assert "127.0.0.1:9/market/stream: no connection" in reason
    assert status == 0, log
    (line,) = (tmp_path / "feeds.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["signal"] == "FEED_HEALTH"
    assert not (tmp_path / "alerts.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["watch", "BTC", "--seconds", "0"], "--seconds is 0"),
        (["watch", "BTCC"], "BTCC"),
        (["watch", "BTC", "--venues", "mtgox"], "mtgox"),
        (["watch", "BTC", "--config", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_what_cannot_be_used_is_one_sentence_and_exit_code_2(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        main([*words, "--quiet"])
    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_a_folder_that_is_a_file_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").write_text("not a folder")
    config = _config(tmp_path, None)
    with pytest.raises(SystemExit) as ended:
        main(["watch", "BTC", "--venues", "binance", "--quiet", "--config", str(config)])
    assert ended.value.code == 2
    assert str(tmp_path / "data") in capsys.readouterr().err
