"""A. Silence: F01 to F07."""

import asyncio
from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from typing import Any, Final

import msgspec
import pytest

from airpocket.live import pulse
from airpocket.live.asking import Asking
from airpocket.live.pulse import Beat, Pulse
from airpocket.live.session import Session
from airpocket.live.tie_out import TieOut
from airpocket.market.events import Gap, GapCause, HealthState, Liquidation
from tests.faults.case import Case, case
from tests.faults.looking import (
    TOPICS,
    healths,
    holes,
    main_channel,
    notices,
    seconds,
    topic,
)
from tests.faults.oracle import Leave
from tests.live.fake_venue import FakeVenue
from tests.live.rig import SYMBOLS
from tests.live.virtual import BEGIN_S, START_NS
from tests.live.watch_rig import Watch
from tests.live.world import Rates

_DOWN: Final = {HealthState.SUSPECT, HealthState.DEAD}
_LONG_SEED: Final = (
    2  # of 21 seeds this one lasts as long as the fault was seen to; the others less
)
_QUIET: Final = Rates(
    trades_per_s=None, mark_every_s=10.0, open_interest_every_s=None, funding_every_s=None,
    liquidations_per_h=None,
)  # fmt: skip


def _noticed(whole: Watch, venue: str, channel: str, from_ns: int, within_s: float) -> None:
    """Demand that a channel is said to be down soon after a moment."""
    said = [
        one
        for one in healths(whole, venue, channel)
        if one.state in _DOWN and (one.local_ns or 0) >= from_ns
    ]
    assert said, f"{channel} was never said to be silent"
    after_s = seconds((said[0].local_ns or 0) - from_ns)
    assert after_s <= within_s, f"{channel} noticed after {after_s:.0f} s: {said[0].reason}"


def _back(whole: Watch, venue: str, channel: str, from_ns: int, within_s: float) -> None:
    """Demand that a channel is said to be alive soon after a moment."""
    said = [
        seconds((one.local_ns or 0) - from_ns)
        for one in healths(whole, venue, channel)
        if one.state not in _DOWN and (one.local_ns or 0) >= from_ns
    ]
    assert said, f"{channel} did not come back"
    assert said[0] <= within_s, f"{channel} was back after {said[0]:.0f} s"


def _lines(whole: Watch, venue: FakeVenue) -> int:
    return len(whole.watcher.feeds[venue.name].statuses)


def _at_edges(gap: Gap, from_ns: int, to_ns: int, *, edge_s: float = 2.0, end_s: float) -> None:
    """Demand that a hole begins and ends where silence did, to a canary interval and a little."""
    begins_s, ends_s = seconds(gap.from_ns - from_ns), seconds((gap.to_ns or 0) - to_ns)
    assert -edge_s <= begins_s <= edge_s, f"begins {begins_s:.1f} s off: {gap}"
    assert -0.1 <= ends_s <= end_s, f"ends {ends_s:.1f} s off: {gap}"


# -- F01: acknowledged, and then nothing ---------------------------------------------------------


def _beside_another_route(venue: str) -> Mapping[str, Any]:
    if venue == "binance":
        return {"depth": True, "rest": True}  # books come over a route of their own, and go on
    return {}


async def _silent_route(whole: Watch, venue: FakeVenue) -> None:
    faults = venue.faults
    if venue.name in {"binance", "bybit"}:
        route = {"binance": "market", "bybit": "linear"}[venue.name]
        muted = [faults.mute(where=lambda session: session.route == route)]
    elif venue.name == "okx":  # one address for all: the class, and what would prove it
        muted = [faults.mute(TOPICS["okx"][name]) for name in ("liquidations", "mark")]
    else:  # one address, no liquidations: all of it
        muted = [faults.mute()]
    await asyncio.sleep(150)
    whole.note("off")
    for fault in muted:
        fault.end()
    await asyncio.sleep(110)


def _never_healthy(whole: Watch, venue: FakeVenue) -> None:
    channel, off_ns = main_channel(venue.name), whole.at_ns["off"]
    _noticed(whole, venue.name, channel, START_NS, 60.0)
    for one in healths(whole, venue.name, channel):
        is_muted = (one.local_ns or 0) < off_ns
        assert not is_muted or one.state in _DOWN, f"{one.state} while silent: {one.reason}"
    _back(whole, venue.name, channel, off_ns, 60.0)
    opened = [one for one in notices(whole) if venue.name in str(one.facts)]
    assert len(opened) == 1, f"{len(opened)} notices"
    for gap in holes(whole, venue.name, channel):
        if gap.raw_symbol != "BTCUSD":  # of the route that flows
            _at_edges(gap, START_NS, off_ns, end_s=60.0)
    assert holes(whole, venue.name, channel), "no hole from the subscription on"


def _trusts_the_answer(patch: pytest.MonkeyPatch) -> None:
    """An acknowledged topic is taken to work, and what answers is taken to be alive."""
    patch.setattr(Session, "_look_for_unproven", lambda _self, _now: None)
    patch.setattr(Session, "is_waiting", lambda _self, _channel: False)
    patch.setattr(Pulse, "is_socket_silent", lambda _self, _now: False)
    patch.setattr(Pulse, "silent", lambda _self, _now: [])


case(
    Case(
        number="F01",
        title="acknowledged but silent: the route of the liquidations, its canary too",
        script=_silent_route,
        expect=_never_healthy,
        plant=_trusts_the_answer,
        options=_beside_another_route,
    )
)


async def _silent_class(whole: Watch, venue: FakeVenue) -> None:
    fault = venue.faults.mute(TOPICS[venue.name][main_channel(venue.name)])
    world = whole.rig.world
    await asyncio.sleep(40)
    whole.note("evidence")
    if venue.name == "binance":  # says nothing of its open interest: others must tell
        for other in ("bybit", "okx"):
            force = partial(world.liquidate, other, SYMBOLS[other][0], usd=2_000.0)
            for number in range(700):
                world.after(number * 0.04, force)
        for number in range(10):
            world.after(number * 3.0, partial(world.liquidate, "binance", "BTCUSDT", usd=2_000.0))
    elif venue.name != "hyperliquid":
        world.cascade(0.0, seconds=20.0)
    await asyncio.sleep(150)  # no new evidence comes: what was proven stands
    whole.note("off")
    fault.end()
    await asyncio.sleep(5)
    if venue.name != "hyperliquid":
        world.liquidate(venue.name, SYMBOLS[venue.name][0], usd=20_000.0)
    await asyncio.sleep(60)


def _not_believed(whole: Watch, venue: FakeVenue) -> None:
    channel = main_channel(venue.name)
    since_ns = START_NS if venue.name == "hyperliquid" else whole.at_ns["evidence"]
    _noticed(whole, venue.name, channel, since_ns, 60.0)
    said = [one for one in healths(whole, venue.name, channel) if one.state in _DOWN]
    down = [one for one in said if (one.local_ns or 0) >= since_ns]
    later = [
        one
        for one in healths(whole, venue.name, channel)
        if (down[0].local_ns or 0) < (one.local_ns or 0) < whole.at_ns["off"]
    ]
    assert not later, f"{later[0].state} while nothing came: {later[0].reason}"
    _back(whole, venue.name, channel, whole.at_ns["off"], 60.0)
    (gap,) = holes(whole, venue.name, channel)
    assert gap.cause is GapCause.SILENCE
    _at_edges(gap, START_NS, whole.at_ns["off"], end_s=20.0)
    for other in SYMBOLS:
        if other != venue.name:
            assert not holes(whole, other), f"{other} is doubted too"


def _believes_canaries(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TieOut, "verdicts", lambda _self, _now, _since: [])


case(
    Case(
        number="F01b",
        title="acknowledged but silent: the liquidations alone, beside a canary that flows",
        script=_silent_class,
        expect=_not_believed,
        plant=_believes_canaries,
        leave=Leave(market_alerts=True, lines=8),  # the cascade is real, elsewhere
        options={
            "symbols": {venue: names[:1] for venue, names in SYMBOLS.items()},
            "rates": Rates(mark_every_s=3.0, liquidations_per_h=None),
        },
    )
)


# -- F02: nothing but pongs ----------------------------------------------------------------------


async def _mute(whole: Watch, venue: FakeVenue) -> None:
    await asyncio.sleep(60)
    whole.note("on")
    fault = venue.faults.mute_socket()
    await asyncio.sleep(60)
    whole.note("off")
    fault.end()
    await asyncio.sleep(70)


def _replaced(whole: Watch, venue: FakeVenue) -> None:
    on_ns, off_ns = whole.at_ns["on"], whole.at_ns["off"]
    channel = main_channel(venue.name)
    _noticed(whole, venue.name, channel, on_ns, 30.0)
    _back(whole, venue.name, channel, off_ns, 60.0)
    _connected_anew(whole, venue)
    assert len(notices(whole)) == 1


def _connected_anew(whole: Watch, venue: FakeVenue) -> None:
    on_ns, off_ns = whole.at_ns["on"], whole.at_ns["off"]
    on_s = BEGIN_S + seconds(on_ns - START_NS)
    knocks = [at_s for at_s, _, _ in venue.knocks if at_s > on_s]
    assert knocks[0] - on_s <= pulse.SILENT_SOCKET_S + 10.0, f"anew after {knocks[0] - on_s:.0f} s"
    silent = [gap for gap in holes(whole, venue.name) if gap.cause is GapCause.SILENCE]
    assert silent, "no hole of silence"
    for gap in silent:
        _at_edges(gap, on_ns, off_ns, end_s=70.0)


def _believes_pings(patch: pytest.MonkeyPatch) -> None:
    """What answers pings is taken to be alive."""
    patch.setattr(Pulse, "is_socket_silent", lambda _self, _now: False)


case(
    Case(
        number="F02",
        title="whole socket mute, pings answered",
        script=_mute,
        expect=_replaced,
        plant=_believes_pings,
    )
)


# -- F03: heartbeats and our own commands prove nothing ------------------------------------------


def _follow_less(whole: Watch, venue: FakeVenue, *, is_less: bool) -> None:
    """Follow one topic less, or all that were asked for at the beginning."""
    feed = whole.watcher.feeds[venue.name]
    if not whole.planned:
        whole.planned = [line for line, _ in feed.statuses]
    first, *others = whole.planned
    kept = first.subscriptions[:-1] if is_less else first.subscriptions
    feed.change([msgspec.structs.replace(first, subscriptions=kept), *others])


async def _heartbeats(whole: Watch, venue: FakeVenue) -> None:
    await asyncio.sleep(60)
    whole.note("on")
    fault = venue.faults.only_heartbeats(every_s=5.0)
    for turn in range(12):  # we ask for something every five seconds meanwhile
        _follow_less(whole, venue, is_less=turn % 2 == 0)
        await asyncio.sleep(5)
    whole.note("off")
    fault.end()
    await asyncio.sleep(70)


def _listens_to_noise(patch: pytest.MonkeyPatch) -> None:
    """Any frame at all resets the idle timer."""
    hear = Session._hear_answer

    def hear_all(self: Session, data: bytes) -> None:
        self.pulse.last_s = asyncio.get_running_loop().time()
        hear(self, data)

    patch.setattr(Session, "_hear_answer", hear_all)


case(
    Case(
        number="F03",
        title="heartbeats and our own commands keep coming, no data",
        script=_heartbeats,
        expect=_replaced,
        plant=_listens_to_noise,
    )
)


# -- F04: one topic of many ----------------------------------------------------------------------


def _eth(venue: str) -> str:
    return SYMBOLS[venue][1]


async def _one_stalls(whole: Watch, venue: FakeVenue) -> None:
    await asyncio.sleep(120)
    whole.note("on")
    fault = venue.faults.mute(topic(venue.name, _eth(venue.name)))
    await asyncio.sleep(70)
    whole.note("off")
    fault.end()
    await asyncio.sleep(70)


def _asked_anew(whole: Watch, venue: FakeVenue) -> None:
    stalled = topic(venue.name, _eth(venue.name))
    _noticed(whole, venue.name, "trades", whole.at_ns["on"], 60.0)
    _back(whole, venue.name, "trades", whole.at_ns["off"], 60.0)
    assert len(venue.sessions) == _lines(whole, venue), "siblings were reset"
    session = venue.sessions[0]
    on_s = BEGIN_S + seconds(whole.at_ns["on"] - START_NS)
    again = [(at_s, data) for at_s, data in session.received if at_s > on_s + 1.0]
    named = [(at_s, data) for at_s, data in again if b"ping" not in data]
    assert named, "never asked again"
    assert named[0][0] - on_s <= 60.0, f"asked again after {named[0][0] - on_s:.0f} s"
    written = stalled.encode()
    assert all(written in data or written.replace(b'"', b'\\"') in data for _, data in named)
    for gap in holes(whole, venue.name):
        assert (gap.channel, gap.raw_symbol) == ("trades", _eth(venue.name)), gap
        _at_edges(gap, whole.at_ns["on"], whole.at_ns["off"], edge_s=6.0, end_s=60.0)


def _one_beat_for_all(patch: pytest.MonkeyPatch) -> None:
    """Whatever comes keeps every topic of the connection alive."""
    patch.setattr(Beat, "is_silent", lambda _self, _now: False)
    patch.setattr(TieOut, "verdicts", lambda _self, _now, _since: [])


case(
    Case(
        number="F04",
        title="one topic stalls, its siblings flow",
        script=_one_stalls,
        expect=_asked_anew,
        plant=_one_beat_for_all,
    )
)


# -- F05: the peer is gone without a word --------------------------------------------------------


async def _half_open(whole: Watch, venue: FakeVenue) -> None:
    await asyncio.sleep(60)
    whole.note("on")
    venue.faults.black_hole()
    whole.note("off")  # what is connected from here on works
    await asyncio.sleep(100)


def _given_up(whole: Watch, venue: FakeVenue) -> None:
    _connected_anew(whole, venue)
    assert len(notices(whole)) <= 1  # none if it is back within the ten seconds that are no news
    alive = [session for session in venue.live if session.topics]
    assert alive, "nobody is subscribed"
    channel = main_channel(venue.name)
    for gap in holes(whole, venue.name, channel):
        assert seconds((gap.to_ns or 0) - gap.from_ns) <= 35.0, f"unseen for long: {gap}"


case(
    Case(
        number="F05",
        title="half-open: the peer is gone and said nothing",
        script=_half_open,
        expect=_given_up,
        plant=_believes_pings,
        leave=Leave(lines=5),  # the dead socket is unknown to the venue
    )
)


# -- F06: silence that is none -------------------------------------------------------------------


async def _quiet_day(whole: Watch, venue: FakeVenue) -> None:
    world, names = whole.rig.world, SYMBOLS[venue.name]
    for name in names:  # a burst at the beginning is no promise of more
        world.flood(venue.name, name, 5.0, 4.0)
    await asyncio.sleep((6.0 if whole.bench.seed == _LONG_SEED else 1.5) * 3600.0)
    whole.note("late")
    for name in names:
        world.flood(venue.name, name, 1.0, 2.0)
        world.liquidate(venue.name, name, usd=30_000.0)
    await asyncio.sleep(10)


def _left_alone(whole: Watch, venue: FakeVenue) -> None:
    assert len(venue.sessions) == _lines(whole, venue), "connected anew"
    assert not holes(whole, venue.name), holes(whole, venue.name)[0]
    assert not whole.notices()
    states = {one.state for one in whole.healths}
    assert states <= {HealthState.LIVE, HealthState.THROTTLED}, states
    if venue.name != "hyperliquid":
        late = [one for one in whole.final.events if isinstance(one, Liquidation)]
        assert [one for one in late if (one.local_ns or 0) >= whole.at_ns["late"]]


def _impatient(patch: pytest.MonkeyPatch) -> None:
    """Any topic that is silent for an hour is taken to be dead."""

    def is_silent(self: Beat, now_s: float) -> bool:
        since_s = max(self.sent_s, self.last_s or 0.0)
        return now_s - since_s > 3600.0

    patch.setattr(Beat, "is_silent", is_silent)


case(
    Case(
        number="F06",
        title="a quiet market: six hours without a trade or a liquidation",
        script=_quiet_day,
        expect=_left_alone,
        plant=_impatient,
        options={"rates": _QUIET, "commit_s": 10.0},
    )
)


# -- F07: what venues demand of a connection -----------------------------------------------------

_IDLE_S: Final = {"binance": 600.0, "bybit": 600.0, "okx": 30.0, "hyperliquid": 60.0}


async def _busy(whole: Watch, venue: FakeVenue) -> None:
    """Keep the client busy with requests of its own while it must not forget its pings."""
    hours = 1.1 if venue.name == "okx" else 0.35
    if whole.bench.seed == _LONG_SEED:
        hours = 24.0
    await asyncio.sleep(30)
    for turn in range(440):  # more than OKX allows within an hour
        _follow_less(whole, venue, is_less=turn % 2 == 0)
        await asyncio.sleep(0.2)
    await asyncio.sleep(hours * 3600.0)


def _stays(whole: Watch, venue: FakeVenue) -> None:
    ended = [one for one in venue.sessions if one.closed_by in {"venue", "reset"}]
    assert not ended, f"closed by the venue: {ended[0].close_code}"
    days = whole.bench.loop.time() - BEGIN_S > 80_000
    replaced = 1 if days and venue.name == "binance" else 0
    assert len(venue.sessions) == _lines(whole, venue) + replaced
    last = whole.planned[0].subscriptions[-1]  # OKX's hour is used up: this one waits for the next
    for gap in holes(whole, venue.name):
        assert venue.name == "okx", gap
        assert gap.channel in last.channels, gap
    for session in venue.sessions:
        ends_s = session.closed_s or whole.bench.loop.time()
        if venue.name == "binance":  # it pings; the answers are unseen by us
            assert ends_s - session.last_pong_s < _IDLE_S["binance"]
            continue
        said = [at_s for at_s, _ in session.received]
        longest_s = max(b - a for a, b in pairwise([session.opened_s, *said, ends_s]))
        assert longest_s < _IDLE_S[venue.name], f"said nothing for {longest_s:.0f} s"


def _forgets_pings(patch: pytest.MonkeyPatch) -> None:
    """Nobody answers the venue's pings, and nobody sends ours."""

    async def nothing(_self: Asking) -> None:
        return

    patch.setattr(Asking, "ping", nothing)
    patch.setattr("tests.live.fake_transport.FakeConnection.pinged", lambda _self: None)


case(
    Case(
        number="F07",
        title="the venue's rules on pings and idle connections, with a client that is busy",
        script=_busy,
        expect=_stays,
        plant=_forgets_pings,
        options={"rates": _QUIET, "commit_s": 10.0},
    )
)
