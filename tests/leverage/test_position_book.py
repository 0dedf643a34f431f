"""Positions come in whole or not at all, and what is wrong is named by file, row and column."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.leverage.position_book import PositionBook, read_positions
from tests.leverage.frames import BTC, ETH, catalogue_of, frame


def _read(path: Path, **more: Any) -> PositionBook:
    return read_positions(path, catalogue_of=catalogue_of, **{"venue": "x", **more})


def _written(folder: Path, kind: str, table: pl.DataFrame) -> Path:
    path = folder / f"positions.{kind}"
    if kind == "parquet":
        table.write_parquet(path)
    elif kind == "csv":
        table.write_csv(path)
    else:
        path.write_bytes(gzip.compress(table.write_csv().encode()))
    return path


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet"])
def test_files_and_frames_give_the_same_book(tmp_path: Path, kind: str) -> None:
    table = frame(margin=[None, 12_000.0], mark_price=[61_000.0, 2_950.0], account=["a", "b"])
    made = PositionBook.from_frame(table, catalogue_of=catalogue_of, venue="x")
    read = _read(_written(tmp_path, kind, table))
    assert read.instruments == made.instruments == (BTC, ETH)
    for name in ("instrument", "is_long", "qty_raw", "entry_price", "margin", "leverage"):
        np.testing.assert_array_equal(getattr(read, name), getattr(made, name))
    assert made.is_long.tolist() == [True, False]
    assert made.margin.tolist()[1] == 12_000.0
    assert np.isnan(made.margin[0])
    assert np.isnan(made.liquidation_price).all()
    assert made.size == 2
    assert made.symbols == ("BTC/USDT:USDT", "ETH/USDT:USDT")
    assert made.assumed == ("all positions are isolated: the source does not say their mode",)
    assert made.mark_of("ETH/USDT:USDT") == 2_950.0


def test_lazy_frames_and_other_names() -> None:
    table = frame().rename({"size": "positionAmt", "entry_price": "entryPrice"}).lazy()
    names = {"size": "positionAmt", "entry_price": "entryPrice"}
    book = PositionBook.from_frame(table, catalogue_of=catalogue_of, venue="x", columns=names)
    assert book.qty_raw.tolist() == [1.5, 20.0]


def test_a_column_of_venues_tells_instruments_of_one_name_apart() -> None:
    table = frame(symbol=["BTC/USDT:USDT"] * 2, venue=["x", "y"], entry_price=[6e4, 6e4])
    book = PositionBook.from_frame(table, catalogue_of=catalogue_of)
    assert [row.venue for row in book.instruments] == ["x", "y"]
    assert book.of("BTC/USDT:USDT", "y").qty_raw.tolist() == [20.0]
    with pytest.raises(InputError, match="name the venue"):
        book.of("BTC/USDT:USDT")


BAD: list[tuple[dict[str, Any], str]] = [
    ({"size": [1.0, -2.0]}, r"row 3: size -2\.0 is not a number above 0"),
    ({"size": [1.0, float("nan")]}, r"row 3: size nan is not a number above 0"),
    ({"size": [1.0, float("inf")]}, r"row 3: size inf is not a number above 0"),
    ({"entry_price": [0.0, 3_000.0]}, r"row 2: entry_price 0\.0 is not a number above 0"),
    ({"leverage": [10.0, 0.5]}, r"row 3: leverage 0\.5 is below 1"),
    ({"leverage": [10.0, -5.0]}, r"row 3: leverage -5\.0 is not a number above 0"),
    ({"liquidation_price": [0.0, 3_500.0]}, r"row 2: liquidation_price 0\.0"),
    ({"margin": [6_000.0, -1.0]}, r"row 3: margin -1\.0"),
    ({"side": ["long", "up"]}, r"row 3: side 'up' is none of long, buy, short, sell"),
    ({"symbol": ["BTC/USDT:USDT", "DOGE"]}, r"row 3: symbol 'DOGE' is no instrument of x"),
    ({"venue": ["x", "z"]}, r"row 3: venue 'z' is not x"),
    ({"margin_mode": ["cross", "both"]}, r"row 3: margin_mode 'both' is none of isolated, cross"),
    ({"leverage": [10.0, None]}, r"row 3 is isolated and has neither margin nor leverage"),
    ({"size": None}, r"lacks|has no column size"),
    ({"side": None, "symbol": None}, r"has no column symbol, side \(there are: size"),
    (
        {"size": [60_000.0, 3_000.0], "entry_price": [1.5, 20.0], "mark_price": [61e3, 3.1e3]},
        r"size and entry_price look swapped",
    ),
]


@pytest.mark.parametrize(("columns", "said"), BAD)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_bad_rows_are_named(tmp_path: Path, kind: str, columns: dict[str, Any], said: str) -> None:
    path = _written(tmp_path, kind, frame(**columns))
    if kind == "parquet":  # no header: its first row is 1
        said = said.replace("row 3", "row 2") if "row 3" in said else said.replace("row 2", "row 1")
    with pytest.raises(InputError, match=said) as caught:
        _read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_a_file_can_be_beside_positions(tmp_path: Path) -> None:
    path = tmp_path / "positions.csv"
    with pytest.raises(InputError, match="no such file"):
        _read(path)
    path.write_text("")
    with pytest.raises(InputError, match="has no column"):
        _read(path)
    path.write_text("symbol,side,size,entry_price,leverage\n")
    with pytest.raises(InputError, match="holds no position"):
        _read(path)
    path.write_text("symbol,side,size,entry_price,leverage\nBTC/USDT:USDT,long,one,6e4,10\n")
    with pytest.raises(InputError, match=r"line 2 size cannot be 'one'"):
        _read(path)
    path.write_text("symbol,side,size,entry_price,leverage\n,long,1,6e4,10\n")
    with pytest.raises(InputError, match=r"line 2 symbol"):
        _read(path)
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match="parquet"):
        _read(path)


def test_venues_that_are_not_known_or_not_named(tmp_path: Path) -> None:
    path = _written(tmp_path, "csv", frame())
    with pytest.raises(InputError, match="has no column venue: name the venue"):
        _read(path, venue=None)
    with pytest.raises(InputError, match="'z' is not a venue"):
        _read(path, venue="z")
    path = _written(tmp_path, "parquet", frame(venue=["x", "z"]))
    with pytest.raises(InputError, match="row 2: 'z' is not a venue"):
        _read(path, venue=None)


def test_what_is_no_frame() -> None:
    with pytest.raises(InputError, match="list is no data frame"):
        PositionBook.from_frame([1, 2], catalogue_of=catalogue_of, venue="x")  # type: ignore[arg-type]


def test_of_refuses_what_is_not_there() -> None:
    book = PositionBook.from_frame(frame(), catalogue_of=catalogue_of, venue="x")
    with pytest.raises(InputError, match=r"holds no position of SOL \(there are: BTC/USDT:USDT"):
        book.of("SOL")
    assert book.mark_of("BTC/USDT:USDT") is None
    with pytest.raises(InputError, match="holds no position"):
        book.rows(slice(0, 1)).of("ETH/USDT:USDT")


def test_columns_of_one_length() -> None:
    book = PositionBook.from_frame(frame(), catalogue_of=catalogue_of, venue="x")
    args = {name: getattr(book, name) for name in book.__struct_fields__}
    with pytest.raises(InputError, match="differ in length"):
        PositionBook(**{**args, "margin": np.empty(3)})
    with pytest.raises(InputError, match="one mark price an instrument"):
        PositionBook(**{**args, "marks": np.empty(3)})


@given(st.lists(st.sampled_from(["BTC/USDT:USDT", "ETH/USDT:USDT"]), min_size=1, max_size=30))
def test_each_position_belongs_to_one_instrument(symbols: list[str]) -> None:
    sizes = np.arange(1.0, len(symbols) + 1)
    book = PositionBook.from_frame(
        pl.DataFrame({
            "symbol": symbols, "side": ["buy"] * len(symbols), "size": sizes,
            "entry_price": [100.0] * len(symbols), "leverage": [2] * len(symbols),
        }),
        catalogue_of=catalogue_of,
        venue="x",
    )  # fmt: skip
    split = {symbol: book.of(symbol).qty_raw.tolist() for symbol in book.symbols}
    assert split == {
        symbol: [float(sizes[at]) for at, one in enumerate(symbols) if one == symbol]
        for symbol in dict.fromkeys(symbols)
    }
