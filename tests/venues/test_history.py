"""Tests of airpocket.venues.history."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from airpocket.errors import SourceError
from airpocket.market.columns import MISSING_INT, Columns
from airpocket.market.events import Gap, GapCause, Mark, Trade
from airpocket.market.quality import Finding, FindingCode
from airpocket.market.source import Item, Label, Progress
from airpocket.units import MILLISECOND_NS, SECOND_NS
from airpocket.venues.history import FileRecording, Rejects, SkewMeter

LABEL = Label(name="x", kind="test", venue="okx", channels=("marks",))
AT_NS = 1_760_129_100_071_000_000


def mark(at_ns: int, raw_symbol: str = "A") -> Mark:
    return Mark(venue="okx", symbol=None, raw_symbol=raw_symbol, venue_ns=at_ns, mark_price=1.0)


def test_every_instrument_ends_when_its_channel_was_last_heard() -> None:
    def items(_: Progress | None) -> Iterator[Item]:
        yield mark(5)
        yield mark(9, "B")
        yield mark(7)
        yield Columns(
            Trade,
            3,
            {
                "venue": "okx",
                "raw_symbol": (np.array([0, 1, 0], dtype=np.int32), ("A", "C")),
                "symbol": (np.array([0, -1, 0], dtype=np.int32), ("A/USD",)),
                "venue_ns": np.array([3, 4, 11]),
                "price": 1.0,
                "qty_raw": 1.0,
            },
        )

    read = list(FileRecording(LABEL, Path("x"), items).read())
    ends = [item for item in read if isinstance(item, Gap)]
    assert {(e.channel, e.raw_symbol, e.symbol, e.from_ns) for e in ends} == {
        ("marks", "A", None, 9),
        ("marks", "B", None, 9),
        ("trades", "A", "A/USD", 11),
        ("trades", "C", None, 11),
    }
    assert read[-len(ends) :] == ends


def test_where_a_file_breaks_off_is_said_before_the_error_is_raised() -> None:
    def items(_: Progress | None) -> Iterator[Item]:
        yield mark(5)
        raise SourceError("x: cut off")

    read: list[Item] = []
    with pytest.raises(SourceError, match="cut off"):
        read.extend(FileRecording(LABEL, Path("x"), items).read())
    _, finding, gap = read
    assert isinstance(finding, Finding)
    assert finding.code is FindingCode.TRUNCATED
    assert isinstance(gap, Gap)
    assert (gap.cause, gap.from_ns, gap.to_ns) == (GapCause.UNREADABLE, 5, None)


def test_rejects_keep_the_first_rows_and_count_all() -> None:
    rejects = Rejects("x.csv", "okx")
    assert list(rejects.findings()) == []
    lines = np.arange(10, 20)
    rejects.add_rows(lines, lines % 2 == 0, "odd one out")
    (finding,) = rejects.findings()
    assert finding.count == 5
    assert "line 10: odd one out; line 12: odd one out; line 14: odd one out; …" in finding.said


def test_times_in_another_unit_are_named_with_their_first_line() -> None:
    rejects = Rejects("x.csv", "okx")
    times = np.array([AT_NS // 10**6, AT_NS // 10**9, 12, AT_NS // 10**3])
    lines = np.array([2, 3, 4, 5])
    is_good = rejects.check_times(lines, times, MILLISECOND_NS, "time")
    assert is_good.tolist() == [True, False, False, False]
    changed, rejected = rejects.findings()
    assert (changed.code, changed.count) == (FindingCode.TIME_UNIT_CHANGED, 2)
    assert "line 3" in changed.said
    assert rejected.count == 3


def test_the_clocks_are_compared_over_all_blocks() -> None:
    meter = SkewMeter()
    venue = np.arange(1000) * SECOND_NS + AT_NS
    meter.add(venue, venue + 5 * MILLISECOND_NS)
    assert list(meter.findings("x", "okx")) == []
    meter.add(venue, np.full(1000, MISSING_INT))
    meter.add(venue[:10], venue[:10] - SECOND_NS)
    meter.add(venue[:10], venue[:10] + 90 * SECOND_NS)
    (finding,) = meter.findings("x", "okx")
    assert (finding.code, finding.count) == (FindingCode.CLOCK_SKEW, 20)
    assert "0.005 s in the median, from -1 s to 90 s" in finding.said
