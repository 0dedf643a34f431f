"""C. Order, gaps, duplicates: events, F20 to F24 (books are in books.py)."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import pytest
from msgspec import structs

from airpocket.alerts.alert import Stage
from airpocket.alerts.saying import Said
from airpocket.live.venue_clock import VenueClock
from airpocket.market.dedup import Dedup
from airpocket.market.events import Event, GapCause, Liquidation, Trade
from airpocket.market.stream import Channel, Line, Subscription
from tests.faults.case import Case, case
from tests.faults.looking import TOPICS, holes
from tests.faults.oracle import Leave, missed, seen_keys
from tests.live.fake_venue import FakeVenue
from tests.live.ledger import Sent
from tests.live.rig import SYMBOLS
from tests.live.watch_rig import Watch, watch
from tests.live.world import Rates

_NO_LIQUIDATIONS: Final = "it has no public stream of liquidations"
_FIRST: Final = {venue: names[:1] for venue, names in SYMBOLS.items()}
_CALM: Final = Rates(
    trades_per_s=0.5, mark_every_s=2.0, open_interest_every_s=10.0, liquidations_per_h=120.0
)
_NAMED: Final = (Trade, Liquidation)
_WARM_S: Final = 400.0  # until the detector has seen enough of a market to speak of it


async def _cascade(whole: Watch) -> None:
    """Let a market be calm, and then let it fall."""
    await asyncio.sleep(_WARM_S)
    whole.rig.world.cascade(0.0, usd=100e6, move=0.08, count=80)
    await asyncio.sleep(60)


def _one_market(venue: str) -> Mapping[str, Any]:
    return {"symbols": {venue: _FIRST[venue]}, "rates": _CALM}


def _unheard(whole: Watch, venue: FakeVenue) -> list[Sent]:
    """List what was put on a connection and is not stored."""
    return [sent for sent in missed(whole, venue.name) if sent.deliveries]


# -- F20: what was said is said again ------------------------------------------------------------


async def _replays(whole: Watch, venue: FakeVenue) -> None:
    await _cascade(whole)
    whole.notes["alerts"] = len(whole.market_alerts())
    venue.faults.resend_last(200)
    for _ in range(2):
        venue.faults.reset()
        await asyncio.sleep(15)


def _once_each(whole: Watch, venue: FakeVenue) -> None:
    repeats = whole.watcher.pipeline.tally[venue.name].repeats
    assert repeats > 300, f"only {repeats} events were repeated"
    later = whole.market_alerts()[whole.notes["alerts"] :]
    again = [one for one in later if one.stage is Stage.OPEN]
    assert not again, f"told again: {again[0].alert_id}"


def _forgets(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Dedup, "is_new", lambda *_: True)


case(
    Case(
        number="F20",
        title="the last events are said again after each subscription",
        script=_replays,
        expect=_once_each,
        plant=_forgets,
        leave=Leave(market_alerts=True),
        options=_one_market,
    )
)


# -- F21: one event on two connections ------------------------------------------------------------


def _twice(venue: str) -> Mapping[str, Any]:
    """Follow everything on two connections; Binance's liquidations over its other host as well."""
    if venue == "binance":
        return {"symbols": {venue: (*SYMBOLS[venue], "BTCUSD_PERP")}, "more_lines": _other_host}
    return {"more_lines": _doubled}


def _other_host(lines: Sequence[Line]) -> list[Line]:
    forced = Subscription((Channel.LIQUIDATIONS,), "*", "!forceOrder@arr")
    canary = Subscription(
        (Channel.MARK, Channel.FUNDING), "BTCUSD_PERP", "btcusd_perp@markPrice@1s", 20.0
    )
    other = Line("coinm", "wss://dstream.binance.com/stream", (canary, forced))
    return [other, *_doubled(lines)]


def _doubled(lines: Sequence[Line]) -> list[Line]:
    return [structs.replace(line, route=f"{line.route}-again") for line in lines]


async def _on_both(whole: Watch, venue: FakeVenue) -> None:
    await asyncio.sleep(20)
    for raw_symbol in SYMBOLS[venue.name]:
        for _ in range(5):
            await asyncio.sleep(1.5)
            whole.rig.world.liquidate(venue.name, raw_symbol)
    await asyncio.sleep(20)


def _stored_once(whole: Watch, venue: FakeVenue) -> None:
    heard_twice = [
        sent
        for sent in whole.rig.world.sent
        if len(sent.connections) > 1 and sent.was_read and isinstance(sent.event, _NAMED)
    ]
    kinds = {type(sent.event) for sent in heard_twice}
    wanted = {Trade} if venue.name == "hyperliquid" else {Trade, Liquidation}
    assert kinds == wanted, f"only {kinds} came over two connections"
    stored = seen_keys(whole, venue.name)
    for sent in heard_twice:
        assert stored[sent.key] == 1, f"{sent} is stored {stored[sent.key]} times"
    if venue.name == "binance":
        merged = {s.route for s in venue.sessions for d in s.delivered if b"forceOrder" in d.data}
        assert merged == {"market", "coinm"}, f"liquidations came over {merged}"


def _asks_where_from(patch: pytest.MonkeyPatch) -> None:
    """Let the connection be a part of what an event is."""
    own: dict[tuple[int, str], Dedup] = {}
    is_new = Dedup.is_new

    def by_stream(self: Dedup, stream: str, event: Event) -> bool:
        return is_new(own.setdefault((id(self), stream), Dedup()), stream, event)

    patch.setattr(Dedup, "is_new", by_stream)


case(
    Case(
        number="F21",
        title="the same event on two connections",
        script=_on_both,
        expect=_stored_once,
        plant=_asks_where_from,
        leave=Leave(lines=8),
        options=_twice,
    )
)


# -- F22: two that look the same ------------------------------------------------------------------


async def _alike(whole: Watch, venue: FakeVenue) -> None:
    await asyncio.sleep(20)
    whole.notes["alike"] = whole.rig.world.liquidate(venue.name, SYMBOLS[venue.name][0], alike=2)
    await asyncio.sleep(10)
    venue.faults.resend_last(50, pattern=TOPICS[venue.name]["liquidations"])
    for _ in range(2):
        venue.faults.reset()
        await asyncio.sleep(20)


def _both_and_no_more(whole: Watch, venue: FakeVenue) -> None:
    first, second = whole.notes["alike"]
    assert first.key == second.key
    said = sum(delivery.replayed for delivery in first.deliveries)
    assert said >= 2, "the pair was not said again"
    stored = seen_keys(whole, venue.name)[first.key]
    assert stored == 2, f"the pair is stored {stored} times"


def _takes_equals_for_one(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Dedup, "_counts_more", _first_only)


def _first_only(
    self: Dedup, memory: Any, key: Any, stream: str, event: Event, newest_ns: int
) -> bool:
    del stream, newest_ns
    if key in memory.young or key in memory.old:
        return False
    memory.put(key, None, event.venue_ns or 0, self._bounds)
    return True


case(
    Case(
        number="F22",
        title="two liquidations that look the same",
        script=_alike,
        expect=_both_and_no_more,
        plant=_takes_equals_for_one,
        not_for={
            "binance": "it says one liquidation of a symbol in a second: no two of one time",
            "hyperliquid": _NO_LIQUIDATIONS,
        },
    )
)


# -- F23: out of order ----------------------------------------------------------------------------


# Its figures carry no time: the order in which they come is all there is.
_TIMED: Final = {"hyperliquid": TOPICS["hyperliquid"]["trades"]}


async def _in_disorder(whole: Watch, venue: FakeVenue) -> None:
    fault = venue.faults.shuffle(1.9, pattern=_TIMED.get(venue.name, "*"))
    await _cascade(whole)
    fault.end()
    await asyncio.sleep(10)
    whole.notes["late"] = whole.watcher.follower.late[venue.name]
    whole.notes["said"] = len(whole.said)
    venue.faults.shuffle(8.0, for_s=20)
    await asyncio.sleep(40)


async def _in_order(whole: Watch, venue: FakeVenue) -> None:
    await _cascade(whole)
    await asyncio.sleep(10)
    whole.notes["late"] = whole.watcher.follower.late[venue.name]
    whole.notes["said"] = len(whole.said)


def _as_in_order(whole: Watch, venue: FakeVenue) -> None:
    """What the detector says is the same to the byte; what is later is counted and stored."""

    async def script(other: Watch) -> None:
        await _in_order(other, other.rig[venue.name])

    calm, _ = watch(script, seed=whole.bench.seed, **_one_market(venue.name))
    ours, theirs = (_written(one.said[: one.notes["said"]]) for one in (whole, calm))
    assert theirs, "nothing was said of a market in order"
    assert ours == theirs, "disorder within two seconds changes what is said"
    late = [one.notes["late"] for one in (whole, calm)]  # some venues begin with old trades
    assert late[0] == late[1], f"{late[0] - late[1]} events were late within two seconds"
    assert whole.watcher.follower.late[venue.name] > late[0], "nothing was counted as late"
    assert not _unheard(whole, venue), "what came late is not stored"


def _written(said: Sequence[Said]) -> list[bytes]:
    return [msgspec.json.encode(one) for one in said]


def _waits_for_nobody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("airpocket.live.following.REORDER_NS", 0)


case(
    Case(
        number="F23",
        title="out of order",
        script=_in_disorder,
        expect=_as_in_order,
        plant=_waits_for_nobody,
        leave=Leave(market_alerts=True),
        options=_one_market,
    )
)


# -- F24: a backlog at once -----------------------------------------------------------------------


async def _flush(whole: Watch, venue: FakeVenue) -> None:
    """Two millions are closed by force every five seconds; a minute of it comes at once.

    The price falls by a hundredth meanwhile: within a minute that is nothing to tell, within the
    second of the flush it would be.
    """
    world, raw_symbol = whole.rig.world, SYMBOLS[venue.name][0]
    coin = world.market(venue.name, raw_symbol).coin

    def force() -> None:
        world.liquidate(venue.name, raw_symbol, usd=2e6)
        world.after(5.0, force)

    force()
    await asyncio.sleep(_WARM_S)
    for second in range(60):
        world.after(second, lambda: coin.push(0.99 ** (1 / 60)))
    for channel in {"trades", "liquidations"} & set(TOPICS[venue.name]):
        venue.faults.hold(60.0, pattern=TOPICS[venue.name][channel])
    await asyncio.sleep(100)


def _no_burst(whole: Watch, venue: FakeVenue) -> None:
    late = whole.watcher.follower.late[venue.name]
    assert late > 30, f"only {late} events came late"
    lost = _unheard(whole, venue)
    assert not lost, f"{len(lost)} events of the backlog are not stored"
    hidden = [gap for gap in holes(whole, venue.name, "trades") if gap.cause is GapCause.SILENCE]
    assert hidden, "a minute without trades is no hole"


def _goes_by_arrival(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(VenueClock, "place", lambda _self, venue_ns, now_ns: now_ns)


case(
    Case(
        number="F24",
        title="a backlog is flushed at once",
        script=_flush,
        expect=_no_burst,
        plant=_goes_by_arrival,
        options=_one_market,
    )
)
