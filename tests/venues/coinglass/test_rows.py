"""Which rows of a CoinGlass file are usable."""

from pathlib import Path

import pytest

from airpocket.errors import SourceError
from airpocket.market.events import (
    OpenInterest,
)
from airpocket.market.quality import FindingCode
from airpocket.units import ns_from_iso
from tests.venues.coinglass.reading import at, contents, only, opened, written

T0 = ns_from_iso("2025-10-10T20:00:00")


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (f"{at('2025-01-01') // 1000},1,2,1,2", FindingCode.TIME_UNIT_CHANGED),
        ("17,1,2,1,2", FindingCode.REJECTED_ROWS),
        (f"{at('2025-01-01T01:00:00')},0,2,0,2", FindingCode.REJECTED_ROWS),
        (f"{at('2025-01-01T01:00:00')},1,2,3,2", FindingCode.REJECTED_ROWS),
        (f"{at('2025-01-01T01:00:00')},nan,2,1,2", FindingCode.REJECTED_ROWS),
        (f"{at('2025-01-01T01:00:00')},inf,inf,1,2", FindingCode.REJECTED_ROWS),
        (f"{at('2025-01-01T01:00:00')},x,2,1,2", FindingCode.REJECTED_ROWS),
        (f"{at('2025-01-01T01:00:00')},1,2", FindingCode.REJECTED_ROWS),
        (f"{at('2025-01-01')},1,2,1,2", FindingCode.DUPLICATED_ROWS),
    ],
)
def test_impossible_rows_are_left_out_and_said(tmp_path: Path, row: str, code: FindingCode) -> None:
    path = written(
        tmp_path / "openInterest_BTC.csv",
        "time,open,high,low,close",
        f"{at('2025-01-01')},1,2,1,2",
        row,
        f"{at('2025-01-01T02:00:00')},2,2,1,2",
    )
    events, findings = contents(path)
    values = [oi.notional_usd for oi in only(events, OpenInterest)]
    assert (values[0], values[-1]) == (1.0, 2.0)
    assert [(f.code, f.count) for f in findings if f.code is code] == [(code, 1)]


def test_a_file_of_nothing_usable_is_refused(tmp_path: Path) -> None:
    rows = [f"{at('2025-01-01', step)},0,0" for step in (0, 300_000)]
    path = written(tmp_path / "x.csv", "t,oi,oi_usd", *rows)
    with pytest.raises(SourceError, match="no usable row"):
        list(opened(path).read())
