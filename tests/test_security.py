"""The security lines of ``reliability.md`` §4 that this version can meet, each a test by its name.

Those that cut across modules stand here. Those that belong to one module are tested beside it;
``ELSEWHERE`` names where, and a test makes sure that they are still there.
"""

import ast
import asyncio
import os
import re
import shutil
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any, Final, Self

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from airpocket.alerts import feed_wording, phrases, wording
from airpocket.alerts.alert import Signal, Stage
from airpocket.alerts.fact import KINDS, FactName
from airpocket.alerts.linter import violations
from airpocket.app import cli, config
from airpocket.app.channels import channel_specs, secrets_of
from airpocket.app.config import Settings, load
from airpocket.app.example_config import EXAMPLE
from airpocket.app.settings import SECRET_KEYS, Channel, ServerSettings
from airpocket.errors import InputError
from airpocket.live.ccxt_client import open_client
from airpocket.live.channel import ChannelKind
from airpocket.live.sockets import AiohttpTransport
from airpocket.live.transport import ConnectError, ConnectFault
from airpocket.market.fields import BAD_FRAME
from airpocket.venues.register import LIVE, open_wire
from tests.app.console import Console
from tests.test_tidy import ROOT, SOURCE, _banned_in, _modules, _name, _tree

ELSEWHERE: Final = {
    "S01": ("app/test_settings.py", "test_the_server_is_for_this_machine"),
    "S12": ("alerts/test_render.py", "test_escapes_leave_no_markup"),
    "S13": ("live/test_address_guard.py", "test_no_disguise_gets_through"),
    "S13, at delivery": ("live/test_webhook.py", "test_a_name_that_turns_inward_gets_nothing"),
    "S14": ("live/test_webhook.py", "test_a_message_is_verified_by_the_sample_receiver"),
    "S14, rotation": ("live/test_webhook.py", "test_while_secrets_rotate_both_open_the_message"),
    "S15, files": ("app/test_config.py", "test_a_file_with_secrets_is_for_its_owner_only"),
    "S15, log": ("app/test_journal.py", "test_secrets_are_masked_wherever_they_stand"),
    "S17": ("test_tidy.py", "test_banned_calls"),
    "S18, frames": ("venues/test_fixtures.py", None),
    "S18, settings": ("app/test_config.py", "test_whatever_a_table_holds_it_is_settings_or_one_sentence"),
    "S19": ("store/test_files.py", None),
    "S21": ("test_patterns.py", "test_s21_every_pattern_is_linear"),
    "S25, log": ("app/test_journal.py", "test_a_hostile_symbol_is_one_line"),
    "S25, commands": ("app/test_cli.py", "test_a_name_moves_no_cursor_and_breaks_no_line"),
    "S27": ("store/test_state.py", None),
    "S28, archives": ("store/test_files.py", None),
    "S28, venues in files": ("venues/tardis/test_archive.py", None),
    "S29, webhooks": ("live/test_webhook.py", "test_certificates_are_those_of_the_name_though_the_address_is_pinned"),
    "S35": ("test_tidy.py", "test_locks_hold_hashes_and_name_no_registry"),
    "S40, every alert": ("alerts/test_linter.py", None),
}  # fmt: skip
CANARY: Final = "c4n4ry-s3cr3t-v4lue"
SIGNING: Final = "whsec_" + "Y2FuYXJ5" * 5


@pytest.mark.parametrize("line", ELSEWHERE)
def test_lines_tested_elsewhere_are_still_tested_there(line: str) -> None:
    file, name = ELSEWHERE[line]
    found = {
        node.name
        for node in ast.walk(ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert name in found if name else any(one.startswith("test_") for one in found)


@pytest.fixture
def airpocket(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Console:
    return Console(capsys, monkeypatch)


def _written(folder: Path, text: str) -> Path:
    file = folder / "airpocket.toml"
    file.write_text(f"[store]\nfolder = '{folder}/data'\n{text}", encoding="utf-8")
    file.chmod(0o600)
    return file


# -- S02: no default or fallback secret ---------------------------------------------------------


def test_s02_no_setting_has_a_secret_by_default() -> None:
    settings = Settings()
    assert settings.channels == {}
    assert secrets_of(channel_specs(settings)) == ()
    for name, field in Channel.model_fields.items():
        if name in SECRET_KEYS:
            assert not field.default, f"{name} has a default"


@pytest.mark.parametrize(
    "text",
    [
        "kind = 'webhook'\nurl = 'https://x.example/'",
        "kind = 'webhook'\nurl = 'https://x.example/'\nsecrets = []",
        "kind = 'webhook'\nurl = 'https://x.example/'\nsecrets = ''",
        "kind = 'webhook'\nurl = 'https://x.example/'\nsecrets = ['']",
        "kind = 'apprise'",
        "kind = 'apprise'\nurl = ''",
    ],
)
def test_s02_without_its_secret_a_channel_does_not_start(
    airpocket: Console, tmp_path: Path, text: str
) -> None:
    file = _written(tmp_path, f"[channels.a]\n{text}\n")
    for command in ("test-alert", "doctor", "subscriptions"):
        assert "channels.a" in airpocket(command, "--config", file).sentence


def test_s02_no_secret_stands_in_the_sources() -> None:
    shapes = re.compile(
        r"whsec_[A-Za-z0-9+/]{20}|://[^/\s'\"{}]+:[^/\s'\"{}]+@|-----BEGIN [A-Z ]*KEY"
    )
    assert [_name(path) for path in _modules() if shapes.search(path.read_text("utf-8"))] == []


# -- S03, S04: no keys are taken ----------------------------------------------------------------


def test_s03_s04_no_server_of_this_version_takes_a_key_so_it_stays_on_this_machine() -> None:
    assert set(ServerSettings.model_fields) == {"enabled", "host", "port"}
    served = SOURCE / "live" / "health_page.py"
    if served.exists():
        text = served.read_text("utf-8").lower()
        assert not re.search(r"authorization|query\[|\.query\b|api_key|set_cookie", text)


# -- S15: secrets only in environment or private files, and nowhere else ----------------------------


def test_s15_no_command_tells_a_secret(
    airpocket: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _written(
        tmp_path,
        "[watch]\nvenues = 'okx'\n[venues.okx]\nws_url = 'ws://127.0.0.1:9'\n"
        "rest_url = 'http://127.0.0.1:9'\n"
        f"[channels.hook]\nkind = 'webhook'\nurl = 'http://127.0.0.1:9/{CANARY}'\n"
        f"allow_private = true\nsecrets = ['{SIGNING}']\n"
        f"[channels.phone]\nkind = 'apprise'\nurl = 'tgram://{CANARY}/chat'\n"
        f"[channels.file]\nkind = 'jsonl'\npath = '{tmp_path}/alerts.jsonl'\n",
    )
    monkeypatch.setenv("AIRPOCKET_CHANNELS__MAIL__KIND", "apprise")
    monkeypatch.setenv("AIRPOCKET_CHANNELS__MAIL__URL", f"mailto://me:{CANARY}@127.0.0.1")
    told = ""
    for words in (
        ["test-alert"], ["test-alert", "--json"], ["doctor"], ["doctor", "--json"],
        ["subscribe", "mine", "--channel", "hook"], ["subscribe", "mine", "--channel", "nope"],
        ["subscriptions"], ["subscriptions", "--json"],
    ):  # fmt: skip
        said = airpocket(*words, "--config", file)
        told += said.out + said.err
    assert "hook" in told
    assert "mail" in told
    assert CANARY not in told
    assert SIGNING.removeprefix("whsec_") not in told
    for path in tmp_path.rglob("*"):
        if path.is_file() and path != file:
            assert CANARY.encode() not in path.read_bytes(), path
            assert SIGNING.encode() not in path.read_bytes(), path


def test_s15_settings_show_no_secret_however_they_are_looked_at(tmp_path: Path) -> None:
    file = _written(
        tmp_path,
        f"[channels.a]\nkind = 'webhook'\nurl = 'https://x.example/{CANARY}'\nsecrets = '{SIGNING}'",
    )
    settings = load(file, environ={})
    specs = channel_specs(settings)
    shown = [
        repr(settings), str(settings), repr(settings.model_dump()), settings.model_dump_json(),
        repr(specs), f"{specs}", repr(vars(settings)), str(InputError(settings)),
    ]  # fmt: skip
    assert all(CANARY not in text and SIGNING not in text for text in shown)
    assert SIGNING in secrets_of(specs)


def test_s15_every_secret_of_a_channel_is_a_secret_by_type() -> None:
    made = Channel.model_validate(
        {"kind": "webhook", "url": "https://x.example", "secrets": [SIGNING]}
    )
    for name in SECRET_KEYS:
        value = getattr(made, name)
        parts = value if isinstance(value, tuple) else (value,)
        assert parts
        assert all(isinstance(part, SecretStr) for part in parts)


# -- S16: no key of an exchange ---------------------------------------------------------------------

TRADING: Final = [
    ("venues.binance", "api_key"), ("venues.binance", "apiKey"), ("venues.okx", "secret"),
    ("venues.okx", "passphrase"), ("venues.bybit", "api_secret"), ("venues.bybit", "token"),
    ("venues.hyperliquid", "private_key"), ("venues.hyperliquid", "PrivateKey"),
    ("watch", "key"), ("watch", "api-key"), ("store", "api_key"), ("channels.a", "API_SECRET"),
    ("binance", "apikey"), ("hyperliquid", "mnemonic"), ("x", "wallet_key"),
]  # fmt: skip


@pytest.mark.parametrize(("section", "key"), TRADING)
def test_s16_a_key_that_can_trade_is_refused_and_not_repeated(
    tmp_path: Path, section: str, key: str
) -> None:
    file = _written(tmp_path, f"[{section}]\n{key} = '{CANARY}'\n".replace("[store]\n", ""))
    with pytest.raises(InputError, match="needs none") as caught:
        load(file, environ={})
    assert CANARY not in str(caught.value)
    assert key in str(caught.value)


@pytest.mark.parametrize("name", ["VENUES__BINANCE__API_KEY", "BINANCE_API_SECRET", "APIKEY"])
def test_s16_also_in_the_environment(name: str) -> None:
    with pytest.raises(InputError, match=f"environment: AIRPOCKET_{name} looks like a key"):
        load(environ={f"AIRPOCKET_{name}": CANARY})


@pytest.mark.parametrize("venue", LIVE)
def test_s16_venues_are_asked_without_a_key(venue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "APIKEY", "SECRET", "API_SECRET"):
        monkeypatch.setenv(f"{venue.upper()}_{name}", CANARY)

    async def look() -> list[Any]:
        client = await open_client(venue)
        held = [
            getattr(client._exchange, name, None)
            for name in (
                "apiKey",
                "secret",
                "password",
                "uid",
                "privateKey",
                "token",
                "walletAddress",
            )
        ]
        await client.close()
        return held

    assert not any(asyncio.run(look()))


def test_s16_ordinary_settings_are_not_taken_for_keys(tmp_path: Path) -> None:
    text = re.sub(r"^# (?=\[|[a-z_]+ = )", "", EXAMPLE, flags=re.MULTILINE)
    file = tmp_path / "airpocket.toml"
    file.write_text(text)
    load(file, environ={})


# -- S17: nothing that executes data --------------------------------------------------------------


def test_s17_also_outside_of_the_package() -> None:
    places = [*ROOT.glob("examples/**/*.py"), *ROOT.glob("benchmarks/**/*.py")]
    found = {
        path.name: _banned_in(ast.parse(path.read_text("utf-8")))
        for path in places
        if ".venv" not in path.parts
    }
    assert {name: calls for name, calls in found.items() if calls} == {}


# -- S18: a strict schema for all that comes in ---------------------------------------------------

_LINES: Final = EXAMPLE.replace("# ", "").splitlines()


@given(st.lists(st.sampled_from(_LINES) | st.text(max_size=30), max_size=30))
def test_s18_a_mutated_configuration_is_settings_or_one_sentence(lines: list[str]) -> None:
    patch = pytest.MonkeyPatch()
    patch.setattr(config, "check_private", lambda *_: None)
    file = ROOT / "made.toml"
    patch.setattr(config, "find", lambda *_: file)
    text = "\n".join(lines).encode("utf-8", "surrogatepass")
    patch.setattr(Path, "open", lambda *_: _Held(text))
    told = ""
    try:
        load(file, environ={})
    except InputError as error:
        told = str(error)
    finally:
        patch.undo()
    assert len(told) < 2_000


class _Held:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def read(self, _: int) -> bytes:
        return self._data


# -- S20: formulas in exports ---------------------------------------------------------------------


def test_s20_nothing_writes_tables_that_a_spreadsheet_would_run() -> None:
    writers = {
        "write_csv", "sink_csv", "write_excel", "to_csv", "to_excel", "writerow", "writerows",
    }  # fmt: skip
    found = [
        f"{_name(path)}:{node.lineno}: {node.attr}"
        for path in _modules()
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Attribute) and node.attr in writers
    ]
    assert found == [], "escape what begins with = + - @ or a tab before it is written as CSV"


# -- S22: numbers ---------------------------------------------------------------------------------

NUMBERS: Final = ["NaN", "1e400", '"1e1000000"', '"' + "9" * 5_000 + '"', "1" * 400, "-1", '"0x10"']
FRAMES: Final = {
    "binance": '{"e":"forceOrder","E":1795000000000,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"1","p":%s,"ap":%s,"X":"FILLED","l":"1","z":"1","T":1795000000000}}',
    "bybit": '{"topic":"allLiquidation.BTCUSDT","type":"snapshot","ts":1795000000000,"data":[{"T":1795000000000,"s":"BTCUSDT","S":"Sell","v":%s,"p":%s}]}',
    "okx": '{"arg":{"channel":"trades","instId":"BTC-USDT-SWAP"},"data":[{"instId":"BTC-USDT-SWAP","tradeId":"1","px":%s,"sz":%s,"side":"buy","ts":"1795000000000"}]}',
    "hyperliquid": '{"channel":"trades","data":[{"coin":"BTC","side":"A","px":%s,"sz":%s,"hash":"0x0","time":1795000000000,"tid":1,"users":["0x0","0x0"]}]}',
}  # fmt: skip


@pytest.mark.parametrize("venue", FRAMES)
@pytest.mark.parametrize("number", NUMBERS)
def test_s22_numbers_that_are_none_are_refused_at_once(venue: str, number: str) -> None:
    good = (FRAMES[venue] % ('"90000.5"', '"90000.5"')).encode()
    assert open_wire(venue).decode(good).events, "the frame itself is right"
    wire = open_wire(venue)
    begun = time.process_time()
    said = wire.decode((FRAMES[venue] % (number, number)).encode())
    assert time.process_time() - begun < 0.05
    assert said.events == []
    assert said.rejected
    assert BAD_FRAME


# -- S25, S26: what is told of an error -----------------------------------------------------------

HOSTILE: Final = "BTC\n\x1b[2J\x07\u202e\u2028<script>%s{0}' OR 1=1 --"


@pytest.mark.parametrize(
    "words",
    [
        ["subscribe", HOSTILE], ["subscribe", "x", "--channel", HOSTILE],
        ["subscribe", "x", "--tier", HOSTILE], ["subscribe", "x", "--phase", HOSTILE],
        ["subscribe", "x", "--signal", HOSTILE], ["subscribe", HOSTILE, "--remove"],
        ["test-alert", "--channel", HOSTILE], ["doctor", "--config", HOSTILE],
        ["subscriptions", "--config", HOSTILE], ["inspect", HOSTILE], ["replay", HOSTILE],
        ["convert", HOSTILE, "x.tape"], ["parse", HOSTILE],
    ],
)  # fmt: skip
def test_s25_s26_an_error_is_one_line_without_insides(
    airpocket: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    sentence = airpocket(*words).sentence
    assert sentence.isprintable()
    assert not re.search(
        r"Traceback|File \"|SELECT |INSERT |sqlalche|pydantic|0x[0-9a-f]{8}", sentence
    )


def test_s26_a_damaged_state_is_told_in_words(airpocket: Console, tmp_path: Path) -> None:
    file = _written(tmp_path, "")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "state.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 5_000)
    for words in (["subscriptions"], ["subscribe", "x"]):
        sentence = airpocket(*words, "--config", file).sentence
        assert not re.search(r"Traceback|SELECT |sqlalche", sentence)


# -- S28: paths -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a\0b", "..", "a/b", "con\\nul", ""])
def test_s28_names_in_a_configuration_are_no_paths(tmp_path: Path, name: str) -> None:
    escaped = name.replace("\\", "\\\\").replace("\0", "\\u0000")
    file = _written(tmp_path, f'[channels."{escaped}"]\nkind = "log"\n')
    with pytest.raises(InputError):
        load(file, environ={})
    file = _written(tmp_path, f'[[subscriptions]]\nname = "x"\nchannel = "{escaped}"\n')
    with pytest.raises(InputError):
        load(file, environ={})


@pytest.mark.parametrize("key", ["[store]\nfolder", "[channels.a]\nkind = 'jsonl'\npath"])
def test_s28_a_path_with_nul_is_refused(tmp_path: Path, key: str) -> None:
    file = tmp_path / "airpocket.toml"
    file.write_text(f'{key} = "a\\u0000b"\n')
    with pytest.raises(InputError, match="names no file or folder"):
        load(file, environ={})


@pytest.mark.parametrize("command", ["inspect", "replay", "convert", "parse"])
@pytest.mark.parametrize("path", ["a\0b", "../" * 40 + "no/such", "/proc/self/mem/x"])
def test_s28_commands_refuse_paths_that_lead_nowhere(
    airpocket: Console, tmp_path: Path, command: str, path: str
) -> None:
    before, after = {"convert": ([], [str(tmp_path / "out.tape")]), "parse": (["okx"], [])}.get(
        command, ([], [])
    )
    assert airpocket(command, *before, path, *after).code == 2
    assert list(tmp_path.iterdir()) == []


# -- S29: certificates are always verified ----------------------------------------------------------

_BLIND: Final = re.compile(
    r"verify *= *False|ssl *= *False|CERT_NONE|CERT_OPTIONAL|check_hostname *= *False"
    r"|_create_unverified|verify_ssl|trust_env *= *True|allowInsecure|insecure"
)


def test_s29_nothing_in_the_sources_turns_verification_off() -> None:
    found = [
        f"{_name(path)}:{number}: {line.strip()}"
        for path in _modules()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if _BLIND.search(line) and not re.search(r"^\s*(?:#|if |assert )| (?:is|==|!=) ", line)
    ]
    assert found == []


@pytest.mark.parametrize(
    "name", ["VERIFY", "INSECURE", "TLS_VERIFY", "SERVER__TLS", "VENUES__OKX__VERIFY", "NO_VERIFY"]
)
def test_s29_no_setting_turns_verification_off(name: str) -> None:
    with pytest.raises(InputError, match="is not a setting"):
        load(environ={f"AIRPOCKET_{name}": "false"})


def test_s29_no_flag_turns_verification_off() -> None:
    words = re.compile(r"verify|insecure|tls|cert|ssl", re.IGNORECASE)
    assert not words.search(Path(cli.__file__).read_text("utf-8"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of localhost, signed by itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed: no certificate can be made")
    path = tmp_path_factory.mktemp("tls") / "pair.pem"
    command = [
        *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
        *("-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", str(path)),
        *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", f"{path}.crt"),
    ]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"LC_ALL": "C"})  # noqa: S603
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


def test_s29_a_certificate_that_nobody_signed_is_refused_whatever_the_environment_says(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PYTHONHTTPSVERIFY", "SSL_VERIFY", "NODE_TLS_REJECT_UNAUTHORIZED"):
        monkeypatch.setenv(name, "0")
    monkeypatch.setenv("CURL_CA_BUNDLE", "")
    reached: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        reached.append(request.path)
        opened = web.WebSocketResponse()
        await opened.prepare(request)
        return opened

    async def attempt() -> ConnectError:
        served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        served.load_cert_chain(certificate)
        app = web.Application()
        app.router.add_get("/ws", handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=served).start()
        transport = AiohttpTransport()
        try:
            url = f"wss://127.0.0.1:{runner.addresses[0][1]}/ws"
            await transport.connect(url, frame_bytes_most=1_000)
        except ConnectError as error:
            return error
        finally:
            await transport.close()
            await runner.cleanup()
        raise AssertionError("it connected")

    error = asyncio.run(attempt())
    assert error.fault is ConnectFault.TLS
    assert "certificate" in str(error)
    assert reached == []


# -- S35: dependencies by their hashes --------------------------------------------------------------


def test_s35_every_install_from_a_lock_asks_for_hashes() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", " ")
    installs = [line for line in makefile.splitlines() if "pip install" in line and " -r " in line]
    assert installs
    assert [line for line in installs if "--require-hashes" not in line] == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-bench.lock"])
def test_s35_every_package_of_a_lock_has_its_version_and_hashes(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8").replace("\\\n", " ")
    rows = [row for row in text.splitlines() if row.strip() and not row.startswith("#")]
    assert len(rows) > 20
    assert [row for row in rows if "==" not in row or "--hash=sha256:" not in row] == []


# -- S40: facts only ---------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [wording, feed_wording, phrases])
def test_s40_every_fixed_text_of_the_templates_is_no_advice(module: Any) -> None:
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    docs = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
        and isinstance(node.body[0], ast.Expr)
    }
    told = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docs
    ]
    assert len(told) > 5
    assert {text: violations(text) for text in told if violations(text)} == {}


def test_s40_every_name_that_an_alert_can_state_is_no_advice() -> None:
    words = [kind.label for kind in KINDS.values()]
    words += [word for kind in KINDS.values() for word in kind.words]
    words += [name.value.replace("_", " ") for name in FactName]
    words += [*(one.value for one in Signal), *(one.value for one in Stage)]
    assert {word: violations(word) for word in words if violations(word)} == {}


# -- S41: a configuration is data ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "${HOME}", "$(touch evil)", "`touch evil`", "{{7*7}}", "%(home)s", "!!python/object:os.system",
        "__import__('os').system('touch evil')", "lambda: 1", "{store.folder}", "env:HOME",
    ],
)  # fmt: skip
def test_s41_values_stay_as_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.chdir(tmp_path)
    quoted = value.replace('"', '\\"')
    file = tmp_path / "airpocket.toml"
    file.write_text(
        f'[channels.a]\nkind = "jsonl"\npath = "{quoted}"\n[watch]\nsymbols = ["{quoted}"]\n'
    )
    settings = load(file, environ={})
    assert settings.watch.symbols == (value,)
    assert settings.channels["a"].path == Path(value)
    assert settings.channels["a"].kind is ChannelKind.JSONL
    assert [path.name for path in tmp_path.iterdir()] == ["airpocket.toml"]


@pytest.mark.parametrize(
    "key", ["formula", "include", "extends", "command", "exec", "python", "typo"]
)
def test_s41_unknown_keys_are_refused_everywhere(tmp_path: Path, key: str) -> None:
    for section in ("watch", "server", "log", "venues.okx", "tiers.x", "channels.a"):
        kind = "kind = 'log'\n" if section == "channels.a" else ""
        file = tmp_path / "airpocket.toml"
        file.write_text(f"[{section}]\n{kind}{key} = 'x'\n")
        with pytest.raises(InputError, match=f"{section}.{key} is not a setting"):
            load(file, environ={})
    with pytest.raises(InputError, match=f"AIRPOCKET_{key.upper()} is not a setting"):
        load(environ={f"AIRPOCKET_{key.upper()}": "x"})
