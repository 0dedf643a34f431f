"""The words of ``check`` reach it as they were typed."""

from dataclasses import fields
from pathlib import Path

import pytest

from airpocket.app import checking
from airpocket.app.check_command import Asked
from airpocket.app.ladder_commands import DepthOptions
from tests.app.console import Console, process

BASE = ("check", "--venue", "binance", "--symbol", "BTC")


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Asked, DepthOptions, bool]]:
    calls: list[tuple[Asked, DepthOptions, bool]] = []

    def note(asked: Asked, book: DepthOptions, *, as_json: bool) -> None:
        calls.append((asked, book, as_json))

    monkeypatch.setattr(checking, "run", note)
    return calls


def test_signed_shares_are_values_and_no_options(
    airpocket: Console, seen: list[tuple[Asked, DepthOptions, bool]]
) -> None:
    for word in ("-8%", "+8%", "-0.08"):
        assert airpocket(*BASE, "--survive", word, "--funding-rate", "-0.01%").code == 0
        assert (seen[-1][0].survive, seen[-1][0].funding_rate) == (word, "-0.01%")
    assert airpocket(*BASE, "--survive=-8%", "--size", "-1", "--entry", "nan").code == 0
    asked = seen[-1][0]
    assert (asked.survive, asked.size) == ("-8%", -1.0)
    assert asked.entry != asked.entry


def test_every_word_has_its_option(
    airpocket: Console, seen: list[tuple[Asked, DepthOptions, bool]]
) -> None:
    words = {
        "side": "long", "size": "1.5", "contracts": "3", "entry": "100", "mark": "99",
        "leverage": "20", "margin-mode": "cross", "margin": "5", "wallet": "6", "survive": "-8%",
        "positions": "p.csv", "at": "2026-02-05", "absorbed": "60%", "daily-volatility": "3%",
        "daily-volume": "20bn", "funding-rate": "0.01%", "funding-hours": "4", "tiers": "t.toml",
        "rules-of": "2026-01-01", "depth": "d.gz", "depth-factor": "0.5",
    }  # fmt: skip
    given = [part for name, word in words.items() for part in (f"--{name}", word)]
    assert airpocket(*BASE, *given, "--json").code == 0
    ((asked, book, as_json),) = seen
    assert as_json
    told = {field.name.replace("_", "-"): getattr(asked, field.name) for field in fields(asked)}
    assert told.pop("venue") == "binance"
    assert told.pop("symbol") == "BTC"
    for name, value in told.items():
        typed = words[name]
        assert value == (float(typed) if isinstance(value, float) else type(value)(typed))
    assert (book.depth, book.depth_factor) == (Path("d.gz"), "0.5")


@pytest.mark.parametrize("missing", ["venue", "symbol"])
def test_venue_and_symbol_are_needed(airpocket: Console, missing: str) -> None:
    other = {"venue": "--symbol", "symbol": "--venue"}[missing]
    assert f"--{missing}" in airpocket("check", other, "x").sentence


def test_a_word_that_is_no_number_is_refused(airpocket: Console) -> None:
    assert "--size" in airpocket(*BASE, "--size", "much").sentence
    assert "--sise" in airpocket(*BASE, "--sise", "1").sentence


def test_help_names_units_and_loads_nothing_heavy() -> None:
    said = process(["check", "--help"])
    assert said.returncode == 0
    out = said.stdout.decode()
    for word in ("--survive", "--positions", "--depth", "In coins", "US dollars"):
        assert word in out
