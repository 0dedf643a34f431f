"""A ladder comes back from its file as it was, or not at all."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from airpocket.errors import InputError, LimitError, SourceError
from airpocket.leverage import ladder_file
from airpocket.leverage.ladder import Forced, Ladder, Layer, Levels, Provenance
from airpocket.leverage.ladder_file import is_ladder_file, read_ladder, write_ladder
from airpocket.leverage.ladder_table import COLUMNS
from airpocket.market.events import Side
from tests.leverage.ladders import Row, ladder, levels, rows_between

FORMATS = ("json", "parquet")


def _column(found: Any) -> Any:
    return None if found is None else [repr(one) for one in found.tolist()]


def _told(whole: Ladder) -> Any:
    """Tell everything of a ladder, NaN included, in comparable form."""
    return (
        whole.venue, whole.symbol, whole.mark_price, whole.at_ns,
        [
            (
                layer.forced, layer.provenance, layer.source, layer.share_of_oi, layer.assumed,
                [
                    [_column(getattr(layer.side(side), name)) for name in Levels.__struct_fields__]
                    for side in Side
                ],
            )
            for layer in whole.layers
        ],
    )  # fmt: skip


def _full() -> Ladder:
    """Lay everything that a ladder may say into one."""
    known = levels(
        Side.LONG, [(90.0, 0.1 + 0.2, 1 / 3), (80.5, 2e9, 1e-7)],
        count=np.array([3, 2**53]), bankruptcy_price=np.array([np.nan, 79.0]),
    )  # fmt: skip
    unknown = levels(Side.SHORT, [(110.0, 5.0, 6.0)])
    measured = Layer(
        forced=Forced.LIQUIDATION, provenance=Provenance.MEASURED, longs=known, shorts=unknown,
        source="positions.csv, 2025-12-08", share_of_oi=0.25, assumed=("one", "und zwei: ü"),
    )  # fmt: skip
    stops = Layer(
        forced=Forced.STOP, provenance=Provenance.ESTIMATED, longs=known.rows(slice(0)),
        shorts=unknown.rows(slice(0)), source="nothing found",
    )  # fmt: skip
    return Ladder(
        venue="hyperliquid", symbol="BTC/USDC:USDC", mark_price=100.1, layers=(measured, stops),
        at_ns=1_770_302_145_592_476_001,
    )  # fmt: skip


def _without_empty_columns(whole: Ladder) -> Ladder:
    """What no level says is read back as not known."""
    stops = whole.layers[1]
    none = levels(Side.LONG, [])
    return replace(whole, layers=(whole.layers[0], replace(stops, longs=none, shorts=none)))


@pytest.mark.parametrize("ending", FORMATS)
def test_everything_comes_back(ending: str, tmp_path: Path) -> None:
    out = tmp_path / f"map.{ending}"
    write_ladder(_full(), out)
    assert _told(read_ladder(out)) == _told(_without_empty_columns(_full()))
    assert is_ladder_file(out, out.read_bytes()[:4096])
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@pytest.mark.parametrize("ending", FORMATS)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    longs=rows_between(1.0, 99.0), shorts=rows_between(101.0, 1e6),
    at_ns=st.none() | st.integers(0, 4 * 10**18),
)  # fmt: skip
def test_any_ladder_comes_back(
    ending: str, tmp_path: Path, longs: list[Row], shorts: list[Row], at_ns: int | None
) -> None:
    whole = replace(ladder(longs, shorts), at_ns=at_ns)
    out = tmp_path / f"map.{ending}"
    write_ladder(whole, out)
    assert _told(read_ladder(out)) == _told(whole)
    out.unlink()


@pytest.mark.parametrize("ending", FORMATS)
def test_a_ladder_without_layers_comes_back(ending: str, tmp_path: Path) -> None:
    whole = replace(ladder([]), layers=())
    write_ladder(whole, tmp_path / f"map.{ending}")
    assert _told(read_ladder(tmp_path / f"map.{ending}")) == _told(whole)


def test_the_table_is_readable_without_us(tmp_path: Path) -> None:
    out = tmp_path / "map.parquet"
    write_ladder(_full(), out)
    table = pl.read_parquet(out)
    assert tuple(table.columns) == COLUMNS
    row = table.row(0, named=True)
    assert row["at"].isoformat() == "2026-02-05T14:35:45.592476+00:00"
    assert {name: row[name] for name in COLUMNS if name != "at"} == {
        "venue": "hyperliquid", "symbol": "BTC/USDC:USDC", "mark_price": 100.1, "side": "long",
        "forced": "liquidation", "provenance": "measured", "price": 90.0,
        "notional_usd": 0.1 + 0.2, "qty_base": 1 / 3, "count": 3, "bankruptcy_price": None,
        "share_of_oi": 0.25, "source": "positions.csv, 2025-12-08",
    }  # fmt: skip
    assert table["side"].to_list() == ["long", "long", "short"]
    assert table["count"].to_list() == [3, 2**53, None]


def test_the_json_is_readable_without_us(tmp_path: Path) -> None:
    out = tmp_path / "map.json"
    write_ladder(_full(), out)
    said = msgspec.json.decode(out.read_bytes())
    assert (said["venue"], said["at"]) == ("hyperliquid", "2026-02-05T14:35:45.592476001Z")
    assert said["layers"][0]["longs"][0] == {
        "price": 90.0, "notional_usd": 0.1 + 0.2, "qty_base": 1 / 3, "count": 3,
        "bankruptcy_price": None,
    }  # fmt: skip


def test_json_written_by_hand_needs_no_hash_and_no_order(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(
        """{"airpocket": "ladder", "version": 1, "venue": "okx", "symbol": "X", "mark_price": 10,
        "layers": [{"forced": "stop", "provenance": "measured", "source": "me", "shorts": [],
        "longs": [{"price": 8, "notional_usd": 16, "qty_base": 2},
                  {"price": 9, "notional_usd": 9, "qty_base": 1, "count": 4}]}]}"""
    )
    assert is_ladder_file(path, path.read_bytes())
    found = read_ladder(path)
    assert found.side(Side.LONG).price.tolist() == [9.0, 8.0]
    assert found.side(Side.LONG).count is None


@pytest.mark.parametrize("ending", FORMATS)
def test_an_existing_file_is_not_overwritten(ending: str, tmp_path: Path) -> None:
    out = tmp_path / f"map.{ending}"
    out.write_text("mine")
    with pytest.raises(InputError, match="exists"):
        write_ladder(_full(), out)
    assert out.read_text() == "mine"


def test_an_ending_that_says_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.parquet or \.json$"):
        write_ladder(_full(), tmp_path / "map.csv")


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("bad", [np.nan, 0.0, -1.0, np.inf])
def test_a_level_that_is_none_is_not_written(ending: str, bad: float, tmp_path: Path) -> None:
    whole = ladder([(90.0, 1.0, 1.0)])
    whole.layers[0].longs.notional_usd[0] = bad
    with pytest.raises(InputError, match="notional_usd"):
        write_ladder(whole, tmp_path / f"map.{ending}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", FORMATS)
def test_a_file_that_breaks_off_is_refused_wherever_it_does(ending: str, tmp_path: Path) -> None:
    write_ladder(_full(), tmp_path / f"map.{ending}")
    whole = (tmp_path / f"map.{ending}").read_bytes()
    broken = tmp_path / "broken"
    for size in {*range(0, len(whole) - 2, 41), len(whole) - 2}:
        broken.write_bytes(whole[:size])
        with pytest.raises(SourceError, match="broken"):
            read_ladder(broken)


@pytest.mark.parametrize("ending", FORMATS)
def test_a_flipped_bit_is_refused_or_changes_nothing(ending: str, tmp_path: Path) -> None:
    write_ladder(_full(), tmp_path / f"map.{ending}")
    whole = (tmp_path / f"map.{ending}").read_bytes()
    told, broken, refused = _told(_without_empty_columns(_full())), tmp_path / "broken", 0
    for at in range(5, len(whole) - 1, 7 if ending == "json" else 97):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << at % 7
        broken.write_bytes(flipped)
        try:
            found = read_ladder(broken)
        except (SourceError, LimitError):
            refused += 1
        else:
            assert _told(found) == told, at
    assert refused > 25


def test_a_hash_that_is_not_of_these_figures_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "map.json"
    write_ladder(_full(), out)
    out.write_bytes(out.read_bytes().replace(b"80.5", b"80.6"))
    with pytest.raises(SourceError, match=r"map\.json: damaged, or not a ladder \(its figures"):
        read_ladder(out)


def test_rows_of_a_table_that_were_changed_are_refused(tmp_path: Path) -> None:
    write_ladder(_full(), tmp_path / "map.parquet")
    table = pl.read_parquet(tmp_path / "map.parquet")
    head = pl.read_parquet_metadata(tmp_path / "map.parquet")["airpocket.ladder"]
    forged = {
        "side": table.with_columns(pl.lit("short").alias("side")),
        "rows": table.head(2),
        "more": pl.concat([table, table]),
        "price": table.with_columns(pl.col("price") + 1e-9),
    }
    for name, rows in forged.items():
        rows.write_parquet(tmp_path / name, metadata={"airpocket.ladder": head})
        with pytest.raises(SourceError, match="damaged, or not a ladder"):
            read_ladder(tmp_path / name)


def test_other_files_are_no_ladders(tmp_path: Path) -> None:
    table = tmp_path / "other.parquet"
    pl.DataFrame({"price": [1.0]}).write_parquet(table)
    text = tmp_path / "other.json"
    text.write_text('{"price": 1}')
    for path in (table, text):
        assert not is_ladder_file(path, path.read_bytes())
        with pytest.raises(SourceError, match=f"{path.name}: "):
            read_ladder(path)
    torn = tmp_path / "torn.parquet"
    torn.write_bytes(b"PAR1")
    assert not is_ladder_file(torn, b"PAR1")
    with pytest.raises(SourceError, match="no such file"):
        read_ladder(tmp_path / "none.json")


def test_more_json_than_can_be_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ladder(_full(), tmp_path / "map.json")
    monkeypatch.setattr(ladder_file, "_JSON_LIMIT", 100)
    with pytest.raises(LimitError):
        read_ladder(tmp_path / "map.json")
