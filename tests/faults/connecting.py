"""B. Connecting and connecting anew: F08 to F16."""

import asyncio
from collections import Counter
from itertools import pairwise
from typing import Any, Final

import pytest
from msgspec import structs

from airpocket.alerts.alert import Stage
from airpocket.live.asking import Asking
from airpocket.live.line_keeper import LineKeeper
from airpocket.live.pacing import Backoff, Pace
from airpocket.live.session import Session
from airpocket.live.transport import ClosedError, ConnectError
from airpocket.market.events import GapCause, HealthState, Trade
from airpocket.units import SECOND_NS
from tests.faults.case import Case, case
from tests.faults.looking import (
    asked,
    healths,
    holes,
    main_channel,
    notices,
    seconds,
    topic,
    whole_feed_is_up,
)
from tests.live.fake_binance import FakeBinance
from tests.live.fake_venue import FakeVenue
from tests.live.rig import SYMBOLS
from tests.live.virtual import BEGIN_S, START_NS
from tests.live.watch_rig import Watch
from tests.live.world import Rates

_LONG_SEED: Final = 2  # of 21 seeds this one lasts as long as the fault was seen to
_SLOW: Final = Rates(
    trades_per_s=0.5, mark_every_s=5.0, open_interest_every_s=15.0, liquidations_per_h=20.0
)
_BARE: Final = Rates(
    trades_per_s=None, mark_every_s=10.0, open_interest_every_s=None, funding_every_s=None,
    liquidations_per_h=None,
)  # fmt: skip


async def _until_up(whole: Watch, venue: FakeVenue, within_s: float = 70.0) -> float:
    """Wait until all of a venue is said to be alive; tells how long it took."""
    begun_s = whole.bench.loop.time()
    while not whole_feed_is_up(whole, venue.name):
        await asyncio.sleep(0.25)
        took_s = whole.bench.loop.time() - begun_s
        assert took_s < within_s, f"not up after {took_s:.0f} s: {_state(whole, venue)}"
    return whole.bench.loop.time() - begun_s


def _state(whole: Watch, venue: FakeVenue) -> object:
    return whole.watcher.feeds[venue.name].health()


def _lines(whole: Watch, venue: FakeVenue) -> int:
    return len(whole.watcher.feeds[venue.name].statuses)


def _at_s(whole: Watch, name: str) -> float:
    return BEGIN_S + seconds(whole.at_ns[name] - START_NS)


def _one_socket_each(whole: Watch, venue: FakeVenue) -> None:
    """Demand one live connection a line, and each topic asked for once on it."""
    lines = [line for line, _ in whole.watcher.feeds[venue.name].statuses]
    served = Counter(
        name for session in venue.sessions for name in session.topics if _last(session)
    )
    wanted = Counter(one.topic for line in lines for one in line.subscriptions)
    assert whole.open_sockets == len(lines), f"{whole.open_sockets} sockets"
    assert served == wanted, f"served {served - wanted}, missing {wanted - served}"


def _last(session: Any) -> bool:
    """Tell whether a connection was open until the watcher itself ended."""
    ended_s = session.closed_s
    return bool(session.is_open or (session.closed_by == "client" and _is_end(session, ended_s)))


def _is_end(session: Any, ended_s: float) -> bool:
    return ended_s >= max(one.closed_s or 0.0 for one in session.venue.sessions) - 0.5


# -- F08: the venue's 24 hours -------------------------------------------------------------------


async def _whole_day(whole: Watch, venue: FakeVenue) -> None:
    day_s = 86_400.0 if whole.bench.seed == _LONG_SEED else 4_000.0
    assert isinstance(venue.dialect, FakeBinance)
    venue.dialect.lifetime_s = day_s
    rules: Any = whole.watcher.feeds["binance"]._around.rules
    assert rules.limits.lifetime_s == 86_400.0
    rules._limits = structs.replace(rules.limits, lifetime_s=day_s)
    await asyncio.sleep(0.965 * day_s)
    whole.rig.world.ledger.keep = True
    whole.note("on")
    left_s = 0.04 * day_s
    for name in SYMBOLS["binance"]:
        whole.rig.world.flood("binance", name, min(5.0, 2_000.0 / left_s), left_s)
    for _ in range(20):
        await asyncio.sleep(left_s / 20)
        whole.rig.world.liquidate("binance", "ETHUSDT", usd=5_000.0)
    await asyncio.sleep(10)


def _nothing_between(whole: Watch, venue: FakeVenue) -> None:
    lines = _lines(whole, venue)
    assert len(venue.sessions) == 2 * lines, "not replaced once"
    assert all(one.closed_by == "client" for one in venue.sessions), "the venue closed one"
    for old, new in pairwise(venue.sessions):
        assert (old.closed_s or 0.0) > new.opened_s, "no overlap"
    assert not holes(whole, "binance"), holes(whole, "binance")[0]
    stored = Counter(one.trade_id for one in whole.final.events if isinstance(one, Trade))
    happened = [one.event for one in whole.rig.world.happened if isinstance(one.event, Trade)]
    assert len(happened) > 100
    assert stored == Counter(one.trade_id for one in happened if isinstance(one, Trade))
    assert {one.state for one in whole.healths} <= {HealthState.LIVE, HealthState.THROTTLED}
    assert not whole.notices()


def _waits_to_be_closed(patch: pytest.MonkeyPatch) -> None:
    """Nobody thinks of the next connection before the last one ends."""
    patch.setattr(LineKeeper, "_succeed", _end_at_once)


async def _end_at_once(_self: LineKeeper, old: Session, runner: Any) -> Any:
    old.ripe.clear()
    await runner
    return old, runner


_NO_END: Final = "states no longest life of a connection: a sudden end is F09 and F10"

case(
    Case(
        number="F08",
        title="the venue ends each connection after 24 hours",
        script=_whole_day,
        expect=_nothing_between,
        plant=_waits_to_be_closed,
        not_for={"bybit": _NO_END, "okx": _NO_END, "hyperliquid": _NO_END},
        options={"rates": _BARE, "keep": False, "commit_s": 5.0},
    )
)


# -- F09: broken off in the middle of a burst ----------------------------------------------------


async def _mid_burst(whole: Watch, venue: FakeVenue) -> None:
    await asyncio.sleep(30)
    for name in SYMBOLS[venue.name]:
        whole.rig.world.flood(venue.name, name, 2_500.0, 0.4)
    await asyncio.sleep(whole.bench.rng.uniform(0.1, 0.3))
    whole.note("on")
    venue.faults.reset(after_bytes=whole.bench.rng.randrange(20_000))
    await asyncio.sleep(0.05)
    for name in SYMBOLS[venue.name]:
        whole.rig.world.liquidate(venue.name, name, usd=10_000.0)
    await asyncio.sleep(60)


def _marked_and_filled(whole: Watch, venue: FakeVenue) -> None:
    channels = {"trades", main_channel(venue.name)}
    found = [gap for channel in channels for gap in holes(whole, venue.name, channel)]
    assert {gap.channel for gap in found} == channels
    for gap in found:
        assert gap.cause is GapCause.DISCONNECT
        assert gap.to_ns is not None
        assert seconds(gap.to_ns - whole.at_ns["on"]) <= 10.0, gap
        assert abs(seconds(gap.from_ns - whole.at_ns["on"])) <= 2.0, gap
    stored = {one.trade_id for one in whole.final.events if isinstance(one, Trade)}
    burst = [
        one.event.trade_id
        for one in whole.rig.world.happened
        if isinstance(one.event, Trade) and abs(one.at_s - _at_s(whole, "on")) < 20.0
    ]
    lost = [trade_id for trade_id in burst if trade_id not in stored]
    assert len(burst) > 900
    if venue.name == "hyperliquid":  # serves no past trades: it is said, and not pretended
        assert lost
        assert whole.filled
        assert all(one.unfilled for one in whole.filled)
    else:
        assert not lost, f"{len(lost)} of {len(burst)} trades are not filled in"


def _forgets_to_fill(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("airpocket.live.watcher.Watcher._heal", lambda _self, _one, _gap: None)


case(
    Case(
        number="F09",
        title="reset in the middle of 5,000 trades a second",
        script=_mid_burst,
        expect=_marked_and_filled,
        plant=_forgets_to_fill,
        options={"rest": True},
    )
)


# -- F10: broken off at every edge ---------------------------------------------------------------


async def _every_edge(whole: Watch, venue: FakeVenue) -> None:
    faults, rng = venue.faults, whole.bench.rng
    first = rng.choice(["handshake", "open", "ack", "push"])
    faults.cut(first, times=rng.randint(1, 2))  # from the very first connection on
    await _until_up(whole, venue)
    for edge in rng.sample(["handshake", "open", "ack", "push"], 4):
        cut = faults.cut(edge, times=rng.randint(1, 3))
        faults.reset()
        await asyncio.sleep(1)
        await _until_up(whole, venue)
        cut.end()
        await asyncio.sleep(rng.uniform(11, 25))  # long enough to begin the back-off anew
    faults.reset()  # while it waits: a partition during the back-off
    gone = faults.unreachable("port")
    await asyncio.sleep(rng.uniform(3, 20))
    gone.end()
    await _until_up(whole, venue)
    await asyncio.sleep(rng.uniform(11, 25))
    await _end_beside_successor(whole, venue)
    await asyncio.sleep(30)


async def _end_beside_successor(whole: Watch, venue: FakeVenue) -> None:
    """End a session after its successor was opened, and before that one is proven."""
    old = list(venue.live)
    late = venue.faults.mute(where=lambda session: session not in old, for_s=8.0)
    _ripen(whole, venue)
    await asyncio.sleep(3)
    assert len(venue.live) == 2 * len(old), "no successor was opened"
    whole.note("beside")
    venue.faults.reset(where=lambda session: session in old)
    await asyncio.sleep(8)
    late.end()
    await _until_up(whole, venue)


def _ripen(whole: Watch, venue: FakeVenue) -> None:
    """Let every connection be replaced, as before the end of its day."""
    for keeper in whole.watcher.feeds[venue.name]._keepers:
        assert keeper.session is not None
        keeper.session.ripe.set()


def _up_everywhere(whole: Watch, venue: FakeVenue) -> None:
    _one_socket_each(whole, venue)
    said = [one.reason for one in whole.healths if "fault of airpocket" in one.reason]
    assert not said, said


def _gives_up(patch: pytest.MonkeyPatch) -> None:
    """Who is broken off while connecting is not connected anew."""
    connect = LineKeeper._connect

    async def once(self: LineKeeper) -> Session:
        try:
            return await connect(self)
        except ConnectError:
            await asyncio.get_running_loop().create_future()
            raise

    patch.setattr(LineKeeper, "_connect", once)


case(
    Case(
        number="F10",
        title="broken off at each edge: handshake, opening, answer, first data, back-off, overlap",
        script=_every_edge,
        expect=_up_everywhere,
        plant=_gives_up,
        options={"rates": _SLOW},
    )
)


# -- F11: late handshakes ------------------------------------------------------------------------


async def _late_opening(whole: Watch, venue: FakeVenue) -> None:
    faults = venue.faults
    faults.delay_handshake(25.0, times=_lines_to_come(whole, venue))  # longer than anybody waits
    await asyncio.sleep(60)
    await _until_up(whole, venue)
    faults.reset()  # again: the first answer comes when the second connection works
    faults.delay_handshake(12.0, times=1)
    await asyncio.sleep(40)
    await _until_up(whole, venue)
    faults.delay_handshake(6.0, times=_lines_to_come(whole, venue))
    _ripen(whole, venue)  # a replacement is under way …
    await asyncio.sleep(2)
    faults.reset()  # … when the old one ends: two reasons to connect, one connection
    await asyncio.sleep(60)


def _lines_to_come(whole: Watch, venue: FakeVenue) -> int:
    return len(whole.watcher.feeds[venue.name]._keepers)


def _one_each(whole: Watch, venue: FakeVenue) -> None:
    _one_socket_each(whole, venue)
    for session in venue.sessions:
        often = [name for name, count in Counter(asked(session)).items() if count > 1]
        assert not often, f"#{session.number} was asked twice for {often}"


def _old_acts_on_new(patch: pytest.MonkeyPatch) -> None:
    """What was begun for one connection subscribes on the next as well."""
    run = Session.run

    async def run_late(self: Session) -> Any:
        asyncio.get_running_loop().call_later(3.0, self.subscribe, self.line.subscriptions)
        return await run(self)

    patch.setattr(Session, "run", run_late)


case(
    Case(
        number="F11",
        title="an opening that comes later than the next one; two reasons to connect at once",
        script=_late_opening,
        expect=_one_each,
        plant=_old_acts_on_new,
        options={"rates": _SLOW},
    )
)


# -- F12: requests that are half answered --------------------------------------------------------


async def _half_answered(whole: Watch, venue: FakeVenue) -> None:
    faults, refused = venue.faults, topic(venue.name, SYMBOLS[venue.name][1])
    await asyncio.sleep(20)
    faults.drop_ack(1)
    whole.note("on")
    faults.reset()
    await asyncio.sleep(40)
    whole.note("refused")
    fault = faults.refuse_topic(refused)
    faults.reset()
    await asyncio.sleep(15)
    whole.note("off")
    fault.end()
    await asyncio.sleep(60)


def _asked_soon(whole: Watch, venue: FakeVenue) -> None:
    refused = topic(venue.name, SYMBOLS[venue.name][1])
    on_s, refused_s, off_s = (_at_s(whole, name) for name in ("on", "refused", "off"))
    asked_s = [
        at_s
        for session in venue.sessions
        for at_s, data in session.received
        if refused.encode() in data.replace(b'\\"', b'"') and at_s > refused_s
    ]
    pauses = [b - a for a, b in pairwise(asked_s)]
    first = [pause for pause in pauses if pause > 2.0][:1]
    assert first, "a refused topic is not asked for again"
    assert first[0] <= 10.0, f"asked again after {first[0]:.0f} s"
    for gap in holes(whole, venue.name):
        ends_s = BEGIN_S + seconds((gap.to_ns or 0) - START_NS)
        is_its = (gap.channel, gap.raw_symbol) == ("trades", SYMBOLS[venue.name][1])
        if gap.from_ns >= whole.at_ns["refused"] - SECOND_NS:
            wanted_s = off_s + 30.0 if is_its or gap.raw_symbol == "*" else refused_s + 10.0
            assert ends_s <= wanted_s, f"{gap.channel} {gap.raw_symbol} was out until {ends_s:.0f}"
        else:
            assert ends_s <= on_s + 15.0, f"an answer that was lost: {gap}"
    is_out = [one for one in holes(whole, venue.name) if one.channel == main_channel(venue.name)]
    assert len(is_out) >= 2


def _waits_for_an_answer(patch: pytest.MonkeyPatch) -> None:
    """What was asked for once is not asked for again."""
    patch.setattr(Asking, "look", lambda _self, _unproven: None)


case(
    Case(
        number="F12",
        title="one answer lost, one topic of many refused",
        script=_half_answered,
        expect=_asked_soon,
        plant=_waits_for_an_answer,
    )
)


# -- F13: too often ------------------------------------------------------------------------------


async def _too_often(whole: Watch, venue: FakeVenue) -> None:
    await asyncio.sleep(20)
    fault = venue.faults.refuse(429, retry_after_s=30.0)
    whole.note("on")
    venue.faults.reset()
    await asyncio.sleep(400)
    fault.end()
    whole.note("banned")
    fault = venue.faults.refuse(418)
    await asyncio.sleep(700)
    whole.note("off")
    fault.end()
    await asyncio.sleep(200)


def _patient(whole: Watch, venue: FakeVenue) -> None:
    on_s, banned_s, off_s = (_at_s(whole, name) for name in ("on", "banned", "off"))
    knocks = [at_s for at_s, _, _ in venue.knocks if on_s < at_s < off_s]
    most = max(sum(start <= at_s < start + 60.0 for at_s in knocks) for start in knocks)
    assert most <= 5, f"{most} connections within a minute"
    refused = [at_s for at_s in knocks if at_s < banned_s]
    pauses = [b - a for a, b in pairwise(refused)]
    assert len(pauses) >= 4
    lines = _lines(whole, venue)
    if lines == 1:
        assert min(pauses) >= 30.0, f"asked to wait 30 s, came after {min(pauses):.1f} s"
        assert len({round(pause, 1) for pause in pauses}) > 2, "no jitter"
    banned = [at_s for at_s in knocks if at_s > banned_s + 60.0]
    assert banned, "gave up"
    rests = [b - a for a, b in pairwise(banned)]
    assert not rests or lines > 1 or min(rests) >= 120.0, (
        f"banned, and back after {min(rests):.0f} s"
    )
    assert len(notices(whole)) == 1


def _storms(patch: pytest.MonkeyPatch) -> None:
    """Every pause is a second, whatever the server says."""
    patch.setattr(Backoff, "next_s", lambda _self, **_said: 1.0)
    patch.setattr(Pace, "rest", lambda _self, _pause_s: None)


case(
    Case(
        number="F13",
        title="refused for coming too often: 429 with Retry-After 30, then 418",
        script=_too_often,
        expect=_patient,
        plant=_storms,
        options={"rates": _SLOW},
    )
)


# -- F14: maintenance ----------------------------------------------------------------------------


async def _maintenance(whole: Watch, venue: FakeVenue) -> None:
    await asyncio.sleep(20)
    whole.note("on")
    fault = venue.faults.refuse(503)
    venue.faults.close(1001)
    await asyncio.sleep(45 * 60.0)
    fault.end()
    fault = venue.faults.unreachable("port")  # what let nobody in before, is not there now
    await asyncio.sleep(45 * 60.0)
    whole.note("off")
    fault.end()
    await asyncio.sleep(240)


def _back_in_time(whole: Watch, venue: FakeVenue) -> None:
    on_s, off_s = _at_s(whole, "on"), _at_s(whole, "off")
    tried = [at_s for at_s, _, _ in whole.rig.transport.tried if on_s < at_s < off_s]
    per_line = len(tried) / _lines(whole, venue)
    assert 5_400 / 62.0 * 0.9 <= per_line <= 5_400 / 30.0 * 1.2, f"{per_line} tries a line"
    for channel in whole.last_health[venue.name]:
        for gap in holes(whole, venue.name, channel):
            back_s = BEGIN_S + seconds((gap.to_ns or 0) - START_NS) - off_s
            assert gap.cause is GapCause.DISCONNECT
            if channel != "funding":  # said each half minute only
                assert back_s <= 70.0, f"{channel} back after {back_s:.0f} s"
            assert abs(seconds(gap.from_ns - whole.at_ns["on"])) <= 31.0
    assert len(notices(whole)) == 1
    assert len(notices(whole, Stage.ALL_CLEAR)) == 1
    assert len(notices(whole, Stage.UPDATE)) <= 1


def _doubles_for_ever(patch: pytest.MonkeyPatch) -> None:
    """Pauses that double without end."""

    def next_s(self: Backoff, **_said: object) -> float:
        self._failures += 1
        return float(2.0**self._failures)

    patch.setattr(Backoff, "next_s", next_s)


case(
    Case(
        number="F14",
        title="maintenance of 90 minutes: 503, then a closed port",
        script=_maintenance,
        expect=_back_in_time,
        plant=_doubles_for_ever,
        options={"rates": Rates(
            trades_per_s=0.05, mark_every_s=5.0, open_interest_every_s=None, funding_every_s=30.0,
            liquidations_per_h=6.0,
        ), "commit_s": 5.0},
    )
)  # fmt: skip


# -- F15: a thousand ends ------------------------------------------------------------------------


async def _thousand_ends(whole: Watch, venue: FakeVenue) -> None:
    times = 1_000 if whole.bench.seed == _LONG_SEED else 100
    await _until_up(whole, venue)
    for turn in range(times):
        if turn % 2:  # while a ping is answered, of the protocol and of the venue's own kind
            for session in venue.live:
                session.link.ping()
            venue.faults.reset()
            await asyncio.sleep(whole.rig.transport.latency_s)  # the end is there, not yet read
            await _ping_all(whole, venue)
        else:  # while a request is answered
            fault = venue.faults.cut("ack")
            venue.faults.reset()
            await asyncio.sleep(2.5)
            assert fault.fired
            fault.end()
        await asyncio.sleep(0.5)
        await _until_up(whole, venue)
        whole.note(f"end {turn + 1}")
        await asyncio.sleep(11)  # long enough to begin the back-off anew


async def _ping_all(whole: Watch, venue: FakeVenue) -> None:
    for keeper in whole.watcher.feeds[venue.name]._keepers:
        if keeper.session is not None:
            try:
                await keeper.session._asking.ping()
                if venue.name == "binance":  # pings by the protocol alone: another request
                    await keeper.session._send(b'{"method":"LIST_SUBSCRIPTIONS","id":9999}')
            except ClosedError as error:
                raise AssertionError("a ping on a dead connection breaks its task") from error


def _all_of_them(whole: Watch, venue: FakeVenue) -> None:
    times = 1_000 if whole.bench.seed == _LONG_SEED else 100
    assert f"end {times}" in whole.at_ns
    _one_socket_each(whole, venue)
    said = [one.reason for one in whole.healths if "fault of airpocket" in one.reason]
    assert not said, said[0]


def _trips_over_pongs(patch: pytest.MonkeyPatch) -> None:
    """A ping on a connection that just ended raises in the task that watches it."""

    async def send(self: Session, data: bytes) -> None:
        await self._connection.send(data)

    patch.setattr(Session, "_send", send)


case(
    Case(
        number="F15",
        title="closed during a ping or an answer, a thousand times",
        script=_thousand_ends,
        expect=_all_of_them,
        plant=_trips_over_pongs,
        options={"rates": _BARE, "commit_s": 5.0},
    )
)


# -- F16: no way there ---------------------------------------------------------------------------

_WAYS: Final = ("dns", "tls", 451, 403)


async def _no_way(whole: Watch, venue: FakeVenue) -> None:
    await asyncio.sleep(20)
    for way in _WAYS:
        whole.note(f"{way}")
        faults = venue.faults
        fault = faults.refuse(way) if isinstance(way, int) else faults.unreachable(way)
        faults.reset()
        await asyncio.sleep(200)
        whole.note(f"{way} ends")
        fault.end()
        await _until_up(whole, venue, 90.0)
        await asyncio.sleep(20)
    await asyncio.sleep(60)


def _said_as_it_is(whole: Watch, venue: FakeVenue) -> None:
    channel = main_channel(venue.name)
    for way in _WAYS:
        begins_ns, ends_ns = whole.at_ns[f"{way}"], whole.at_ns[f"{way} ends"]
        told = [
            one
            for one in healths(whole, venue.name, channel)
            if begins_ns < (one.local_ns or 0) <= ends_ns
        ]
        state = HealthState.DEAD if way == "dns" else HealthState.BLOCKED
        assert told, f"{way}: nothing was said"
        assert told[-1].state is state, f"{way}: {told[-1].state}, {told[-1].reason}"
        assert seconds((told[-1].local_ns or 0) - begins_ns) <= 10.0
        from_s, to_s = _at_s(whole, f"{way}"), _at_s(whole, f"{way} ends")
        inside = [one.opened_s for one in venue.sessions if from_s < one.opened_s < to_s]
        assert not inside, f"{way}: connected nevertheless"
        tried = [at_s for at_s, _, _ in whole.rig.transport.tried if from_s + 3 < at_s < to_s]
        if way != "dns":
            per_line = len(tried) / _lines(whole, venue)
            assert 2 <= per_line <= 4, f"{way}: tried {per_line} times in 200 s"
    assert notices(whole)


def _blind_to_refusals(patch: pytest.MonkeyPatch) -> None:
    """A refusal is an outage like any other."""
    patch.setattr("airpocket.live.line_keeper._BLOCKED_STATUS", frozenset[int]())


case(
    Case(
        number="F16",
        title="no way there: unknown name, bad certificate, 451, 403",
        script=_no_way,
        expect=_said_as_it_is,
        plant=_blind_to_refusals,
        options={"rates": _SLOW},
    )
)
