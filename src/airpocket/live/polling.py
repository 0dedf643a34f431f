"""What streams do not push, asked for now and then: listings, open interest, the venue's clock.

Nothing here can stop a stream. What fails is said once, tried again later, and said when it is
over.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, final

from msgspec import Struct

from airpocket.errors import AirpocketError
from airpocket.live.rest import Rest
from airpocket.live.rest_client import RestError, RestFault
from airpocket.live.rest_readings import Listing, Offset
from airpocket.market.fields import as_json
from airpocket.market.instrument import Catalogue
from airpocket.market.stream import INSTRUMENTS_STREAM

__all__ = ["OPEN_INTEREST_STREAM", "Every", "Heard", "Polling"]

OPEN_INTEREST_STREAM: Final = "rest:open_interest"
"""Stream name of polled open interest."""

_REFUSED_S: Final = 600.0
_INSTRUMENTS_A_FRAME: Final = 200


class Every(Struct, frozen=True):
    """Seconds between two questions of a kind."""

    listing_s: float = 240.0
    open_interest_s: float = 45.0
    clock_s: float = 180.0


class Heard(Struct, frozen=True):
    """Who is told what; each is called in the loop and must not wait.

    ``receive``
        Takes ``(venue, stream, frame)``: open interest in the venue's words, and new instruments
        under ``INSTRUMENTS_STREAM``, both for the tape.
    ``listed``
        Takes the whole listing, each time.
    ``offset``
        Takes the difference of the clocks.
    ``trouble``
        Takes what was asked and one sentence when it begins to fail, and ``None`` when it works.
    """

    receive: Callable[[str, str, bytes], object]
    listed: Callable[[Listing], None]
    offset: Callable[[Offset], None]
    trouble: Callable[[str, str | None], None]


@final
class Polling:
    """Asks one venue, until cancelled.

    Parameters
    ----------
    rest
        The venue.
    catalogue
        What is known already; only what is not is told as a frame.
    heard
        Who is told.
    rng
        Source of the jitter: venues are not asked in step.
    every
        How often.
    """

    def __init__(
        self,
        rest: Rest,
        catalogue: Catalogue,
        heard: Heard,
        rng: random.Random,
        every: Every | None = None,
    ) -> None:
        self._rest = rest
        self._catalogue = catalogue
        self._heard = heard
        self._rng = rng
        self._every = Every() if every is None else every
        self._watched: tuple[str, ...] = ()
        self._troubled: set[str] = set()
        self._refused_until_s: dict[str, float] = {}

    def watch(self, raw_symbols: Iterable[str]) -> None:
        """Say whose open interest is wanted from now on."""
        self._watched = tuple(dict.fromkeys(raw_symbols))
        self._refused_until_s = {
            name: until_s
            for name, until_s in self._refused_until_s.items()
            if name in self._watched
        }

    async def run(self) -> None:
        """Ask until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat("instruments", self._every.listing_s, self.ask_listing))
            group.create_task(self._repeat("clock", self._every.clock_s, self.ask_clock))
            if self._rest.rules.open_interest("X") is not None:
                group.create_task(self._poll_open_interest())

    async def ask_listing(self) -> None:
        """Ask once what is listed, and tell it.

        Raises
        ------
        RestError
            If there was no answer; what was known stays.
        """
        listing = await self._rest.instruments()
        fresh = [row for row in listing.instruments if self._catalogue.find(row.raw_symbol) is None]
        for start in range(0, len(fresh), _INSTRUMENTS_A_FRAME):
            frame = as_json(fresh[start : start + _INSTRUMENTS_A_FRAME])
            self._heard.receive(self._rest.venue, INSTRUMENTS_STREAM, frame)
        self._heard.listed(listing)

    async def ask_clock(self) -> None:
        """Ask once for the venue's clock, and tell the difference.

        Raises
        ------
        RestError
            If there was no answer.
        """
        self._heard.offset(await self._rest.offset())

    async def ask_open_interest(self, raw_symbol: str) -> None:
        """Ask once for the open interest of an instrument, and hand over the frame.

        Raises
        ------
        RestError
            If there was no answer.
        """
        frame = await self._rest.open_interest(raw_symbol)
        if frame is not None:
            self._heard.receive(self._rest.venue, OPEN_INTEREST_STREAM, frame)

    async def _repeat(self, name: str, every_s: float, ask: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self._try(name, ask)
            await asyncio.sleep(every_s * self._rng.uniform(0.9, 1.0))

    async def _poll_open_interest(self) -> None:
        while True:
            symbols = self._watched
            pause_s = self._every.open_interest_s / max(1, len(symbols))
            if not symbols:
                await asyncio.sleep(1.0)
            for raw_symbol in symbols:
                await self._one_open_interest(raw_symbol)
                await asyncio.sleep(pause_s * self._rng.uniform(0.9, 1.0))

    async def _one_open_interest(self, raw_symbol: str) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s < self._refused_until_s.get(raw_symbol, now_s):
            return
        error = await self._try(
            f"open interest of {raw_symbol}", lambda: self.ask_open_interest(raw_symbol)
        )
        if isinstance(error, RestError) and error.fault is RestFault.REFUSED:
            # Delisted, most likely: its neighbours are asked as before.
            self._refused_until_s[raw_symbol] = now_s + _REFUSED_S

    async def _try(self, name: str, ask: Callable[[], Awaitable[None]]) -> Exception | None:
        try:
            await ask()
        except Exception as error:  # noqa: BLE001 - no failure of REST may reach the streams
            if name not in self._troubled:
                self._troubled.add(name)
                said = str(error) if isinstance(error, AirpocketError) else repr(error)
                self._heard.trouble(name, said[:300])
            return error
        if name in self._troubled:
            self._troubled.discard(name)
            self._heard.trouble(name, None)
        return None
