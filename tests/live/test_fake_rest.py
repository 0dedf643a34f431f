"""The fakes' REST through the real ``Rest``: holes filled, books fetched, refusals as ccxt's."""

import asyncio

import pytest

from airpocket.live.rest_client import RestError, RestFault
from airpocket.market.rest_rules import Call
from airpocket.units import SECOND_NS
from tests.faults.oracle import missed
from tests.live import virtual
from tests.live.fake_rest import FakeRestClient
from tests.live.fake_venue import RestReply
from tests.live.rig import SYMBOLS, Rig
from tests.live.watch_rig import Watch, watch


@pytest.mark.parametrize("venue", ["binance", "bybit", "okx"])
def test_trades_of_a_hole_come_over_rest(venue: str) -> None:
    async def script(whole: Watch) -> None:
        await asyncio.sleep(30)
        whole.rig[venue].faults.refuse(503, for_s=20)
        whole.rig[venue].faults.reset()
        await asyncio.sleep(60)

    whole, _ = watch(script, symbols={venue: SYMBOLS[venue]}, rest=True)
    assert sum(one.trades for one in whole.filled) > 40
    assert all(not one.unfilled for one in whole.filled)
    lost = [sent for sent in missed(whole, venue) if type(sent.event).__name__ == "Trade"]
    assert lost == []
    assert whole.clients[venue].is_closed


def test_a_book_of_binance_begins_with_a_snapshot_over_rest() -> None:
    whole, _ = watch(lambda _: asyncio.sleep(30), rest=True, depth=True)
    asked = [call.endpoint for _, call in whole.clients["binance"].asked]
    assert asked.count("fapiPublicGetDepth") == 2
    depths = [one for one in whole.final.events if type(one).__name__ == "Depth"]
    assert len(depths) > 40
    spans = [(gap.to_ns - gap.from_ns) / SECOND_NS for gap in whole.final.gaps if gap.to_ns]
    assert spans
    assert max(spans) < 5


@pytest.mark.parametrize(
    ("venue", "endpoint", "reply", "fault", "pause_s"),
    [
        ("binance", "fapiPublicGetTime", RestReply(429, b"{}", {"Retry-After": "7"}),
         RestFault.LIMITED, 7.0),
        ("bybit", "publicGetV5MarketTime", RestReply(200, b'{"retCode":10006}'),
         RestFault.LIMITED, None),
        ("okx", "publicGetPublicTime", RestReply(200, b'{"code":"51001"}'),
         RestFault.REFUSED, None),
        ("okx", "publicGetPublicTime", RestReply(200, b"<html>"), RestFault.UNREADABLE, None),
        ("hyperliquid", "publicPostInfo", RestReply(503, b""), RestFault.UNAVAILABLE, None),
        ("bybit", "publicGetV5MarketTime", RestReply(451, b""), RestFault.BLOCKED, None),
    ],
)  # fmt: skip
def test_what_ccxt_would_raise(
    venue: str, endpoint: str, reply: RestReply, fault: RestFault, pause_s: float | None
) -> None:
    async def main(bench: virtual.Bench) -> RestError:
        fake = Rig(bench, {venue: SYMBOLS[venue]})[venue]
        fake.faults.break_rest("*", reply)
        with pytest.raises(RestError) as error:
            await FakeRestClient(fake).get(Call(endpoint))
        return error.value

    error = virtual.run(main)
    assert (error.fault, error.retry_after_s) == (fault, pause_s)


def test_an_answer_that_takes_ten_seconds_is_none() -> None:
    async def main(bench: virtual.Bench) -> float:
        fake = Rig(bench, {"binance": SYMBOLS["binance"]})["binance"]
        fake.faults.slow_rest("*", 30.0)
        with pytest.raises(RestError, match="no answer"):
            await FakeRestClient(fake).get(Call("fapiPublicGetTime"))
        return bench.elapsed_s()

    assert 10 <= virtual.run(main) < 11
