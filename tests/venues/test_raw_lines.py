"""Tests of airpocket.venues.raw_lines, with a wire that says what it is given."""

from collections.abc import Iterable
from pathlib import Path

from airpocket.market.events import Event, Gap, Mark, RawRef
from airpocket.market.quality import Finding, FindingCode
from airpocket.market.wire import Decoded, Wire, refuse
from airpocket.units import SECOND_NS
from airpocket.venues.raw_lines import RawLines

AT_NS = 1_723_161_255_030_314_667


class EchoWire:
    """Says one mark a frame whose price is the frame; venue time is a second before ours."""

    venue = "okx"

    def decode(
        self, data: bytes, *, local_ns: int | None = None, raw_ref: RawRef | None = None
    ) -> Decoded:
        if not data.strip().isdigit() or local_ns is None:
            return refuse("no number")
        mark = Mark(
            venue="okx",
            symbol=None,
            raw_symbol="X",
            raw_ref=raw_ref,
            venue_ns=local_ns - SECOND_NS if int(data) < 100 else local_ns + SECOND_NS,
            local_ns=local_ns,
            mark_price=float(data),
        )
        return Decoded([mark], notes=("unknown instrument X: no notional",))

    def encode(self, events: Iterable[Event]) -> list[bytes]:
        raise NotImplementedError


def echo() -> Wire:
    return EchoWire()


ARCHIVE = RawLines("okx", lambda frame: frame[:1].isdigit(), echo)


def test_frames_go_through_the_wire_with_their_line_and_time(tmp_path: Path) -> None:
    path = tmp_path / "x.raw"
    path.write_bytes(b"%d 7\nno time 8\n%d x\n12 9\n%d 8\n" % (AT_NS, AT_NS + 1, AT_NS + 2))
    assert ARCHIVE.claims(path, path.read_bytes())
    items = list(ARCHIVE.open(path).read())
    first, second = (item for item in items if isinstance(item, Mark))
    assert (first.mark_price, first.local_ns, str(first.raw_ref)) == (7.0, AT_NS, "x.raw#1")
    assert (second.mark_price, str(second.raw_ref)) == (8.0, "x.raw#5")
    findings = {item.code: item for item in items if isinstance(item, Finding)}
    assert findings[FindingCode.REJECTED_ROWS].count == 3
    assert "line 3: no number" in findings[FindingCode.REJECTED_ROWS].said
    assert findings[FindingCode.ASSUMPTION].count == 2
    assert FindingCode.CLOCK_SKEW not in findings
    assert isinstance(items[-1], Gap)


def test_a_clock_behind_the_venues_is_said(tmp_path: Path) -> None:
    path = tmp_path / "x.raw"
    path.write_bytes(b"".join(b"%d %d\n" % (AT_NS + i, 200) for i in range(20_000)))
    findings = [item for item in ARCHIVE.open(path).read() if isinstance(item, Finding)]
    assert next((f.code, f.count) for f in findings) == (FindingCode.CLOCK_SKEW, 20_000)


def test_other_files_are_not_claimed(tmp_path: Path) -> None:
    for head in (b"", b"7 7\n", b"1723161255030314667 {\n", b"a,b\n", b"\xff" * 40):
        assert not ARCHIVE.claims(tmp_path, head)
