"""Tests of airpocket.venues.binance.dump."""

from pathlib import Path

import numpy as np
import polars as pl

from airpocket.market.events import Mark
from airpocket.units import ns_from_iso
from airpocket.venues.binance.dump import Dump, clock_ns, first_line


def test_the_name_says_whose_file_it_is() -> None:
    dump = Dump(Path("AVAXUSD_PERP-1m-2025-10-10.zip"))
    assert dump.head_fields(0) == {
        "venue": "binance",
        "raw_symbol": "AVAXUSD_PERP",
        "symbol": "AVAX/USD:AVAX",
    }
    assert not dump.label("klines", "bars").note
    unknown = Dump(Path("NEWUSDT-1m-2025-10-10.zip"))
    assert unknown.head_fields(0)["symbol"] is None
    assert "NEWUSDT: no notional" in unknown.label("klines", "bars").note
    assert Dump(Path("BTCUSDT-1m-2025-10-10.zip"), "binance-spot").instrument(0) is None


def test_columns_lead_back_to_lines() -> None:
    dump = Dump(Path("BTCUSDT-x.csv"))
    columns = dump.columns(Mark, {**dump.head_fields(0), "mark_price": 1.0}, np.array([7, 9]))
    assert [str(mark.raw_ref) for mark in columns.events()] == [
        "BTCUSDT-x.csv#7",
        "BTCUSDT-x.csv#9",
    ]


def test_times_of_the_clock_are_utc_and_others_are_not_times() -> None:
    texts = ["2025-10-10 15:30:42", " 2025-10-10 21:34:32", "2025-13-10 00:00:00", "", "1760110242"]
    assert clock_ns(pl.Series(texts)).tolist() == [
        ns_from_iso("2025-10-10T15:30:42"),
        ns_from_iso("2025-10-10T21:34:32"),
        0,
        0,
        0,
    ]


def test_the_first_line_is_split_whatever_its_bytes() -> None:
    assert first_line(b"\xef\xbb\xbfa, b\r\n1,2") == ["a", "b"]
    assert first_line(b"\xff\xfe,x")[1] == "x"
