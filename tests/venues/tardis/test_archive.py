"""Tests of airpocket.venues.tardis.archive, on made files and on the real ones."""

import gzip
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airpocket.errors import AirpocketError, SourceError
from airpocket.market.columns import Columns
from airpocket.market.events import Funding, Gap, GapCause, Liquidation, Mark, OpenInterest, Trade
from airpocket.market.quality import Finding, FindingCode
from airpocket.store.files import head
from airpocket.units import iso
from airpocket.venues.history import FileRecording
from airpocket.venues.tardis.archive import ARCHIVES
from tests.venues.damaged_rows import damaged

TICK_HEADER = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
TICKER_HEADER = (
    "exchange,symbol,timestamp,local_timestamp,funding_timestamp,funding_rate,"
    "predicted_funding_rate,open_interest,last_price,index_price,mark_price\n"
)
AT_US = 1_760_129_100_071_000


def opened(path: Path) -> FileRecording:
    (archive,) = [a for a in ARCHIVES if a.claims(path, head(path))]
    recording = archive.open(path)
    assert isinstance(recording, FileRecording)
    return recording


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()))
    return path


def test_trades_of_coin_margined_contracts_are_valued_by_the_contract(tmp_path: Path) -> None:
    rows = (
        f"binance-delivery,AVAXUSD_PERP,{AT_US},{AT_US + 7},55,sell,20,3\n"
        f"binance-delivery,NEWUSD_PERP,{AT_US + 1},{AT_US + 9},56,buy,2,4\n"
    )
    recording = opened(written(tmp_path, "binance-delivery_trades.csv.gz", TICK_HEADER + rows))
    assert (recording.label.venue, recording.label.kind) == ("binance", "tardis trades")
    columns, *ends = recording.read()
    assert isinstance(columns, Columns)
    known, unknown = columns.events()
    assert isinstance(known, Trade)
    assert (known.symbol, known.notional_usd, known.qty_base) == ("AVAX/USD:AVAX", 30.0, 1.5)
    assert (known.taker, known.trade_id, known.qty_raw) == ("sell", "55", 3.0)
    assert (known.venue_ns, known.local_ns) == (AT_US * 1000, AT_US * 1000 + 7000)
    assert str(known.raw_ref) == "binance-delivery_trades.csv.gz#2"
    assert (unknown.symbol, unknown.notional_usd, unknown.qty_base) == (None, None, None)
    assert [type(end) for end in ends] == [Gap, Gap]
    assert {end.raw_symbol for end in ends if isinstance(end, Gap)} == {
        "AVAXUSD_PERP",
        "NEWUSD_PERP",
    }


@pytest.mark.parametrize(("side", "liquidated"), [("sell", "long"), ("buy", "short")])
def test_liquidations_name_the_side_of_the_position(
    tmp_path: Path, side: str, liquidated: str
) -> None:
    rows = f"binance-futures,BTCUSDT,{AT_US},{AT_US + 7},,{side},100000,2\n"
    path = written(tmp_path, "binance-futures_liquidations_2025.csv.gz", TICK_HEADER + rows)
    columns, end = opened(path).read()
    assert isinstance(columns, Columns)
    (event,) = columns.events()
    assert isinstance(event, Liquidation)
    assert (event.liquidated, event.order_price, event.fill_price) == (liquidated, 100000.0, None)
    assert (event.notional_usd, event.event_id) == (200_000.0, None)
    assert (event.coverage, event.rule_id.startswith("binance")) == ("throttled", True)
    assert isinstance(end, Gap)
    assert (end.channel, end.cause) == ("liquidations", GapCause.END_OF_RECORDING)


def test_a_venue_without_catalogue_has_no_notional(tmp_path: Path) -> None:
    rows = f"upbit,KRW-BTC,{AT_US},{AT_US + 7},1,sell,100000,2\n"
    recording = opened(written(tmp_path, "x_liquidations.csv.gz", TICK_HEADER + rows))
    columns = next(iter(recording.read()))
    assert isinstance(columns, Columns)
    (event,) = columns.events()
    assert (event.symbol, event.notional_usd, event.coverage) == (None, None, "sampled")
    assert "no notional" in recording.label.note


@pytest.mark.parametrize("exchange", ["x" * 300, "../binance", "/etc", "binance/../okx", "."])
def test_the_name_of_an_exchange_is_not_a_path(tmp_path: Path, exchange: str) -> None:
    header = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount"
    row = f"{exchange},BTCUSDT,1760129100071000,1760129100078955,1,buy,100.0,2"
    path = written(tmp_path, "odd_trades.csv", f"{header}\n{row}\n")
    (columns,) = (item for item in opened(path).read() if isinstance(item, Columns))
    assert [trade.notional_usd for trade in columns.events()] == [None]


def test_spot_symbols_do_not_find_futures(tmp_path: Path) -> None:
    rows = f"binance,BTCUSDT,{AT_US},{AT_US + 7},1,sell,100000,2\n"
    columns = next(iter(opened(written(tmp_path, "x.csv.gz", TICK_HEADER + rows)).read()))
    assert isinstance(columns, Columns)
    assert [(t.venue, t.symbol) for t in columns.events()] == [("binance-spot", None)]


def test_tickers_give_marks_and_what_changes(tmp_path: Path) -> None:
    due = AT_US + 3_600_000_000
    rows = "".join(
        f"binance-futures,BTCUSDT,{AT_US + i},{AT_US + i + 5},{due},{rate},,{interest},,101,{mark}\n"
        for i, (rate, interest, mark) in enumerate(
            [
                ("0.0001", "10", "100"),
                ("0.0001", "10", "101"),
                ("", "11", ""),
                ("0.0002", "11", "9"),
            ]
        )
    )
    items = list(opened(written(tmp_path, "x.csv.gz", TICKER_HEADER + rows)).read())
    told: dict[Any, list[Any]] = {i.kind: list(i.events()) for i in items if isinstance(i, Columns)}
    assert [mark.mark_price for mark in told[Mark]] == [100, 101, 9]
    assert [o.qty_base for o in told[OpenInterest]] == [10, 11]
    assert told[OpenInterest][0].notional_usd == 1000
    assert [f.rate for f in told[Funding]] == [0.0001, 0.0002]
    assert told[Funding][0].due_ns == due * 1000
    assert sum(isinstance(item, Gap) for item in items) == 3


def test_a_cut_file_says_where_and_then_raises(tmp_path: Path) -> None:
    rows = "".join(
        f"coinbase,AVAX-USD,{AT_US + i},{AT_US + i + 7},{i},buy,{20 + i % 7},{i % 11 + 1}\n"
        for i in range(20_000)
    )
    whole = written(tmp_path, "coinbase_trades.csv.gz", TICK_HEADER + rows).read_bytes()
    path = tmp_path / "coinbase_trades.csv.gz"
    path.write_bytes(whole[: len(whole) // 2])
    items: list[Any] = []
    with pytest.raises(SourceError, match="cut off"):
        items.extend(opened(path).read())
    columns, finding, gap = items
    assert 5_000 < len(columns) < 15_000
    assert isinstance(finding, Finding)
    assert finding.code is FindingCode.TRUNCATED
    assert isinstance(gap, Gap)
    assert (gap.cause, gap.from_ns) == (GapCause.UNREADABLE, int(columns["venue_ns"][-1]))


def test_an_empty_file_and_other_files_are_told_apart(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv.gz", TICK_HEADER)
    assert list(opened(path).read()) == []
    other = written(tmp_path, "y.csv.gz", "time,price\n1,2\n")
    assert not any(archive.claims(other, head(other)) for archive in ARCHIVES)


DAMAGED = {
    "coinbase_trades.csv": TICK_HEADER
    + "".join(f"coinbase,AVAX-USD,{AT_US + i},{AT_US + i},{i},buy,2,3\n" for i in range(6)),
    "binance_liquidations.csv": TICK_HEADER
    + "".join(f"binance-futures,BTCUSDT,{AT_US + i},{AT_US + i},,sell,2,3\n" for i in range(6)),
    "ticker.csv": TICKER_HEADER
    + "".join(
        f"binance-futures,BTCUSDT,{AT_US + i},{AT_US + i},{AT_US},0.1,,1,2,3,4\n" for i in range(6)
    ),
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(name=st.sampled_from(sorted(DAMAGED)), seed=st.integers(0, 2**32))
def test_no_damage_raises_anything_but_our_own_errors(tmp_path: Path, name: str, seed: int) -> None:
    path = tmp_path / name
    path.write_bytes(damaged(DAMAGED[name].encode(), seed))
    for archive in ARCHIVES:
        if not archive.claims(path, head(path)):
            continue
        with suppress(AirpocketError):
            for item in archive.open(path).read():
                if isinstance(item, Columns):
                    assert len(list(item.events())) == len(item)


FALLS = {  # symbol of the file: rows, fall to the low in percent, time of the low
    "binance-delivery_trades_2025-10-10_2045-2215_AVAXUSD_PERP": (52_359, -77.4, "21:21:29"),
    "binance-delivery_trades_2025-10-10_2045-2215_ATOMUSD_PERP": (51_830, -73.1, None),
    "binance-delivery_trades_2025-10-10_2045-2215_AAVEUSD_PERP": (50_071, -75.6, None),
    "binance-delivery_trades_2025-10-10_2045-2215_BCHUSD_PERP": (82_343, -18.2, None),
    "binance-delivery_trades_2025-10-10_2045-2215_TRXUSD_PERP": (33_201, -9.0, None),
    "coinbase_trades_2025-10-10_2045-2215_AVAX-USD": (32_249, -36.1, None),
    "coinbase_trades_2025-10-10_2045-2215_ATOM-USD": (6_327, -9.5, None),
    "coinbase_trades_2025-10-10_2045-2215_AAVE-USD": (25_726, -50.7, None),
    "gemini_trades_2025-10-10_2000-2300_BTCUSD": (8_210, -8.6, None),
    "gemini_trades_2025-10-10_2000-2300_DOGEUSD": (3_839, None, None),
    "gemini_trades_2025-10-10_2000-2300_ETHUSD": (6_941, None, None),
    "gemini_trades_2025-10-10_2000-2300_SOLUSD": (4_379, None, None),
    "gemini_trades_2025-10-10_2000-2300_XRPUSD": (5_924, None, None),
}
ONSET_NS = 1_760_129_402 * 10**9  # 20:50:02
MINUTE_49_NS = 1_760_129_340 * 10**9  # the minute that the reference path is normalised to
LATE = {"DOGEUSD": 124, "SOLUSD": 35, "XRPUSD": 47}  # rows more than a minute late


@pytest.mark.data
@pytest.mark.parametrize("name", FALLS)
def test_the_tapes_of_october_10_fall_as_published(data_dir: Path, name: str) -> None:
    count, fall, low_time = FALLS[name]
    path = data_dir / "oct10_market" / f"{name}.csv.gz"
    items = list(opened(path).read())
    blocks = [item for item in items if isinstance(item, Columns)]
    assert sum(map(len, blocks)) == count
    price = np.concatenate([block["price"] for block in blocks])
    times = np.concatenate([block["venue_ns"] for block in blocks])
    usd = np.concatenate([block["notional_usd"] for block in blocks])
    assert not np.isnan(usd).any()
    after = times >= ONSET_NS
    if fall is not None:
        found = 100 * (price[after].min() / price[times < MINUTE_49_NS][-1] - 1)
        # The published fall of BTC (-8.6) counts from a price of some minutes earlier.
        assert found == pytest.approx(fall, abs=0.13 if "BTC" in name else 0.1)
    if low_time is not None:
        assert low_time in iso(int(times[after][price[after].argmin()]))
    findings = [item for item in items if isinstance(item, Finding)]
    late = LATE.get(name.rsplit("_", 1)[1])
    assert [(f.code, f.count) for f in findings] == (
        [] if late is None else [(FindingCode.CLOCK_SKEW, late)]
    )
    (end,) = [item for item in items if isinstance(item, Gap)]
    assert (end.cause, end.from_ns) == (GapCause.END_OF_RECORDING, int(times.max()))
