"""Counts become bins of forced flow that claim no more than they know."""

import json
from pathlib import Path
from typing import Any

import pytest

from airpocket.errors import SourceError
from airpocket.market.events import Coverage, ForcedFlow, Gap, GapCause, Method
from airpocket.market.quality import Finding, FindingCode
from airpocket.market.source import Item
from airpocket.units import EARLIEST_NS, SECOND_NS, ns_from_iso
from airpocket.venues.hyperliquid.forced_counts import ForcedCounts
from tests.venues.hyperliquid.publication import TIMING, publish

START = ns_from_iso(TIMING["event_start"])


def _read(folder: Path) -> list[Item]:
    return list(ForcedCounts(folder).read())


def _flows(items: list[Item], *, whole: bool = False) -> list[ForcedFlow]:
    """Bins of one second, or the sums over the whole recording."""
    flows = [item for item in items if isinstance(item, ForcedFlow)]
    return [flow for flow in flows if (flow.width_ns > SECOND_NS) is whole]


def _findings(items: list[Item]) -> dict[FindingCode, list[Finding]]:
    found: dict[FindingCode, list[Finding]] = {}
    for item in items:
        if isinstance(item, Finding):
            found.setdefault(item.code, []).append(item)
    return found


def test_bins_by_method_on_the_grid_of_the_event(tmp_path: Path) -> None:
    flows = _flows(_read(publish(tmp_path)))
    said = [(f.venue_ns, f.method, f.count, f.first_ns) for f in flows]
    assert said == [
        (START, Method.BACKSTOP, 2, START),
        (START + 61 * SECOND_NS, Method.BACKSTOP, 2, None),
        (START + 61 * SECOND_NS, Method.ADL, 3, START + 61_704_502_000),
        (START + 63 * SECOND_NS, Method.ADL, 1, None),
    ]
    for flow in flows:
        assert (flow.side, flow.usd, flow.coverage) == (None, None, Coverage.SAMPLED)
        assert (flow.symbol, flow.raw_symbol, flow.width_ns) == ("*", "*", SECOND_NS)
    assert [f.raw_ref.ordinal for f in flows if f.raw_ref is not None] == [1, 2, 2, 3]


def test_nothing_is_known_before_and_after(tmp_path: Path) -> None:
    items = _read(publish(tmp_path))
    before, after = [item for item in items if isinstance(item, Gap)]
    assert (before.from_ns, before.to_ns) == (EARLIEST_NS, START)
    assert (after.from_ns, after.to_ns) == (START + 64 * SECOND_NS, None)
    assert after.cause is GapCause.END_OF_RECORDING
    assert items[-1] is after
    known = [
        (item.venue_ns or 0) + (item.width_ns if isinstance(item, ForcedFlow) else 0)
        for item in items
        if isinstance(item, ForcedFlow | Gap)
    ]
    assert known == sorted(known)


def test_dollars_are_told_as_sums_over_the_whole_recording(tmp_path: Path) -> None:
    items = _read(publish(tmp_path))
    bins, sums = _flows(items), _flows(items, whole=True)
    for method in (Method.BACKSTOP, Method.ADL):
        (whole,) = (flow for flow in sums if flow.method is method)
        assert whole.count == sum(flow.count or 0 for flow in bins if flow.method is method)
        assert whole.usd is not None
        assert (whole.venue_ns, whole.width_ns) == (START, 64 * SECOND_NS)


def test_what_a_reader_must_know(tmp_path: Path) -> None:
    found = _findings(_read(publish(tmp_path)))
    (legs,) = found[FindingCode.BOTH_LEGS]
    assert legs.count == 16
    assert "even in all 3 seconds (2 of them not 0), so 16 printed rows are 8 trades" in legs.said
    (cut,) = found[FindingCode.TRUNCATED]
    assert cut.said.endswith("while it is active: 2 trades in minute 0, 6 trades in minute 1")
    excluded = [(f.said.split()[0], f.where) for f in found[FindingCode.EXCLUDED_COLUMN]]
    assert excluded == [
        ("leverage_realtime", "adl_by_coin_REALTIME.csv"),
        ("is_negative_equity", "adl_by_coin_REALTIME.csv"),
    ]
    assert "not counted" in found[FindingCode.ASSUMPTION][0].said


def test_odd_counts_are_refused_before_anything_is_said(tmp_path: Path) -> None:
    odd = {**TIMING, "timeline": [{"second": 0, "liquidations": 3, "adls": 0}]}
    with pytest.raises(SourceError, match="no number of trades can be said"):
        ForcedCounts(publish(tmp_path, timing=odd))


def test_a_first_time_outside_its_bin_is_not_carried(tmp_path: Path) -> None:
    moved: dict[str, Any] = {**TIMING, "first_adl": "2025-10-10T21:17:04.831874+00:00"}
    flows = _flows(_read(publish(tmp_path, timing=moved)))
    assert [f.first_ns for f in flows if f.method is Method.ADL] == [None, None]


def test_progress_ends_at_the_size_of_the_file(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    folder = publish(tmp_path)
    list(ForcedCounts(folder).read(lambda done, size: told.append((done, size))))
    assert told == [(len(json.dumps(TIMING)),) * 2]


@pytest.mark.data
def test_the_published_event(data_dir: Path) -> None:
    folder = data_dir / "hl_oct10_adl"
    items = _read(folder)
    flows = _flows(items)
    counts = {
        method: sum(f.count or 0 for f in flows if f.method is method)
        for method in (Method.ADL, Method.BACKSTOP)
    }
    assert counts == {Method.ADL: 34_983, Method.BACKSTOP: 14_327}
    assert sum(counts.values()) == 49_310
    assert len({f.venue_ns for f in flows}) == 186
    first = next(f for f in flows if f.method is Method.ADL)
    assert first.first_ns == ns_from_iso("2025-10-10T21:16:04.831874")
    assert flows[0].first_ns == ns_from_iso("2025-10-10T21:15:03.127372")
    found = _findings(items)
    (legs,) = found[FindingCode.BOTH_LEGS]
    assert "even in all 186 seconds" in legs.said
    assert "98,620 printed rows are 49,310 trades" in legs.said
    assert "123 trades in minute 10, 42 trades in minute 11" in found[FindingCode.TRUNCATED][0].said
    sums = {flow.method: flow.usd for flow in _flows(items, whole=True)}
    assert sums[Method.ADL] == pytest.approx(2_103_111_431, abs=1)
    assert sum(usd or 0.0 for usd in sums.values()) == pytest.approx(3.807e9, rel=1e-4)
    columns = {f.said.split()[0] for f in found[FindingCode.EXCLUDED_COLUMN]}
    assert columns == {"leverage_realtime", "account_value_realtime", "is_negative_equity"}


@pytest.mark.data
def test_second_k_is_the_floor_of_the_time_since_the_start(data_dir: Path) -> None:
    """Ten bursts are published with their exact times: each lies in the bin that we give it."""
    folder = data_dir / "hl_oct10_adl"
    adls = {f.venue_ns: f.count for f in _flows(_read(folder)) if f.method is Method.ADL}
    bursts = json.loads((folder / "batch_processing_results.json").read_text())["top_shared_bursts"]
    assert len(bursts) == 10
    for burst in bursts:
        at_ns = ns_from_iso(burst["timestamp"])
        bin_ns = START + (at_ns - START) // SECOND_NS * SECOND_NS
        assert adls[bin_ns] is not None
        assert (adls[bin_ns] or 0) >= burst["adls"]
