"""Published liquidation maps: read as they are, and what cannot be is left out with its reason."""

import gzip
import importlib.util
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airpocket.errors import InputError, SourceError
from airpocket.leverage.ladder import Forced, Provenance
from airpocket.market.events import Side
from airpocket.store.files import head
from airpocket.units import ns_from_iso
from airpocket.venues.hyperliquid.clusters import (
    BIN_WIDTH,
    LEVERAGES,
    clusters_at,
    is_clusters,
    read_clusters,
)

BTC = "BTC/USDC:USDC"
EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "06_rolled_map.py"
NAME = "feb2026/hl_top_traders_liq_clusters_20260126_20260222.jsonl.gz"


def _bin(price: float, value: float, **more: Any) -> dict[str, Any]:
    return {"price": price, "value": value, "cumulative": 1.0, "25x": 0, "50x": value} | more


def _coin(mark: float = 1000.0, **more: Any) -> dict[str, Any]:
    """Lay out middles of bins of 1.2 %: 0.6, 1.8 and 3.0 % away."""
    return {
        "currentPrice": mark,
        "longLiquidations": [_bin(0.982 * mark, 3e6), _bin(0.994 * mark, 2e6)],
        "shortLiquidations": [_bin(1.03 * mark, 5e6)],
        "totalLongValue": 5e6, "totalShortValue": 5e6, "positionCount": 7,
    } | more  # fmt: skip


def _line(at: str = "2026-02-05T14:35:45.592476Z", **coins: Any) -> bytes:
    snapshot = {"coins": list(coins), "data": coins, "tradersCount": 200, "lastUpdated": at}
    return msgspec.json.encode({"commit": "c", "committed_at": at, "snapshot": snapshot})


def _read(path: Path, *lines: bytes, symbol: str | None = None) -> tuple[list[Any], list[Any]]:
    path.write_bytes(b"\n".join(lines) + b"\n")
    told: list[Any] = []
    found = list(
        read_clusters(path, symbol=symbol, rejected=lambda line, why: told.append((line, why)))
    )
    return found, told


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "maps.jsonl"


def test_a_map_becomes_a_measured_ladder(path: Path) -> None:
    (found,), told = _read(path, _line(BTC=_coin()))
    assert told == []
    ladder = found.ladder
    assert (ladder.venue, ladder.symbol, ladder.mark_price) == ("hyperliquid", BTC, 1000.0)
    assert ladder.at_ns == ns_from_iso("2026-02-05T14:35:45.592476Z")
    (layer,) = ladder.layers
    assert (layer.forced, layer.provenance) == (Forced.LIQUIDATION, Provenance.MEASURED)
    assert layer.share_of_oi is None
    assert layer.source == "maps.jsonl, line 1, of 2026-02-05T14:35:45.592476Z"
    assert layer.longs.price.tolist() == [994.0, 982.0]
    assert layer.longs.notional_usd.tolist() == [2e6, 3e6]
    assert layer.longs.qty_base.tolist() == [2e6 / 994, 3e6 / 982]
    assert layer.shorts.price.tolist() == [1030.0]
    assert layer.longs.count is None
    assert found.long_leverage_usd.tolist() == [[0, 0, 2e6, 0], [0, 0, 3e6, 0]]
    assert found.short_leverage_usd.shape == (1, len(LEVERAGES))
    assert (found.coin, found.line, found.traders, found.positions) == ("BTC", 1, 200, 7)


def test_what_is_assumed_is_said(path: Path) -> None:
    (found,), _ = _read(path, _line(BTC=_coin()))
    text = " ".join(found.ladder.layers[0].assumed)
    for word in ("top 200 accounts", "middle of a bin 1.2 %", "not valued at it", "not listed"):
        assert word in text


def test_bins_are_known_by_their_middles(path: Path) -> None:
    (binned,), _ = _read(path, _line(BTC=_coin()))
    assert binned.half_width == pytest.approx(BIN_WIDTH / 2 + 0.005 / 1000)
    other = _coin(longLiquidations=[_bin(990.0, 1e6)])
    (plain,), told = _read(path, _line(BTC=other))
    assert plain.half_width is None
    assert told == []
    assert "middle" not in " ".join(plain.ladder.layers[0].assumed)


def test_prices_of_cheap_coins_are_rounded_to_cents(path: Path) -> None:
    (found,), told = _read(
        path, _line(XRP=_coin(1.6, longLiquidations=[_bin(1.59, 1e6)], shortLiquidations=[]))
    )
    assert told == []
    assert found.half_width == pytest.approx(0.006 + 0.005 / 1.6)


def test_rounding_to_cents_neither_doubles_nor_loses_a_bin_of_a_cheap_coin(path: Path) -> None:
    rows = [_bin(0.1, 1e6), _bin(0.09, 2e6), _bin(0.09, 3e6), _bin(0.09, 3e6), _bin(0.11, 4e6)]
    (found,), told = _read(
        path, _line(DOGE=_coin(0.096, longLiquidations=rows, shortLiquidations=[]))
    )
    longs = found.ladder.side(Side.LONG)
    assert longs.price.tolist() == [0.096, 0.09, 0.09]
    assert sorted(longs.notional_usd) == [1e6, 2e6, 3e6]
    assert [why for _, why in told] == [
        "DOGE: longs at 0.09 are listed twice",
        "DOGE: longs at 0.11 are on the wrong side of 0.096",
    ]


def test_an_empty_map_is_a_map(path: Path) -> None:
    (found,), told = _read(path, _line(SOL=_coin(longLiquidations=[], shortLiquidations=[])))
    assert told == []
    assert found.ladder.side(Side.LONG).size == found.ladder.side(Side.SHORT).size == 0
    assert found.long_leverage_usd.shape == (0, len(LEVERAGES))


def test_leverages_that_are_not_said_are_unknown(path: Path) -> None:
    (found,), _ = _read(path, _line(BTC=_coin(longLiquidations=[{"price": 994.0, "value": 1e6}])))
    assert bool(np.isnan(found.long_leverage_usd).all())


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (_bin(1006.0, 1e6), "longs at 1006 are on the wrong side of 1000"),
        (_bin(994.0, 1e6), "longs at 994 are listed twice"),
        (_bin(970.0, 0.0), "value"),
        (_bin(970.0, -5.0), "value"),
        (_bin(0.0, 1e6), "price"),
        (_bin(970.0, 1e6, **{"50x": 9e5}), "is not the sum 900000 of its leverages"),
        (_bin(970.0, 1e6, **{"50x": -1}), "50x"),
        ({"price": "970", "value": 1.0}, "price"),
        ({"price": 970.0}, "value"),
        (None, "Expected"),
        ([970.0], "Expected"),
    ],
)  # fmt: skip
def test_a_bad_bin_is_left_out_and_its_neighbours_stay(path: Path, bad: Any, why: str) -> None:
    good = _coin()
    rows = [*good["longLiquidations"], bad]
    (found,), told = _read(
        path, _line(BTC=good | {"longLiquidations": rows}, ETH=_coin()), symbol=BTC
    )
    assert found.ladder.side(Side.LONG).price.tolist() == [994.0, 982.0]
    ((line, said),) = told
    assert line == 1
    assert said.startswith("BTC: ")
    assert why in said


def test_shorts_are_judged_by_the_same_rules(path: Path) -> None:
    rows = [_bin(994.0, 1e6), _bin(1030.0, 5e6), _bin(1030.0, 5e6), _bin(1042.0, 1e6)]
    (found,), told = _read(path, _line(BTC=_coin(shortLiquidations=rows)))
    assert found.ladder.side(Side.SHORT).price.tolist() == [1030.0, 1042.0]
    assert [why for _, why in told] == [
        "BTC: shorts at 994 are on the wrong side of 1000",
        "BTC: shorts at 1030 are listed twice",
    ]


@pytest.mark.parametrize(
    "coin", [None, [], {}, _coin(0.0), _coin(-1.0), {"currentPrice": 5.0}, _coin(currentPrice="1000")]
)  # fmt: skip
def test_a_bad_coin_is_left_out_and_the_others_stay(path: Path, coin: Any) -> None:
    (found,), told = _read(path, _line(BTC=coin, ETH=_coin()))
    assert found.coin == "ETH"
    assert len(told) == 1
    assert told[0][1].startswith("BTC: ")


def test_an_unknown_coin_is_left_out(path: Path) -> None:
    found, told = _read(path, _line(NOCOIN=_coin(), ETH=_coin()))
    assert [one.coin for one in found] == ["ETH"]
    assert told == [(1, "coin 'NOCOIN' is not among the venue's instruments")]


@pytest.mark.parametrize(
    "line",
    [
        b"{", b"[]", b"null", b"\xff", b'{"snapshot": {}}', b"[" * 100_000,
        _line("yesterday", BTC=_coin()), _line("1970-01-01T00:00:00Z", BTC=_coin()),
        _line("2026-02-04T00:00:00Z", BTC=_coin()), _line("2026-02-05T00:00:00Z", BTC=_coin()),
    ],
)  # fmt: skip
def test_a_bad_line_is_left_out_and_the_others_stay(path: Path, line: bytes) -> None:
    first, last = (_line(f"2026-02-0{day}T00:00:00Z", BTC=_coin()) for day in (5, 6))
    found, told = _read(path, first, line, last)
    assert [one.line for one in found] == [1, 3]
    assert [number for number, _ in told] == [2]


def test_a_bad_row_raises_if_nobody_is_told(path: Path) -> None:
    path.write_bytes(_line(BTC=_coin(0.0)) + b"\n")
    with pytest.raises(SourceError, match=r"maps\.jsonl: line 1: BTC: "):
        list(read_clusters(path))


def test_a_file_that_breaks_off_says_so_after_its_whole_lines(path: Path) -> None:
    lines = b"".join(_line(f"2026-02-0{day}T00:00:00Z", BTC=_coin()) + b"\n" for day in (5, 6))
    path.write_bytes(gzip.compress(lines)[:-12])
    with pytest.raises(SourceError, match=r"maps\.jsonl"):
        list(read_clusters(path))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_bytes_crash_it(path: Path, data: st.DataObject) -> None:
    whole = bytearray(_line(BTC=_coin(), ETH=_coin(2000.0)))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    found, _ = _read(path, bytes(whole))
    for one in found:
        mark = one.ladder.mark_price
        assert (one.ladder.side(Side.LONG).price <= mark).all()
        assert (one.ladder.side(Side.SHORT).price >= mark).all()


def test_the_last_map_at_a_time(path: Path) -> None:
    days = [_line(f"2026-02-0{day}T00:00:00Z", BTC=_coin()) for day in (5, 6, 7)]
    path.write_bytes(b"\n".join(days) + b"\n")
    assert clusters_at(path, BTC).line == 3
    assert clusters_at(path, BTC, ns_from_iso("2026-02-06T23:00:00Z")).line == 2
    assert clusters_at(path, BTC, ns_from_iso("2026-02-06T00:00:00Z")).line == 2
    with pytest.raises(InputError, match="the first map of BTC/USDC:USDC is of 2026-02-05"):
        clusters_at(path, BTC, ns_from_iso("2026-02-04T00:00:00Z"))
    with pytest.raises(InputError, match="no map of ETH/USDC:USDC"):
        clusters_at(path, "ETH/USDC:USDC")


def test_maps_are_known_by_their_first_bytes(path: Path) -> None:
    path.write_bytes(_line(BTC=_coin()))
    assert is_clusters(head(path))
    assert not is_clusters(b'{"currentPrice": 1}\n"longLiquidations"')
    assert not is_clusters(b"")


@pytest.mark.data
class TestFebruary:
    def test_every_row_of_the_file_is_read(self, data_dir: Path) -> None:
        assert is_clusters(head(data_dir / NAME))
        maps = list(read_clusters(data_dir / NAME))  # a bad row would raise
        assert len(maps) == 137 * 9
        assert len({one.ladder.at_ns for one in maps}) == 137
        assert len({one.ladder.symbol for one in maps}) == 9
        assert all(one.half_width is not None for one in maps)
        levels = sum(one.ladder.side(side).size for one in maps for side in Side)
        assert levels == 2686 + 1965

    def test_the_maps_before_and_in_the_crash(self, data_dir: Path) -> None:
        before = clusters_at(data_dir / NAME, BTC, ns_from_iso("2026-02-05T14:36:00Z"))
        after = clusters_at(data_dir / NAME, BTC, ns_from_iso("2026-02-05T18:34:00Z"))
        assert (before.ladder.mark_price, after.ladder.mark_price) == (70_328.0, 65_726.0)

        def millions(one: Any, rows: int) -> list[tuple[int, float]]:
            longs = one.ladder.side(Side.LONG)
            pairs = zip(longs.price, longs.notional_usd, strict=True)
            return [(round(price), round(usd / 1e6, 1)) for price, usd in pairs][:rows]

        assert millions(before, 4)[1::2] == [(69_062, 25.4), (67_374, 30.4)]
        assert millions(after, 2) == [(65_332, 16.5), (64_543, 8.9)]

    def test_rolled_through_the_crash_the_map_loses_its_clusters(self, data_dir: Path) -> None:
        example = _example()
        maps = list(read_clusters(data_dir / NAME, symbol=BTC))
        before = example.at_minute(maps, example.BEFORE)
        after = example.at_minute(maps, example.AFTER)
        prices = example.five_minute_prices(data_dir / example.PRICES)
        rolled = example.rolled_to(before, after, prices)
        assert (rolled.lowest, rolled.highest) == (65_726.0, pytest.approx(70_666.9, abs=0.1))
        gone = [round(price) for price in rolled.consumed.side(Side.LONG).price]
        assert gone == [69_906, 69_062, 68_218, 67_374, 66_530]
        assert rolled.ladder.side(Side.LONG).price[0] == 65_686.35
        assert rolled.consumed.side(Side.SHORT).size == 0
        found = example.compared(rolled, before, after)
        figures = [
            round(total(Side.LONG) / 1e6, 1)
            for total in (
                found.consumed_usd, found.survived_usd, found.left_usd, found.kept_usd,
                found.moved_usd, found.later_usd,
            )
        ]  # fmt: skip
        assert figures == [63.5, 25.4, 32.3, 2.5, 1.4, 103.1]

    def test_the_committed_output_of_the_example_is_what_it_prints(
        self, data_dir: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert _example().main(data_dir) == 0
        assert capsys.readouterr().out == EXAMPLE.with_suffix(".md").read_text(encoding="utf-8")


def _example() -> Any:
    spec = importlib.util.spec_from_file_location("rolled_map", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_names_what_it_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _example().main(tmp_path) == 2
    assert "not there" in capsys.readouterr().err
