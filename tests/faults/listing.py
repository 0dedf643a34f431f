"""E. Payload: F34 and F35, odd names, and listings that change while they are followed."""

import asyncio
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, Final

import pytest

from airpocket.alerts.names import instrument_label
from airpocket.alerts.render import as_html, as_json, as_markdown, as_text
from airpocket.live.asking import Asking, Settled
from airpocket.live.feed import VenueFeed
from airpocket.market.events import Liquidation, Trade
from airpocket.market.instrument import Instrument, Kind
from airpocket.market.stream import Answer, Subscription
from airpocket.venues import register
from tests.alerts.made import alert
from tests.faults.case import Case, case
from tests.faults.looking import holes, lines_of, seconds
from tests.faults.oracle import Leave
from tests.live.fake_venue import FakeVenue
from tests.live.virtual import START_NS
from tests.live.watch_rig import Watch
from tests.live.world import Rates

_CALM: Final = Rates(trades_per_s=1.0, mark_every_s=2.0, open_interest_every_s=10.0)

# -- F34: odd names ------------------------------------------------------------------------------

_BASES: Final = (
    "币安人生",
    "1000SHIB",
    "<IMG SRC=X ONERROR=ALERT(1)>",
    "A&B",
    "=HYPERLINK(1)",
    "WXYZ",
)
_FORMS: Final = {
    "binance": "{}USDT", "bybit": "{}USDT", "okx": "{}-USDT-SWAP", "hyperliquid": "{}",
}  # fmt: skip


def _odd(venue: str) -> list[Instrument]:
    return [
        Instrument(
            venue=venue, raw_symbol=_FORMS[venue].format(base), symbol=f"{base}/USDT:USDT",
            kind=Kind.LINEAR, base=base, quote="USDT", settle="USDT",
        )
        for base in _BASES
    ]  # fmt: skip


async def _odd_names(whole: Watch, venue: FakeVenue) -> None:
    rows = _odd(venue.name)
    for row in rows:
        venue.world.list_symbol(row)
    await asyncio.sleep(15)  # the listing is asked for at the start, and learnt
    feed = whole.watcher.feeds[venue.name]
    known = [market.instrument for market in venue.world.of_venue(venue.name)]
    feed.change(register.open_streams(venue.name).lines(known, whole.bench.clock.wall_ns()))
    await asyncio.sleep(45)
    if venue.name != "hyperliquid":
        for row in rows:
            venue.world.liquidate(venue.name, row.raw_symbol, usd=20_000.0)
    await asyncio.sleep(30)
    whole.notes["had"] = {name for session in venue.live for name in session.topics}


def _named_and_harmless(whole: Watch, venue: FakeVenue) -> None:
    assert len(venue.sessions) == len(lines_of(whole, venue)), "a connection was replaced"
    wanted = {one.topic for line in lines_of(whole, venue) for one in line.subscriptions}
    assert wanted <= whole.notes["had"], f"not subscribed: {wanted - whole.notes['had']}"
    stored = {(type(one), one.raw_symbol, one.symbol) for one in whole.final.events}
    for row in _odd(venue.name):
        for kind in (Trade, Liquidation):
            if kind is Trade or venue.name != "hyperliquid":
                assert (kind, row.raw_symbol, row.symbol) in stored, (
                    f"no {kind} of {row.raw_symbol}"
                )
        said = alert(scope=instrument_label(row.symbol))
        for render in (as_html, as_json, as_markdown, as_text):
            shown = str(render(said)).casefold()
            assert "<img" not in shown, shown
            assert "=hyperlink(" not in shown, shown
    assert instrument_label("币安人生/USDT:USDT") == "币安人生/USDT:USDT", (
        "an honest name is hidden"
    )


def _knows_ascii_only(patch: pytest.MonkeyPatch) -> None:
    """Names are taken to be ASCII, as libraries do that panic at others."""
    begin = Asking.begin

    def begins(self: Asking, topics: Iterable[Subscription]) -> None:
        begin(self, [one for one in topics if one.topic.isascii()])

    patch.setattr(Asking, "begin", begins)


case(
    Case(
        number="F34",
        title="odd names: Chinese, by the thousand, markup, a formula, a quote of four letters",
        script=_odd_names,
        expect=_named_and_harmless,
        plant=_knows_ascii_only,
        leave=Leave(settle_s=20.0),  # they are followed only once their listing is learnt
        options={"rest": True, "rates": _CALM},
    )
)


# -- F35: a listing that changes -----------------------------------------------------------------

_COINS: Final = ("BTC", "ETH", "XRP", "SOL")


def _named(venue: str, coin: str) -> str:
    """Name the perpetual of a coin as the venue does."""
    return _FORMS[venue].format(coin)


def _four_coins(venue: str) -> Mapping[str, Any]:
    """Ask for four; the last one is not listed yet, so one of the batch is an error."""
    is_bybit = venue == "bybit"  # its canary of the other route
    margin = "USDC" if venue == "hyperliquid" else "USDT"
    return {
        "symbols": {venue: [_named(venue, coin) for coin in _COINS[:3]]},
        "words": [f"{coin}/{margin}:{margin}" for coin in _COINS] + ["BTC/USD:BTC"] * is_bybit,
        "rest": True,
        "rates": Rates(trades_per_s=1.0, mark_every_s=2.0, open_interest_every_s=10.0),
    }


async def _comings_and_goings(whole: Watch, venue: FakeVenue) -> None:
    world, gone, new = venue.world, _named(venue.name, "ETH"), _named(venue.name, "SOL")
    await asyncio.sleep(60)
    whole.note("gone")
    world.delist(venue.name, gone)
    await asyncio.sleep(300)
    whole.note("new")
    rows = register.catalogue_of(venue.name)
    world.list_symbol(next(row for row in rows if row.raw_symbol == new))
    await asyncio.sleep(330)


def _others_untouched(whole: Watch, venue: FakeVenue) -> None:
    more = len(venue.sessions) - len(lines_of(whole, venue))  # Binance acknowledges what is gone
    assert more <= (4 if venue.name == "binance" else 0), f"{more} connections were replaced"
    gone, new = (_named(venue.name, coin) for coin in ("ETH", "SOL"))
    trades = [one for one in whole.final.events if isinstance(one, Trade)]
    for name in (_named(venue.name, coin) for coin in ("BTC", "XRP")):
        times = [START_NS, *(one.venue_ns or 0 for one in trades if one.raw_symbol == name)]
        pause_s = max(seconds(after - before) for before, after in pairwise(sorted(times)))
        assert pause_s < 10.0 + 5.0, f"{name} was not heard for {pause_s:.0f} s"  # by chance: 5
    for gap in holes(whole, venue.name):
        assert gap.raw_symbol in {gone, new}, f"a hole of another one: {gap}"
    first_ns = min(one.venue_ns or 0 for one in trades if one.raw_symbol == new)
    assert seconds(first_ns - whole.at_ns["new"]) <= 300.0, "picked up late"
    followed = {one.raw_symbol for line in lines_of(whole, venue) for one in line.subscriptions}
    assert new in followed
    assert gone not in followed, "what is gone is still asked for"


def _one_spoils_all(patch: pytest.MonkeyPatch) -> None:
    """A batch that is refused for one name is given up as a whole."""
    settle = Asking.settle

    def settles(self: Asking, answer: Answer, wanted: dict[str, Subscription]) -> Settled:
        if answer.reason is not None:
            return Settled([], list(wanted.values()), answer.reason)
        return settle(self, answer, wanted)

    patch.setattr(Asking, "settle", settles)
    patch.setattr(VenueFeed, "change", lambda _self, _lines: None)


case(
    Case(
        number="F35",
        title="one of a batch is not listed, one is delisted, one is listed meanwhile",
        script=_comings_and_goings,
        expect=_others_untouched,
        plant=_one_spoils_all,
        options=_four_coins,
    )
)
