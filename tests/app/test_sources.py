from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.app.sources import (
    REORDER_NS,
    TICK_WIDTH_NS,
    Group,
    gather,
    groups_of,
    observations,
    require_one_extract,
)
from airpocket.errors import InputError, SourceError, TapeError
from airpocket.market.columns import Columns
from airpocket.market.events import (
    AdlWarning,
    Bar,
    ForcedFlow,
    Gap,
    GapCause,
    Mark,
    OpenInterest,
    Trade,
)
from airpocket.market.quality import Finding, FindingCode
from airpocket.market.source import Item, Label, Progress
from airpocket.store.tape import TapeWriter
from airpocket.units import HOUR_NS, MINUTE_NS, SECOND_NS, ns_from_iso
from tests.app.made import liquidations, until_it_breaks

START_NS = ns_from_iso("2026-03-02T09:00:00Z")


class Made:
    """A recording of given items, which may break off."""

    def __init__(
        self, items: Sequence[Item], *, name: str = "made", channels: tuple[str, ...] = ("trades",),
        width_ns: int | None = None, error: Exception | None = None, **label: Any,
    ) -> None:  # fmt: skip
        self.label = Label(
            name=name, channels=channels, width_ns=width_ns,
            **({"kind": "made", "venue": "okx"} | label),
        )  # fmt: skip
        self._items = items
        self._error = error

    def read(self, progress: Progress | None = None) -> Iterator[Item]:
        yield from self._items
        if progress is not None:
            progress(1, 1)
        if self._error is not None:
            raise self._error


def trade(at_ns: int, *, price: float = 100.0, symbol: str | None = "A/USD") -> Trade:
    return Trade(
        venue="okx", symbol=symbol, raw_symbol="A", venue_ns=at_ns, price=price, qty_raw=1.0,
        notional_usd=price,
    )  # fmt: skip


def mark(at_ns: int | None) -> Mark:
    return Mark(venue="okx", symbol="A/USD", raw_symbol="A", venue_ns=at_ns, mark_price=1.0)


def gap(from_ns: int, cause: GapCause = GapCause.END_OF_RECORDING) -> Gap:
    return Gap(
        venue="okx", symbol="A/USD", raw_symbol="A", channel="trades", from_ns=from_ns,
        to_ns=None, cause=cause, proven_by="x",
    )  # fmt: skip


def flow(start_ns: int, width_ns: int) -> ForcedFlow:
    return ForcedFlow(
        venue="okx", symbol="A/USD", raw_symbol="A", venue_ns=start_ns, width_ns=width_ns,
        side=None, count=1, usd=5.0, coverage="census",  # type: ignore[arg-type]
    )  # fmt: skip


def merged(*recordings: Made, width_ns: int = SECOND_NS) -> list[Any]:
    return list(observations(Group(width_ns, recordings)))


def known_ns(item: Any) -> int:
    if isinstance(item, Bar | ForcedFlow):
        return (item.venue_ns or 0) + item.width_ns
    return item.from_ns if isinstance(item, Gap) else item.venue_ns


class TestGroups:
    def test_ticks_are_followed_in_seconds_and_sums_in_their_own_width(self) -> None:
        ticks, hours = Made([]), Made([], channels=("forced_flow",), width_ns=HOUR_NS)
        other = Made([], channels=("liquidations",))
        groups = groups_of([hours, ticks, other])
        assert [(group.width_ns, len(group.recordings)) for group in groups] == [
            (TICK_WIDTH_NS, 2),
            (HOUR_NS, 1),
        ]

    def test_context_goes_with_every_group(self) -> None:
        context = Made([], channels=("depth",))
        groups = groups_of([Made([]), context, Made([], width_ns=HOUR_NS)])
        assert len(groups) == 2
        assert all(context in group.recordings for group in groups)

    def test_context_alone_is_a_group(self) -> None:
        assert groups_of([]) == []
        ((width_ns, _),) = groups_of([Made([], channels=("bars",), width_ns=MINUTE_NS)])
        assert width_ns == MINUTE_NS
        ((width_ns, _),) = groups_of([Made([], channels=("depth",))])
        assert width_ns == TICK_WIDTH_NS


class TestExtracts:
    def test_two_extracts_of_the_same_events_are_refused_by_name(self) -> None:
        first = Made([], name="a.parquet", kind="calls", extract_of="the calls")
        second = Made([], name="b.parquet", kind="revenue", extract_of="the calls")
        with pytest.raises(InputError) as caught:
            require_one_extract([first, Made([]), second])
        said = str(caught.value)
        assert all(part in said for part in ("a.parquet", "b.parquet", "the calls", "only one"))

    def test_parts_of_one_extract_and_other_files_belong_together(self) -> None:
        parts = [Made([], name=name, extract_of="the calls") for name in "ab"]
        require_one_extract([*parts, Made([], kind="x"), Made([], kind="y", extract_of="others")])


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 60 * 10), st.integers(0, 3)), max_size=30), max_size=4
    )
)
def test_everything_comes_once_and_in_order(plans: list[list[tuple[int, int]]]) -> None:
    """Whatever the recordings hold, as long as none is more than 10 s out of order."""
    recordings, ticks, others = [], 0, 0
    for number, plan in enumerate(plans):
        items: list[Item] = []
        for tenths, kind in sorted(plan):
            at_ns = START_NS + tenths * SECOND_NS // 10
            start_ns = at_ns - at_ns % SECOND_NS
            items.append(
                (trade(at_ns), mark(at_ns), flow(start_ns - SECOND_NS, SECOND_NS), gap(at_ns))[kind]
            )
            ticks += kind == 0
            others += kind != 0
        recordings.append(Made(items, name=f"r{number}"))
    said = merged(*recordings)
    assert sum(item.trades or 0 for item in said if isinstance(item, Bar)) == ticks
    assert sum(not isinstance(item, Bar) for item in said) == others
    times = [known_ns(item) for item in said]
    spans = [now - before for before, now in pairwise(times)]
    assert all(span >= -SECOND_NS for span in spans), "a gap follows the bin it lies in"
    bins = [known_ns(item) for item in said if isinstance(item, Bar | ForcedFlow | Mark)]
    assert bins == sorted(bins)


def test_ticks_one_by_one_and_in_columns_give_the_same_bins() -> None:
    ticks = [
        trade(START_NS + n * 137_000_000 + (n % 7) * 1_000_000, price=100.0 + n % 11)
        for n in range(500)
    ]
    live = merged(Made([*ticks, gap(ticks[-1].venue_ns or 0)]))
    blocks = [Columns.gather(ticks[start : start + 100]) for start in range(0, 500, 100)]
    bulk = merged(Made([*blocks, gap(ticks[-1].venue_ns or 0)]))
    assert live == bulk
    assert len(live) > 60


def test_a_tick_that_was_written_down_late_is_still_counted() -> None:
    late = [trade(START_NS + 9 * SECOND_NS), trade(START_NS), trade(START_NS + 30 * SECOND_NS)]
    bars = [item for item in merged(Made(late)) if isinstance(item, Bar)]
    assert [(bar.venue_ns or 0) - START_NS for bar in bars] == [0, 9 * SECOND_NS, 30 * SECOND_NS]


def test_a_tick_that_came_too_late_is_told() -> None:
    late = [trade(START_NS + REORDER_NS + 5 * SECOND_NS), trade(START_NS)]
    *bars, finding = merged(Made(late, name="slow.csv"))
    assert len(bars) == 1
    assert isinstance(finding, Finding)
    assert (finding.code, finding.where, finding.count) == (
        FindingCode.REJECTED_ROWS,
        "slow.csv",
        1,
    )


def test_a_tick_without_time_is_told() -> None:
    timeless = trade(START_NS)
    timeless = Trade(venue="okx", symbol=None, raw_symbol="A", price=1.0, qty_raw=1.0)
    (finding,) = merged(Made([timeless]))
    assert isinstance(finding, Finding)


def test_what_has_no_time_or_no_use_is_passed_over() -> None:
    warning = AdlWarning(venue="okx", symbol=None, raw_symbol="A", venue_ns=START_NS, state="x")
    assert merged(Made([mark(None), warning])) == []


def test_a_bin_comes_before_the_gap_that_begins_in_it() -> None:
    said = merged(Made([trade(START_NS + 5), gap(START_NS + 5), mark(START_NS + SECOND_NS)]))
    assert [type(item) for item in said] == [Bar, Mark, Gap]


def test_hourly_sums_wait_for_their_end() -> None:
    sums = Made([flow(START_NS, HOUR_NS)], channels=("forced_flow",), width_ns=HOUR_NS)
    interest = [
        OpenInterest(
            venue="okx", symbol="A", raw_symbol="A", qty_base=1.0, notional_usd=1.0,
            venue_ns=START_NS + minutes * MINUTE_NS,
        )
        for minutes in (5, 59, 61)
    ]  # fmt: skip
    said = merged(sums, Made(interest, channels=("open_interest",)), width_ns=HOUR_NS)
    assert [type(item).__name__ for item in said] == [
        "OpenInterest", "OpenInterest", "ForcedFlow", "OpenInterest",
    ]  # fmt: skip


@pytest.mark.parametrize("error", [SourceError("broken"), TapeError("damaged")])
def test_a_recording_that_breaks_off_does_not_silence_the_others(error: Exception) -> None:
    broken = Made([trade(START_NS), gap(START_NS, GapCause.UNREADABLE)], name="broken", error=error)
    whole = Made([trade(START_NS + n * SECOND_NS) for n in range(60)], name="whole")
    said, raised = until_it_breaks(observations(Group(SECOND_NS, (broken, whole))))
    assert raised is error
    assert sum(isinstance(item, Bar) for item in said) == 61
    assert [item.cause for item in said if isinstance(item, Gap)] == [GapCause.UNREADABLE]


def test_a_bug_in_an_archive_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        merged(Made([trade(START_NS)], error=ZeroDivisionError()))


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 3 * 4096))
def test_long_recordings_are_let_go_bit_by_bit(count: int) -> None:
    marks = Made([mark(START_NS + n * SECOND_NS) for n in range(count)])
    assert len(merged(marks)) == count


def test_memory_is_bounded_by_what_may_still_change_place() -> None:
    held = 0

    def items() -> Iterator[Item]:
        nonlocal held
        for n in range(50_000):
            held += 1
            yield mark(START_NS + n * SECOND_NS)

    most = 0
    for _ in observations(Group(SECOND_NS, (_Lazy(items()),))):
        held -= 1
        most = max(most, held)
    assert most < 5_000


class _Lazy(Made):
    def __init__(self, items: Iterator[Item]) -> None:
        super().__init__([])
        self._lazy = items

    def read(self, progress: Progress | None = None) -> Iterator[Item]:
        return self._lazy


def test_progress_goes_to_its_recording() -> None:
    told: list[str] = []

    def of(label: Label) -> Progress:
        return lambda *_: told.append(label.name)

    list(observations(Group(SECOND_NS, (Made([], name="a"), Made([], name="b"))), of))
    assert sorted(told) == ["a", "b"]


def test_of_a_store_the_tapes_are_read(tmp_path: Path) -> None:
    store = tmp_path / "data"
    tapes = store / "tapes"
    tapes.mkdir(parents=True)
    with pytest.raises(SourceError, match="holds no recording"):
        gather([store])
    with TapeWriter(tapes / "2026-03-02.tape", "2026-03-02"):
        pass
    (store / "state.db").write_text("")
    (store / "state.db-wal").write_text("")
    (store / "watch.log").write_text("")
    recordings, left_out = gather([store, tapes])
    assert [one.label.name for one in recordings] == ["2026-03-02.tape"]
    assert left_out == [f"named twice, read once: {tapes}"]
    liquidations(store / "binance-futures_liquidations_2026-03-02_BTCUSDT.csv.gz")
    recordings, left_out = gather([store])
    assert [one.label.kind for one in recordings] != ["airpocket tape"]
    assert f"left out: {tapes}: a folder, name it to have it read" in left_out


def test_sources_are_gathered_in_the_order_given(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        gather([tmp_path / "nowhere"])
    names = ["binance-futures_liquidations_b.csv", "binance-futures_liquidations_a.csv"]
    paths = [liquidations(tmp_path / name) for name in names]
    assert [recording.label.name for recording in gather(paths)[0]] == names


def test_what_is_named_twice_is_read_once(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    path = liquidations(folder / "binance-futures_liquidations_a.csv")
    link = tmp_path / "link.csv"
    link.symlink_to(path)
    for named in ([path, path], [folder, path], [path, folder], [folder, folder], [path, link]):
        recordings, left_out = gather(named)
        assert len(recordings) == 1
        assert [note.partition(":")[0] for note in left_out] == ["named twice, read once"]


@pytest.mark.data
def test_the_extracts_of_a_real_folder_are_not_mixed(data_dir: Path) -> None:
    recordings, left_out = gather([data_dir / "aave_wbtc_liquidations"])
    assert len(left_out) == 2
    with pytest.raises(InputError, match="revenue_liquidations") as caught:
        require_one_extract(recordings)
    assert "btc_liquidations.parquet" in str(caught.value)
    v2, _ = gather([data_dir / "aave_v2_liquidations"])
    wbtc, _ = gather([data_dir / "aave_wbtc_liquidations" / "wbtc_liquidations.parquet"])
    cbbtc, _ = gather([data_dir / "aave_wbtc_liquidations" / "cbbtc_liquidations.parquet"])
    require_one_extract([*wbtc, *cbbtc])
    with pytest.raises(InputError):
        require_one_extract([*wbtc, *v2])
