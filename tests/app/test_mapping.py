from pathlib import Path
from typing import Any

import numpy as np
import pytest

from airpocket.app.ladder_commands import DepthOptions, LadderOptions
from airpocket.app.ladder_sources import Wanted
from airpocket.app.mapping import (
    Book,
    air_pockets_of,
    beside_of,
    bin_bps_of,
    book_of,
    map_of,
    walk_of,
    wanted_of,
)
from airpocket.cascade.impact import BookWalk, Curve
from airpocket.errors import InputError
from airpocket.leverage.ladder import Ladder, Provenance
from airpocket.leverage.ladder_file import read_ladder, write_ladder
from airpocket.market.events import Side
from airpocket.units import ns_from_iso
from tests.app.console import Console
from tests.app.made_books import band_rows, book_frame, book_lines, frame_lines
from tests.app.made_ladders import (
    DENSE,
    TWO_SIDES,
    both_sides,
    clusters_file,
    ladder,
    layer,
    positions_file,
)


def _walk(usd: float = 1e4, step: float = 1e-5, count: int = 40_000) -> BookWalk:
    steps = np.arange(1.0, count + 1.0, dtype=np.float64)
    side = Curve(np.multiply(steps, usd), np.multiply(steps, step))
    return BookWalk(side, side, 100.0)


class TestAirPockets:
    def test_they_lie_where_more_is_forced_than_the_book_holds(self) -> None:
        made = ladder(layer(DENSE))  # four million each tenth of a percent, from 99 to 98
        (pocket,) = air_pockets_of(made, _walk())[Side.LONG]
        assert (pocket.trigger_price, pocket.exhaustion_price) == pytest.approx((99.0, 98.0))
        assert pocket.m_most == pytest.approx(4.0)

    @pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
    def test_there_is_none_where_the_book_holds_it(self, share: float) -> None:
        rows = [(price, share * 1e6) for price, _ in DENSE]
        assert air_pockets_of(ladder(layer(rows)), _walk())[Side.LONG] == ()

    def test_shorts_are_the_mirror(self) -> None:
        mirrored = ladder(layer((), [(200.0 - price, usd) for price, usd in DENSE]))
        (pocket,) = air_pockets_of(mirrored, _walk())[Side.SHORT]
        assert (pocket.trigger_price, pocket.exhaustion_price) == pytest.approx((101.0, 102.0))

    def test_beyond_the_book_in_sight_m_has_no_end(self) -> None:
        made = ladder(layer(DENSE))
        (pocket,) = air_pockets_of(made, _walk(count=800))[Side.LONG]
        assert pocket.m_most == np.inf

    def test_an_estimate_is_looked_at_where_nothing_was_measured(self) -> None:
        guess = layer(DENSE, known=Provenance.ESTIMATED)
        assert air_pockets_of(ladder(guess), _walk())[Side.LONG] != ()
        both = ladder(guess, layer([(99.0, 1e5)]))
        assert air_pockets_of(both, _walk())[Side.LONG] == (), "never added to what is measured"

    def test_a_side_that_the_book_lacks_has_none(self) -> None:
        walk = BookWalk(None, _walk().asks)
        assert Side.LONG not in air_pockets_of(ladder(layer(DENSE)), walk)

    def test_bins_are_as_fine_as_the_levels(self) -> None:
        def width(*prices: float) -> float:
            return bin_bps_of(ladder(layer([(price, 1.0) for price in prices])))

        assert width(99.0, 97.8, 96.6, 95.4) == pytest.approx(120.0)
        assert width(99.0, 98.99, 96.6, 95.4) == 10.0
        assert width(99.0, 99.0, 90.0, 80.0) == 200.0
        assert width(99.0, 90.0) == 10.0, "a few may lie apart by chance"

    def test_bins_are_no_finer_than_the_book(self) -> None:
        made = ladder(layer([(99.0 - 0.01 * n, 1.0) for n in range(9)]))
        assert bin_bps_of(made, _walk()) == 10.0
        assert bin_bps_of(made, _walk(step=5e-4, count=200)) == pytest.approx(50.0)
        assert air_pockets_of(made, _walk(step=5e-4, count=200))[Side.LONG] == ()

    def test_a_cluster_is_no_air_pocket_because_its_dollars_stand_in_one_place(self) -> None:
        # Four million in the middle of a bin of 1.2 % in which the book holds twelve.
        rows = [(98.8 - 1.2 * n, 4e6) for n in range(5)]
        assert air_pockets_of(ladder(layer(rows)), _walk())[Side.LONG] == ()
        apart = [*rows, (rows[0][0] - 0.01, 1.0)]
        assert air_pockets_of(ladder(layer(apart)), _walk())[Side.LONG] != ()


class TestBook:
    def test_another_contract_stands_in_and_is_said_so(self, tmp_path: Path) -> None:
        path = book_lines(tmp_path / "b.raw", 100.0)
        made = ladder(layer(DENSE), venue="binance", symbol="BTC/USDT:USDT")
        seen = book_of(made, Book(path=path, factor=0.5), None)
        assert seen is not None
        assert seen.assumed == (
            "the book of hyperliquid BTC/USDC:USDC stands for that of binance BTC/USDT:USDT",
            "the book holds 0.5 times what is in sight",
        )
        own = book_of(ladder(layer(DENSE)), Book(path=path), None)
        assert own is not None
        assert own.assumed == ()
        assert book_of(made, Book(), None) is None

    def test_the_factor_thins_it(self, tmp_path: Path) -> None:
        seen = book_of(ladder(layer(DENSE)), Book(path=book_lines(tmp_path / "b.raw", 100.0)), None)
        assert seen is not None
        whole, half = walk_of(seen), walk_of(seen, 0.5)
        assert half.fall(1e6, Side.LONG, 100.0) == whole.fall(2e6, Side.LONG, 100.0)

    def test_sums_of_depth_are_walked_too(self, tmp_path: Path) -> None:
        rows = [(0, -1.0, 1e4, 9.95e5), (0, 1.0, 1e4, 1.005e6)]
        path = band_rows(tmp_path / "BTCUSDT-bookDepth-2026-03-02.csv", rows)
        seen = book_of(ladder(layer(DENSE)), Book(path=path), None)
        assert seen is not None
        assert walk_of(seen).fall(9.95e5 / 2, Side.LONG, 100.0) == pytest.approx(0.005)

    def test_by_its_shape_it_is_the_last_unless_a_time_is_named(self, tmp_path: Path) -> None:
        path = book_lines(tmp_path / "b.raw", 50.0)
        far_ns = ns_from_iso("2030-01-01")
        shaped = book_of(ladder(layer(DENSE)), Book(path=path, by_shape=True), far_ns)
        assert shaped is not None
        assert shaped.mid == 100.0
        with pytest.raises(InputError, match="earlier: name a time"):
            book_of(ladder(layer(DENSE)), Book(path=path, by_shape=True, at_ns=far_ns), None)


class TestWords:
    def test_ladder(self) -> None:
        wanted = wanted_of(
            LadderOptions(symbol="BTC", price="70,328", at="2026-02-05", open_interest="2.5bn")
        )
        assert wanted == Wanted(
            symbol="BTC", price=70_328.0, at_ns=ns_from_iso("2026-02-05"), open_interest_usd=2.5e9
        )

    def test_book(self) -> None:
        assert beside_of(DepthOptions(depth=Path("x"), depth_factor="0.5")) == Book(
            path=Path("x"), factor=0.5
        )
        for alone in (
            DepthOptions(depth_factor="0.5"),
            DepthOptions(depth_shape=True),
            DepthOptions(depth_symbol="BTC"),
            DepthOptions(depth_at="2026-02-05"),
        ):
            with pytest.raises(InputError, match="give it with --depth SOURCE"):
                beside_of(alone)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return positions_file(tmp_path / "p.csv", TWO_SIDES)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return book_lines(tmp_path / "b.raw", 100.0, usd=1e5)


def _left(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()} - {"p.csv", "b.raw"}


class TestCommand:
    def test_it_draws(self, airpocket: Console, source: Path, book: Path) -> None:
        said = airpocket("map", source, "--depth", book)
        assert said.code == 0
        assert "BTC/USDC:USDC on hyperliquid at 100, time not said" in said.out
        assert "book in sight: hyperliquid BTC/USDC:USDC, 2026-03-02 09:00:00 UTC" in said.out
        assert "air-pocket" in said.out
        assert said.err == ""

    def test_json_says_all_of_it(self, airpocket: Console, source: Path, book: Path) -> None:
        (told,) = airpocket("map", source, "--depth", book, "--json").rows
        assert told["type"] == "map"
        longs = told["longs"]
        held = sum(one["liquidations_usd"] for one in longs["buckets"]) + longs["beyond_usd"]
        assert held == pytest.approx(20_000 * 98.0 + 50_000 * 97.0)
        assert told["layers"][0]["at_least"] is True
        assert told["layers"][0]["share_of_oi"] is None
        assert told["depth"]["venue"] == "hyperliquid"
        # Two million in a book that holds two: from 98 on it does not suffice, m has no end.
        assert longs["air_pockets"][-1]["m_most"] is None

    @pytest.mark.parametrize("ending", ["png", "svg"])
    def test_a_picture_is_the_same_each_time(
        self, airpocket: Console, source: Path, book: Path, ending: str
    ) -> None:
        names = [source.with_name(f"{name}.{ending}") for name in "ab"]
        for name in names:
            assert airpocket("map", source, "--depth", book, "--out", name).code == 0
        assert names[0].read_bytes() == names[1].read_bytes()

    @pytest.mark.parametrize("ending", ["parquet", "json"])
    def test_data_can_be_mapped_again(self, airpocket: Console, source: Path, ending: str) -> None:
        out = source.with_name(f"l.{ending}")
        said = airpocket("map", source, "--out", out)
        assert said.out.splitlines()[-1] == f"written: {out}"
        assert isinstance(read_ladder(out), Ladder)
        (one,), (other,) = (
            airpocket("map", source, "--json").rows,
            airpocket("map", out, "--json").rows,
        )
        assert one == other

    def test_how_far_is_shown(self, airpocket: Console, source: Path) -> None:
        (told,) = airpocket("map", source, "--within", "2.5%", "--json").rows
        assert told["longs"]["buckets"][-1]["low"] == pytest.approx(97.4, abs=0.11)
        assert told["longs"]["beyond_usd"] == pytest.approx(50_000 * 97.0)

    def test_several_times_in_a_source(self, airpocket: Console, tmp_path: Path) -> None:
        path = clusters_file(tmp_path / "c.jsonl", 0, 5)
        (told,) = airpocket("map", path, "--at", "2026-03-02T09:03", "--json").rows
        assert (told["mark_price"], told["at"]) == (100.0, "2026-03-02T09:00:00Z")


BAD: list[tuple[str, list[str], str]] = [
    ("no source", [], "name at least one SOURCE"),
    ("no file", ["nowhere.csv"], "nowhere.csv: no such file"),
    ("unknown symbol", ["p.csv", "--symbol", "SOL"], "SOL is not in it; it holds BTC/USDC:USDC"),
    ("price is NaN", ["p.csv", "--price", "nan"], "--price is 'nan': give a number above 0"),
    ("price below 0", ["p.csv", "--price", "-3"], "--price is '-3': give a number above 0"),
    ("price far off", ["p.csv", "--price", "900"], "is 800% from the mark price 100"),
    ("distance", ["p.csv", "--within", "-5%"], "a distance of -0.05 is none to show"),
    ("time", ["p.csv", "--at", "noon"], "'noon' is not an ISO 8601 time"),
    ("ending", ["p.csv", "--out", "x.pdf"], "OUT ends in one of .png, .svg, .parquet, .json"),
    ("taken", ["p.csv", "--out", "b.raw.png"], "nothing is ever overwritten"),
    ("no folder", ["p.csv", "--out", "no/x.png"], "there is no such folder"),
    ("book elsewhere", ["p.csv", "--depth", "far.raw"], "give one of the same time, or --depth-shape"),
    ("crossed book", ["p.csv", "--depth", "crossed.raw"], "is not below ask"),
    ("crossed sums", ["p.csv", "--depth", "BTCUSDT-bookDepth-x.csv"], "a crossed book is none"),
    ("no book", ["p.csv", "--depth", "p.csv"], "no archive knows this format"),
    ("other coin", ["p.csv", "--depth", "eth.raw"], "no depth of BTC/USDC:USDC is in it"),
    ("factor", ["p.csv", "--depth", "b.raw", "--depth-factor", "0"], "--depth-factor is '0'"),
    ("open interest", ["p.csv", "--open-interest", "1k"], "times the open interest"),
    ("bad row", ["bad.csv"], "row 3"),
    ("NaN in it", ["nan.csv"], "row 2"),
    ("unknown option", ["p.csv", "--colour"], "--colour"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "told"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_what_cannot_be_used_is_one_sentence(
    airpocket: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    made_badly(tmp_path)
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    assert told in airpocket("map", *words).sentence
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


def made_badly(folder: Path) -> None:
    """Write sources of which most cannot be used."""
    positions_file(folder / "p.csv", TWO_SIDES)
    positions_file(folder / "bad.csv", [TWO_SIDES[0], ("BTC", "long", -5.0, 101.0, 98.0)])
    positions_file(folder / "nan.csv", [("BTC", "long", float("nan"), 101.0, 98.0)])
    book_lines(folder / "b.raw", 100.0)
    book_lines(folder / "far.raw", 140.0)
    book_lines(folder / "eth.raw", 100.0, coin="ETH")
    frame = book_frame([(101.0, 1.0), (99.0, 1.0)], [(100.0, 1.0), (102.0, 1.0)])
    frame_lines(folder / "crossed.raw", [(0, frame)])
    band_rows(
        folder / "BTCUSDT-bookDepth-x.csv", [(0, -1.0, 100.0, 10_300.0), (0, 1.0, 100.0, 10_100.0)]
    )
    (folder / "b.raw.png").write_bytes(b"mine")


def test_a_mapped_ladder_loses_nothing(airpocket: Console, tmp_path: Path) -> None:
    write_ladder(both_sides(), tmp_path / "l.json")
    (told,) = airpocket("map", tmp_path / "l.json", "--json").rows
    assert [(one["forced"], one["provenance"]) for one in told["layers"]] == [
        ("liquidation", "measured"), ("stop", "measured"), ("liquidation", "estimated"),
    ]  # fmt: skip
    assert told["longs"]["measured_usd"] == 12e6
    assert told["longs"]["estimated_usd"] == 2e7


def test_many_positions_are_one_map(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    entry = 100.0 * (1 + 0.02 * rng.standard_normal(500))
    rows: list[Any] = [
        ("BTC", "long", 10.0, round(float(price), 4), round(float(price) * 0.9, 4))
        for price in entry
    ]
    drawn = map_of([positions_file(tmp_path / "p.csv", rows)], Wanted(), Book())
    assert sum(one.count or 0 for one in drawn.longs.buckets) <= 500
    assert drawn.longs.measured_usd == pytest.approx(sum(10.0 * row[4] for row in rows))


@pytest.mark.data
def test_the_recorded_book_and_the_published_clusters(airpocket: Console, data_dir: Path) -> None:
    clusters = next((data_dir / "feb2026").glob("hl_top*"))
    book = next((data_dir / "l2_book").glob("binance_um*"))
    (told,) = airpocket(
        "map", clusters, "--symbol", "BTC", "--at", "2026-02-05T14:36", "--depth", book,
        "--depth-shape", "--depth-at", "2024-08-08T23:55", "--depth-factor", "0.1", "--json",
    ).rows  # fmt: skip
    assert told["mark_price"] == 70_328.0
    first = told["longs"]["air_pockets"][0]
    assert first["exhaustion_price"] < 69_062 < first["trigger_price"]
    assert any("stands for that of hyperliquid" in said for said in told["assumed"])
