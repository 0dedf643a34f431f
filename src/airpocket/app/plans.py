"""What a watcher is to follow: from words and settings to venues with their lines."""

import asyncio
import importlib
import random
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, final

from msgspec import Struct

from airpocket.app.config import Settings
from airpocket.app.planning import lines_of
from airpocket.app.settings import VenueSettings
from airpocket.app.symbols import resolve
from airpocket.errors import InputError
from airpocket.live.clock import Clock
from airpocket.live.rest import Rest, rest_rules
from airpocket.live.rest_client import RestClient
from airpocket.live.rest_readings import Listing
from airpocket.live.watcher import VenueToFollow
from airpocket.market.events import Coverage
from airpocket.market.feed_rule import FeedRules
from airpocket.market.instrument import Catalogue, Instrument
from airpocket.market.rest_rules import Call
from airpocket.market.stream import Line, StreamRules
from airpocket.venues import register
from airpocket.venues.hyperliquid.streams import HyperliquidStreams

__all__ = ["LateClient", "Lining", "Plan", "coverage_of", "plan"]

_CHANNELS: Final = {
    "binance": "forceOrder", "bybit": "allLiquidation", "okx": "liquidations",
}  # fmt: skip


class Plan(Struct, frozen=True):
    """What is followed.

    ``symbols`` unified; ``notes`` what a person should know of it, one sentence each.
    """

    venues: tuple[VenueToFollow, ...]
    symbols: tuple[str, ...]
    coverage: dict[str, Coverage]
    notes: tuple[str, ...]


@final
class LateClient:
    """A REST client that is opened when it is first asked: ccxt takes seconds to import.

    Parameters
    ----------
    venue
        Whom it asks.
    url
        Another address of it; ``None``: its own.
    """

    def __init__(self, venue: str, url: str | None) -> None:
        self._venue = venue
        self._url = url
        self._opening: asyncio.Task[RestClient] | None = None

    async def _open(self) -> RestClient:
        if self._opening is None:
            self._opening = asyncio.create_task(self._opened())
        return await asyncio.shield(self._opening)

    async def _opened(self) -> RestClient:
        from airpocket.live.ccxt_client import open_client

        await _imported("ccxt.async_support")
        return await open_client(self._venue, url=self._url)

    async def get(self, call: Call) -> bytes:
        """Send a request once and give the body as received."""
        return await (await self._open()).get(call)

    async def markets(self) -> tuple[list[Any], list[str]]:
        """Ask what the venue lists."""
        return await (await self._open()).markets()

    async def funding(self) -> list[Any]:
        """Ask for the funding rates."""
        return await (await self._open()).funding()

    async def tiers(self, symbol: str) -> list[Any]:
        """Ask for the margin tiers of a symbol."""
        return await (await self._open()).tiers(symbol)

    async def close(self) -> None:
        """Release the connections, if there ever were any."""
        if self._opening is None:
            return
        if not self._opening.done():
            self._opening.cancel()
        client = (await asyncio.gather(self._opening, return_exceptions=True))[0]
        if not isinstance(client, BaseException):
            await client.close()


async def _imported(module: str) -> None:
    """Import a heavy module in a thread that nobody waits for when the process ends."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def work() -> None:
        with suppress(ImportError):  # whoever imports it next is told
            importlib.import_module(module)
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=work, name=f"import {module}", daemon=True).start()
    await done.wait()


def plan(
    settings: Settings,
    words: Sequence[str],
    venues: Sequence[str],
    *,
    clock: Clock,
    rng: random.Random,
) -> Plan:
    """Find what to follow.

    Parameters
    ----------
    settings
        The configuration.
    words
        Coins or symbols; those of the configuration if empty.
    venues
        Venue ids; those of the configuration if empty.
    clock, rng
        The wall clock, the source of jitter.

    Raises
    ------
    InputError
        If a venue cannot be followed, or a word means nothing on any of them.
    """
    at_ns = clock.wall_ns()
    names = tuple(dict.fromkeys(venues)) or settings.watch.venues
    asked = tuple(words) or settings.watch.symbols
    rules = {name: register.open_streams(name) for name in names}
    catalogues = {name: register.catalogue_of(name) for name in names}
    found = resolve(asked, catalogues, at_ns=at_ns)
    coverage = {
        name: shown for name in found.instruments if (shown := coverage_of(name, at_ns)) is not None
    }
    followed = []
    for name, instruments in found.instruments.items():
        own = settings.venues.get(name, VenueSettings())
        lining = Lining(
            rules[name], asked, catalogues[name], clock,
            depth=settings.watch.depth, base=own.ws_url,
        )  # fmt: skip
        client = LateClient(name, own.rest_url)
        followed.append(
            VenueToFollow(
                rules[name], lining.lines(instruments, at_ns), catalogues[name],
                tuple(row.raw_symbol for row in instruments),
                is_throttled=coverage.get(name) in {Coverage.THROTTLED, Coverage.SAMPLED},
                rest=Rest(rest_rules(name), client, clock, rng),
                replan=lining.again,
            )
        )  # fmt: skip
    symbols = {row.symbol for rows in found.instruments.values() for row in rows}
    notes = [f"{venue} does not list {word}" for venue, word in found.absent]
    silent = [name for name in found.instruments if name not in coverage]
    notes += [f"{name} has no public liquidation feed: only its trades are seen" for name in silent]
    hyperliquid = rules.get("hyperliquid")
    if isinstance(hyperliquid, HyperliquidStreams):
        left = hyperliquid.left_out(
            found.instruments.get("hyperliquid", ()), depth=settings.watch.depth
        )
        if left:
            notes.append(f"hyperliquid allows no more topics: {len(left)} of them are left out")
    return Plan(tuple(followed), tuple(sorted(symbols)), coverage, tuple(notes))


def coverage_of(venue: str, at_ns: int) -> Coverage | None:
    """Say how much of the truth a venue's live liquidation feed shows; ``None``: it has none."""
    channel = _CHANNELS.get(venue)
    if channel is None:
        return None
    toml = Path(register.__file__).parent / register.VENUES[venue] / "venue.toml"
    return FeedRules.load(toml).at(channel, at_ns).coverage


@final
class Lining:
    """Lines of one venue, now and whenever its listing changes.

    Parameters
    ----------
    rules
        How its streams are asked for.
    words
        What is to be followed, as a person names it.
    catalogue
        What it lists; learns.
    clock
        The wall clock.
    depth
        Whether to follow books too.
    base
        Another address of its streams; ``None``: its own.
    """

    def __init__(
        self,
        rules: StreamRules,
        words: tuple[str, ...],
        catalogue: Catalogue,
        clock: Clock,
        *,
        depth: bool = False,
        base: str | None = None,
    ) -> None:
        self._rules = rules
        self._words = words
        self._catalogue = catalogue
        self._clock = clock
        self._depth = depth
        self._base = base
        self._lines: tuple[Line, ...] = ()

    def lines(self, instruments: Sequence[Instrument], at_ns: int) -> tuple[Line, ...]:
        """Plan the connections that follow some instruments."""
        self._lines = lines_of(
            self._rules, instruments, at_ns=at_ns, depth=self._depth, base=self._base
        )
        return self._lines

    def again(self, listing: Listing) -> tuple[Line, ...] | None:
        """Plan anew with what is listed now; ``None`` if nothing changes or it is in doubt."""
        venue, at_ns = self._rules.venue, self._clock.wall_ns()
        try:
            found = resolve(self._words, {venue: self._catalogue}, at_ns=at_ns)
        except InputError:
            return None
        known = found.instruments.get(venue, ())
        listed = {row.raw_symbol for row in listing.instruments}
        still = [row for row in known if row.raw_symbol in listed]
        if 2 * len(still) < len(known) or not still:
            return None  # half of the market is not delisted in one day: the list is not whole
        before = self._lines
        return None if self.lines(still, at_ns) == before else self._lines
