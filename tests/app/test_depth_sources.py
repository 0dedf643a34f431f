from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.app.depth_sources import AGE_MOST_NS, SeenDepth, coin_of, laid_at, read_depth
from airpocket.errors import InputError, SourceError
from airpocket.market.events import Depth, DepthBands
from airpocket.market.instrument import Instrument, Kind
from airpocket.market.liquidity import buy_cost_bps, sell_cost_bps
from airpocket.market.stream import INSTRUMENTS_STREAM
from airpocket.units import SECOND_NS, ns_from_iso
from tests.app.made_books import (
    START_NS,
    band_rows,
    book_frame,
    book_lines,
    frame_lines,
    level_books,
    tape,
)

PERP = Instrument(
    venue="x", raw_symbol="X", symbol="X/USDT:USDT", kind=Kind.LINEAR, base="X", quote="USDT",
    settle="USDT",
)  # fmt: skip
COIN = Instrument(
    venue="x", raw_symbol="X", symbol="X/USD:X", kind=Kind.INVERSE, base="X", quote="USD",
    settle="X", contract_value=100.0,
)  # fmt: skip


def _frames(path: Path, *mids: float, every_s: float = 10) -> Path:
    books = [(n * every_s, *level_books(mid)) for n, mid in enumerate(mids)]
    return frame_lines(path, [(s, book_frame(bids, asks, second=s)) for s, bids, asks in books])


class TestFrames:
    def test_the_last_book_and_the_book_at_a_time(self, tmp_path: Path) -> None:
        path = _frames(tmp_path / "book.raw", 100.0, 110.0, 120.0)
        last = read_depth(path)
        assert (last.mid, last.symbol, last.venue) == (120.0, "BTC/USDC:USDC", "hyperliquid")
        assert last.source == "book.raw"
        at = read_depth(path, at_ns=START_NS + 19 * SECOND_NS)
        assert (at.mid, at.at_ns) == (110.0, START_NS + 10 * SECOND_NS)
        assert at.depth is not None
        assert len(at.depth.bids) == 20

    def test_a_time_that_the_file_does_not_cover_is_refused(self, tmp_path: Path) -> None:
        path = _frames(tmp_path / "book.raw", 100.0)
        assert read_depth(path, at_ns=START_NS + AGE_MOST_NS).mid == 100.0
        with pytest.raises(InputError, match="61 s earlier: name a time that the file covers"):
            read_depth(path, at_ns=START_NS + AGE_MOST_NS + SECOND_NS)
        with pytest.raises(InputError, match=r"no order book .* up to 2026-03-02T08:59:59Z"):
            read_depth(path, at_ns=START_NS - SECOND_NS)

    def test_a_crossed_book_is_none(self, tmp_path: Path) -> None:
        crossed = book_frame([(101.0, 1.0), (99.0, 1.0)], [(100.0, 1.0), (102.0, 1.0)])
        path = frame_lines(tmp_path / "book.raw", [(0, crossed)])
        with pytest.raises(
            InputError, match=r"no whole book of BTC/USDC:USDC at the end .*not below"
        ):
            read_depth(path)

    def test_a_book_without_a_side_is_none(self, tmp_path: Path) -> None:
        path = frame_lines(tmp_path / "book.raw", [(0, book_frame([(99.0, 1.0), (98.0, 1.0)], []))])
        with pytest.raises(InputError, match="no whole book"):
            read_depth(path)

    def test_what_is_no_recording_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "x.csv").write_text("a,b\n1,2\n")
        with pytest.raises(SourceError, match="no archive knows"):
            read_depth(tmp_path / "x.csv")
        with pytest.raises(SourceError, match="no such file"):
            read_depth(tmp_path / "nowhere")


class TestChoice:
    @pytest.fixture
    def several(self, tmp_path: Path) -> Path:
        btc, eth = level_books(100.0), level_books(10.0)
        return frame_lines(
            tmp_path / "book.raw",
            [(0, book_frame(*btc)), (0, book_frame(*eth, coin="ETH"))],
        )

    @pytest.mark.parametrize(
        "word", ["ETH/USDC:USDC", "eth/usdc:usdc", "ETH", "hyperliquid:ETH", "ETH/USDT:USDT"]
    )
    def test_by_name_or_coin(self, several: Path, word: str) -> None:
        assert read_depth(several, symbol=word).symbol == "ETH/USDC:USDC"

    def test_several_are_listed(self, several: Path) -> None:
        with pytest.raises(
            InputError, match=r"--depth-symbol, of hyperliquid:BTC.*hyperliquid:ETH"
        ):
            read_depth(several)

    def test_another_coin_is_never_taken(self, several: Path) -> None:
        with pytest.raises(InputError, match="no depth of SOL/USDC:USDC is in it; it holds"):
            read_depth(several, symbol="SOL/USDC:USDC")

    def test_what_a_contract_is_worth_must_be_known(self, tmp_path: Path) -> None:
        path = book_lines(tmp_path / "book.raw", 100.0, coin="NOSUCHCOIN")
        with pytest.raises(InputError, match="worth in dollars is not known"):
            read_depth(path)

    def test_the_preferred_venue_of_a_tape(self, tmp_path: Path) -> None:
        bids, asks = level_books(100.0)
        bybit = (
            b'{"topic":"orderbook.50.BTCUSDT","type":"snapshot","ts":%d,"data":{"s":"BTCUSDT",'
            b'"b":[["99.5","1"],["99.4","1"]],"a":[["100.7","1"]],"u":1,"seq":1},"cts":%d}'
            % (START_NS // 1_000_000, START_NS // 1_000_000)
        )
        path = tape(
            tmp_path / "2026-03-02.tape",
            [
                ("hyperliquid", "public#1", 0, book_frame(bids, asks)),
                ("bybit", "public#1", 1, bybit),
            ],
        )
        with pytest.raises(InputError, match="several books of BTC: name one with --depth-symbol"):
            read_depth(path, symbol="BTC")
        assert read_depth(path, symbol="BTC", venue="bybit").mid == pytest.approx(100.1)
        assert read_depth(path, symbol="hyperliquid:BTC").mid == 100.0
        assert read_depth(path, symbol="BTC/USDT:USDT").venue == "bybit"


class TestTapes:
    def test_a_folder_of_tapes_and_its_last_connection(self, tmp_path: Path) -> None:
        def one(stream: str, second: float, mid: float) -> tuple[str, str, float, bytes]:
            return ("hyperliquid", stream, second, book_frame(*level_books(mid), second=second))

        tape(tmp_path / "2026-03-02.tape", [one("public#1", 0, 100.0), one("public#2", 5, 101.0)])
        tape(tmp_path / "2026-03-02.2.tape", [one("public#2", 20, 102.0)])
        assert read_depth(tmp_path).mid == 102.0
        assert read_depth(tmp_path, at_ns=START_NS + 4 * SECOND_NS).mid == 100.0
        assert read_depth(tmp_path / "2026-03-02.tape").mid == 101.0

    def test_an_instrument_that_the_tape_itself_lists(self, tmp_path: Path) -> None:
        listed = Instrument(
            venue="hyperliquid", raw_symbol="NEWCOIN", symbol="NEWCOIN/USDC:USDC",
            kind=Kind.LINEAR, base="NEWCOIN", quote="USDC", settle="USDC",
        )  # fmt: skip
        frame = book_frame(*level_books(7.0), coin="NEWCOIN")
        path = tape(
            tmp_path / "2026-03-02.tape",
            [
                ("hyperliquid", INSTRUMENTS_STREAM, 0, msgspec.json.encode([listed])),
                ("hyperliquid", "public#1", 1, frame),
            ],
        )
        seen = read_depth(path)
        assert (seen.mid, seen.instrument) == (7.0, listed)


class TestBands:
    ROWS = (
        (0, -1.0, 100.0, 9_900.0), (0, -2.0, 200.0, 19_700.0), (0, 1.0, 100.0, 10_100.0),
        (0, 2.0, 200.0, 20_300.0),
    )  # fmt: skip

    def test_sums_and_their_mid(self, tmp_path: Path) -> None:
        path = band_rows(tmp_path / "BTCUSDT-bookDepth-2026-03-02.csv", self.ROWS)
        seen = read_depth(path, symbol="BTC")
        assert isinstance(seen.bands, DepthBands)
        assert seen.depth is None
        assert (seen.mid, seen.symbol) == (100.0, "BTC/USDT:USDT")
        assert "the mid is taken between" in seen.assumed[0]

    def test_a_crossed_sum_is_refused(self, tmp_path: Path) -> None:
        rows = [(0, -1.0, 100.0, 10_300.0), (0, 1.0, 100.0, 10_100.0)]
        path = band_rows(tmp_path / "BTCUSDT-bookDepth-2026-03-02.csv", rows)
        with pytest.raises(InputError, match="a crossed book is none"):
            read_depth(path)

    def test_a_side_that_is_not_there_is_said(self, tmp_path: Path) -> None:
        path = band_rows(tmp_path / "BTCUSDT-bookDepth-2026-03-02.csv", self.ROWS[2:])
        seen = read_depth(path)
        assert seen.mid is None
        assert seen.assumed == ("the bid side is not in the source: no depth is known there",)


def _book(mid: float) -> Depth:
    bids, asks = level_books(mid)
    return Depth(venue="x", symbol="X", raw_symbol="X", bids=tuple(bids), asks=tuple(asks))


def _shown(mid: float, instrument: Instrument = PERP) -> SeenDepth:
    return SeenDepth(
        depth=_book(mid), instrument=instrument, venue="x", symbol="X/USDT:USDT", source="x.raw",
        at_ns=START_NS, mid=mid,
    )  # fmt: skip


class TestLaidAt:
    def test_what_stands_near_stays_as_it_is(self) -> None:
        seen = _shown(100.0)
        assert laid_at(seen, 100.9) is seen

    def test_what_stands_far_is_refused(self) -> None:
        with pytest.raises(InputError, match=r"x.raw: .* stands at 100, 2.0% .*--depth-shape"):
            laid_at(_shown(100.0), 102.05)

    @settings(max_examples=30)
    @given(st.floats(1.0, 1e5), st.floats(1e3, 1.5e7), st.sampled_from([PERP, COIN]))
    def test_the_shape_keeps_what_an_order_costs(
        self, price: float, usd: float, instrument: Instrument
    ) -> None:
        seen = _shown(100.0, instrument)
        laid = laid_at(seen, price, by_shape=True)
        assert seen.depth is not None
        assert laid.depth is not None
        for cost in (sell_cost_bps, buy_cost_bps):
            before = cost(seen.depth, usd, instrument)
            assert before is not None or instrument is COIN
            assert cost(laid.depth, usd, instrument) == pytest.approx(before, rel=1e-9)

    def test_a_book_that_does_not_say_its_price_is_laid_and_said(self) -> None:
        unsaid = SeenDepth(venue="x", symbol="X", source="x.csv", at_ns=None, mid=None)
        laid = laid_at(unsaid, 50.0)
        assert laid.mid == 50.0
        assert "is not said" in laid.assumed[-1]

    def test_it_is_said(self) -> None:
        laid = laid_at(_shown(100.0), 50.0, by_shape=True)
        assert laid.mid == 50.0
        assert laid.assumed[-1].startswith("the book stood at 100: its dollars by distance")


def test_coins() -> None:
    assert coin_of("BTC/USDT:USDT") == coin_of("btc") == "BTC"


@pytest.mark.data
class TestReal:
    def test_the_recorded_book(self, data_dir: Path) -> None:
        path = next((data_dir / "l2_book").glob("binance_um_*.raw.gz"))
        seen = read_depth(path, symbol="BTC")
        assert seen.depth is not None
        assert seen.instrument is not None
        costs = [sell_cost_bps(seen.depth, usd * 1e6, seen.instrument) for usd in (1, 5, 10, 50)]
        assert costs == pytest.approx([0.76, 4.97, 8.10, 26.79], abs=0.005)

    def test_the_ghost_side_is_left_out(
        self, data_dir: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = next((data_dir / "oct10_market").glob("*bookDepth*"))
        seen = read_depth(path, at_ns=ns_from_iso("2025-10-10T21:20:00Z"))
        assert seen.mid is None
        assert seen.bands is not None
        assert all(band.percent > 0 for band in seen.bands.bands)
        assert "a ghost; its bands are left out" in capsys.readouterr().err
