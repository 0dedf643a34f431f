import json
from pathlib import Path

import polars as pl
import pytest

from airpocket.app.ladder_sources import Wanted, read_ladders
from airpocket.errors import InputError, SourceError
from airpocket.leverage.ladder import Forced, Ladder, Provenance
from airpocket.leverage.ladder_file import write_ladder
from airpocket.leverage.rolling import ROLLED
from airpocket.market.events import Side
from airpocket.units import ns_from_iso
from tests.app.made_ladders import (
    AT_NS,
    TWO_SIDES,
    both_sides,
    clusters_file,
    ladder,
    layer,
    positions_file,
)


def _read(*paths: Path, **wanted: object) -> Ladder:
    return read_ladders(paths, Wanted(**wanted))  # type: ignore[arg-type]


class TestPositions:
    def test_levels_are_where_positions_are_taken(self, tmp_path: Path) -> None:
        found = _read(positions_file(tmp_path / "p.csv", TWO_SIDES))
        assert (found.symbol, found.venue, found.mark_price) == (
            "BTC/USDC:USDC", "hyperliquid", 100.0,
        )  # fmt: skip
        assert found.side(Side.LONG).price.tolist() == [98.0, 97.0]
        assert found.side(Side.LONG).notional_usd.tolist() == [98.0 * 20_000, 97.0 * 50_000]
        assert found.side(Side.SHORT).total_usd == 103.0 * 30_000
        assert [one.source for one in found.layers] == ["p.csv"], "no path of somebody's disk"

    def test_parquet_is_read_alike(self, tmp_path: Path) -> None:
        table = pl.read_csv(positions_file(tmp_path / "p.csv", TWO_SIDES))
        table.write_parquet(tmp_path / "p.parquet")
        one, other = _read(tmp_path / "p.csv"), _read(tmp_path / "p.parquet")
        assert one.side(Side.LONG).total_usd == other.side(Side.LONG).total_usd

    def test_the_open_interest_gives_the_share(self, tmp_path: Path) -> None:
        path = positions_file(tmp_path / "p.csv", TWO_SIDES)
        (only,) = _read(path, open_interest_usd=50e6).layers
        assert only.share_of_oi == pytest.approx(100_000 * 100.0 / 2 / 50e6)
        assert _read(path).layers[0].share_of_oi is None

    def test_prices_are_computed_where_the_source_says_none(self, tmp_path: Path) -> None:
        path = tmp_path / "p.csv"
        path.write_text(
            "symbol,side,size,entry_price,leverage,margin_mode\nBTCUSDT,long,0.5,80000,10,isolated\n"
        )
        found = _read(path, venue="binance", price=79_000.0)
        at = float(found.side(Side.LONG).price[0])
        assert 72_000 < at < 72_400, "ten times leverage and the first tier"
        assert any("computed" in said for said in found.layers[0].assumed)

    def test_tiers_of_hyperliquid_follow_from_its_other_positions(self, tmp_path: Path) -> None:
        path = tmp_path / "p.csv"
        # A largest leverage of 10 is a rate of 1/20: (2 * 100 - 20) / (2 * 0.95).
        path.write_text(
            "venue,symbol,side,size,entry_price,margin,leverage,liquidation_price\n"
            "hyperliquid,MON,long,2,100,20,10,94.736842\n"
            "hyperliquid,MON,long,2,100,20,10,\n"
        )
        found = _read(path, price=100.0)
        assert found.side(Side.LONG).price.tolist() == pytest.approx([94.736842] * 2, rel=1e-6)

    def test_cross_positions_without_an_account(self, tmp_path: Path) -> None:
        path = tmp_path / "p.csv"
        path.write_text(
            "symbol,side,size,entry_price,leverage,margin_mode\n"
            "BTCUSDT,long,0.5,80000,10,isolated\nBTCUSDT,long,0.7,80000,10,cross\n"
        )
        assert _read(path, venue="binance", price=79_000.0).side(Side.LONG).size == 1
        both = _read(path, venue="binance", price=79_000.0, is_cross_isolated=True)
        assert both.side(Side.LONG).size == 2


class TestSymbols:
    @pytest.fixture
    def several(self, tmp_path: Path) -> Path:
        eth = ("ETH", "long", 5.0, 101.0, 90.0)
        return positions_file(tmp_path / "p.csv", [*TWO_SIDES, eth])

    @pytest.mark.parametrize("word", ["ETH", "eth", "ETH/USDC:USDC", "ETH/USDT:USDT", " eth "])
    def test_by_coin_or_name(self, several: Path, word: str) -> None:
        assert _read(several, symbol=word).symbol == "ETH/USDC:USDC"

    def test_several_are_listed_the_fullest_first(self, several: Path) -> None:
        with pytest.raises(
            InputError, match=r"2 instruments, name one, --symbol: BTC/USDC:USDC, ETH/USDC:USDC$"
        ):
            _read(several)

    def test_one_name_on_two_venues_is_told_apart(self, tmp_path: Path) -> None:
        path = tmp_path / "p.csv"
        path.write_text(
            "venue,symbol,side,size,entry_price,leverage,mark_price\n"
            "binance,BTC/USDT:USDT,long,1,60000,10,60000\n"
            "bybit,BTC/USDT:USDT,long,1,60000,10,60000\n"
        )
        said = "--symbol and --venue: BTC/USDT:USDT on binance, BTC/USDT:USDT on bybit$"
        with pytest.raises(InputError, match=said):
            _read(path)

    def test_one_that_is_not_there(self, several: Path) -> None:
        with pytest.raises(InputError, match="SOL is not in it; it holds BTC/USDC:USDC, ETH"):
            _read(several, symbol="SOL")

    def test_two_venues_of_one_name(self, tmp_path: Path) -> None:
        path = tmp_path / "p.csv"
        rows = [f"{v},BTC/USDT:USDT,long,1,100,90,100" for v in ("binance", "bybit")]
        path.write_text(
            "venue,symbol,side,size,entry_price,liquidation_price,mark_price\n" + "\n".join(rows)
        )
        with pytest.raises(
            InputError, match=r"on binance, BTC/USDT:USDT on bybit: name one, .*venue"
        ):
            _read(path, symbol="BTC")
        assert _read(path, symbol="BTC", venue="bybit").venue == "bybit"


class TestPrices:
    def test_the_price_must_be_known(self, tmp_path: Path) -> None:
        path = tmp_path / "p.csv"
        path.write_text("symbol,side,size,entry_price,liquidation_price\nBTC,long,1,100,90\n")
        with pytest.raises(
            InputError, match=r"does not say the mark price of BTC/USDC:USDC: .*--price"
        ):
            _read(path, venue="hyperliquid")
        assert _read(path, venue="hyperliquid", price=95.0).mark_price == 95.0

    @pytest.mark.parametrize("price", [40.0, 160.0])
    def test_one_far_from_the_sources_own_is_refused(self, tmp_path: Path, price: float) -> None:
        path = positions_file(tmp_path / "p.csv", TWO_SIDES)
        with pytest.raises(InputError, match=r"60% from the mark price 100 that p.csv says"):
            _read(path, price=price)

    def test_one_far_from_all_entries_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "p.csv"
        path.write_text("symbol,side,size,entry_price,liquidation_price\nBTC,long,1,100,90\n")
        with pytest.raises(InputError, match=r"far from where the positions .* were opened"):
            _read(path, venue="hyperliquid", price=1_000.0)

    @pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf")])
    def test_one_that_is_none(self, price: float) -> None:
        with pytest.raises(InputError, match="not a number above 0"):
            Wanted(price=price)


class TestLadders:
    @pytest.mark.parametrize("ending", ["json", "parquet"])
    def test_one_that_was_written_is_read_again(self, tmp_path: Path, ending: str) -> None:
        write_ladder(both_sides(), tmp_path / f"l.{ending}")
        found = _read(tmp_path / f"l.{ending}", symbol="BTC")
        assert [one.forced for one in found.layers] == [one.forced for one in both_sides().layers]
        assert found.at_ns == AT_NS

    def test_from_another_price_it_is_rolled(self, tmp_path: Path) -> None:
        write_ladder(both_sides(), tmp_path / "l.json")
        found = _read(tmp_path / "l.json", price=97.5)
        assert found.side(Side.LONG).price.tolist() == [96.0, 90.0], "99 and 98.5 have been met"
        assert ROLLED in found.layers[0].assumed
        assert "around 100, and are shown from 97.5" in found.layers[0].assumed[-1]

    def test_a_damaged_one_is_refused(self, tmp_path: Path) -> None:
        write_ladder(both_sides(), tmp_path / "l.json")
        text = (tmp_path / "l.json").read_text()
        (tmp_path / "l.json").write_text(text.replace("2000000.0", "2000001.0", 1))
        with pytest.raises(SourceError):
            _read(tmp_path / "l.json")


class TestClusters:
    def test_the_map_of_the_time(self, tmp_path: Path) -> None:
        path = clusters_file(tmp_path / "c.jsonl", 0, 5, 10)
        assert _read(path).mark_price == 98.0
        at = _read(path, at_ns=ns_from_iso("2026-03-02T09:07:00Z"))
        assert (at.mark_price, at.at_ns) == (99.0, ns_from_iso("2026-03-02T09:05:00Z"))
        assert at.side(Side.LONG).total_usd == 2e6

    def test_none_is_there_before_the_first(self, tmp_path: Path) -> None:
        path = clusters_file(tmp_path / "c.jsonl", 5)
        with pytest.raises(InputError, match="first map is of 2026-03-02T09:05:00Z, none is of"):
            _read(path, at_ns=ns_from_iso("2026-03-02T09:00:00Z"))

    def test_bad_lines_are_told(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = clusters_file(tmp_path / "c.jsonl", 0)
        path.write_text(path.read_text() + "{}\n" * 7)
        assert _read(path).mark_price == 100.0
        told = capsys.readouterr().err.splitlines()
        assert len(told) == 6
        assert told[0].startswith("c.jsonl: left out: line 2: ")
        assert told[-1] == "c.jsonl: and 2 more were left out"


class TestSeveral:
    def test_layers_of_different_kinds_are_laid_over_each_other(self, tmp_path: Path) -> None:
        stops = ladder(
            layer([(95.0, 1e6)], forced=Forced.STOP), venue="okx", symbol="BTC/USDT:USDT"
        )
        write_ladder(stops, tmp_path / "stops.json")
        found = _read(clusters_file(tmp_path / "c.jsonl", 0), tmp_path / "stops.json")
        assert (found.venue, found.symbol) == ("*", "BTC")
        assert [one.forced for one in found.layers] == [Forced.LIQUIDATION, Forced.STOP]
        assert found.side(Side.LONG).total_usd == 3e6

    def test_the_same_kind_twice_may_be_the_same_positions(self, tmp_path: Path) -> None:
        one = clusters_file(tmp_path / "c.jsonl", 0)
        other = positions_file(tmp_path / "p.csv", TWO_SIDES)
        with pytest.raises(
            InputError, match="both hold measured liquidations, which may be the same"
        ):
            _read(one, other)

    def test_measured_and_estimated_stay_apart(self, tmp_path: Path) -> None:
        guess = ladder(layer([(95.0, 9e6)], known=Provenance.ESTIMATED))
        write_ladder(guess, tmp_path / "guess.json")
        found = _read(clusters_file(tmp_path / "c.jsonl", 0), tmp_path / "guess.json")
        assert found.side(Side.LONG).total_usd == 2e6
        assert found.side(Side.LONG, Provenance.ESTIMATED).total_usd == 9e6

    def test_sources_of_two_times_are_refused(self, tmp_path: Path) -> None:
        later = ladder(layer([(95.0, 9e6)], known=Provenance.ESTIMATED), mark=104.0)
        write_ladder(later, tmp_path / "later.json")
        with pytest.raises(InputError, match=r"mark price 104 is 4.0% from the 100 of"):
            _read(clusters_file(tmp_path / "c.jsonl", 0), tmp_path / "later.json")

    def test_sources_of_two_coins_are_refused(self, tmp_path: Path) -> None:
        eth = ladder(layer([(95.0, 1e6)], forced=Forced.STOP), symbol="ETH/USDC:USDC")
        write_ladder(eth, tmp_path / "eth.json")
        with pytest.raises(InputError, match="several instruments"):
            _read(clusters_file(tmp_path / "c.jsonl", 0), tmp_path / "eth.json")


class TestWhatIsNone:
    def test_no_source(self) -> None:
        with pytest.raises(InputError, match="name at least one SOURCE"):
            _read()

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="a folder is no source"):
            _read(tmp_path)

    def test_other_json(self, tmp_path: Path) -> None:
        (tmp_path / "x.json").write_text(json.dumps({"a": 1}))
        with pytest.raises(SourceError, match="no ladder, no clearinghouseState"):
            _read(tmp_path / "x.json")

    def test_a_broken_parquet(self, tmp_path: Path) -> None:
        (tmp_path / "x.parquet").write_bytes(b"PAR1" + bytes(100))
        with pytest.raises(SourceError, match="not a readable parquet"):
            _read(tmp_path / "x.parquet")

    def test_prices_alone(self, tmp_path: Path) -> None:
        table = {"date": ["2026-01-01"], "symbol": ["WBTC"], "price_usd": [64_000.0]}
        pl.DataFrame(table).write_parquet(tmp_path / "p.parquet")
        with pytest.raises(InputError, match="daily prices alone"):
            _read(tmp_path / "p.parquet")


@pytest.mark.data
class TestReal:
    def test_the_published_positions(self, data_dir: Path) -> None:
        path = next((data_dir / "hl_positions").glob("*.csv.gz"))
        found = _read(path, symbol="BTC")
        assert found.mark_price == 91_242.0
        assert found.side(Side.LONG).total_usd == pytest.approx(4.6e6, rel=0.02)
        assert found.side(Side.SHORT).total_usd == pytest.approx(11.9e6, rel=0.02)

    def test_the_clusters_before_the_fall(self, data_dir: Path) -> None:
        path = next((data_dir / "feb2026").glob("hl_top*"))
        found = _read(path, symbol="BTC", at_ns=ns_from_iso("2026-02-05T14:36:00Z"))
        longs = found.side(Side.LONG)
        assert found.mark_price == 70_328.0
        assert dict(zip(longs.price.round().tolist(), longs.notional_usd.tolist(), strict=True))[
            69_062.0
        ] == pytest.approx(25.4e6, rel=0.01)

    def test_open_loans_are_a_ladder_of_longs(self, data_dir: Path) -> None:
        folder = data_dir / "aave_wbtc_liquidations"
        loans = folder / "open_positions.parquet"
        with pytest.raises(
            InputError, match="does not say the mark price of BTC/USD: give --price"
        ):
            _read(loans)
        found = _read(loans, folder / "price_history_daily.parquet")
        assert found.venue == "aave"
        assert found.side(Side.SHORT).size == 0
        assert found.side(Side.LONG).total_usd > 1e9
        assert any("eMode" in said for said in found.layers[0].assumed)
