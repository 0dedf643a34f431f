"""Where settings come from, what is refused, and that nothing secret is repeated."""

import os
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.app import config
from airpocket.app.config import check_private, config_folder, data_folder, find, load
from airpocket.errors import InputError

SECRET = "whsec_" + "c2VjcmV0" * 5


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / "airpocket.toml"
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return file


def refused(file: Path | None, **environ: str) -> str:
    with pytest.raises(InputError) as caught:
        load(file, environ=environ)
    told = str(caught.value)
    assert "\n" not in told
    trace = "".join(traceback.format_exception(caught.value))
    assert f"'{SECRET}'" not in trace  # pydantic's own error would show values
    return told


def test_without_a_file_all_is_as_shipped(tmp_path: Path) -> None:
    settings = load(environ={"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)})
    assert settings.watch.symbols == ("BTC", "ETH")
    assert settings.channels == {}
    assert settings.server.host == "127.0.0.1"


def test_the_environment_is_above_the_file_key_by_key(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        '[watch]\nsymbols = ["SOL"]\ndepth = false\n[channels.phone]\nkind = "apprise"\n'
        "rate_per_min = 3\n",
    )
    settings = load(
        file,
        environ={
            "AIRPOCKET_WATCH__SYMBOLS": "BTC,ETH",
            "AIRPOCKET_CHANNELS__PHONE__URL": "tgram://token/chat",
            "AIRPOCKET_STORE__RETENTION_GB": "1.5",
        },
    )
    assert settings.watch.symbols == ("BTC", "ETH")
    assert settings.watch.depth is False
    phone = settings.channels["phone"]
    assert phone.url is not None
    assert phone.url.get_secret_value() == "tgram://token/chat"
    assert phone.rate_per_min == 3
    assert settings.store.retention_gb == 1.5
    assert "token" not in repr(settings)
    assert "token" not in settings.model_dump_json()


def test_the_file_is_the_named_one_or_here_or_in_the_users_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "etc")}
    here = tmp_path / "here"
    users = tmp_path / "etc" / "airpocket"
    here.mkdir()
    users.mkdir(parents=True)
    monkeypatch.chdir(here)
    assert find(None, environ) is None
    in_folder = written(users, "")
    assert find(None, environ) == in_folder
    written(here, "")
    assert find(None, environ) == Path("airpocket.toml")
    assert find(in_folder, environ) == in_folder
    with pytest.raises(InputError, match="no such configuration file"):
        find(tmp_path / "nowhere.toml", environ)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[watch]\nsymbls = []", "watch.symbls is not a setting; did you mean symbols?"),
        ("[wach]", "wach is not a setting; did you mean watch?"),
        ("[store]\ncommit_ms = 5000", "store.commit_ms is 5000, not a number from 1 to 1,000"),
        ("[store]\ncommit_ms = 'x'", "store.commit_ms is 'x', not a whole number from 1 to 1,000"),
        ("[store]\nretention_gb = nan", "store.retention_gb is nan, not a finite number"),
        ("[watch]\nvenues = ['kraken']", "watch.venues.0 is 'kraken': it cannot be followed live"),
        ("[venues.kraken]", "venues.kraken is 'kraken': it cannot be followed live"),
        ("[channels.A]\nkind = 'log'", "channels.A is 'A': a name is"),
        ("[channels.a]\nkind = 'x'", "channels.a.kind is 'x', not one of 'log', 'jsonl'"),
        ("[server]\nhost = '0.0.0.0'", "can be reached from other machines"),
        ("[server\n", "not TOML"),
        ("a = " + "[" * 5000, "nested deeper"),
        ("[watch]\nsymbols = 'é'\n[log]\nlevel = 'loud'", "log.level is 'loud', not one of"),
        ("[[subscriptions]]\nname = 'a'", "subscriptions.0.channel is missing"),
    ],
)
def test_one_sentence_names_file_key_and_range(tmp_path: Path, text: str, told: str) -> None:
    file = written(tmp_path, text)
    sentence = refused(file)
    assert sentence.startswith(str(file))
    assert told in sentence


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("AIRPOCKET_TYPO", "x", "environment: AIRPOCKET_TYPO is not a setting"),
        ("AIRPOCKET_WATCH__SYMBLS", "x", "AIRPOCKET_WATCH__SYMBLS is not a setting; did you mean"),
        ("AIRPOCKET_STORE__COMMIT_MS", "0", "environment: AIRPOCKET_STORE__COMMIT_MS is '0', not"),
        ("AIRPOCKET_SUBSCRIPTIONS", "x", "AIRPOCKET_SUBSCRIPTIONS is 'x', not a list"),
        ("AIRPOCKET_", "x", "AIRPOCKET_ is not a setting"),
        ("AIRPOCKET_WATCH__DEPTH__MORE", "1", "AIRPOCKET_WATCH__DEPTH__MORE"),
    ],
)
def test_variables_that_are_no_setting_are_named(name: str, value: str, told: str) -> None:
    assert told in refused(None, **{name: value})


def test_a_variable_and_a_part_of_it_cannot_both_be_set() -> None:
    both = {"AIRPOCKET_WATCH": "x", "AIRPOCKET_WATCH__DEPTH": "1"}
    assert "cannot both be set" in refused(None, **both)


def test_variables_of_the_tests_are_no_settings() -> None:
    load(environ={"AIRPOCKET_DATA": "x", "AIRPOCKET_DATA_REQUIRED": "1", "HOME": "/nowhere"})


@pytest.mark.parametrize(
    "text",
    [
        f"[channels.a]\nkind = 'webhook'\nurl = 'https://x/{SECRET}'",
        f"[channels.a]\nkind = 'webhook'\nurl = 5\nsecrets = ['{SECRET}', 7]",
        f"[channels.a]\nkind = 'log'\nsecret = '{SECRET}'",
        f"[channels.a]\nkind = '{SECRET}'",
        f"[{SECRET}]\n[watch]\nsymbols = 7",
        f"[channels]\na = '{SECRET}'",
        f"[log]\nlevel = '{SECRET}'",
    ],
)
def test_secrets_are_not_repeated_wherever_they_stand(tmp_path: Path, text: str) -> None:
    told = refused(written(tmp_path, text))
    assert SECRET not in told.replace(f": {SECRET} is not a setting", "")  # a key, in its own words


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o666, 0o620])
def test_a_file_with_secrets_is_for_its_owner_only(tmp_path: Path, mode: int) -> None:
    text = f"[channels.a]\nkind = 'webhook'\nurl = 'https://x.example/p'\nsecrets = ['{SECRET}']"
    told = refused(written(tmp_path, text, mode))
    assert "chmod 600" in told
    assert f"mode {mode:04o}" in told
    assert load(written(tmp_path, text), environ={}).channels["a"].kind == "webhook"
    assert load(written(tmp_path, "[watch]\ndepth = false", mode), environ={}).watch.depth is False


def test_check_private_says_what_helps(tmp_path: Path) -> None:
    file = written(tmp_path, "x", 0o644)
    with pytest.raises(InputError, match=f"chmod 600 {file}"):
        check_private(file, "it holds a secret")
    with pytest.raises(InputError, match="cannot be read"):
        check_private(tmp_path / "nowhere", "it holds a secret")


def test_files_that_are_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    assert "no such configuration file" in refused(tmp_path / "folder.toml")
    file = tmp_path / "airpocket.toml"
    file.write_bytes(b"\xff\xfe[watch]")
    assert "not UTF-8" in refused(file)
    file.write_bytes(b"#" * (1 << 21))
    assert "larger than" in refused(file)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    assert "cannot be read" in refused(written(tmp_path, "", 0o000))


def test_folders_are_those_of_the_system(tmp_path: Path) -> None:
    given_ = {"HOME": str(tmp_path), "XDG_DATA_HOME": "/data", "XDG_CONFIG_HOME": "relative"}
    assert data_folder(given_) == Path("/data/airpocket")
    assert config_folder(given_) == tmp_path / ".config" / "airpocket"
    assert load(environ=given_).folder == Path("/data/airpocket")


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_KEYS = st.sampled_from(
    ["watch", "symbols", "venues", "okx", "ws_url", "channels", "a", "kind", "url", "store", "log"]
) | st.text(max_size=6)
_TABLES = st.recursive(
    _LEAVES,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(_KEYS, part, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_KEYS, _TABLES, max_size=4))
def test_whatever_a_table_holds_it_is_settings_or_one_sentence(table: dict[str, Any]) -> None:
    patch = pytest.MonkeyPatch()
    patch.setattr(config, "_table", lambda _: table)
    patch.setattr(config, "find", lambda *_: Path("made.toml"))
    patch.setattr(config, "check_private", lambda *_: None)
    told = ""
    try:
        load(Path("made.toml"), environ={})
    except InputError as error:
        told = str(error)
    finally:
        patch.undo()
    assert len(told) < 1_000
