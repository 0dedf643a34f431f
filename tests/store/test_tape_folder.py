from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.errors import AirpocketError, TapeError
from airpocket.market.events import Gap, GapCause
from airpocket.market.wire import Frame
from airpocket.store.tape import TapeWriter
from airpocket.store.tape_folder import (
    TapeName,
    delete_tape,
    is_own_end,
    read_tapes,
    tapes_in,
    tapes_to_drop,
)
from airpocket.units import DAY_NS, SECOND_NS, ns_from_iso

T0 = ns_from_iso("2026-11-22")
DAY = T0 // DAY_NS


def hole(from_s: float, to_s: float | None = None, venue: str = "okx") -> Gap:
    return Gap(
        venue=venue, symbol="*", raw_symbol="*", channel="trades",
        from_ns=T0 + round(from_s * SECOND_NS),
        to_ns=None if to_s is None else T0 + round(to_s * SECOND_NS),
        cause=GapCause.DISCONNECT, proven_by="made",
    )  # fmt: skip


def write(path: Path, items: Sequence[float | Gap | None], *, commit_every: int = 3) -> Path:
    """Write a tape: a number is a frame received at that second, ``None`` one without a time."""
    with TapeWriter(path, path.stem, is_part=True) as tape:
        for number, item in enumerate(items):
            if isinstance(item, Gap):
                tape.record_gap(item)
            else:
                local_ns = None if item is None else T0 + round(item * SECOND_NS)
                tape.append("okx", "s", local_ns, str(item).encode())
            if number % commit_every == 0:
                tape.commit()
        tape.commit()
    return path


def told(items: Sequence[Frame | Gap]) -> list[object]:
    return [
        item.data.decode() if isinstance(item, Frame) else (item.from_ns - T0) / SECOND_NS
        for item in items
    ]


class TestNames:
    def test_only_daily_tapes_are_ours_and_they_are_in_order(self, tmp_path: Path) -> None:
        names = ["2026-11-22.tape", "2026-11-22.2.tape", "2026-11-22.10.tape", "2025-12-31.tape"]
        others = [
            "x.tape", "2026-11-22.tape-lock", "2026-02-31.tape", "2026-11-22.0.tape", "notes.txt",
            "2026-11-22.99999.tape",
        ]  # fmt: skip
        for name in [*names, *others]:
            (tmp_path / name).touch()
        found = tapes_in(tmp_path)
        assert [name.path(tmp_path).name for name in found] == [names[3], *names[:3]]
        assert found[1] == TapeName(DAY, 1)

    def test_a_folder_that_cannot_be_listed_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(TapeError, match="cannot be listed"):
            tapes_in(tmp_path / "missing")

    @given(st.integers(0, 40_000), st.integers(1, 9999))
    def test_names_are_read_as_they_are_written(self, day: int, number: int) -> None:
        name = TapeName(day, number)
        assert name.path(Path("f")).name == f"{name.tape_id}.tape"
        assert name.tape_id.count(".") == (number > 1)


class TestDropping:
    def sized(self, folder: Path, sizes: dict[str, int]) -> None:
        for name, size in sizes.items():
            (folder / f"{name}.tape").write_bytes(bytes(size))

    def test_old_days_go_and_the_last_one_stays(self, tmp_path: Path) -> None:
        self.sized(tmp_path, {f"2026-11-{day}": 10 for day in (10, 18, 19, 20)})
        self.sized(tmp_path, {"2026-11-19.2": 10})

        def gone(**limits: int) -> list[str]:
            return [path.name for path in tapes_to_drop(tmp_path, **limits)]

        assert gone(keep_days=2) == ["2026-11-10.tape", "2026-11-18.tape"]
        assert gone(keep_days=9) == []
        assert gone(keep_bytes=50) == []
        assert gone(keep_bytes=49) == ["2026-11-10.tape"]
        assert len(gone(keep_bytes=1)) == 4
        assert gone(keep_days=3, keep_bytes=25) == [
            "2026-11-10.tape", "2026-11-18.tape", "2026-11-19.tape",
        ]  # fmt: skip
        assert gone() == []

    def test_the_log_beside_a_tape_counts_and_goes_with_it(self, tmp_path: Path) -> None:
        self.sized(tmp_path, {"2026-11-10": 10, "2026-11-11": 10})
        log = tmp_path / "2026-11-10.tape-wal"
        log.write_bytes(bytes(100))
        (path,) = tapes_to_drop(tmp_path, keep_bytes=50)
        assert delete_tape(path)
        assert [one.name for one in tmp_path.iterdir()] == ["2026-11-11.tape"]

    def test_a_tape_that_someone_writes_stays(self, tmp_path: Path) -> None:
        path = tmp_path / "2026-11-10.tape"
        with TapeWriter(path, "t"):
            assert not delete_tape(path)
            assert path.exists()
        assert delete_tape(path)
        assert delete_tape(path), "gone is gone"

    def test_what_cannot_be_deleted_is_no_error(self, tmp_path: Path) -> None:
        path = tmp_path / "2026-11-10.tape"
        path.mkdir()
        assert not delete_tape(path)


class TestReading:
    def test_tapes_are_read_as_one(self, tmp_path: Path) -> None:
        one = write(tmp_path / "a.tape", [1, 2, hole(2.5), 3])
        two = write(tmp_path / "b.tape", [hole(2.5, 4), 5, hole(6)])
        assert told(list(read_tapes([one, two]))) == ["1", "2", 2.5, "3", 2.5, "5", 6.0]
        assert told(list(read_tapes([]))) == []

    def test_that_a_tape_was_closed_is_no_hole(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tape"
        with TapeWriter(path, "t") as tape:
            tape.append("okx", "s", T0, b"x")
        assert told(list(read_tapes([path]))) == ["x"]
        assert not is_own_end(hole(1))

    def test_from_a_time_on_with_the_holes_that_are_open(self, tmp_path: Path) -> None:
        one = write(
            tmp_path / "a.tape",
            [1, hole(0.5), hole(1, venue="x"), 2, hole(1, 1.5, venue="x"), hole(0, 3.5, "y"), 3],
        )
        two = write(tmp_path / "b.tape", [4, 5, hole(5)])
        read = list(read_tapes([one, two], since_ns=T0 + round(2.5 * SECOND_NS)))
        assert told(read) == [0.5, 0.0, "3", "4", "5", 5.0]
        assert told(list(read_tapes([one, two], since_ns=T0 + 5 * SECOND_NS))) == [0.5, "5", 5.0]
        assert told(list(read_tapes([one, two], since_ns=T0 + 9 * SECOND_NS))) == [0.5, 5.0]

    def test_a_tape_that_grows_is_read_to_where_it_was(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.tape", [1, 2, hole(2), 3])
        assert told(list(read_tapes([path], until={path: 1}))) == ["1"]
        assert told(list(read_tapes([path], until={path: 99}))) == ["1", "2", 2.0, "3"]

    def test_frames_without_a_time_are_not_left_out(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.tape", [None, 1, None, 2, None])
        read = told(list(read_tapes([path], since_ns=T0 + 2 * SECOND_NS)))
        assert read[-2:] == ["2", "None"]

    @settings(max_examples=25)
    @given(
        st.lists(st.integers(0, 60), max_size=40).map(sorted), st.integers(0, 62),
        st.integers(1, 7), st.integers(0, 40),
    )  # fmt: skip
    def test_the_first_frame_of_a_time_is_found(
        self, tmp_path_factory: pytest.TempPathFactory, seconds: list[int], since: int, every: int,
        cut: int,
    ) -> None:  # fmt: skip
        folder = tmp_path_factory.mktemp("tapes")
        paths = [
            write(folder / "a.tape", seconds[:cut], commit_every=every),
            write(folder / "b.tape", seconds[cut:], commit_every=every),
        ]
        read = told(list(read_tapes(paths, since_ns=T0 + since * SECOND_NS)))
        assert read == [str(second) for second in seconds if second >= since]

    def test_a_tape_that_is_damaged_is_told_and_left(self, tmp_path: Path) -> None:
        good = write(tmp_path / "a.tape", [1])
        bad = tmp_path / "b.tape"
        bad.write_bytes(b"not a tape at all" * 100)
        last = write(tmp_path / "c.tape", [3])
        wrong: list[AirpocketError] = []
        assert told(list(read_tapes([good, bad, last], on_damage=wrong.append))) == ["1", "3"]
        assert len(wrong) == 1
        assert "b.tape" in str(wrong[0])
        with pytest.raises(AirpocketError, match=r"b\.tape"):
            list(read_tapes([good, bad, last]))
