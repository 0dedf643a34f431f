"""The example is a configuration, and every line of it that is commented out would be one too."""

import re
from pathlib import Path

from airpocket.app.config import Settings, load
from airpocket.app.example_config import EXAMPLE


def written(folder: Path, text: str) -> Path:
    file = folder / "airpocket.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_it_says_what_holds_without_it(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    assert load(written(tmp_path, EXAMPLE), environ=environ) == load(
        written(tmp_path, ""), environ=environ
    )


def test_what_is_commented_out_can_be_used(tmp_path: Path) -> None:
    text = re.sub(r"^# (?=\[|[a-z_]+ = )", "", EXAMPLE, flags=re.MULTILINE)
    settings = load(written(tmp_path, text), environ={"HOME": str(tmp_path)})
    assert set(settings.channels) == {"phone", "desk", "file", "ops"}
    assert settings.subscriptions[0].least_usd == 5_000_000
    assert settings.venues["binance"].ws_url == "wss://proxy.example.org"
    assert settings.log.as_json is True
    assert settings.folder == Path("/var/lib/airpocket")


def test_every_section_is_in_it() -> None:
    for name in Settings.model_fields:
        assert re.search(rf"\[\[?{name}[\].]", EXAMPLE), name
    assert max(map(len, EXAMPLE.splitlines())) <= 100
