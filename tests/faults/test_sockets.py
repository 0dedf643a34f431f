"""Ten of the faults once more over real sockets: the kernel, aiohttp and the clock of a machine.

The same watcher, venues and oracle as in virtual time. Waits are generous, because a machine may be
busy; what is demanded in the end is not. Pauses of minutes are shortened, and named where they are.
"""

import asyncio
import random
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from airpocket.live import line_keeper, pacing, pulse, session
from airpocket.live.sockets import AiohttpTransport
from airpocket.market.events import Gap, GapCause, HealthState, Trade
from airpocket.units import SECOND_NS
from airpocket.venues.register import open_streams
from tests.faults.looking import TOPICS, healths, holes, main_channel, whole_feed_is_up
from tests.faults.oracle import Leave, judge, seen_keys
from tests.live import spoiling
from tests.live.fake_venue import FakeVenue
from tests.live.ledger import Sent
from tests.live.loopback import Loopback, LoopbackTransport, real_bench
from tests.live.rig import SYMBOLS, Rig
from tests.live.virtual import BEGIN_S, START_NS
from tests.live.watch_rig import Watch
from tests.live.world import Rates

_PATIENCE_S: Final = 40.0  # of a wait; none takes a quarter of it on an idle machine
_SILENT_S: Final = 4.0  # instead of 20
_LIVELY: Final = Rates(
    trades_per_s=20.0, mark_every_s=0.5, open_interest_every_s=1.0, funding_every_s=5.0,
    liquidations_per_h=None,
)  # fmt: skip

Script = Callable[["Stage"], Awaitable[None]]


class Stage:
    """A watcher on sockets, the venue that misbehaves, and where they meet."""

    def __init__(
        self, whole: Watch, venue: FakeVenue, server: Loopback, transport: LoopbackTransport
    ) -> None:
        self.whole = whole
        self.venue = venue
        self.server = server
        self.transport = transport
        self.up_s = 0.0

    async def until(self, is_so: Callable[[], bool], what: str) -> None:
        """Wait for something that will come, if slowly."""
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + _PATIENCE_S
        while not is_so():
            feed = self.whole.watcher.feeds[self.venue.name]
            assert loop.time() < ends_s, f"{what}: not yet; {feed.health()}"
            await asyncio.sleep(0.02)

    async def until_up(self) -> None:
        """Wait until all channels are alive."""
        await self.until(lambda: whole_feed_is_up(self.whole, self.venue.name), "up")
        self.up_s = self.up_s or self.whole.bench.elapsed_s()

    async def until_told(self, *states: HealthState) -> str:
        """Wait until the main channel is said to be in one of some states; tells why."""

        def told() -> bool:
            said = self.told()
            return bool(said) and said[-1].state in states

        await self.until(told, f"{states}")
        reason: str = self.told()[-1].reason
        return reason

    def told(self) -> Sequence[Any]:
        """List what was said of the main channel."""
        return healths(self.whole, self.venue.name, main_channel(self.venue.name))

    def flood(self, rate: float, seconds: float) -> int:
        """Let trades happen in every market of the venue; tells how many."""
        flood = self.whole.rig.world.flood
        return sum(flood(self.venue.name, name, rate, seconds) for name in SYMBOLS[self.venue.name])

    async def settle(self) -> None:
        """End the world, and wait until what was said has been read."""
        self.venue.faults.end_all()
        await asyncio.sleep(0.3)  # an end that is on its way is known
        await self.until_up()
        self.whole.rig.world.stop()
        await self.until(self._is_read, "all that was sent is read")

    def _is_read(self) -> bool:
        return all(
            one.cut or one.read_s is not None
            for session in self.venue.live
            if not session.link.is_dark  # type: ignore[attr-defined]
            for one in session.delivered
        )


def play(
    name: str,
    script: Script,
    folder: Path,
    *,
    leave: Mapping[str, Any] | None = None,
    rates: Rates = _LIVELY,
    rest: bool = False,
    tls: bool = False,
    trusted: bool = True,
    slice_bytes: int | None = None,
    frames: bool = False,
) -> Watch:
    """Play a fault on a venue behind real sockets, and hold the run against the oracle."""

    async def main() -> Stage:
        rig = Rig(real_bench(), {name: SYMBOLS[name]}, rates)
        secure = folder if tls else None
        async with Loopback(rig.venues.values(), tls=secure, slice_bytes=slice_bytes) as server:
            real = AiohttpTransport(trust=server.trust if trusted else None)
            transport = server.attach(rig, real)
            with tempfile.TemporaryDirectory(dir=folder) as own:
                whole = Watch(rig, Path(own), rest=rest, commit_s=0.05)
                whole.frames = [] if frames else None
                stage = Stage(whole, rig[name], server, transport)
                try:
                    await _follow(stage, script)
                finally:
                    rig.world.stop()
                    await transport.close()
                    await real.close()
            return stage

    stage = asyncio.run(main())
    idle = [fault.name for fault in stage.venue.faults.all if not fault.fired]
    assert not idle, f"never fired: {idle}"
    assert not stage.whole.rig.violations, stage.whole.rig.violations[:3]
    assert stage.up_s, "never up"
    judge(stage.whole, name, Leave(settle_s=stage.up_s, **(leave or {})))
    return stage.whole


async def _follow(stage: Stage, script: Script) -> None:
    """Run a watcher beside a script, as :func:`tests.live.watch_rig.watch` does."""
    whole = stage.whole
    task = asyncio.create_task(whole.watcher.run())
    try:
        await script(stage)
        await stage.settle()
        assert not task.done(), task
        whole.look()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for one in whole.rests.values():
            await one.close()
        whole.read_back()
        whole.tapes.close()
        whole.state.close()


def _lines(whole: Watch, name: str) -> int:
    return len(whole.watcher.feeds[name].statuses)


def _during(whole: Watch, gaps: Sequence[Gap], name: str) -> None:
    """Demand holes, each over soon, and begun no later than what made them."""
    assert gaps, "no hole"
    for gap in gaps:
        assert gap.to_ns is not None, f"still open: {gap}"
        assert START_NS <= gap.from_ns <= whole.at_ns[name] + 5 * SECOND_NS, gap
        assert gap.to_ns > whole.at_ns[name], gap


# -- A. Silence ----------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a silent socket up after four seconds."""
    monkeypatch.setattr(pulse, "SILENT_SOCKET_S", _SILENT_S)
    monkeypatch.setattr(session, "SILENT_SOCKET_S", _SILENT_S)


@pytest.mark.usefixtures("impatient")
def test_f02_a_mute_socket_is_replaced(tmp_path: Path) -> None:
    async def script(stage: Stage) -> None:
        await stage.until_up()
        before = list(stage.venue.live)
        stage.whole.note("on")
        fault = stage.venue.faults.mute_socket()
        await stage.until(lambda: not any(one.is_open for one in before), "given up")
        fault.end()
        await stage.until_up()
        assert all(one.closed_by == "client" for one in before)

    whole = play("hyperliquid", script, tmp_path)
    gaps = holes(whole, "hyperliquid", "trades")
    _during(whole, gaps, "on")
    assert {gap.cause for gap in gaps} == {GapCause.SILENCE}
    silent_ns = (gaps[0].to_ns or 0) - gaps[0].from_ns
    assert silent_ns >= (_SILENT_S - 1.0) * SECOND_NS, "given up before it was silent"


@pytest.mark.usefixtures("impatient")
def test_f05_a_peer_that_is_gone_without_a_word_is_given_up(tmp_path: Path) -> None:
    async def script(stage: Stage) -> None:
        await stage.until_up()
        before = len(stage.venue.sessions)
        stage.whole.note("on")
        stage.venue.faults.black_hole()
        await stage.until(lambda: len(stage.venue.sessions) > before, "connected anew")
        await stage.until_up()

    whole = play("okx", script, tmp_path)
    gaps = holes(whole, "okx", "liquidations")
    _during(whole, gaps, "on")
    assert {gap.cause for gap in gaps} == {GapCause.SILENCE}


# -- B. Connecting -------------------------------------------------------------------------------


def test_f09_a_reset_in_a_burst_is_marked_and_filled(tmp_path: Path) -> None:
    async def script(stage: Stage) -> None:
        await stage.until_up()
        before = list(stage.venue.live)
        stage.whole.note("burst")
        stage.flood(500.0, 2.5)  # no more than this process makes in time, if it is slowed down
        read = partial(_read, stage.venue)
        enough = read() + 600
        await stage.until(lambda: read() >= enough, "in the middle of it")
        stage.whole.note("on")
        stage.venue.faults.reset(after_bytes=random.Random(1).randrange(1, 20_000))
        await stage.until(lambda: all(not one.is_open for one in before), "broken off")
        await stage.until_up()
        await stage.until(lambda: _filled(stage.whole) == set(SYMBOLS["binance"]), "filled in")

    whole = play("binance", script, tmp_path, rest=True)
    gaps = holes(whole, "binance", "trades")
    _during(whole, gaps, "on")
    assert {gap.cause for gap in gaps} == {GapCause.DISCONNECT}
    stored = {one.trade_id for one in whole.final.events if isinstance(one, Trade)}
    inside = [
        one.event.trade_id
        for one in whole.rig.world.happened
        if isinstance(one.event, Trade) and _after(whole, one) and not one.was_read
    ]
    assert len(inside) > 100, "the burst was over before the reset"
    lost = [trade_id for trade_id in inside if trade_id not in stored]
    assert not lost, f"{len(lost)} of {len(inside)} trades are not filled in"


def _after(whole: Watch, sent: Sent) -> bool:
    return sent.at_s >= BEGIN_S + (whole.at_ns["burst"] - START_NS) / SECOND_NS


def _read(venue: FakeVenue) -> int:
    return sum(one.read_s is not None for each in venue.sessions for one in each.delivered)


def _filled(whole: Watch) -> set[str]:
    return {one.raw_symbol for one in whole.filled}


def test_f10_broken_off_at_each_edge_it_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_keeper, "_STEADY_S", 0.0)  # instead of 10: pauses do not grow

    async def script(stage: Stage) -> None:
        faults = stage.venue.faults
        first = faults.cut("handshake", times=2)
        await stage.until_up()
        first.end()
        for edge in ("handshake", "open", "ack", "push"):
            stage.whole.note("on")
            cut = faults.cut(edge)
            faults.reset()
            await stage.until(lambda cut=cut: cut.fired > 0, f"broken off at {edge}")  # type: ignore[misc]
            await stage.until_up()
            cut.end()

    whole = play("hyperliquid", script, tmp_path)
    assert whole.open_sockets == _lines(whole, "hyperliquid")
    assert {gap.cause for gap in holes(whole, "hyperliquid")} == {GapCause.DISCONNECT}


def test_f13_a_retry_after_is_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "_STATUS_FIRST_S", 0.2)  # instead of 5: the header decides
    monkeypatch.setattr(pacing, "_ONE_AT_A_TIME_S", 0.5)  # instead of 15
    asked_s = 1.0

    async def script(stage: Stage) -> None:
        await stage.until_up()
        stage.whole.note("on")
        fault = stage.venue.faults.refuse(429, retry_after_s=asked_s)
        stage.venue.faults.reset()
        await stage.until(lambda: fault.fired >= 2, "refused twice")
        fault.end()
        await stage.until_up()

    whole = play("binance", script, tmp_path)
    knocks = whole.rig["binance"].knocks
    refused = [number for number, (_, _, came) in enumerate(knocks) if came == "429"]
    assert len(refused) >= 2
    for number in refused:
        pause_s = knocks[number + 1][0] - knocks[number][0]
        assert pause_s >= asked_s, f"asked again after {pause_s:.2f} s"
    _during(whole, holes(whole, "binance", "liquidations"), "on")


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask a venue that is blocked again after a second instead of sixty."""
    monkeypatch.setattr(line_keeper, "_BLOCKED_FIRST_S", 1.0)
    monkeypatch.setattr(pacing, "_STATUS_FIRST_S", 0.2)


@pytest.mark.usefixtures("soon")
def test_f16_an_address_that_is_blocked_is_said_and_asked_slowly(tmp_path: Path) -> None:
    async def script(stage: Stage) -> None:
        fault = stage.venue.faults.refuse(451)
        said = await stage.until_told(HealthState.BLOCKED)
        assert "451" in said
        lines = _lines(stage.whole, "okx")
        await stage.until(lambda: fault.fired >= 2 * lines, "asked again")
        fault.end()
        await stage.until_up()

    whole = play("okx", script, tmp_path)
    knocks = whole.rig["okx"].knocks
    refused = [at_s for at_s, _, came in knocks if came == "451"]
    assert len(refused) >= 2
    lines = _lines(whole, "okx")
    for early, late in zip(refused, refused[lines:], strict=False):
        assert late - early >= 1.0, f"asked again after {late - early:.2f} s"
    assert holes(whole, "okx", "liquidations"), "nobody was told that it was not watched"


@pytest.mark.usefixtures("soon")
def test_f16_a_certificate_that_is_not_trusted_is_never_bypassed(tmp_path: Path) -> None:
    async def script(stage: Stage) -> None:
        said = await stage.until_told(HealthState.BLOCKED)
        assert "certificate cannot be trusted" in said
        await stage.until(lambda: len(stage.transport.tried) >= 2, "tried again")
        assert not stage.venue.knocks, "something was said to who is not proven to be the venue"
        assert {came for _, _, came in stage.transport.tried} == {"tls"}
        untrusting, stage.transport._to = (  # the venue has a good certificate again
            stage.transport._to, AiohttpTransport(trust=stage.server.trust),
        )  # fmt: skip
        await untrusting.close()
        await stage.until_up()

    whole = play("bybit", script, tmp_path, tls=True, trusted=False)
    assert holes(whole, "bybit", "liquidations"), "nobody was told that it was not watched"


# -- E. Payload ----------------------------------------------------------------------------------


def test_f28_bad_frames_are_set_aside_and_their_neighbours_stored(tmp_path: Path) -> None:
    async def script(stage: Stage) -> None:
        await stage.until_up()
        fault = stage.venue.faults.corrupt(8, instead=False)
        stage.flood(200.0, 1.0)
        wanted = 3 * len(spoiling.DAMAGES)
        await stage.until(lambda: fault.fired >= 8 * wanted or _spoilt(stage) >= wanted, "spoilt")
        fault.end()

    whole = play("hyperliquid", script, tmp_path, leave={"may_alter": True}, frames=True)
    venue = whole.rig["hyperliquid"]
    assert len(venue.sessions) == _lines(whole, "hyperliquid"), "a connection was lost"
    assert not holes(whole, "hyperliquid")
    bad = [one.data for s in venue.sessions for one in s.delivered if one.altered]
    rejected = [data for data, said in zip(bad, venue.read(bad), strict=True) if said.rejected]
    assert len(rejected) >= len(spoiling.DAMAGES)
    assert len(whole.quarantined) >= len(rejected)
    assert whole.frames is not None
    assert set(rejected) <= {frame.data for frame in whole.frames}, "bytes are not on the tape"


def _spoilt(stage: Stage) -> int:
    return sum(one.altered for each in stage.venue.sessions for one in each.delivered)


def test_f31_five_hundred_events_in_a_frame_that_comes_in_pieces(tmp_path: Path) -> None:
    async def script(stage: Stage) -> None:
        await stage.until_up()
        fault = stage.venue.faults.batch(500, pattern=TOPICS["bybit"]["trades"], wait_s=2.0)
        stage.flood(1_000.0, 1.0)
        await stage.until(lambda: _largest(stage.venue) >= 500, "five hundred in one")
        await asyncio.sleep(1.0)
        fault.end()

    whole = play("bybit", script, tmp_path, slice_bytes=1_400)
    venue = whole.rig["bybit"]
    assert len(venue.sessions) == _lines(whole, "bybit"), "a connection was lost"
    assert _largest(venue) == 500
    stored = seen_keys(whole, "bybit")
    crowd = [one for s in venue.sessions for one in s.delivered if len(one.events) > 100]
    assert all(stored[sent.key] for frame in crowd for sent in frame.events)
    assert not holes(whole, "bybit")


def _largest(venue: FakeVenue) -> int:
    return max(len(one.events) for each in venue.sessions for one in each.delivered)


def test_f32_a_frame_above_the_limit_ends_its_connection_and_is_no_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_keeper, "_TOO_LARGE_S", 3.0)  # instead of 30
    limit = open_streams("okx").limits.frame_bytes_most

    async def script(stage: Stage) -> None:
        await stage.until_up()
        stage.venue.faults.oversize(limit)
        await stage.until(stage._is_read, "a frame within the limit is read")
        before = list(stage.venue.sessions)
        assert all(one.is_open for one in before), "a frame within the limit ends a connection"
        stage.whole.note("on")
        stage.venue.faults.oversize(limit + 1_000)
        await stage.until(lambda: not any(one.is_open for one in before), "ended")
        said = await stage.until_told(HealthState.DEAD, HealthState.SUSPECT)
        assert "larger" in said
        await stage.until_up()

    whole = play("okx", script, tmp_path)
    venue = whole.rig["okx"]
    lines = _lines(whole, "okx")
    assert len(venue.sessions) == 2 * lines, "a loop"
    assert [one.close_code for one in venue.sessions[:lines]] == [1009] * lines
    closed_s = max(one.closed_s or 0.0 for one in venue.sessions[:lines])
    assert venue.sessions[lines].opened_s - closed_s >= 2.5, "it did not wait"
    gaps = holes(whole, "okx", "liquidations")
    _during(whole, gaps, "on")
    assert all("larger" in gap.proven_by for gap in gaps)


# -- G. Load -------------------------------------------------------------------------------------


def test_f42_all_of_a_rush_is_stored_in_order(tmp_path: Path) -> None:
    total = 0

    async def script(stage: Stage) -> None:
        nonlocal total
        await stage.until_up()
        for _ in range(4):
            total += stage.flood(12_500.0, 0.1)
            await asyncio.sleep(0.3)
        made = partial(_trades, stage.whole)
        await stage.until(lambda: len(made()) >= total, "all of it happened")

    whole = play("binance", script, tmp_path)
    assert total == 10_000
    assert len(whole.rig["binance"].sessions) == _lines(whole, "binance")
    assert not holes(whole, "binance")
    made = _trades(whole)
    stored = [one for one in whole.final.events if isinstance(one, Trade)]
    for name in SYMBOLS["binance"]:
        said = [one.trade_id for one in made if one.raw_symbol == name]
        numbers = [one.trade_id for one in stored if one.raw_symbol == name]
        assert len(numbers) >= total // 2
        assert numbers == said[len(said) - len(numbers) :], "not all, or not in order"


def _trades(whole: Watch) -> list[Trade]:
    happened = whole.rig.world.happened
    return [one.event for one in happened if isinstance(one.event, Trade)]
