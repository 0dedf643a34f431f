import os
import shutil
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest

from airpocket import __version__
from airpocket import app as app_chapter
from airpocket.app import parsing, replaying
from airpocket.errors import TapeError
from tests.app.console import ROOT, Console, process

COMMANDS = [
    "parse", "inspect", "replay", "convert", "demo", "watch", "record", "subscribe",
    "subscriptions", "test-alert", "doctor",
]  # fmt: skip
HEAVY = [
    "numpy", "numba", "polars", "msgspec", "sqlite3", "asyncio", "rich.progress", "rich.markdown",
    "aiohttp", "apprise", "ccxt", "prometheus_client", "pydantic", "sqlalchemy", "stamina",
    "structlog", "airpocket.market", "airpocket.venues", "airpocket.store", "airpocket.alerts",
    "airpocket.live", "airpocket.app.config",
]  # fmt: skip


def test_help_lists_the_commands(airpocket: Console) -> None:
    said = airpocket("--help")
    assert said.code == 0
    assert all(command in said.out for command in COMMANDS)
    assert said.err == ""
    assert airpocket().out == said.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(airpocket: Console, command: str) -> None:
    said = airpocket(command, "--help")
    assert said.code == 0
    assert said.out.startswith(f"Usage: airpocket {command}")
    assert len(said.out) > 200
    assert not any(noise in said.out for noise in ("--empty-", "default: ()", "default: False"))


def test_defaults_that_tell_something_are_shown(airpocket: Console) -> None:
    told = " ".join(airpocket("subscribe", "--help").out.split())
    assert told.count("[default: ") == 3
    assert all(f"default: {one}]" in told.replace("│ │ ", "") for one in ("free", "0.0", "True"))


def test_version(airpocket: Console) -> None:
    assert airpocket("--version").out.strip() == __version__


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--nope"], "--nope"),
        (["nope"], "nope"),
        (["replay", "x", "--nope"], "--nope"),
        (["parse"], "VENUE"),
        (["parse", "okx", "a", "b"], "b"),
        (["convert", "a"], "OUT"),
        (["replay", "x", "--symbol"], "--symbol"),
        (["replay", "x", "--json=maybe"], "json"),
        (["demo", "--json", "x", "y"], "y"),
        (["inspect"], "SOURCE"),
        (["replay"], "SOURCE"),
        (["replay", "--json"], "SOURCE"),
        (["inspect", "/no/such/file"], "/no/such/file"),
        (["replay", "/no/such/file"], "/no/such/file"),
        (["convert", "/no/such/file", "out.tape"], "/no/such/file"),
        (["parse", "okx", "/no/such/file"], "/no/such/file"),
        (["demo", "/no/such/folder/x.tape"], "/no/such/folder"),
        (["subscribe"], "NAME"),
        (["subscribe", "a", "b"], "b"),
        (["subscribe", "a", "--least-usd", "much"], "much"),
        (["subscriptions", "x"], "x"),
        (["doctor", "--config", "/no/such/file.toml"], "/no/such/file.toml"),
        (["test-alert", "--config", "/no/such/file.toml"], "/no/such/file.toml"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(
    airpocket: Console, words: list[str], names: str
) -> None:
    assert names in airpocket(*words).sentence


@pytest.mark.parametrize(
    ("words", "where"),
    [
        (["replay", "x", "--nope"], "airpocket replay"),
        (["convert", "a"], "airpocket convert"),
        (["nope"], "airpocket"),
        (["--nope"], "airpocket"),
    ],
)
def test_the_help_that_helps_is_named(airpocket: Console, words: list[str], where: str) -> None:
    assert airpocket(*words).sentence.endswith(f"; see `{where} --help`")


def test_a_name_moves_no_cursor_and_breaks_no_line(airpocket: Console) -> None:
    sentence = airpocket("inspect", "/no/\x1b[2J\r\nsuch\u202e[red]file").sentence
    assert sentence.isprintable()
    assert "[red]" in sentence


def test_a_name_that_is_no_file_name_at_all(airpocket: Console, tmp_path: Path) -> None:
    assert "ame" in airpocket("inspect", tmp_path / ("x" * 5_000)).sentence
    assert airpocket("replay", "").code == 2


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (TapeError("the disk is full"), 2, "airpocket: the disk is full\n"),
        (
            OSError(28, "No space left on device", "/x"),
            2,
            "airpocket: /x: No space left on device\n",
        ),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_from_anywhere(
    airpocket: Console, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, told: str
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(replaying, "run", failing)
    said = airpocket("replay", "x")
    assert (said.code, said.out, said.err) == (code, "", told)


def test_a_bug_is_not_dressed_up_as_an_error(
    airpocket: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parsing, "run", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        airpocket("parse", "okx")


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom airpocket.app.cli import main\n"
        f"for command in {COMMANDS!r}:\n"
        "    try:\n        main([command, '--help'])\n    except SystemExit:\n        pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(  # noqa: S603 — our own command
        [sys.executable, "-c", code], capture_output=True, check=True, env=env, timeout=60
    )
    assert done.stderr.decode().strip() == "[]"


def test_the_installed_command_is_this_one() -> None:
    command = Path(sys.executable).with_name("airpocket")
    if not command.exists():
        pytest.skip("the airpocket command is not installed beside this Python")
    done = subprocess.run(  # noqa: S603 — our own command
        [command, "parse", "nowhere"], capture_output=True, check=False, timeout=60, input=b""
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"airpocket: 'nowhere' is not a venue")


def test_a_reader_who_leaves_early_is_no_error(tmp_path: Path) -> None:
    """As ``airpocket parse okx | head -1``: quiet, whatever was still to be printed."""
    shell = shutil.which("bash")
    if shell is None:
        pytest.skip("no bash here")
    line = '{"e":"forceOrder","E":1,"o":{"s":"X","S":"SELL","o":"LIMIT","f":"IOC","q":"1","p":"2","ap":"2","X":"FILLED","l":"1","z":"1","T":1791565602120}}\n'
    frames = tmp_path / "frames.jsonl"
    frames.write_text(line * 20_000)
    python = f"{sys.executable} -c 'from airpocket.app.cli import main; main()'"
    script = f"{python} parse binance {frames} 2>{tmp_path}/err | head -1; echo ${{PIPESTATUS[0]}}"
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(  # noqa: S603 — our own command
        [shell, "-c", script], capture_output=True, check=False, timeout=60, env=env
    )
    first, code = done.stdout.decode().splitlines()
    assert first.startswith('{"type": "liquidation"')
    assert code == "141"
    errors = (tmp_path / "err").read_text()
    assert "Traceback" not in errors
    assert "BrokenPipe" not in errors


def test_ctrl_c_ends_quietly() -> None:
    command = [sys.executable, "-c", "from airpocket.app.cli import main; main()", "parse", "okx"]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(  # noqa: S603 — our own command
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
    ) as running:
        assert running.stdin is not None
        assert running.stderr is not None
        running.stdin.write(b"no frame\n")
        running.stdin.flush()
        assert running.stderr.readline().startswith(b"stdin, line 1: not used")
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=30) == 130
        assert b"Traceback" not in running.stderr.read()
        running.stdin.close()


def test_output_is_utf8_or_ascii_whatever_the_locale(tmp_path: Path) -> None:
    frames = tmp_path / "frames.jsonl"
    frames.write_bytes(b'{"what": 1}\n')
    done = process(["parse", "okx", tmp_path / "\u5e01\u5b89"], env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 2
    assert b"\\u5e01" in done.stderr


@pytest.mark.parametrize("name", ["watching", "recording"])
def test_what_follows_feeds_is_given_what_was_asked_for(
    airpocket: Console, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    asked: list[tuple[tuple[object, ...], dict[str, object]]] = []
    module = types.ModuleType(f"airpocket.app.{name}")
    module.run = lambda *words, **more: asked.append((words, more))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, f"airpocket.app.{name}", module)
    monkeypatch.setattr(app_chapter, name, module, raising=False)
    command = {"watching": "watch", "recording": "record"}[name]
    airpocket(command, "BTC", "ETH/USDT", "--venues", "okx,bybit", "--quiet", "--seconds", "5")
    airpocket(command)
    assert asked == [
        (
            (("BTC", "ETH/USDT"),),
            {"venues": ("okx", "bybit"), "config": None, "quiet": True, "seconds": 5.0},
        ),
        (((),), {"venues": (), "config": None, "quiet": False, "seconds": None}),
    ]
