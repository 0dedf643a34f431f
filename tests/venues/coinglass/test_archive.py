"""CoinGlass exports are known by their columns."""

from pathlib import Path

import pytest

from airpocket.errors import SourceError
from airpocket.units import DAY_NS, HOUR_NS, MINUTE_NS
from airpocket.venues.coinglass.archive import ARCHIVES, LAYOUTS, coin_named
from tests.venues.coinglass.reading import contents, opened, written


@pytest.mark.data
def test_every_file_of_the_three_folders_opens(data_dir: Path) -> None:
    paths = [
        *(data_dir / "coinglass_4h").glob("*.csv*"),
        *(data_dir / "coinglass_daily").glob("*.csv*"),
        *(data_dir / "feb2026").glob("*.csv*"),
    ]
    assert len(paths) == 22
    widths = {path.name: opened(path).label.width_ns for path in paths}
    assert set(widths.values()) == {5 * MINUTE_NS, HOUR_NS, 4 * HOUR_NS, 8 * HOUR_NS, DAY_NS}
    for path in paths:
        events, _ = contents(path)
        assert len(events) > 300


@pytest.mark.parametrize("times", [[], ["1735689600000"], ["1735689600", "1735693200"]])
def test_a_file_whose_bars_have_no_width_is_refused(tmp_path: Path, times: list[str]) -> None:
    path = written(tmp_path / "x.csv", "t,oi,oi_usd", *(f"{time},1,2" for time in times))
    with pytest.raises(SourceError, match="times in ms"):
        opened(path)


@pytest.mark.parametrize("name", ["prices.csv", "candles_BTC.csv"])
def test_columns_that_could_mean_anything_are_not_claimed_by_them_alone(name: str) -> None:
    first = b"time,open,high,low,close\n1735689600000,1,2,1,2\n"
    assert not any(archive.claims(Path(name), first) for archive in ARCHIVES)


def test_a_nameless_coin_follows_its_neighbours_only_if_they_agree(tmp_path: Path) -> None:
    nameless = tmp_path / "price_ohlc_history.csv"
    assert coin_named(nameless) == (None, "?", False)
    (tmp_path / "fundingRate_BTC.csv").touch()
    assert coin_named(nameless) == ("BTC", "BTC", True)
    (tmp_path / "fundingRate_ETH.csv").touch()
    assert coin_named(nameless) == (None, "?", False)


def test_no_two_layouts_need_the_same_columns() -> None:
    keys = {(frozenset(set(one.columns) - set(one.optional)), one.named) for one in LAYOUTS}
    assert len(keys) == len(LAYOUTS)
