"""Asking within limits, patiently: refusals, bans, storms, clocks."""

import asyncio
import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from airpocket.errors import InputError
from airpocket.live.clock import SystemClock
from airpocket.live.rest import Rest, open_rest, rest_rules
from airpocket.live.rest_client import RestError, RestFault
from airpocket.market.events import BookChange
from airpocket.market.instrument import Instrument, Kind
from airpocket.market.rest_rules import Call
from airpocket.venues import register
from tests.live import virtual
from tests.live.rest_server import listing_of, serving
from tests.live.scripted_client import ScriptedClient, limited

BOOK = b'{"lastUpdateId":7,"T":1793534400000,"bids":[["1.5","2"]],"asks":[["1.6","1"]]}'
PERP = Instrument(
    venue="okx", raw_symbol="X-USDT-SWAP", symbol="X/USDT:USDT", kind=Kind.LINEAR, base="X",
    quote="USDT", settle="USDT",
)  # fmt: skip


def _rest(bench: virtual.Bench, client: ScriptedClient, venue: str = "binance") -> Rest:
    return Rest(rest_rules(venue), client, bench.clock, bench.rng)


def _script(*answers: bytes | RestError) -> Callable[[Call], bytes]:
    left: Iterator[bytes | RestError] = iter(answers)

    def answer(_: Call) -> bytes:
        said = next(left)
        if isinstance(said, RestError):
            raise said
        return said

    return answer


def _times(client: ScriptedClient) -> list[float]:
    return [at_s - virtual.BEGIN_S for at_s, _ in client.asked]


def test_retry_after_is_honoured_by_every_request_f13() -> None:
    async def main(bench: virtual.Bench) -> list[float]:
        client = ScriptedClient(_script(limited(429, 30.0), BOOK, BOOK))
        rest = _rest(bench, client)

        async def other() -> None:
            await asyncio.sleep(1.0)
            await rest.ask(Call("other"))

        await asyncio.gather(rest.ask(Call("first")), other())
        return _times(client)

    first, *later = virtual.run(main)
    assert first == 0.0
    assert min(later) >= 30.0
    assert max(later) <= 35.0


def test_a_ban_is_waited_out_and_never_hammered_f13() -> None:
    async def main(bench: virtual.Bench) -> tuple[list[float], list[str]]:
        def answer(_: Call) -> bytes:
            raise limited(418)

        client = ScriptedClient(answer)
        rest = _rest(bench, client)
        said = []
        for _ in range(600):  # somebody asks every second for ten minutes
            try:
                await rest.ask(Call("depth"), patience_s=10.0)
            except RestError as error:
                said.append(str(error))
            await asyncio.sleep(1.0)
        return _times(client), said

    times, said = virtual.run(main)
    assert 2 <= len(times) <= 4
    pauses = [later - first for first, later in pairwise(times)]
    assert pauses[0] >= 120.0
    assert all(later >= 1.9 * first for first, later in pairwise(pauses))
    assert any("left alone" in sentence for sentence in said)


def test_outages_are_retried_with_growing_jittered_pauses_until_patience_ends() -> None:
    async def main(bench: virtual.Bench) -> list[float]:
        def answer(_: Call) -> bytes:
            raise RestError(RestFault.UNAVAILABLE, "HTTP 503", status=503)

        client = ScriptedClient(answer)
        with pytest.raises(RestError, match="503"):
            await _rest(bench, client).ask(Call("x"), patience_s=60.0)
        return _times(client)

    runs = [virtual.run(main, seed=seed) for seed in (1, 2, 1)]
    assert runs[0] == runs[2]
    assert runs[0] != runs[1]
    pauses = [later - first for first, later in pairwise(runs[0])]
    assert 3 <= len(runs[0]) <= 8
    assert pauses[-1] > pauses[0]
    assert runs[0][-1] <= 60.0


@pytest.mark.parametrize(
    "fault", [RestFault.REFUSED, RestFault.BLOCKED, RestFault.TLS, RestFault.UNREADABLE]
)
def test_what_asking_again_cannot_mend_is_asked_once(fault: RestFault) -> None:
    async def main(bench: virtual.Bench) -> int:
        client = ScriptedClient(_script(RestError(fault, "no")))
        with pytest.raises(RestError, match="no"):
            await _rest(bench, client).ask(Call("x"))
        return len(client.asked)

    assert virtual.run(main) == 1


def test_a_storm_of_books_stays_within_the_documented_weight_f18() -> None:
    """Ten gaps a second on 50 symbols for five minutes, with nobody in between to hold back."""

    async def main(bench: virtual.Bench) -> list[tuple[float, float]]:
        client = ScriptedClient(lambda _: BOOK)
        rest = _rest(bench, client)
        tasks = []
        for turn in range(3000):
            tasks.append(asyncio.create_task(rest.depth_snapshot(f"S{turn % 50}USDT")))
            await asyncio.sleep(0.1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return [(at_s, call.weight) for at_s, call in client.asked]

    sent = virtual.run(main)
    assert len(sent) > 200
    for start, _ in sent:
        assert sum(weight for at_s, weight in sent if start <= at_s < start + 60.0) <= 2400.0


def test_fifty_broken_books_are_all_asked_for_within_thirty_seconds() -> None:
    async def main(bench: virtual.Bench) -> float:
        client = ScriptedClient(lambda _: BOOK)
        rest = _rest(bench, client)
        books = await asyncio.gather(*(rest.depth_snapshot(f"S{n}USDT") for n in range(50)))
        assert all(book is not None for book in books)
        return bench.elapsed_s()

    assert virtual.run(main) < 10.0


def test_a_book_is_a_frame_that_names_its_symbol() -> None:
    async def main(bench: virtual.Bench) -> bytes | None:
        return await _rest(bench, ScriptedClient(lambda _: BOOK)).depth_snapshot("BTCUSDT")

    frame = virtual.run(main)
    assert frame is not None
    (change,) = register.open_wire("binance").decode(frame).events
    assert isinstance(change, BookChange)
    assert (change.symbol, change.is_snapshot) == ("BTC/USDT:USDT", True)


def test_a_book_that_does_not_come_is_none_with_a_reason() -> None:
    async def main(bench: virtual.Bench) -> tuple[bytes | None, str | None, bytes | None]:
        rest = _rest(bench, ScriptedClient(_script(RestError(RestFault.REFUSED, "no such symbol"))))
        book = await rest.depth_snapshot("GONEUSDT")
        pushed = await _rest(bench, ScriptedClient(lambda _: BOOK), "okx").depth_snapshot("X")
        return book, rest.failure, pushed

    assert virtual.run(main) == (None, "no such symbol", None)


def test_the_clocks_are_compared_halfway() -> None:
    async def main(bench: virtual.Bench) -> tuple[int, int]:
        ahead_ms = 5_000

        def answer(_: Call) -> bytes:  # the venue reads its clock when it answers
            now_ms = bench.clock.wall_ns() // 10**6
            return b'{"serverTime":%d}' % (now_ms + ahead_ms)

        rest = _rest(bench, ScriptedClient(answer))
        offset = await rest.offset()
        return offset.ahead_ns, offset.round_trip_ns

    ahead_ns, round_trip_ns = virtual.run(main)
    assert abs(ahead_ns - 5_000_000_000) <= 26_000_000
    assert round_trip_ns == 50_000_000


def test_our_own_queue_is_no_skew_of_the_venue() -> None:
    async def main(bench: virtual.Bench) -> int:
        turns = iter(range(9))

        def answer(_: Call) -> bytes:
            if next(turns) == 0:
                raise limited(429, 5.0)
            return b'{"serverTime":%d}' % (bench.clock.wall_ns() // 10**6)

        rest = _rest(bench, ScriptedClient(answer))
        await rest.budget.spend(960.0)
        return (await rest.offset()).ahead_ns

    assert abs(virtual.run(main)) < 30_000_000


def test_an_answer_that_is_no_time_is_said() -> None:
    async def main(bench: virtual.Bench) -> None:
        with pytest.raises(RestError, match="no server time") as caught:
            await _rest(bench, ScriptedClient(lambda _: b"<html>")).offset()
        assert caught.value.fault is RestFault.UNREADABLE

    virtual.run(main)


def test_open_interest_is_asked_where_it_is_not_pushed() -> None:
    async def main(bench: virtual.Bench) -> tuple[bytes | None, bytes | None]:
        client = ScriptedClient(lambda call: str(call.params["symbol"]).encode())
        asked = await _rest(bench, client).open_interest("BTCUSDT")
        return asked, await _rest(bench, client, "bybit").open_interest("BTCUSDT")

    assert virtual.run(main) == (b"BTCUSDT", None)


def test_a_listing_without_instruments_is_an_error_and_funding_follows_the_listing() -> None:
    async def main(bench: virtual.Bench) -> tuple[str, list[float]]:
        client = ScriptedClient(lambda _: b"")
        rest = _rest(bench, client, "okx")
        with pytest.raises(RestError) as caught:
            await rest.instruments()
        market = {
            "id": "X-USDT-SWAP", "symbol": "X/USDT:USDT", "base": "X", "quote": "USDT",
            "settle": "USDT", "type": "swap", "linear": True, "inverse": False, "contractSize": 1.0,
        }  # fmt: skip
        client.listing = lambda: ([market], ["okx instrument cannot be read: y"])
        listing = await rest.instruments()
        assert listing.rejected == ("okx instrument cannot be read: y",)
        client.rates = [{"symbol": "X/USDT:USDT", "fundingRate": 0.0002}]
        return str(caught.value), [one.rate for one in await rest.funding()]

    said, rates = virtual.run(main)
    assert "no instrument" in said
    assert rates == [0.0002]


def test_tiers_that_need_a_key_are_refused_in_words() -> None:
    async def main(bench: virtual.Bench) -> None:
        client = ScriptedClient(lambda _: b"")
        for venue in ("binance", "hyperliquid"):
            with pytest.raises(InputError, match="tiers"):
                await _rest(bench, client, venue).tiers(PERP)
        client.ladder = [{"maintenanceMarginRate": 7.0}]
        with pytest.raises(RestError, match="tiers of X/USDT:USDT"):
            await _rest(bench, client, "okx").tiers(PERP)

    virtual.run(main)


def test_only_live_venues_can_be_asked() -> None:
    with pytest.raises(InputError, match="bitmex"):
        rest_rules("bitmex")


def test_from_opening_to_closing_over_a_real_socket() -> None:
    """ccxt refuses nothing, leaves nothing open, and the loop runs on while it is imported."""

    async def main() -> tuple[int, int, Any]:
        turns = 0

        async def turning() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0.001)
                turns += 1

        beside = asyncio.create_task(turning())

        def reply(path: str, asked: dict[str, Any]) -> Any:
            return BOOK if path.endswith("/depth") else listing_of("binance")(path, asked)

        async with serving(reply) as (url, requests):
            rng = random.Random(1)
            rest = await open_rest("binance", SystemClock(), rng, url=url)
            try:
                listing = await rest.instruments()
                book = await rest.depth_snapshot("BTCUSDT")
            finally:
                await rest.close()
        beside.cancel()
        await asyncio.gather(beside, return_exceptions=True)
        assert len(requests) == 3
        return len(listing.instruments), turns, book

    instruments, turns, book = asyncio.run(main())
    assert instruments > 200
    assert turns > 0
    assert book.startswith(b'{"stream":"btcusdt@depthSnapshot"')
