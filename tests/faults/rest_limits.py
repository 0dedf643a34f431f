"""F. Limits: F39, what is asked over REST after a hole."""

import asyncio
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Final

import pytest

from airpocket.live.pacing import Backoff
from airpocket.market.events import Trade
from tests.faults.case import Case, case
from tests.faults.looking import holes
from tests.faults.oracle import missed
from tests.live.fake_venue import FakeVenue, RestReply
from tests.live.rig import SYMBOLS
from tests.live.watch_rig import Watch
from tests.live.world import Rates

_PATHS: Final = {
    "binance": "*aggTrades", "bybit": "*recent-trade", "okx": "*history-trades",
}  # fmt: skip
_RATE: Final = {"binance": 150.0, "bybit": 30.0, "okx": 60.0}  # trades a second: several pages
_BUSY: Final = RestReply(429, b'{"code":-1003,"msg":"Too many"}', {"Retry-After": "20"})
_ONE_PAGE: Final = "bybit"  # a thousand rows, and nothing before them


async def _hole(venue: FakeVenue, rate: float) -> None:
    """Break off, and let trades happen until the feed is back."""
    venue.world.flood(venue.name, SYMBOLS[venue.name][0], rate, 20.0)
    venue.faults.refuse(503, for_s=8.0)
    venue.faults.reset()
    await asyncio.sleep(30)


async def _limits(whole: Watch, venue: FakeVenue) -> None:
    """First REST is busy and says until when; then there is no end of pages, or no second one."""
    path, rate = _PATHS[venue.name], _RATE[venue.name]
    await asyncio.sleep(20)
    busy = venue.faults.break_rest(path, _BUSY)
    await _hole(venue, rate)
    busy.end()
    await asyncio.sleep(60)
    whole.notes["filled"] = len(whole.filled)
    whole.notes["until_s"] = whole.bench.loop.time()
    if venue.name == _ONE_PAGE:
        await _hole(venue, 10 * rate)
    else:
        again = venue.faults.repeat_rest(path)
        await _hole(venue, rate)
        await asyncio.sleep(60)
        again.end()
    await asyncio.sleep(30)


def _ends(whole: Watch, venue: FakeVenue) -> None:
    first, second = (
        whole.filled[: whole.notes["filled"]],
        whole.filled[whole.notes["filled"] :],
    )
    assert sum(one.trades for one in first) > 200
    assert not [one for one in first if one.unfilled], "a busy venue was not waited for"
    lost = [sent for sent in missed(whole, venue.name) if sent.at_s < whole.notes["until_s"]]
    assert not [sent for sent in lost if isinstance(sent.event, Trade)]
    unfinished = [one for one in second if one.unfilled]
    assert [one.raw_symbol for one in unfinished] == [SYMBOLS[venue.name][0]], second
    assert unfinished[0].requests <= 3, f"asked {unfinished[0].requests} times for one page"
    assert [gap for gap in holes(whole, venue.name, "trades") if gap.to_ns is not None]
    asked = [
        (at_s, status)
        for at_s, path, status in venue.asked
        if fnmatchcase(path.partition("?")[0], _PATHS[venue.name])
    ]
    assert len(asked) <= 40, f"{len(asked)} questions for four holes"
    for (at_s, status), (next_s, _) in pairwise(asked):
        assert status != 429 or next_s - at_s >= 20, f"asked {next_s - at_s:.1f} s after a 429"


def _hurries(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Backoff, "next_s", lambda *_, **__: 0.5)


case(
    Case(
        number="F39",
        title="REST is busy, or its pages have no end",
        script=_limits,
        expect=_ends,
        plant=_hurries,
        not_for={"hyperliquid": "it serves no past trades: nothing is asked for"},
        options={"rest": True, "rates": Rates(trades_per_s=0.5)},
    )
)
