import json
from pathlib import Path
from typing import Any

import pytest

from tests.app.console import ROOT, Console
from tests.app.made_books import book_lines
from tests.app.made_ladders import TWO_SIDES, clusters_file, positions_file

POSITIONS = ROOT / "examples" / "positions.csv"
ROOT_LAW = ("--daily-volume", "1bn", "--daily-volatility", "4%", "--y", "1")
WHOLE = 'name = "whole"\nfund_usd = 250_000\n'
PARTS = 'name = "parts"\nfund_usd = 250_000\n[partial]\nshare = 0.2\nabove_usd = 100_000\n'


def _sets(folder: Path, first: str = WHOLE, second: str = PARTS) -> tuple[Path, Path]:
    paths = folder / "A.toml", folder / "B.toml"
    for path, text in zip(paths, (first, second), strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


class TestReverse:
    def test_the_shock_that_is_found_does_it_by_the_shock_command_too(
        self, airpocket: Console
    ) -> None:
        asked = ("stress", POSITIONS, "--reaches", "57000", *ROOT_LAW, "--json")
        (told,) = airpocket(*asked).rows
        assert told["type"] == "reverse_stress"
        assert (told["side"], told["reaches_price"], told["grows"]) == ("long", 57000.0, "move")
        (law,) = told["laws"]
        assert [one["depth_factor"] for one in law["frontier"]] == [1.0, 0.5, 0.25, 0.1]
        shocks = [one["shock"] for one in law["frontier"]]
        assert shocks == sorted(shocks, reverse=True)
        found = shocks[0]
        for size, reached in ((found, True), (found - 2e-7, False)):
            (one,) = airpocket(
                "shock", POSITIONS, "--move", f"-{size:.12f}", *ROOT_LAW, "--json"
            ).rows
            assert (one["laws"][0]["last_price"] <= 57000.0) is reached

    def test_a_fund_of_shorts_and_the_largest_depth_for_a_named_shock(
        self, airpocket: Console
    ) -> None:
        asked = ("stress", POSITIONS, "--empties-fund", "100k", "--move", "4%", *ROOT_LAW)
        (told,) = airpocket(*asked, "--frontier", "1,0.5", "--json").rows
        assert told["side"] == "short"
        (law,) = told["laws"]
        assert all(
            one["fund_paid_usd"] == pytest.approx(1e5) for one in law["frontier"] if one["shock"]
        )
        largest = law["largest_depth_factor"]
        assert largest["shock"] == pytest.approx(0.04)
        said = airpocket(*asked, "--frontier", "1").out
        assert "what empties a fund of $100k" in said
        assert "of the depth" in said

    def test_orders_are_searched_under_a_book_and_its_end_is_told(
        self, airpocket: Console, tmp_path: Path
    ) -> None:
        source = positions_file(tmp_path / "p.csv", TWO_SIDES)
        book = book_lines(tmp_path / "book.raw", 100.0, usd=1e6)  # 20 M down to 98
        asked = ("stress", source, "--depth", book, "--by-order", "--frontier", "1", "--json")
        (told,) = airpocket(*asked, "--reaches", "98.5").rows
        (law,) = told["laws"]
        (one,) = law["frontier"]
        assert (told["grows"], law["law"]) == ("order", "book walk")
        assert one["shock"] == pytest.approx(14e6, abs=30)  # past 14 levels stands 98.5
        (told,) = airpocket(*asked, "--reaches", "90").rows
        (one,) = told["laws"][0]["frontier"]
        assert one["shock"] is None
        assert one["stop"] == "book_empty"
        assert one["book_ends_at"] == pytest.approx(19e6, rel=0.1)
        said = airpocket(*asked[:-1], "--reaches", "90").out
        assert "none up to a sale of $10.00bn does" in said
        assert "the book in sight is empty from a sale of" in said

    def test_no_shock_up_to_the_largest_is_an_answer(self, airpocket: Console) -> None:
        asked = ("stress", POSITIONS, "--reaches", "30000", "--up-to", "5%", *ROOT_LAW)
        said = airpocket(*asked)
        assert said.code == 0
        assert said.out.count("none up to −5.00 % does") == 4
        (told,) = airpocket(*asked, "--json").rows
        assert [one["shock"] for one in told["laws"][0]["frontier"]] == [None] * 4
        assert told["most"] == 0.05

    def test_clusters_have_no_margin_so_a_fund_cannot_be_asked(
        self, airpocket: Console, tmp_path: Path
    ) -> None:
        source = clusters_file(tmp_path / "c.jsonl", 0)
        said = airpocket("stress", source, "--symbol", "BTC", "--empties-fund", "1M", *ROOT_LAW)
        assert "no level says at which price its margin ends" in said.sentence


class TestComparing:
    def test_the_example_is_what_the_command_says(self, airpocket: Console) -> None:
        (told,) = airpocket(
            "stress", POSITIONS, "--compare", ROOT / "examples" / "04_whole.toml",
            ROOT / "examples" / "04_in_parts.toml", "--move", "-3%", *ROOT_LAW, "--json",
        ).rows  # fmt: skip
        figures = told["laws"][0]["figures"]
        committed = (ROOT / "examples" / "04_partial_and_full.md").read_text(encoding="utf-8")
        part = committed.split("A fall of 3%")[1].split("A fall of 4%")[0]
        for key in ("forced_usd", "loss_usd", "fund_paid_usd", "last_price"):
            assert f"| {figures[key]['first']:,.0f} | {figures[key]['second']:,.0f} |" in part
            less = figures[key]["second"] - figures[key]["first"]
            assert figures[key]["difference"] == pytest.approx(less)
        assert told["second"]["partial"] == {
            "share": 0.2, "above_usd": 100000.0, "tiers_down": 0,
        }  # fmt: skip

    def test_side_by_side_in_words(self, airpocket: Console, tmp_path: Path) -> None:
        paths = _sets(tmp_path)
        said = airpocket("stress", POSITIONS, "--compare", *paths, "--move", "-4%", *ROOT_LAW).out
        assert "two sets of parameters under −4.00 %" in said
        assert "A whole: present tiers, closed whole, fund $250k" in said
        assert "B parts: present tiers, closed 20 % first above $100k, fund $250k" in said
        for label in ("forced to close", "closed against winners", "left in the fund", "it ended"):
            assert label in said
        assert "leaves all margin but the fee" in said.replace("\n  ", " ")

    def test_a_ladder_without_positions_is_compared_where_it_can_be(
        self, airpocket: Console, tmp_path: Path
    ) -> None:
        source = clusters_file(tmp_path / "c.jsonl", 0)
        thin = _sets(tmp_path, WHOLE, 'name = "thin"\ndepth_factor = 0.1\n')
        asked = ("stress", source, "--symbol", "BTC", "--move", "-3%", *ROOT_LAW)
        (told,) = airpocket(*asked, "--compare", *thin, "--json").rows
        figures = told["laws"][0]["figures"]
        assert figures["fall"]["difference"] > 0
        assert figures["fund_after_usd"]["second"] is None
        parts = _sets(tmp_path)
        said = airpocket(*asked, "--compare", *parts)
        assert "need positions, not a ladder's levels" in said.sentence


class TestOut:
    @pytest.mark.parametrize("question", ["reaches", "compare"])
    def test_pictures_are_the_same_bytes_and_never_overwritten(
        self, airpocket: Console, tmp_path: Path, question: str
    ) -> None:
        asked = ["--reaches", "57000"]
        if question == "compare":
            asked = ["--compare", *map(str, _sets(tmp_path)), "--move", "-4%"]
        words: tuple[str | Path, ...] = ("stress", POSITIONS, *asked, *ROOT_LAW, "--out")
        first, second = tmp_path / "one.png", tmp_path / "two.png"
        assert airpocket(*words, first).code == 0
        assert airpocket(*words, second).code == 0
        assert first.read_bytes() == second.read_bytes()
        assert first.read_bytes()[:4] == b"\x89PNG"
        said = airpocket(*words, first)
        assert "one.png" in said.sentence
        assert first.read_bytes() == second.read_bytes()

    def test_json_in_a_file_is_what_is_printed(self, airpocket: Console, tmp_path: Path) -> None:
        out = tmp_path / "answer.json"
        words = ("stress", POSITIONS, "--reaches", "57000", *ROOT_LAW, "--json")
        (told,) = airpocket(*words, "--out", out).rows
        assert json.loads(out.read_text(encoding="utf-8")) == told


ASKED: list[tuple[list[str], str]] = [
    ([], "one of --empties-fund, --reaches, --compare is asked; none given"),
    (["--reaches", "5", "--empties-fund", "1M"], "--empties-fund and --reaches given"),
    (["--reaches", "-5"], "--reaches is '-5': give a number above 0"),
    (["--reaches", "nan"], "--reaches is 'nan'"),
    (["--reaches", "60000"], "a price of 60000 is not above the first one, 60000"),
    (["--reaches", "57000", "--rising"], "--rising is of --empties-fund"),
    (["--reaches", "57000", "--move", "3%"], "the shock that is named threatens shorts"),
    (["--reaches", "57000", "--by-order", "--move", "-3%"], "--move names a move"),
    (["--reaches", "57000", "--up-to", "150%"], "largest move 1.5: give a fraction"),
    (["--reaches", "57000", "--frontier", "0"], "--frontier is '0'"),
    (["--reaches", "57000", "--frontier", "1,x"], "--frontier is 'x'"),
    (["--reaches", "57000", "--frontier", ",".join(["1"] * 51)], "give at most 50"),
    (["--reaches", "57000", "--absorbed", "1"], "--absorbed is '1'"),
    (["--empties-fund", "0"], "--empties-fund is '0'"),
    (["--empties-fund", "1M", "--fund", "1M"], "--fund: the fund is that of --empties-fund"),
    (["--empties-fund", "1M", "--margin-to-fund"], "--margin-to-fund: the fund is that of"),
]


@pytest.mark.parametrize(("words", "told"), ASKED)
def test_bad_questions_are_one_sentence_and_nothing_is_written(
    airpocket: Console, tmp_path: Path, words: list[str], told: str
) -> None:
    out = tmp_path / "answer.json"
    said = airpocket("stress", POSITIONS, *words, *ROOT_LAW, "--out", out)
    assert told in said.sentence
    assert not out.exists()


SETS: list[tuple[str, list[str], str]] = [
    ("absorb = 0.5", [], "A.toml: 'absorb' = 0.5 is no parameter; there are absorbed"),
    ("absorbed = 2", [], "A.toml: absorbed = 2 is not a number from 0 and below 1"),
    ("maintenance_factor = 100", [], "makes a rate of"),
    (WHOLE, ["--fund", "1M"], "--fund is set in the files of --compare"),
    (WHOLE, ["--rising"], "--rising is of a search, which --compare does not make"),
    (WHOLE, ["--frontier", "1"], "--frontier is of a search"),
    (WHOLE, ["--sell", "1M"], "--move and --sell given"),
]


@pytest.mark.parametrize(("first", "words", "told"), SETS)
def test_bad_sets_are_one_sentence(
    airpocket: Console, tmp_path: Path, first: str, words: list[str], told: str
) -> None:
    paths, out = _sets(tmp_path, first), tmp_path / "answer.png"
    said = airpocket(
        "stress", POSITIONS, "--compare", *paths, "--move", "-3%", *words, *ROOT_LAW, "--out", out
    )
    assert told in said.sentence
    assert not out.exists()


def test_a_law_and_a_source_are_needed(airpocket: Console, tmp_path: Path) -> None:
    said = airpocket("stress", POSITIONS, "--reaches", "57000")
    assert "no impact law can be followed" in said.sentence
    assert "name at least one SOURCE" in airpocket("stress", "--reaches", "5", *ROOT_LAW).sentence
    ended = airpocket(
        "stress", POSITIONS, "--reaches", "57000", *ROOT_LAW, "--out", tmp_path / "a.x"
    )
    assert ".png, .svg, .json" in ended.sentence


@pytest.mark.data
def test_real_positions_under_the_venues_own_parts(
    airpocket: Console, data_dir: Path, tmp_path: Path
) -> None:
    """The real book of 2025-12-08: a fifth first forces no more than all at once."""
    (source,) = (data_dir / "hl_positions").glob("*.csv.gz")
    for symbol in ("BTC", "ETH", "HYPE"):
        (told,) = airpocket(
            "stress", source, "--symbol", symbol, "--compare", *_sets(tmp_path), "--move", "-8%",
            *ROOT_LAW, "--json",
        ).rows  # fmt: skip
        figures: dict[str, Any] = told["laws"][0]["figures"]
        assert figures["forced_usd"]["first"] > 1e4
        assert figures["forced_usd"]["difference"] <= 0
        assert figures["unknown_usd"]["first"] == 0
