import sqlite3
from pathlib import Path

import pytest

from airpocket.errors import AirpocketError, TapeError
from airpocket.market.events import Gap, GapCause, Liquidation
from airpocket.market.instrument import Catalogue
from airpocket.market.quality import Finding, FindingCode
from airpocket.market.source import Item
from airpocket.market.wire import Wire
from airpocket.store.files import head
from airpocket.store.tape import TapeWriter
from airpocket.units import SECOND_NS, ns_from_iso
from airpocket.venues import register
from airpocket.venues.tape import archive
from airpocket.venues.tape.archive import ARCHIVES
from tests.app.made import until_it_breaks

START_NS = ns_from_iso("2026-10-09T17:06:42Z")
BYBIT = (
    b'{"topic":"allLiquidation.BTCUSDT","type":"snapshot","ts":%d,"data":[{"T":%d,"s":"BTCUSDT",'
    b'"S":"Buy","v":"0.006","p":"82396.90"}]}'
)


def frame(second: int) -> bytes:
    ms = START_NS // 1_000_000 + second * 1000
    return BYBIT % (ms + 400, ms)


def at(second: int) -> int:
    return START_NS + second * SECOND_NS


def written(path: Path, seconds: range, *, venue: str = "bybit", stream: str = "public") -> Path:
    with TapeWriter(path, "t1" if not path.exists() else None) as tape:
        for second in seconds:
            tape.append(venue, stream, at(second) + 500_000_000, frame(second))
        tape.commit()
    return path


def read(path: Path) -> list[Item]:
    (claiming,) = [one for one in ARCHIVES if one.claims(path, head(path))]
    return list(claiming.open(path).read())


def test_frames_become_events_that_lead_back_to_their_bytes(tmp_path: Path) -> None:
    *events, end = read(written(tmp_path / "a.tape", range(3)))
    assert all(isinstance(event, Liquidation) for event in events)
    assert [str(event.raw_ref) for event in events] == ["t1#0", "t1#1", "t1#2"]  # type: ignore[union-attr]
    assert [event.venue_ns for event in events] == [at(0), at(1), at(2)]  # type: ignore[union-attr]
    assert events[0].local_ns == at(0) + 500_000_000  # type: ignore[union-attr]
    assert isinstance(end, Gap)
    assert (end.venue, end.raw_symbol, end.channel, end.to_ns) == ("bybit", "*", "*", None)
    assert end.cause is GapCause.END_OF_RECORDING
    assert end.from_ns == at(2) + 500_000_000, "when it was last heard, and once only"


def test_the_label_says_what_is_on_it(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tape", range(3))
    written(path, range(5, 6), venue="okx")
    label = ARCHIVES[0].open(path).label
    assert (label.name, label.venue, label.width_ns) == ("a.tape", "bybit, okx", None)
    assert "4 frames" in label.note


def test_a_hole_lies_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.tape"
    written(path, range(3))
    written(path, range(60, 62))
    items = read(path)
    kinds = [type(item).__name__ for item in items]
    assert kinds == ["Liquidation"] * 3 + ["Gap"] + ["Liquidation"] * 2 + ["Gap"]
    hole = items[3]
    assert isinstance(hole, Gap)
    assert (hole.from_ns, hole.to_ns) == (at(2) + 500_000_000, at(60) + 500_000_000)


def test_a_tape_whose_writer_was_killed_ends_as_well(tmp_path: Path) -> None:
    path = tmp_path / "a.tape"
    tape = TapeWriter(path, "t1")
    tape.append("bybit", "public", at(0), frame(0))
    tape.commit()
    tape.append("bybit", "public", at(1), frame(1))  # never acknowledged
    tape.abandon()
    event, end = read(path)
    assert isinstance(event, Liquidation)
    assert isinstance(end, Gap)
    assert end.from_ns == at(0)


def test_each_stream_is_a_connection_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    real = register.open_wire

    def noted(venue: str, catalogue: Catalogue | None = None) -> Wire:
        opened.append(venue)
        return real(venue, catalogue)

    monkeypatch.setattr(register, "open_wire", noted)
    path = written(tmp_path / "a.tape", range(3))
    written(path, range(3, 5), stream="second")
    read(path)
    assert opened == ["bybit", "bybit"]


def test_what_two_connections_said_comes_out_once(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tape", range(3))
    written(path, range(3), stream="second")
    assert sum(isinstance(item, Liquidation) for item in read(path)) == 3


def test_what_cannot_be_used_is_counted_by_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.tape"
    with TapeWriter(path, "t1") as tape:
        for second, data in enumerate([frame(0), b"{", b"{", b"[]", frame(4)]):
            tape.append("bybit", "public", at(second), data)
        tape.append("ftx", "public", at(9), b"{}")
        tape.commit()
    items = read(path)
    findings = [item for item in items if isinstance(item, Finding)]
    assert sum(isinstance(item, Liquidation) for item in items) == 2
    assert {finding.code for finding in findings} == {FindingCode.REJECTED_ROWS}
    assert sum(finding.count or 0 for finding in findings) == 4
    assert any("ftx" in finding.said and finding.count == 1 for finding in findings)
    assert {item.venue for item in items if isinstance(item, Gap)} == {"bybit", "ftx"}


def test_reasons_do_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_REASONS_MOST", 2)
    path = tmp_path / "a.tape"
    with TapeWriter(path, "t1") as tape:
        for venue in ("va", "vb", "vc", "vd"):
            tape.append(venue, "s", at(0), b"{}")
        tape.commit()
    findings = [item for item in read(path) if isinstance(item, Finding)]
    assert [finding.count for finding in findings] == [2, 1, 1]
    assert findings[0].said.endswith("for other reasons")


def test_a_damaged_tape_gives_what_is_whole_and_says_that_it_is_blind(tmp_path: Path) -> None:
    path = tmp_path / "a.tape"
    with TapeWriter(path, "t1") as tape:
        for second in range(600):
            tape.append("bybit", "public", at(second), frame(second))
            if second % 100 == 99:
                tape.commit()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE chunk SET body = zeroblob(10) WHERE first_ordinal = 300")
    connection.close()
    items, error = until_it_breaks(ARCHIVES[0].open(path).read())
    assert isinstance(error, TapeError)
    assert sum(isinstance(item, Liquidation) for item in items) == 300
    assert isinstance(items[-1], Gap)
    assert items[-1].cause is GapCause.UNREADABLE


def test_what_is_no_tape_is_not_claimed(tmp_path: Path) -> None:
    other = tmp_path / "other.tape"
    other.write_bytes(b"not a database")
    assert not ARCHIVES[0].claims(other, head(other))
    assert not ARCHIVES[0].claims(tmp_path, b"")
    with pytest.raises(AirpocketError):
        ARCHIVES[0].open(other)


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    recording = ARCHIVES[0].open(written(tmp_path / "a.tape", range(4)))
    list(recording.read(lambda done, total: told.append((done, total))))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_an_empty_tape_holds_nothing(tmp_path: Path) -> None:
    with TapeWriter(tmp_path / "a.tape", "t1"):
        pass
    assert read(tmp_path / "a.tape") == []
