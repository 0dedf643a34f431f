"""What a hole swallowed is fetched, or said to be missing; never for ever, never twice."""

import asyncio
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.live.backfill import (
    BACKFILL_STREAM,
    Backfill,
    Filled,
    FillLimits,
    fetch_trades,
)
from airpocket.live.rest import Rest, rest_rules
from airpocket.live.rest_client import RestError, RestFault
from airpocket.market.dedup import Dedup
from airpocket.market.events import Event, Gap, GapCause, Taker, Trade
from airpocket.market.rest_rules import Call, TradeSpan
from airpocket.units import SECOND_NS
from airpocket.venues import register
from tests.live import virtual
from tests.live.scripted_client import ScriptedClient, limited

AT_MS = virtual.START_NS // 10**6
STEP_MS = 10


def _trade(number: int, venue: str = "binance", symbol: str = "BTCUSDT") -> Trade:
    at_ns = (AT_MS + number * STEP_MS) * 10**6
    return Trade(
        venue=venue, symbol=None, raw_symbol=symbol, venue_ns=at_ns, local_ns=at_ns, price=82000.0,
        qty_raw=0.5, taker=Taker.SELL if number % 2 else Taker.BUY, trade_id=str(number),
    )  # fmt: skip


def _span(last: int, first: int, venue: str = "binance", symbol: str = "BTCUSDT") -> TradeSpan:
    edges = _trade(last, venue, symbol), _trade(first, venue, symbol)
    return TradeSpan(symbol, edges[0].venue_ns or 0, edges[1].venue_ns or 0, *edges)


def _binance(newest: int) -> Any:
    """Serve aggregated trades 0 … newest, 1,000 a page."""

    def answer(call: Call) -> bytes:
        if "fromId" in call.params:
            start = int(call.params["fromId"])
        else:
            start = -(-(int(call.params["startTime"]) - AT_MS) // STEP_MS)
        rows = [
            {"a": number, "p": "82000", "q": "0.5", "f": 1, "l": 1, "T": AT_MS + number * STEP_MS,
             "m": number % 2 == 1}
            for number in range(max(start, 0), min(newest, start + 999) + 1)
        ]  # fmt: skip
        return msgspec.json.encode(rows)

    return answer


def _okx(newest: int) -> Any:
    def answer(call: Call) -> bytes:
        after = int(call.params["after"])
        rows = [
            {"instId": "X-USDT-SWAP", "tradeId": str(number), "px": "82000", "sz": "0.5",
             "side": "sell" if number % 2 else "buy", "ts": str(AT_MS + number * STEP_MS)}
            for number in range(min(after - 1, newest), max(after - 101, -1), -1)
        ]  # fmt: skip
        return msgspec.json.encode({"code": "0", "data": rows})

    return answer


def _fetch(
    answer: Any, span: TradeSpan, venue: str = "binance", limits: FillLimits | None = None
) -> tuple[Filled, ScriptedClient, float]:
    async def main(bench: virtual.Bench) -> tuple[Filled, ScriptedClient, float]:
        client = ScriptedClient(answer)
        rest = Rest(rest_rules(venue), client, bench.clock, bench.rng)
        filled = await fetch_trades(rest, span, limits)
        return filled, client, bench.elapsed_s()

    return virtual.run(main)


def _said(filled: Filled) -> list[int]:
    wire = register.open_wire(filled.venue)
    events = [one for frame in filled.trade_frames for one in wire.decode(frame).events]
    return [int(one.trade_id or -1) for one in events if isinstance(one, Trade)]


@settings(max_examples=40)
@given(st.integers(0, 3000), st.integers(0, 2500))
def test_exactly_what_was_missed_comes_back(last: int, missed: int) -> None:
    """Edges are neither asked for again nor lost, whatever the pages."""
    first = last + missed + 1
    for venue, answer, symbol in (
        ("binance", _binance(first + 40), "BTCUSDT"),
        ("okx", _okx(first + 40), "X-USDT-SWAP"),
    ):
        filled, _, _ = _fetch(answer, _span(last, first, venue, symbol), venue)
        assert _said(filled) == list(range(last + 1, first))
        assert filled.unfilled == ()
        assert filled.trades == missed


def test_live_and_filled_together_hold_each_trade_once() -> None:
    filled, _, _ = _fetch(_binance(5000), TradeSpan("BTCUSDT", (AT_MS + 990) * 10**6,
                                                    (AT_MS + 20_010) * 10**6))  # fmt: skip
    wire = register.open_wire("binance")
    dedup = Dedup()
    kept: list[Event] = []
    live = rest_rules("binance").trade_frames(
        [_trade(n) for n in (*range(100), *range(2000, 2100))]
    )
    for stream, frames in (("market#1", live), (BACKFILL_STREAM, filled.trade_frames)):
        for frame in frames:
            kept += dedup.fresh(stream, wire.decode(frame).events)
    assert sorted(int(one.trade_id or 0) for one in kept if isinstance(one, Trade)) == list(
        range(2100)
    )


def test_the_budget_of_requests_ends_it_and_says_how_far_it_came_f39() -> None:
    span = _span(0, 100_000)
    filled, client, _ = _fetch(_binance(200_000), span, limits=FillLimits(requests=5))
    assert len(client.asked) == filled.requests == 5
    assert filled.trades == 5000
    ((from_ns, to_ns),) = filled.unfilled
    assert (from_ns, to_ns) == ((AT_MS + 5000 * STEP_MS) * 10**6, span.to_ns)
    assert "limit of 5 requests" in filled.reason


def test_the_budget_of_rows_and_of_time_end_it_f39() -> None:
    rows, _, _ = _fetch(_binance(200_000), _span(0, 100_000), limits=FillLimits(rows=2000))
    assert (rows.trades, rows.requests) == (2000, 2)
    slow, client, elapsed_s = _fetch(
        _binance(10**9), _span(0, 10**8), limits=FillLimits(requests=10**6, rows=10**9, seconds=120)
    )
    assert 120.0 <= elapsed_s < 121.0
    assert "longer than 120 s" in slow.reason
    assert sum(call.weight for _, call in client.asked) <= 2 * 2400 * 0.8 + 20
    assert slow.unfilled


def test_a_page_that_repeats_the_last_one_ends_it_f39() -> None:
    page = _binance(200_000)(Call("x", {"fromId": 1}))
    filled, client, _ = _fetch(lambda _: page, _span(0, 100_000))
    assert len(client.asked) == 2
    assert "nothing new" in filled.reason
    assert filled.trades == 1000
    assert filled.unfilled == (((AT_MS + 1000 * STEP_MS) * 10**6, _span(0, 100_000).to_ns),)


def test_a_page_from_long_before_never_goes_round_f39() -> None:
    """A venue that ignores the id and serves its first rows for ever."""
    rows = _okx(10**6)(Call("x", {"after": 101}))
    filled, client, _ = _fetch(lambda _: rows, _span(200, 900, "okx", "X-USDT-SWAP"), "okx")
    assert len(client.asked) <= 2
    assert filled.trades == 0


def test_429_with_retry_after_is_waited_out_and_the_rest_follows_f39() -> None:
    serve, turns = _binance(5000), iter(range(100))

    def answer(call: Call) -> bytes:
        if next(turns) == 1:
            raise limited(429, 30.0)
        body: bytes = serve(call)
        return body

    filled, client, elapsed_s = _fetch(answer, _span(0, 3500))
    assert filled.unfilled == ()
    assert _said(filled) == list(range(1, 3500))
    assert elapsed_s >= 30.0
    pauses = [b - a for (a, _), (b, _) in pairwise(client.asked)]
    assert max(pauses) >= 30.0


def test_a_ban_leaves_what_it_leaves_f39() -> None:
    serve, turns = _binance(5000), iter(range(100))

    def answer(call: Call) -> bytes:
        if next(turns) >= 1:
            raise limited(418)
        body: bytes = serve(call)
        return body

    filled, client, _ = _fetch(answer, _span(0, 3500))
    assert len(client.asked) == 2
    assert filled.trades == 1000
    assert filled.unfilled
    assert "418" in filled.reason


def test_rows_that_cannot_be_read_leave_the_whole_a_hole() -> None:
    body = _binance(50)(Call("x", {"fromId": 1})).replace(b'"82000"', b'"NaN"', 1)
    filled, _, _ = _fetch(lambda _: body, _span(0, 51))
    assert filled.trades == 49
    assert filled.unfilled == ((_span(0, 51).from_ns, _span(0, 51).to_ns),)
    assert len(filled.rejected) == 1


def test_what_no_venue_serves_stays_a_hole() -> None:
    span = _span(1, 500, "hyperliquid", "BTC")
    filled, client, _ = _fetch(lambda _: b"", span, "hyperliquid")
    assert client.asked == []
    assert filled.unfilled == ((span.from_ns, span.to_ns),)
    assert filled.reason == "hyperliquid does not serve these trades"


def test_an_html_page_is_a_reason_not_a_crash() -> None:
    filled, _, _ = _fetch(lambda _: b"<html>502</html>", _span(0, 100))
    assert filled.unfilled
    assert "no list of trades" in filled.reason


def _gap(from_s: float, to_s: float | None, channel: str = "trades") -> Gap:
    at = virtual.START_NS
    return Gap(
        venue="binance", symbol=None, raw_symbol="BTCUSDT", channel=channel,
        from_ns=at + round(from_s * SECOND_NS),
        to_ns=None if to_s is None else at + round(to_s * SECOND_NS),
        cause=GapCause.DISCONNECT, proven_by="close 1006",
    )  # fmt: skip


def _backfill(main: Any) -> Any:
    async def run(bench: virtual.Bench) -> Any:
        client = ScriptedClient(_binance(10_000))
        rest = Rest(rest_rules("binance"), client, bench.clock, bench.rng)
        frames: list[tuple[str, str, bytes]] = []
        reports: list[Filled] = []
        filler = Backfill(rest, lambda *frame: frames.append(frame), reports.append)
        task = asyncio.create_task(filler.run())
        try:
            await main(filler, client)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return frames, reports

    return virtual.run(run)


def test_a_closed_hole_is_filled_between_the_trades_around_it() -> None:
    async def main(filler: Backfill, _: ScriptedClient) -> None:
        for number in range(100):
            filler.hear(_trade(number))
        filler.fill(_gap(1.0, 20.0), ["BTCUSDT"])
        await asyncio.sleep(1.0)
        for number in range(2000, 2010):
            filler.hear(_trade(number))
        await asyncio.sleep(30.0)
        assert filler.is_idle

    frames, (filled,) = _backfill(main)
    assert {(venue, stream) for venue, stream, _ in frames} == {("binance", BACKFILL_STREAM)}
    assert len(frames) == filled.trades == 1900
    assert (filled.from_ns, filled.to_ns) == (_trade(99).venue_ns, _trade(2000).venue_ns)
    assert filled.unfilled == ()


def test_without_a_trade_after_it_our_clock_bounds_it() -> None:
    async def main(filler: Backfill, _: ScriptedClient) -> None:
        for number in range(100):
            filler.hear(_trade(number))
        filler.fill(_gap(1.0, 20.0), ["BTCUSDT"])
        await asyncio.sleep(60.0)

    _, (filled,) = _backfill(main)
    assert filled.unfilled == ()
    assert filled.trades == 2101  # up to two seconds beyond: other streams bring them again


def test_liquidations_and_open_holes_are_not_asked_for() -> None:
    async def main(filler: Backfill, client: ScriptedClient) -> None:
        filler.fill(_gap(1.0, 20.0, "liquidations"), ["BTCUSDT"])
        filler.fill(_gap(1.0, None), ["BTCUSDT"])
        await asyncio.sleep(60.0)
        assert client.asked == []

    assert _backfill(main) == ([], [])


def test_one_hole_that_fails_does_not_keep_the_next_one() -> None:
    async def main(filler: Backfill, client: ScriptedClient) -> None:
        serve = client.answer

        def answer(call: Call) -> bytes:
            if call.params["symbol"] == "GONEUSDT":
                raise RestError(RestFault.REFUSED, "HTTP 400: Invalid symbol.", status=400)
            return serve(call)

        client.answer = answer
        filler.fill(_gap(1.0, 20.0), ["GONEUSDT", "BTCUSDT"])
        await asyncio.sleep(60.0)

    _, (gone, filled) = _backfill(main)
    assert gone.unfilled
    assert "Invalid symbol" in gone.reason
    assert filled.unfilled == ()


def test_more_holes_than_can_wait_are_said_to_stay() -> None:
    async def main(filler: Backfill, _: ScriptedClient) -> None:
        filler.fill(_gap(1.0, 1.1), [f"S{number}" for number in range(1_002)])

    _, reports = _backfill(main)
    assert [one.raw_symbol for one in reports[:2]] == ["S1000", "S1001"]
    assert all(one.unfilled for one in reports[:2])
