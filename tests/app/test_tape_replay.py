"""What a live watcher concluded is what its tapes say when they are played."""

import random
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from airpocket.alerts.alert import InformationalAlert, Stage
from airpocket.alerts.fact import FactName
from airpocket.alerts.saying import Said
from airpocket.app.replay import replay
from airpocket.app.sources import gather
from airpocket.app.tape_replay import replay_tapes, tapes_of
from airpocket.errors import TapeError
from airpocket.live.following import Follower
from airpocket.live.reading import Reader
from airpocket.market.events import Event, Gap, GapCause, Liquidation
from airpocket.market.quality import Finding
from airpocket.market.stream import INSTRUMENTS_STREAM
from airpocket.market.wire import Frame
from airpocket.store.tape import TapeWriter
from airpocket.store.tapes import Tapes
from airpocket.units import DAY_NS, HOUR_NS, MILLISECOND_NS, SECOND_NS
from airpocket.venues.register import catalogue_of, open_wire
from tests.app.console import Console
from tests.app.made import liquidations, until_it_breaks
from tests.app.test_replay import LIQUIDATIONS
from tests.app.test_sources import Made
from tests.live.recorded import ONSET_S, START_NS, gap, market, written


def frames(seed: int = 1, *, seconds: int = 1600) -> list[tuple[str, str, int, bytes]]:
    """An hour of Bybit over two overlapping connections, out of order, with junk in between."""
    rng = random.Random(seed)
    wire = open_wire("bybit")
    said: list[tuple[int, str, bytes]] = []
    events: list[Event] = market(seconds=seconds)
    for event in events:
        at_ns = event.venue_ns or 0
        if isinstance(event, Liquidation):  # of which Bybit says the bankruptcy price only
            event = msgspec.structs.replace(  # noqa: PLW2901
                event, bankruptcy_price=event.fill_price, fill_price=None
            )
        (data,) = wire.encode([event])
        second = (at_ns - START_NS) // SECOND_NS
        if not 700 <= second < 900:
            said.append((at_ns + rng.randrange(20, 1500) * MILLISECOND_NS, "public#1", data))
        if 500 <= second < 1200:
            said.append((at_ns + rng.randrange(20, 1500) * MILLISECOND_NS, "public#2", data))
    for second in range(0, seconds, 97):
        junk = rng.choice([b"", b"{", b"\xff", b'{"success":true}', b"[]"])
        said.append((START_NS + second * SECOND_NS, "public#1", junk))
    listed = msgspec.json.encode(list(catalogue_of("bybit"))[:3])
    said.append((START_NS + SECOND_NS, INSTRUMENTS_STREAM, listed))
    return [("bybit", stream, at_ns, data) for at_ns, stream, data in sorted(said)]


HOLES = {
    300: gap("okx", 290), 600: gap("okx", 290, 599), 910: gap("bybit", 905, 910, channel="trades"),
    1100: gap("bybit", 1099.5), 1110: gap("bybit", 1099.5, 1108), ONSET_S + 20: gap("okx", ONSET_S),
}  # fmt: skip
FRAMES = frames()


def watch(
    folder: Path, said: Sequence[tuple[str, str, int, bytes]], *, shift_ns: int = 0,
    commit_every: int = 50,
) -> list[Said]:  # fmt: skip
    """Keep, read and follow as a pipeline does: nothing is followed before it is durable."""
    reader, follower = Reader(), Follower()
    told: list[Said] = []
    waiting: list[object] = []
    holes = dict(HOLES)
    with Tapes(folder, said[0][2] + shift_ns, on_gap=waiting.append) as tapes:

        def follow() -> None:
            tapes.commit()
            for item in waiting:
                if isinstance(item, Gap):
                    told.extend(follower.take_gap(item))
                else:
                    told.extend(follower.take(item))  # type: ignore[arg-type]
            waiting.clear()

        for number, (venue, stream, at_ns, data) in enumerate(said):
            for second in [s for s in holes if at_ns >= START_NS + s * SECOND_NS]:
                hole = shifted(holes.pop(second), shift_ns)
                tapes.record_gap(hole)
                waiting.append(hole)
            raw_ref = tapes.append(venue, stream, at_ns + shift_ns, data)
            waiting.append(reader.read(Frame(venue, stream, at_ns + shift_ns, data, raw_ref)))
            if number % commit_every == 0:
                follow()
        follow()
    return told + follower.finish(proven_by=f"end of {tapes.tapes()[-1].name}")


def shifted(hole: Gap, by_ns: int) -> Gap:
    to_ns = None if hole.to_ns is None else hole.to_ns + by_ns
    return msgspec.structs.replace(hole, from_ns=hole.from_ns + by_ns, to_ns=to_ns)


def played(*sources: Path) -> list[Said]:
    said = replay(gather(sources)[0])
    return [one for one in said if not isinstance(one, Finding)]


def test_a_tape_says_what_the_watcher_said(tmp_path: Path) -> None:
    live = watch(tmp_path, FRAMES)
    assert [one.stage for one in live if isinstance(one, InformationalAlert)][:1] == [Stage.OPEN]
    assert written(played(tmp_path)) == written(live)
    assert written(played(tmp_path / "2026-03-02.tape")) == written(live)


@settings(max_examples=3, phases=[Phase.explicit, Phase.generate])
@given(st.integers(0, 1 << 20), st.integers(1, 400))
def test_whatever_the_order_and_the_commits(
    tmp_path_factory: pytest.TempPathFactory, seed: int, every: int
) -> None:
    folder = tmp_path_factory.mktemp("tapes")
    live = watch(folder, frames(seed), commit_every=every)
    assert written(played(folder)) == written(live)


def test_a_replay_that_leaves_out_one_frame_is_found(tmp_path: Path) -> None:
    """The law above can fail."""
    live = watch(tmp_path, FRAMES)
    path = tmp_path / "2026-03-02.tape"
    short = tmp_path / "short"
    short.mkdir()
    with Tapes(short, START_NS) as tapes:
        from airpocket.store.tape import TapeReader  # noqa: PLC0415 - only this test needs it

        with TapeReader(path) as tape:
            for frame in tape.frames():
                if frame.local_ns is None or frame.local_ns < START_NS + ONSET_S * SECOND_NS:
                    tapes.append(frame.venue, frame.stream, frame.local_ns, frame.data)
    assert written(played(short)) != written(live)


def test_tapes_of_two_days_are_one_recording(tmp_path: Path) -> None:
    """The cascade begins on one day and ends on the next; no end lies between them."""
    to_midnight = DAY_NS - START_NS % DAY_NS
    shift_ns = to_midnight - (ONSET_S + 30) * SECOND_NS
    moved: list[tuple[str, str, int, bytes]] = []
    wire, reader = open_wire("bybit"), Reader()
    for venue, stream, at_ns, data in FRAMES:
        events = reader.read(Frame(venue, stream, at_ns, data)).said.events
        later = [
            msgspec.structs.replace(one, venue_ns=(one.venue_ns or 0) + shift_ns) for one in events
        ]
        again = wire.encode(later) if later else [data]
        moved += [(venue, stream, at_ns, one) for one in again]
    live = watch(tmp_path, moved, shift_ns=shift_ns)
    assert [path.name for path in sorted(tmp_path.glob("*.tape"))] == [
        "2026-03-02.tape", "2026-03-03.tape",
    ]  # fmt: skip
    alerts = [one for one in live if isinstance(one, InformationalAlert)]
    assert len({one.alert_id for one in alerts if one.signal.value == "LIQUIDATION_CASCADE"}) == 1
    assert written(played(tmp_path)) == written(live)
    assert written(played(*sorted(tmp_path.glob("*.tape"), reverse=True))) == written(live)


def test_the_command_prints_it(airpocket: Console, tmp_path: Path) -> None:
    live = watch(tmp_path, FRAMES)
    rows = airpocket("replay", "--json", tmp_path).rows
    told = [row["id"] for row in rows if row["type"] == "alert"]
    assert told == [one.alert_id for one in live if isinstance(one, InformationalAlert)]


class TestWhichTapes:
    def tape(self, path: Path, *seconds: int | None) -> Path:
        with TapeWriter(path, path.stem) as tape:
            for second in seconds:
                local_ns = None if second is None else START_NS + second * SECOND_NS
                tape.append("bybit", "s", local_ns, b"{}")
        return path

    def order(self, *paths: Path) -> list[str] | None:
        found = tapes_of(gather(paths)[0])
        return None if found is None else [one.label.name for one in found]

    def test_consecutive_ones_by_when_they_began(self, tmp_path: Path) -> None:
        a = self.tape(tmp_path / "a.tape", 100, 200)
        b = self.tape(tmp_path / "b.tape", 1, 50)
        empty = self.tape(tmp_path / "e.tape")
        assert self.order(a, b, empty) == ["b.tape", "a.tape"]
        assert self.order(self.tape(tmp_path / "n.tape", None)) == ["n.tape"]
        assert self.order(empty) is None

    def test_others_are_merged(self, tmp_path: Path) -> None:
        a = self.tape(tmp_path / "a.tape", 100, 200)
        over = self.tape(tmp_path / "o.tape", 150, 300)
        timeless = self.tape(tmp_path / "n.tape", None)
        assert self.order(a, over) is None
        assert self.order(a, timeless) is None
        source = liquidations(tmp_path / LIQUIDATIONS)
        assert self.order(a, source) is None
        assert tapes_of([Made([])]) is None
        assert tapes_of([]) is None


class TestWhatIsWrong:
    def broken(self, path: Path) -> None:
        with sqlite3.connect(path) as connection:
            rows = connection.execute("SELECT first_ordinal FROM chunk ORDER BY 1").fetchall()
            middle = rows[len(rows) // 2][0]
            connection.execute(
                "UPDATE chunk SET body = zeroblob(10) WHERE first_ordinal = ?", (middle,)
            )
        connection.close()

    def test_a_damaged_tape_is_told_after_the_rest(self, tmp_path: Path) -> None:
        watch(tmp_path, FRAMES[: len(FRAMES) - 400])
        self.broken(tmp_path / "2026-03-02.tape")
        tapes = tapes_of(gather([tmp_path])[0])
        assert tapes is not None
        said, error = until_it_breaks(replay_tapes(tapes))
        assert isinstance(error, TapeError)
        assert "damaged" in str(error)
        assert isinstance(said, list)

    def test_the_tape_after_a_damaged_one_is_followed(self, tmp_path: Path) -> None:
        half = next(n for n, one in enumerate(FRAMES) if one[2] > START_NS + 800 * SECOND_NS)
        for name, part in (("a", FRAMES[:half]), ("b", FRAMES[half:])):
            with TapeWriter(tmp_path / f"{name}.tape", name) as tape:
                for number, one in enumerate(part):
                    tape.append(*one)
                    if number % 300 == 0:
                        tape.commit()
        self.broken(tmp_path / "a.tape")
        tapes = tapes_of(gather([tmp_path])[0])
        assert tapes is not None
        said, error = until_it_breaks(replay_tapes(tapes))
        assert "a.tape" in str(error)
        opened = [one for one in said if isinstance(one, InformationalAlert)]
        assert opened[0].stage is Stage.OPEN, "the cascade lies on the second one"
        assert opened[0].value(FactName.VENUES_SILENT) == (), "it is heard again"

    def test_what_was_rejected_or_late_is_a_finding(self, tmp_path: Path) -> None:
        with TapeWriter(tmp_path / "a.tape", "a") as tape:
            for one in FRAMES[:400]:
                tape.append(*one)
            wire = open_wire("bybit")
            (old,) = wire.encode([next(e for e in market(seconds=2))])
            second = old.replace(b"0.0", b"x.0", 1)
            (fresh,) = wire.encode([msgspec.structs.replace(market(seconds=1)[0], trade_id="new")])
            tape.append("bybit", "public#9", FRAMES[399][2], fresh)
            tape.append("bybit", "public#9", FRAMES[399][2], second + b"{")
        findings = [one for one in replay(gather([tmp_path])[0]) if isinstance(one, Finding)]
        said = [one.said for one in findings]
        assert any("not used" in one for one in said)
        assert any(one.startswith("1 event was received more than 2 s late") for one in said)


def test_symbols_and_progress_and_what_was_seen(tmp_path: Path) -> None:
    watch(tmp_path, FRAMES[:2000])
    tapes = tapes_of(gather([tmp_path])[0])
    assert tapes is not None
    steps: list[tuple[int, int]] = []
    seen: set[str] = set()
    list(
        replay_tapes(
            tapes, symbols=frozenset({"ETH/USDT:USDT"}), seen=seen,
            progress_of=lambda _: lambda done, whole: steps.append((done, whole)),
        )
    )  # fmt: skip
    assert steps[-1] == (2000, 2000)
    assert seen == {"BTC/USDT:USDT"}


def test_the_end_of_a_tape_is_the_end_of_its_recording(tmp_path: Path) -> None:
    def episodes() -> Iterator[Said]:
        yield from watch(tmp_path, [one for one in FRAMES if one[2] < START_NS + 1540 * SECOND_NS])

    ended = [one for one in episodes() if isinstance(one, InformationalAlert)][-1]
    assert ended.stage is Stage.FEED_ENDED
    causes = {one.value for one in ended.facts if one.name.value == "feed_gap"}
    assert causes == {GapCause.END_OF_RECORDING.value}
    assert ended.time_ns - START_NS < HOUR_NS
