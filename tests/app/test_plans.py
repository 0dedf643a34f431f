"""From words and settings to what is followed."""

import asyncio
import random
from typing import Any

import pytest

from airpocket.app.config import Settings
from airpocket.app.plans import LateClient, Plan, coverage_of, plan
from airpocket.app.settings import VenueSettings, WatchSettings
from airpocket.errors import InputError
from airpocket.live import ccxt_client
from airpocket.live.clock import SystemClock
from airpocket.live.rest_readings import Listing
from airpocket.market.events import Coverage
from airpocket.units import ns_from_iso
from airpocket.venues.register import LIVE

TODAY_NS = ns_from_iso("2026-11-22")


def _plan(*words: str, venues: tuple[str, ...] = (), **settings: Any) -> Plan:
    chosen = Settings(**settings)
    return plan(chosen, words, venues, clock=SystemClock(), rng=random.Random(1))


def test_a_coin_is_followed_on_every_venue_with_its_liquidations_where_there_are_any() -> None:
    chosen = _plan("BTC")
    assert [one.rules.venue for one in chosen.venues] == list(LIVE)
    topics = {
        one.rules.venue: {s.topic for line in one.lines for s in line.subscriptions}
        for one in chosen.venues
    }
    assert "btcusdt@forceOrder" in topics["binance"]
    assert "allLiquidation.BTCUSDT" in topics["bybit"]
    assert any("liquidation" in topic for topic in topics["okx"])
    assert chosen.notes == ("hyperliquid has no public liquidation feed: only its trades are seen",)
    assert "BTC/USDT:USDT" in chosen.symbols


def test_what_a_feed_shows_is_what_its_dated_rule_says() -> None:
    assert [coverage_of(venue, TODAY_NS) for venue in LIVE] == [
        Coverage.THROTTLED, Coverage.CENSUS, Coverage.SAMPLED, None,
    ]  # fmt: skip
    throttled = {one.rules.venue for one in _plan("ETH").venues if one.is_throttled}
    assert throttled == {"binance", "okx"}


def test_settings_stand_in_for_words_and_words_go_before_settings() -> None:
    watch = WatchSettings(symbols=("ETH",), venues=("okx",))
    assert [one.rules.venue for one in _plan(watch=watch).venues] == ["okx"]
    assert all("ETH" in name for name in _plan(watch=watch).symbols)
    assert all("BTC" in name for name in _plan("BTC", watch=watch).symbols)


def test_another_address_keeps_the_venues_own_path() -> None:
    own = {"binance": VenueSettings(ws_url="ws://127.0.0.1:9", rest_url="http://127.0.0.1:9")}
    chosen = _plan("BTC", venues=("binance",))
    assert all(line.url.startswith("wss://fstream.binance.com/") for line in chosen.venues[0].lines)
    settings = Settings(venues=own)
    (venue,) = plan(
        settings, ["BTC"], ["binance"], clock=SystemClock(), rng=random.Random(1)
    ).venues
    assert {line.url for line in venue.lines} == {
        "ws://127.0.0.1:9/market/stream", "ws://127.0.0.1:9/public/stream",
    }  # fmt: skip


def test_an_unknown_word_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="BTCC"):
        _plan("BTCC")
    with pytest.raises(InputError, match="mtgox"):
        _plan("BTC", venues=("mtgox",))


def test_a_delisting_takes_its_topics_and_nothing_else() -> None:
    (venue,) = _plan("BTC", "ETH", venues=("bybit",)).venues
    rows = [row for row in venue.catalogue if row.raw_symbol in venue.raw_symbols]
    assert venue.replan(Listing(tuple(rows))) is None
    left = tuple(row for row in rows if row.raw_symbol != "ETHUSDT")
    lines = venue.replan(Listing(left))
    assert lines is not None
    topics = {one.topic for line in lines for one in line.subscriptions}
    assert "publicTrade.BTCUSDT" in topics
    assert "publicTrade.ETHUSDT" not in topics
    assert venue.replan(Listing(tuple(rows))) is not None


def test_a_listing_that_lacks_most_of_the_market_is_not_believed() -> None:
    (venue,) = _plan("BTC", "ETH", venues=("bybit",)).venues
    assert venue.replan(Listing(())) is None


def test_a_client_is_opened_when_it_is_first_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    class Client:
        async def markets(self) -> tuple[list[Any], list[str]]:
            return [1], []

        async def close(self) -> None:
            opened.append("closed")

    async def open_client(venue: str, *, url: str | None = None) -> Client:
        opened.append(venue)
        return Client()

    monkeypatch.setattr(ccxt_client, "open_client", open_client)

    async def main() -> None:
        never = LateClient("okx", None)
        await never.close()
        client = LateClient("okx", None)
        assert opened == []
        for told, _ in await asyncio.gather(client.markets(), client.markets()):
            assert told == [1]
        await client.close()

    asyncio.run(main())
    assert opened == ["okx", "closed"]
