"""Each misbehaviour does what its name says, and only while it is switched on."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from airpocket.live.transport import ClosedError, ConnectError, ConnectFault
from airpocket.market.events import BookChange, Liquidation, Side, Trade
from airpocket.units import SECOND_NS
from airpocket.venues.books import open_book
from airpocket.venues.register import LIVE, open_streams, open_wire
from tests.live.fake_venue import FakeVenue, RestReply
from tests.live.faults import Fault
from tests.live.ledger import event_key
from tests.live.listening import listen, open_at
from tests.live.rig import SYMBOLS, Rig
from tests.live.spoiling import DAMAGES
from tests.live.virtual import Bench, run
from tests.live.world import Rates

BUSY = Rates(liquidations_per_h=1_800.0)
Arrange = Callable[[FakeVenue], Fault]


class Run:
    """Two minutes of one venue, with a fault from second 30 to second 60."""

    def __init__(
        self, venue: str, arrange: Arrange, *, rates: Rates = BUSY, names: int = 2
    ) -> None:
        self.venue = venue
        self.frames: list[tuple[float, bytes]] = []
        self.ended_s: float | None = None
        self._arrange = arrange
        self._rates = rates
        self._names = names
        run(self._go)

    async def _go(self, bench: Bench) -> None:
        self.rig = Rig(bench, {self.venue: SYMBOLS[self.venue]}, self._rates)
        streams = open_streams(self.venue)
        rows = [
            self.rig.world.market(self.venue, name).instrument
            for name in SYMBOLS[self.venue][: self._names]
        ]
        line = streams.lines(rows, self.rig.world.now_ns())[0]
        connection = await open_at(self.rig, line.url)
        for request in streams.subscribe(line.subscriptions, 1):
            await connection.send(request)
            await asyncio.sleep(0.05)
        bench.loop.call_later(30 - bench.elapsed_s(), self._begin)
        bench.loop.call_later(60 - bench.elapsed_s(), self._end)
        ping = streams.ping()
        for part in range(1, 9):
            await listen(
                connection,
                part * 15 - bench.elapsed_s(),
                lambda frame: self.frames.append((bench.elapsed_s(), frame)),
            )
            if not self.rig.transport.live:
                self.ended_s = self.ended_s or bench.elapsed_s()
            elif ping is not None:
                await connection.send(ping)

    def _begin(self) -> None:
        self.fault = self._arrange(self.rig[self.venue])

    def _end(self) -> None:
        self.fault.end()

    def between(self, from_s: float, to_s: float) -> list[bytes]:
        return [frame for at_s, frame in self.frames if from_s <= at_s < to_s]

    def pushes(self, from_s: float, to_s: float) -> list[bytes]:
        answer = open_streams(self.venue).answer
        return [frame for frame in self.between(from_s, to_s) if answer(frame) is None]

    def events(self, from_s: float = 0, to_s: float = 120) -> list[Any]:
        wire = open_wire(self.venue)
        return [event for f in self.pushes(from_s, to_s) for event in wire.decode(f).events]

    def rejected(self) -> list[str]:
        wire = open_wire(self.venue)
        return [said for f in self.pushes(0, 120) for said in wire.decode(f).rejected]


def forced(events: list[Any]) -> list[Liquidation]:
    return [event for event in events if isinstance(event, Liquidation)]


def trades(events: list[Any]) -> list[Trade]:
    return [event for event in events if isinstance(event, Trade)]


@pytest.mark.parametrize("venue", LIVE)
def test_a_mute_socket_answers_pings_and_says_nothing(venue: str) -> None:
    one = Run(venue, lambda fake: fake.faults.mute_socket())
    assert one.pushes(31, 60) == []
    assert len(one.pushes(61, 90)) > 50
    assert one.fault.fired > 50
    if venue != "binance":  # its pings are the protocol's
        assert len(one.between(31, 60)) >= 1


def test_one_topic_is_mute_and_its_siblings_are_not() -> None:
    one = Run("bybit", lambda fake: fake.faults.mute("publicTrade.ETHUSDT"))
    heard = trades(one.events(31, 60))
    assert {trade.raw_symbol for trade in heard} == {"BTCUSDT"}
    assert {t.raw_symbol for t in trades(one.events(61, 90))} == {"BTCUSDT", "ETHUSDT"}


@pytest.mark.parametrize("venue", LIVE)
def test_only_heartbeats_come_every_5_s(venue: str) -> None:
    one = Run(venue, lambda fake: fake.faults.only_heartbeats(every_s=5))
    assert one.pushes(30.1, 60) == []
    assert 5 <= len(one.between(30, 60)) <= 9
    assert open_streams(venue).answer(one.between(30.1, 60)[0]) is not None


@pytest.mark.parametrize("venue", LIVE)
def test_a_black_hole_says_nothing_more_and_does_not_end(venue: str) -> None:
    one = Run(venue, lambda fake: fake.faults.black_hole())
    assert one.between(30.1, 120) == []
    assert one.ended_s is None
    session = one.rig[venue].sessions[0]
    lost = [d for d in session.delivered if d.cut]
    assert lost
    assert all(d.read_s is None for d in lost)


@pytest.mark.parametrize(
    ("arrange", "code"),
    [
        (lambda fake: fake.faults.close(1001), 1001),
        (lambda fake: fake.faults.close(None), None),
        (lambda fake: fake.faults.reset(), None),
    ],
)
def test_connections_end_with_and_without_a_word(arrange: Arrange, code: int | None) -> None:
    async def follow(bench: Bench) -> tuple[int | None, int, int]:
        rig = Rig(bench, {"binance": SYMBOLS["binance"]}, Rates(trades_per_s=500.0))
        url = "wss://fstream.binance.com/market/stream?streams=btcusdt@aggTrade"
        connection = await open_at(rig, url)
        await listen(connection, 2)
        await asyncio.sleep(2)  # a client that is behind
        arrange(rig["binance"])
        after = await listen(connection, 5)
        with pytest.raises(ClosedError) as caught:
            await connection.receive()
        cut = sum(d.cut for d in rig["binance"].sessions[0].delivered)
        return caught.value.code, len(after), cut

    came, unread, cut = run(follow)
    assert came == code
    if cut:
        assert (unread, cut > 700) == (0, True)  # a reset loses what was not read
    else:
        assert unread > 700


def test_after_a_reset_some_bytes_may_still_be_read() -> None:
    async def follow(bench: Bench) -> int:
        rig = Rig(bench, {"binance": SYMBOLS["binance"]}, Rates(trades_per_s=500.0))
        url = "wss://fstream.binance.com/market/stream?streams=btcusdt@aggTrade"
        connection = await open_at(rig, url)
        await asyncio.sleep(2)
        rig["binance"].faults.reset(after_bytes=2_000)
        return sum(map(len, await listen(connection, 5)))

    assert 1_500 < run(follow) <= 2_000


@pytest.mark.parametrize("edge", ["handshake", "open", "ack", "push"])
def test_connections_are_cut_at_each_edge_and_then_not(edge: str) -> None:
    async def follow(bench: Bench) -> list[int]:
        rig = Rig(bench, {"bybit": SYMBOLS["bybit"]})
        rig["bybit"].faults.cut(edge, times=2)
        counts = []
        for _ in range(3):
            try:
                request = {"op": "subscribe", "args": ["tickers.BTCUSDT"]}
                connection = await open_at(rig, "wss://stream.bybit.com/v5/public/linear", request)
                counts.append(len(await listen(connection, 10)))
            except ConnectError:
                counts.append(-1)
        return counts

    first, second, third = run(follow)
    assert first == second == {"handshake": -1, "open": 0, "ack": 0, "push": 0}[edge]
    assert third > 5


@pytest.mark.parametrize(
    ("what", "fault"),
    [("dns", ConnectFault.DNS), ("tls", ConnectFault.TLS), ("port", ConnectFault.REFUSED)],
)
def test_a_venue_may_be_out_of_reach(what: str, fault: ConnectFault) -> None:
    async def follow(bench: Bench) -> ConnectFault:
        rig = Rig(bench, {"okx": SYMBOLS["okx"]})
        rig["okx"].faults.unreachable(what, for_s=90 * 60)
        url = "wss://ws.okx.com:8443/ws/v5/public"
        with pytest.raises(ConnectError) as caught:
            await open_at(rig, url)
        await asyncio.sleep(90 * 60)
        await open_at(rig, url)
        assert [came for _, _, came in rig.transport.tried] == [
            what if what != "port" else "refused",
            "open",
        ]
        return caught.value.fault

    assert run(follow) is fault


def test_handshakes_are_refused_with_status_and_pause_or_come_late() -> None:
    async def follow(bench: Bench) -> tuple[int | None, float | None, float]:
        rig = Rig(bench, {"okx": SYMBOLS["okx"]})
        url = "wss://ws.okx.com:8443/ws/v5/public"
        fault = rig["okx"].faults.refuse(429, retry_after_s=30)
        with pytest.raises(ConnectError) as caught:
            await open_at(rig, url)
        fault.end()
        rig["okx"].faults.delay_handshake(7)
        began_s = bench.elapsed_s()
        await open_at(rig, url)
        late_s = bench.elapsed_s() - began_s
        await open_at(rig, url)
        assert bench.elapsed_s() - began_s - late_s < 1
        return caught.value.status, caught.value.retry_after_s, late_s

    status, pause_s, late_s = run(follow)
    assert (status, pause_s) == (429, 30.0)
    assert late_s == pytest.approx(7.04)


def test_a_handshake_may_hang() -> None:
    async def follow(bench: Bench) -> float:
        rig = Rig(bench, {"okx": SYMBOLS["okx"]})
        rig["okx"].faults.black_hole(connects=True)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await open_at(rig, "wss://ws.okx.com:8443/ws/v5/public")
        return bench.elapsed_s()

    assert run(follow) == 10


@pytest.mark.parametrize("venue", LIVE)
def test_answers_are_lost_and_topics_refused(venue: str) -> None:
    async def follow(bench: Bench) -> tuple[list[Any], set[str]]:
        rig = Rig(bench, {venue: SYMBOLS[venue]})
        streams = open_streams(venue)
        row = rig.world.market(venue, SYMBOLS[venue][0]).instrument
        line = streams.lines([row], rig.world.now_ns())[0]
        trade = next(one for one in line.subscriptions if "rade" in one.topic)
        answers = []
        rig[venue].faults.drop_ack(1)
        refuse = rig[venue].faults.refuse_topic("*rade*" + ("BTC*" if venue != "binance" else ""))
        for _ in range(2):
            connection = await open_at(rig, line.url)
            for request in streams.subscribe([trade], 5):
                await connection.send(request)
            frames = await listen(connection, 20)
            said = [streams.answer(frame) for frame in frames]
            answers.append([one for one in said if one is not None])
            await connection.close()
        refuse.end()
        connection = await open_at(rig, line.url)
        await connection.send(streams.subscribe([trade], 5)[0])
        said = [streams.answer(frame) for frame in await listen(connection, 20)]
        answers.append([one for one in said if one is not None])
        return answers, {one.topic for one in line.subscriptions}

    (lost, refused, good), _ = run(follow)
    assert lost == []
    assert [bool(one.reason) for one in refused] == [True]
    assert [bool(one.reason) for one in good] == [False]


@pytest.mark.parametrize("venue", LIVE)
def test_old_trades_come_again_on_each_subscription(venue: str) -> None:
    async def follow(bench: Bench) -> tuple[list[str], list[str]]:
        rig = Rig(bench, {venue: SYMBOLS[venue]}, Rates(trades_per_s=20.0))
        await asyncio.sleep(30)
        rig[venue].faults.resend_last(200, pattern="*rade*")
        streams = open_streams(venue)
        row = rig.world.market(venue, SYMBOLS[venue][0]).instrument
        line = streams.lines([row], rig.world.now_ns())[0]
        trade = next(one for one in line.subscriptions if "rade" in one.topic)
        past = [
            str(getattr(one.event, "trade_id", ""))
            for one in rig.world.market(venue, SYMBOLS[venue][0]).trades
        ]
        connection = await open_at(rig, line.url, *streams.subscribe([trade], 1))
        wire = open_wire(venue)
        frames = await listen(connection, 0.1)
        ids = [
            str(e.trade_id) for f in frames for e in wire.decode(f).events if isinstance(e, Trade)
        ]
        assert all(
            d.replayed
            for d in rig[venue].sessions[0].delivered
            if b"rade" in d.data[:60] and d.events and d.events[0].at_s < 1_029
        )
        return ids, past[-190:]

    ids, past = run(follow)
    assert set(past) <= set(ids)


@pytest.mark.parametrize("venue", ["bybit", "okx"])
def test_a_skipped_update_breaks_a_book(venue: str) -> None:
    async def follow(bench: Bench) -> list[bool]:
        rig = Rig(bench, {venue: SYMBOLS[venue]}, depth=True)
        streams = open_streams(venue)
        name = SYMBOLS[venue][0]
        line = streams.lines(
            [rig.world.market(venue, name).instrument], rig.world.now_ns(), depth=True
        )[0]
        topics = [one for one in line.subscriptions if "book" in one.topic]
        connection = await open_at(rig, line.url, *streams.subscribe(topics, 1))
        bench.loop.call_later(5, lambda: rig[venue].faults.skip_update(name))
        frames = await listen(connection, 10)
        book, wire, valid = open_book(venue), open_wire(venue), []
        for frame in frames:
            for event in wire.decode(frame).events:
                if isinstance(event, BookChange):
                    book.apply(event)
                    valid.append(book.depth() is not None)
        return valid

    valid = run(follow)
    assert valid[0]
    assert not valid[-1]
    assert valid.index(False) > 5


def test_frames_come_twice() -> None:
    one = Run("bybit", lambda fake: fake.faults.send_twice("allLiquidation.*"))
    told = Counter(map(event_key, forced(one.events(30, 60))))
    assert set(told.values()) == {2}
    assert set(Counter(map(event_key, forced(one.events(61, 120)))).values()) == {1}


def test_both_products_come_over_both_hosts_of_binance() -> None:
    async def follow(bench: Bench) -> list[list[Any]]:
        rig = Rig(bench, {"binance": ("BTCUSDT", "BTCUSD_PERP")}, BUSY)

        async def hear(host: str, path: str) -> list[Any]:
            url = f"wss://{host}.binance.com/{path}stream?streams=!forceOrder@arr"
            frames = await listen(await open_at(rig, url), 60)
            return [event_key(e) for f in frames for e in open_wire("binance").decode(f).events]

        return list(await asyncio.gather(hear("fstream", "market/"), hear("dstream", "")))

    one, other = run(follow)
    assert one == other
    assert {key[2] for key in one} == {"BTCUSDT", "BTCUSD_PERP"}


@pytest.mark.parametrize("venue", ["bybit", "okx"])
def test_two_that_look_alike_are_two(venue: str) -> None:
    name = SYMBOLS[venue][0]

    def arrange(fake: FakeVenue) -> Fault:
        fake.world.liquidate(venue, name, alike=2)
        return fake.faults.mute("nothing")

    told = Counter(map(event_key, forced(Run(venue, arrange).events(30, 60))))
    assert 2 in told.values()


def test_frames_come_out_of_order_and_late() -> None:
    one = Run("okx", lambda fake: fake.faults.shuffle(2.0))
    times = [trade.venue_ns or 0 for trade in trades(one.events(30, 62))]
    assert times != sorted(times)
    assert max(b - a for a, b in zip(sorted(times), times, strict=True)) < 4 * SECOND_NS
    sent = [s for s in one.rig.world.ledger.sent("okx") if isinstance(s.event, Trade)]
    assert {s.key for s in sent if s.at_s < 1_100} <= {event_key(e) for e in one.events()}


@pytest.mark.parametrize("venue", LIVE)
def test_what_was_held_comes_at_once_and_whole(venue: str) -> None:
    one = Run(venue, lambda fake: fake.faults.hold(30))
    assert one.pushes(30.1, 59.9) == []
    assert len(one.pushes(60, 60.2)) > 60
    sent = [s for s in one.rig.world.ledger.sent(venue) if isinstance(s.event, Trade)]
    assert {s.key for s in sent if s.at_s < 1_119} <= {event_key(e) for e in one.events()}


@pytest.mark.parametrize("venue", ["bybit", "okx", "hyperliquid", "binance"])
def test_many_events_come_in_one_frame(venue: str) -> None:
    one = Run(venue, lambda fake: fake.faults.batch(500, pattern="*rade*", wait_s=5.0))
    wire = open_wire(venue)
    most = max(len(wire.decode(frame).events) for frame in one.pushes(30, 66))
    assert most > 5
    sent = [s for s in one.rig.world.ledger.sent(venue) if isinstance(s.event, Trade)]
    assert {s.key for s in sent if s.at_s < 1_119} <= {event_key(e) for e in one.events()}


@pytest.mark.parametrize("venue", ["binance", "bybit", "okx"])
def test_the_clock_of_a_venue_is_ahead(venue: str) -> None:
    one = Run(venue, lambda fake: fake.faults.shift_time(3_600 * SECOND_NS))
    start_ns = one.rig.bench.clock.wall_ns() - 120 * SECOND_NS
    wire = open_wire(venue)
    for at_s, frame in one.frames:
        for event in wire.decode(frame).events:
            ahead_s = ((event.venue_ns or 0) - start_ns) / SECOND_NS - at_s
            if 30.1 < at_s < 60 and isinstance(event, Trade):
                assert ahead_s == pytest.approx(3_600, abs=1)
            elif at_s > 60.1:
                assert ahead_s < 1


@pytest.mark.parametrize("venue", LIVE)
@pytest.mark.parametrize("factor", [1_000.0, 0.001])
def test_times_in_another_unit_are_refused_by_the_wire(venue: str, factor: float) -> None:
    one = Run(venue, lambda fake: fake.faults.scale_time(factor))
    assert trades(one.events(30.1, 60)) == []
    assert len(one.rejected()) > 20


def test_the_meaning_of_a_liquidation_changes() -> None:
    flipped = Run("okx", lambda fake: fake.faults.flip_side())
    by_time = {
        (s.event.venue_ns, s.event.raw_symbol): s.event
        for s in flipped.rig.world.happened
        if isinstance(s.event, Liquidation)
    }
    pairs = [(e, by_time[e.venue_ns, e.raw_symbol]) for e in forced(flipped.events(30.1, 60))]
    assert pairs
    assert all(
        isinstance(was, Liquidation) and {e.liquidated, was.liquidated} == {Side.LONG, Side.SHORT}
        for e, was in pairs
    )
    grown = Run("okx", lambda fake: fake.faults.multiply(100))
    sizes = [
        (
            e.qty_raw,
            next(
                s.event.qty_raw
                for s in grown.rig.world.happened
                if isinstance(s.event, Liquidation) and s.event.venue_ns == e.venue_ns
            ),
        )
        for e in forced(grown.events(30.1, 60))
    ]
    assert sizes
    assert all(said == pytest.approx(100 * was) for said, was in sizes)


def test_liquidations_are_throttled() -> None:
    one = Run(
        "bybit", lambda fake: fake.faults.throttle(1.0), rates=Rates(liquidations_per_h=36_000.0)
    )
    assert len(forced(one.events(31, 59))) <= 2 * 30
    assert len(forced(one.events(61, 89))) > 2 * 150


@pytest.mark.parametrize("venue", LIVE)
def test_damaged_frames_are_refused_and_their_neighbours_read(venue: str) -> None:
    one = Run(venue, lambda fake: fake.faults.corrupt(5))
    assert one.fault.fired >= len(DAMAGES)
    assert len(one.rejected()) >= one.fault.fired // 2
    spoilt = [d for d in one.rig[venue].sessions[0].delivered if d.altered]
    assert len(spoilt) == one.fault.fired
    good = {
        s.key for s in one.rig.world.ledger.sent(venue) if s.was_read and isinstance(s.event, Trade)
    }
    assert good <= {event_key(event) for event in one.events()}


@pytest.mark.parametrize("venue", LIVE)
def test_unknown_kinds_and_hostile_numbers_do_not_hide_the_others(venue: str) -> None:
    for arrange in (
        lambda fake: fake.faults.unknown_type(5),
        lambda fake: fake.faults.hostile_numbers(3),
    ):
        began = time.process_time()
        one = Run(venue, arrange)
        assert one.fault.fired > 10
        assert one.rejected()
        good = {
            s.key
            for s in one.rig.world.ledger.sent(venue)
            if s.was_read and isinstance(s.event, Trade)
        }
        assert good <= {event_key(event) for event in one.events()}
        assert time.process_time() - began < 20


def test_a_field_is_withdrawn() -> None:
    async def follow(bench: Bench) -> list[Any]:
        rig = Rig(bench, {"okx": SYMBOLS["okx"]}, depth=True)
        rig["okx"].faults.withdraw("checksum")
        request = {"op": "subscribe", "args": [{"channel": "books", "instId": "BTC-USDT-SWAP"}]}
        connection = await open_at(rig, "wss://ws.okx.com:8443/ws/v5/public", request)
        return [msgspec.json.decode(frame) for frame in (await listen(connection, 5))[1:]]

    frames = run(follow)
    assert len(frames) > 5
    assert all("checksum" not in one["data"][0] and "seqId" in one["data"][0] for one in frames)


def test_a_frame_above_the_limit_ends_the_connection() -> None:
    one = Run("binance", lambda fake: fake.faults.oversize(20 << 20))
    assert one.ended_s is not None
    assert one.rig["binance"].sessions[0].close_code == 1009


def test_a_client_that_does_not_read_is_closed() -> None:
    async def follow(bench: Bench) -> tuple[int | None, int]:
        rig = Rig(bench, {"binance": SYMBOLS["binance"]}, Rates(trades_per_s=None))
        rig.transport.buffer_bytes_most = 1 << 20
        url = "wss://fstream.binance.com/market/stream?streams=btcusdt@aggTrade"
        connection = await open_at(rig, url)
        rig.world.flood("binance", "BTCUSDT", 2_000, 10)
        await asyncio.sleep(10)
        frames = await listen(connection, 5)
        return rig["binance"].sessions[0].close_code, sum(map(len, frames))

    code, unread_bytes = run(follow)
    assert code == 1008
    assert unread_bytes == pytest.approx(1 << 20, rel=0.01)


def test_rest_is_slow_or_broken() -> None:
    async def follow(bench: Bench) -> list[Any]:
        rig = Rig(bench, {"binance": SYMBOLS["binance"]})
        fake = rig["binance"]
        query = {"symbol": "BTCUSDT"}
        slow = fake.faults.delay_snapshot(5)
        replies = [fake.rest("GET", "/fapi/v1/depth", query)]
        slow.end()
        fake.faults.break_rest("/fapi/*", RestReply(503, b"<html>"))
        replies += [
            fake.rest("GET", "/fapi/v1/depth", query),
            fake.rest("GET", "/dapi/v1/time", {}),
        ]
        return [(reply.status, reply.delay_s) for reply in replies]

    assert run(follow) == [(200, 5.0), (503, 0.0), (200, 0.0)]


def test_faults_end_together_and_work_on_the_connections_that_are_meant() -> None:
    async def follow(bench: Bench) -> tuple[int, int, int]:
        rig = Rig(bench, {"binance": SYMBOLS["binance"]})
        url = "wss://fstream.binance.com/market/stream?streams=btcusdt@aggTrade"
        one, other = await open_at(rig, url), await open_at(rig, url)
        rig["binance"].faults.mute("*", where=lambda session: session.number == 1)
        muted, heard = len(await listen(one, 10)), len(await listen(other, 10))
        rig["binance"].faults.end_all()
        return muted, heard, len(await listen(one, 10))

    muted, heard, again = run(follow)
    assert muted == 0
    assert heard > 5
    assert again > 5
