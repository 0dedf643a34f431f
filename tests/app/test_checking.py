"""``airpocket check`` as a shell calls it."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from airpocket.leverage.ladder_file import write_ladder
from tests.app.console import Console
from tests.leverage.ladders import ladder

WORDS = {
    "--venue": "binance", "--symbol": "BTC", "--side": "long", "--size": "1.5",
    "--entry": "100000", "--leverage": "20",
}  # fmt: skip


def _words(**changed: str | None) -> list[str]:
    words = dict(WORDS)
    for name, word in changed.items():
        key = f"--{name.replace('_', '-')}"
        words.pop(key, None)
        if word is not None:
            words[key] = word
    return ["check", *(part for pair in words.items() for part in pair)]


def test_one_object_of_facts(airpocket: Console) -> None:
    said = airpocket(*_words(survive="-8%"), "--json")
    assert (said.code, said.err) == (0, "")
    (told,) = said.rows
    assert told["liquidation_price"] == pytest.approx(95_381.526, abs=0.001)
    assert (told["tier"], told["rule"], told["chain"]) == (1, "binance-usdm-2025-09", None)
    assert told["survive_leverage_most"] == 11.95


def test_both_forms_say_the_same(airpocket: Console) -> None:
    (told,) = airpocket(*_words(), "--json").rows
    text = airpocket(*_words()).out
    assert f"{told['liquidation_price']:,.1f}" in text
    assert f"{told['maintenance_margin']:,.2f}" in text
    assert told["rule"] in text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"size": "-1"}, "--size is -1"),
        ({"size": "nan"}, "--size is nan"),
        ({"entry": "0"}, "--entry is 0"),
        ({"entry": "nan"}, "--entry is nan"),
        ({"leverage": "200"}, "tier 1 of 12 (up to 300,000 USDT)"),
        ({"leverage": "200"}, "binance-usdm-2025-09 of 2025-09-18"),
        ({"leverage": "nan"}, "--leverage is nan"),
        ({"symbol": "NOPECOIN"}, "not listed on binance"),
        ({"venue": "ftx"}, "'ftx' is not a venue"),
        ({"side": None}, "--side is missing"),
        ({"side": "up"}, "--side is 'up'"),
        ({"survive": "8%"}, "a fall, such as -8%"),
        ({"side": "short", "survive": "-8%"}, "a rise, such as +8%"),
        ({"survive": "nan%"}, "--survive is 'nan%'"),
        ({"depth": "book.gz"}, "--depth is of a chain"),
        ({"depth_factor": "0.5"}, "--depth-factor"),
        ({"positions": "/nowhere/at/all.csv"}, "/nowhere/at/all.csv"),
        ({"tiers": "/nowhere/at/all.toml"}, "/nowhere/at/all.toml"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_else(
    airpocket: Console,
    changed: dict[str, str | None],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for more in ((), ("--json",)):
        assert said in airpocket(*_words(**changed), *more).sentence
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"\x00\xff" * 500, b"PAR1", b"{", b"a,b\n1,2\n", b"[]"])
def test_a_source_that_is_none_is_named(airpocket: Console, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "positions.csv"
    path.write_bytes(content)
    assert "positions.csv" in airpocket(*_words(positions=str(path))).sentence
    assert "a folder" in airpocket(*_words(positions=str(tmp_path))).sentence


def _ladder(tmp_path: Path) -> Path:
    path = tmp_path / "ladder.json"
    longs = [(99_000.0, 4e7, 404.0), (97_000.0, 9e7, 928.0), (80_000.0, 1e9, 12_500.0)]
    write_ladder(ladder(longs, [(103_000.0, 1e7, 97.0)], mark=100_000.0), path)
    return path


def test_a_ladder_says_what_reaches_it(airpocket: Console, tmp_path: Path) -> None:
    words = _words(
        positions=str(_ladder(tmp_path)), daily_volume="1bn", daily_volatility="10%", entry=None
    )
    (told,) = airpocket(*words, "--json").rows
    chain: dict[str, Any] = told["chain"]
    assert told["entry_price"] == told["mark_price"] == 100_000.0
    assert chain["ahead_usd"] == 1.3e8
    assert [law["name"] for law in chain["laws"]] == ["square root, Y 0.5", "square root, Y 1"]
    # Y 1: a move of 1 % sets off 40 M, which carry 0.1 sqrt(0.04) = 2 % on to the 90 M at 97,000,
    # and both together 0.1 sqrt(0.13) from the move: just short of 4.62 %, so a little more is due.
    away = told["distance"]
    for law, y, waves in zip(chain["laws"], (0.5, 1.0), (1, 2), strict=True):
        due = max(0.01, 0.03 - 0.1 * y * math.sqrt(0.04), away - 0.1 * y * math.sqrt(0.13))
        assert law["move"] == pytest.approx(due, abs=1e-6)
        assert law["waves"] >= waves
        assert law["forced_usd"] == 1.3e8
    text = airpocket(*words).out
    assert "−1.01 %   square root, Y 1: a move, then 2 waves forcing $130.0M" in text


def test_json_has_no_word_for_what_is_not_known(airpocket: Console, tmp_path: Path) -> None:
    (told,) = airpocket(*_words(positions=str(_ladder(tmp_path))), "--json").rows
    assert told["chain"]["laws"] == []
    assert told["daily_volatility"] is None
    assert json.dumps(told, allow_nan=False)


@pytest.mark.data
def test_among_real_positions_and_a_real_book(airpocket: Console, data_dir: Path) -> None:
    """729 BTC positions of 2025-12-08 at 91,242, and the shape of a book of 2024-08-08."""
    positions = data_dir / "hl_positions" / "basedapp_positions_detail_hypercore_20251208.csv.gz"
    book = data_dir / "l2_book" / "binance_um_btcusdt_20240808_2354-2400.raw.gz"
    words: list[str | Path] = [
        "check", "--venue", "hyperliquid", "--symbol", "BTC", "--side", "long", "--size", "2",
        "--entry", "92000", "--leverage", "20", "--positions", positions, "--depth", book,
        "--depth-symbol", "BTC/USDT:USDT", "--depth-shape", "--daily-volume", "20bn",
        "--daily-volatility", "2.5%",
    ]  # fmt: skip
    (told,) = airpocket(*words, "--json").rows
    assert told["mark_price"] == pytest.approx(91_242.0)
    assert told["liquidation_price"] == pytest.approx(92_000 * 0.95 / (1 - 0.0125))
    chain = told["chain"]
    assert chain["ahead_count"] > 10
    assert [law["law"] for law in chain["laws"]] == ["book_walk", "square_root", "square_root"]
    for law in chain["laws"]:
        assert 0 < law["move"] <= chain["move_alone"]
