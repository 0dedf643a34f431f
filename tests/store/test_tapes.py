import sqlite3
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.errors import InputError, TapeError
from airpocket.market.events import Gap, GapCause, RawRef
from airpocket.market.wire import Frame
from airpocket.store.tape import TapeReader, TapeWriter
from airpocket.store.tapes import Tapes
from airpocket.units import DAY_NS, HOUR_NS, SECOND_NS
from tests.store.test_tape_folder import T0, hole


def fill(tapes: Tapes, seconds: range, *, venue: str = "okx", start_ns: int = T0) -> list[RawRef]:
    return [
        tapes.append(venue, "s#1", start_ns + second * SECOND_NS, f"{venue} {second}".encode())
        for second in seconds
    ]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix == ".tape")


def data(folder: Path) -> list[str]:
    """Every frame on disk, tape by tape."""
    found = []
    for path in sorted(folder.glob("*.tape")):
        with TapeReader(path) as tape:
            found += [frame.data.decode() for frame in tape.frames()]
    return found


def holes(folder: Path) -> list[Gap]:
    found = []
    for path in sorted(folder.glob("*.tape")):
        with TapeReader(path) as tape:
            found += [one.gap for one in tape.gaps()]
    return found


class TestDays:
    def test_a_new_day_begins_a_new_tape_and_loses_nothing(self, tmp_path: Path) -> None:
        with Tapes(tmp_path, T0) as tapes:
            fill(tapes, range(3), start_ns=T0 + DAY_NS - 2 * SECOND_NS)
            assert tapes.commit() == RawRef("2026-11-22", 2), "the last one came before the commit"
            assert tapes.append("okx", "s#1", T0 + DAY_NS + SECOND_NS, b"next") == RawRef(
                "2026-11-23", 0
            )
            assert tapes.commit() == tapes.acknowledged == RawRef("2026-11-23", 0)
        assert names(tmp_path) == ["2026-11-22.tape", "2026-11-23.tape"]
        assert data(tmp_path) == ["okx 0", "okx 1", "okx 2", "next"]
        assert holes(tmp_path) == [], "a tape that is full is no hole"
        for name in names(tmp_path):
            with TapeReader(tmp_path / name) as tape:
                assert tape.about().is_closed
                assert tape.tape_id == name.removesuffix(".tape")

    def test_frames_that_come_while_the_day_turns_are_kept(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between the commit of the old tape and the new one more frames arrive."""
        with Tapes(tmp_path, T0) as tapes:
            real = Tapes._open_day

            def slow(self: Tapes, name: object) -> object:
                refs.extend(fill(self, range(5, 8), start_ns=T0 + DAY_NS))
                return real(self, name)  # type: ignore[arg-type]

            refs = fill(tapes, range(1), start_ns=T0 + DAY_NS)
            monkeypatch.setattr(Tapes, "_open_day", slow)
            tapes.commit()
            monkeypatch.undo()
            assert {ref.tape for ref in refs} == {"2026-11-22"}
            tapes.quarantine(refs[-1], "late reason")
            assert tapes.pending_bytes > 0
            assert tapes.commit() == RawRef("2026-11-22", 3)
            refs += fill(tapes, range(9, 10), start_ns=T0 + DAY_NS)
            tapes.commit()
        assert data(tmp_path) == [f"okx {n}" for n in (0, 5, 6, 7, 9)]
        with TapeReader(tmp_path / "2026-11-22.tape") as tape:
            assert [one.ordinal for one in tape.quarantined()] == [3]

    def test_a_day_does_not_go_back(self, tmp_path: Path) -> None:
        with Tapes(tmp_path, T0) as tapes:
            fill(tapes, range(1), start_ns=T0 + DAY_NS)
            tapes.commit()
            fill(tapes, range(1), start_ns=T0)
            tapes.append("okx", "s#1", None, b"timeless")
            tapes.commit()
        assert names(tmp_path) == ["2026-11-22.tape", "2026-11-23.tape"]

    def test_threads_append_while_another_commits(self, tmp_path: Path) -> None:
        with Tapes(tmp_path, T0) as tapes:
            done = threading.Event()

            def commit() -> None:
                while not done.is_set():
                    tapes.commit()

            thread = threading.Thread(target=commit)
            thread.start()
            try:
                refs = [
                    tapes.append("okx", "s", T0 + n * HOUR_NS // 20, str(n).encode())
                    for n in range(2000)
                ]
            finally:
                done.set()
                thread.join()
            tapes.commit()
            assert len(set(refs)) == 2000
        assert data(tmp_path) == [str(n) for n in range(2000)]
        assert len(names(tmp_path)) >= 2, "as many as there were commits on different days"


class TestRestart:
    def test_the_same_day_is_appended_to(self, tmp_path: Path) -> None:
        """F45: ten restarts in a day; the file only grows."""
        for number in range(10):
            with Tapes(tmp_path, T0 + number * SECOND_NS) as tapes:
                (ref,) = fill(tapes, range(number, number + 1))
                assert ref == RawRef("2026-11-22", number)
        assert names(tmp_path) == ["2026-11-22.tape"]
        assert data(tmp_path) == [f"okx {n}" for n in range(10)]

    def test_where_nobody_recorded_a_hole_says_so(self, tmp_path: Path) -> None:
        with Tapes(tmp_path, T0) as tapes:
            fill(tapes, range(3))
            fill(tapes, range(5), venue="bybit")
        told: list[Gap] = []
        with Tapes(tmp_path, T0 + DAY_NS, on_gap=told.append) as tapes:
            assert told == []
            fill(tapes, range(2), start_ns=T0 + DAY_NS)
        (gap,) = told
        assert holes(tmp_path) == told, "once, for the venue that was heard again"
        assert (gap.venue, gap.channel, gap.raw_symbol) == ("okx", "*", "*")
        assert (gap.from_ns, gap.to_ns) == (T0 + 2 * SECOND_NS, T0 + DAY_NS)
        assert gap.cause is GapCause.DISCONNECT, "the recording has not ended: it went on"
        with Tapes(tmp_path, T0 + DAY_NS) as tapes:
            read = list(tapes.frames_since(T0))
        kinds = "".join("g" if isinstance(one, Gap) else "f" for one in read)
        assert kinds == "ffffffffgff"

    def test_holes_that_a_dead_recorder_left_open_end_with_the_first_frame(
        self, tmp_path: Path
    ) -> None:
        """Who was killed cannot close them, and who comes after does not know of them."""
        tapes = Tapes(tmp_path, T0)
        fill(tapes, range(3))
        for gap in (hole(1), hole(2), hole(1, 2), hole(1, venue="bybit")):
            tapes.record_gap(gap)
        tapes.commit()
        tapes.abandon()
        told: list[Gap] = []
        with Tapes(tmp_path, T0 + 60 * SECOND_NS, on_gap=told.append) as again:
            fill(again, range(60, 62))
        until_ns = T0 + 60 * SECOND_NS
        assert [(one.channel, one.from_ns, one.to_ns) for one in told] == [
            ("*", T0 + 2 * SECOND_NS, until_ns), ("trades", T0 + 2 * SECOND_NS, until_ns),
        ]  # fmt: skip
        assert holes(tmp_path)[-2:] == told
        with Tapes(tmp_path, T0 + 70 * SECOND_NS) as later:
            read = [one for one in later.frames_since(until_ns) if isinstance(one, Gap)]
        assert [one.venue for one in read if one.to_ns is None] == ["bybit"], "not heard since"

    def test_what_was_not_committed_is_not_there(self, tmp_path: Path) -> None:
        """F44: killed; what was acknowledged is there, and only that."""
        tapes = Tapes(tmp_path, T0)
        fill(tapes, range(3))
        assert tapes.commit() == RawRef("2026-11-22", 2)
        fill(tapes, range(3, 9))
        tapes.abandon()
        with Tapes(tmp_path, T0) as again:
            assert fill(again, range(3, 4)) == [RawRef("2026-11-22", 3)]
        assert data(tmp_path) == [f"okx {n}" for n in range(4)]

    def test_a_clock_that_was_a_little_ahead_goes_on_where_it_was(self, tmp_path: Path) -> None:
        with Tapes(tmp_path, T0 + DAY_NS) as tapes:
            fill(tapes, range(1), start_ns=T0 + DAY_NS)
        with Tapes(tmp_path, T0 + DAY_NS - SECOND_NS) as tapes:
            fill(tapes, range(1), start_ns=T0 + DAY_NS - SECOND_NS)
        assert names(tmp_path) == ["2026-11-23.tape"]
        with Tapes(tmp_path, T0 - 9 * DAY_NS) as tapes:
            fill(tapes, range(1), start_ns=T0 - 9 * DAY_NS)
        assert names(tmp_path) == ["2026-11-13.tape", "2026-11-23.tape"]

    def test_a_damaged_tape_is_kept_and_another_begun(self, tmp_path: Path) -> None:
        (tmp_path / "2026-11-22.tape").write_bytes(b"power failed here" * 999)
        with Tapes(tmp_path, T0) as tapes:
            assert fill(tapes, range(1)) == [RawRef("2026-11-22.2", 0)]
            assert "2026-11-22.tape" in tapes.notes[0]
        assert names(tmp_path) == ["2026-11-22.2.tape", "2026-11-22.tape"]
        with Tapes(tmp_path, T0) as tapes:
            assert fill(tapes, range(1, 2)) == [RawRef("2026-11-22.2", 1)]
            assert [f.data for f in tapes.frames_since(0) if isinstance(f, Frame)] == [b"okx 0"]


class TestRefusals:
    def test_two_recorders_cannot_share_a_folder(self, tmp_path: Path) -> None:
        """F46: the second refuses, says why, and harms nothing."""
        with Tapes(tmp_path, T0) as tapes:
            with pytest.raises(
                TapeError, match=r"another airpocket records into it: .* \[store\] folder$"
            ):
                Tapes(tmp_path, T0 + DAY_NS)
            fill(tapes, range(1))
        with Tapes(tmp_path, T0):
            pass
        assert data(tmp_path) == ["okx 0"]

    def test_a_tape_that_another_program_writes_is_not_dodged(self, tmp_path: Path) -> None:
        with (
            TapeWriter(tmp_path / "2026-11-22.tape", "2026-11-22"),
            pytest.raises(TapeError, match="written by another program"),
        ):
            Tapes(tmp_path, T0)
        with Tapes(tmp_path, T0):
            pass

    def test_a_folder_that_cannot_be_made_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("x")
        with pytest.raises(TapeError, match="cannot be made a folder"):
            Tapes(tmp_path / "file", T0)

    @pytest.mark.parametrize("limits", [{"keep_days": 0}, {"keep_bytes": -1}])
    def test_limits_are_at_least_one(self, tmp_path: Path, limits: dict[str, int]) -> None:
        with pytest.raises(InputError, match="give 1 or more"):
            Tapes(tmp_path, T0, **limits)  # type: ignore[arg-type]

    def test_a_reason_needs_its_frame(self, tmp_path: Path) -> None:
        with Tapes(tmp_path, T0) as tapes:
            (ref,) = fill(tapes, range(1))
            tapes.quarantine(ref, "bad")
            with pytest.raises(InputError, match="no tape that is being written"):
                tapes.quarantine(RawRef("2026-11-21", 0), "bad")

    def test_too_much_waits(self, tmp_path: Path) -> None:
        with Tapes(tmp_path, T0, max_pending_bytes=4000) as tapes:
            with pytest.raises(TapeError, match="wait for a commit"):
                fill(tapes, range(100))
            tapes.record_gap(hole(1))
            tapes.commit()
            fill(tapes, range(1))
        assert len(holes(tmp_path)) == 1


class TestFullDisk:
    def test_nothing_is_acknowledged_until_there_is_room(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """F43."""
        with Tapes(tmp_path, T0) as tapes:
            fill(tapes, range(2))
            tapes.commit()
            real = TapeWriter.commit

            def full(self: TapeWriter) -> int:
                raise TapeError("there is no space left") from sqlite3.OperationalError()

            monkeypatch.setattr(TapeWriter, "commit", full)
            fill(tapes, range(2, 4), start_ns=T0 + DAY_NS)
            with pytest.raises(TapeError, match="no space"):
                tapes.commit()
            assert tapes.acknowledged == RawRef("2026-11-22", 1)
            with pytest.raises(TapeError, match="no space"):
                tapes.close()
            monkeypatch.setattr(TapeWriter, "commit", real)
            assert tapes.commit() == RawRef("2026-11-22", 3)
        assert data(tmp_path) == [f"okx {n}" for n in range(4)]

    def test_a_new_day_that_finds_no_room_waits(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Tapes(tmp_path, T0) as tapes:
            real = Tapes._open_day

            def full(self: Tapes, name: object) -> object:
                raise TapeError("there is no space left")

            monkeypatch.setattr(Tapes, "_open_day", full)
            fill(tapes, range(2), start_ns=T0 + DAY_NS)
            for _ in range(2):
                with pytest.raises(TapeError, match="no space"):
                    tapes.commit()
            assert tapes.acknowledged == RawRef("2026-11-22", 1), "its frames are safe all the same"
            monkeypatch.setattr(Tapes, "_open_day", real)
            tapes.commit()
            assert fill(tapes, range(2, 3), start_ns=T0 + DAY_NS) == [RawRef("2026-11-23", 0)]
        assert data(tmp_path) == [f"okx {n}" for n in range(3)]


class TestRetention:
    def test_days_beyond_those_to_keep_go_at_the_turn(self, tmp_path: Path) -> None:
        with Tapes(tmp_path, T0, keep_days=2) as tapes:
            for day in range(5):
                fill(tapes, range(1), start_ns=T0 + day * DAY_NS)
                tapes.commit()
                tapes.commit()
            assert [path.name for path in tapes.tapes()] == ["2026-11-25.tape", "2026-11-26.tape"]
        left = sorted(path.name for path in tmp_path.iterdir())
        assert left == [
            "2026-11-25.tape", "2026-11-25.tape-lock", "2026-11-26.tape", "2026-11-26.tape-lock",
            "recorder.tape-lock",
        ]  # fmt: skip

    def test_a_folder_that_is_too_large_loses_its_oldest(self, tmp_path: Path) -> None:
        for day in range(4):
            with Tapes(tmp_path, T0 + day * DAY_NS) as tapes:
                fill(tapes, range(1), start_ns=T0 + day * DAY_NS)
        with Tapes(tmp_path, T0 + 3 * DAY_NS, keep_bytes=100_000):
            pass
        assert len(names(tmp_path)) < 4
        assert names(tmp_path)[-1] == "2026-11-25.tape"
        with Tapes(tmp_path, T0 + 3 * DAY_NS, keep_bytes=1):
            pass
        assert names(tmp_path) == ["2026-11-25.tape"], "today's stays, whatever its size"

    def test_a_tape_that_is_being_read_stays(self, tmp_path: Path) -> None:
        for day in range(2):
            with Tapes(tmp_path, T0 + day * DAY_NS) as tapes:
                fill(tapes, range(3), start_ns=T0 + day * DAY_NS)
        with Tapes(tmp_path, T0 + DAY_NS, keep_days=2) as tapes:
            reading = tapes.frames_since(T0)
            next(reading)
            fill(tapes, range(1), start_ns=T0 + 2 * DAY_NS)
            tapes.commit()
            assert "2026-11-22.tape" in names(tmp_path)
            assert len([one for one in reading if isinstance(one, Frame)]) == 5
            fill(tapes, range(1), start_ns=T0 + 3 * DAY_NS)
            tapes.commit()
            assert "2026-11-22.tape" not in names(tmp_path)

    def test_nothing_else_is_touched(self, tmp_path: Path) -> None:
        precious = tmp_path / "precious.tape"
        precious.write_bytes(b"x" * 1000)
        with Tapes(tmp_path, T0, keep_bytes=1, keep_days=1):
            pass
        assert precious.exists()

    def test_a_large_day_is_noticed_without_a_turn(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("airpocket.store.tapes._CHECK_BYTES", 100)
        with Tapes(tmp_path, T0 - DAY_NS) as tapes:
            fill(tapes, range(1), start_ns=T0 - DAY_NS)
        with Tapes(tmp_path, T0, keep_bytes=100_000) as tapes:
            assert len(names(tmp_path)) == 2
            for second in range(0, 4000, 100):
                fill(tapes, range(second, second + 100))
                tapes.commit()
            assert names(tmp_path) == ["2026-11-22.tape"]


class TestReadingBack:
    @settings(max_examples=10)
    @given(st.lists(st.integers(0, 40), min_size=1, max_size=40).map(sorted), st.data())
    def test_what_was_committed_is_read_in_order_with_its_holes(
        self, tmp_path_factory: pytest.TempPathFactory, hours: list[int], data: st.DataObject
    ) -> None:
        folder = tmp_path_factory.mktemp("tapes")
        given_: list[object] = []
        tapes = Tapes(folder, T0)
        for number, hour in enumerate(hours):
            local_ns = T0 + hour * HOUR_NS
            if data.draw(st.integers(0, 3)) == 0:
                gap = hole(number)
                tapes.record_gap(gap)
                given_.append(gap)
            tapes.append("okx", "s", local_ns, str(number).encode())
            given_.append(str(number).encode())
            if data.draw(st.integers(0, 2)) == 0:
                tapes.commit()
        tapes.commit()
        read = [one.data if isinstance(one, Frame) else one for one in tapes.frames_since(T0)]
        assert read == given_
        tapes.append("okx", "s", T0 + 50 * HOUR_NS, b"later")
        again = tapes.frames_since(T0)
        tapes.commit()
        assert len(list(again)) == len(given_), "not what is committed later"
        tapes.close()

    def test_references_lead_back(self, tmp_path: Path) -> None:
        with Tapes(tmp_path, T0) as tapes:
            refs = []
            for day in range(3):
                refs += fill(tapes, range(2), start_ns=T0 + day * DAY_NS)
                tapes.commit()
            tapes.commit()
            read = [one for one in tapes.frames_since(T0) if isinstance(one, Frame)]
        assert [one.raw_ref for one in read] == refs

    def test_closing_twice_is_once(self, tmp_path: Path) -> None:
        tapes = Tapes(tmp_path, T0)
        fill(tapes, range(1))
        tapes.close()
        tapes.close()
        tapes.abandon()
        assert tapes.acknowledged == RawRef("2026-11-22", 0)
        assert tapes.folder == tmp_path
        with pytest.raises(TapeError, match="closed"):
            fill(tapes, range(1))
