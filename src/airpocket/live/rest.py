"""REST of one venue: asked within its limits, patiently, and believed no more than its stream.

Streams do not wait for any of this: what fails here is a sentence for the health desk and one more
try later. No key is ever sent.
"""

import asyncio
import importlib
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar, cast, final

import msgspec
import stamina

from airpocket.errors import InputError
from airpocket.live.budget import Budget
from airpocket.live.clock import Clock
from airpocket.live.pacing import Backoff
from airpocket.live.rest_client import RestClient, RestError, RestFault
from airpocket.live.rest_readings import (
    Listing,
    Offset,
    Tier,
    read_funding,
    read_listing,
    read_tiers,
)
from airpocket.market.events import Funding
from airpocket.market.fields import why
from airpocket.market.instrument import Instrument
from airpocket.market.rest_rules import Call, RestRules, TradePage, TradeSpan
from airpocket.venues import register

__all__ = ["PATIENCE_S", "Rest", "open_rest", "rest_rules"]

PATIENCE_S: Final = 60.0
"""How long one question is asked again before it is given up."""

_T = TypeVar("_T")
_RETRIED: Final = frozenset({RestFault.LIMITED, RestFault.UNAVAILABLE})
_CAP_S: Final = 60.0
_BAN_S: Final = 120.0
_BAN_CAP_S: Final = 3600.0
_CLOCK_S: Final = 10.0
_BOOK_S: Final = 30.0  # later, the book is asked for anew


class _LeftAloneError(RestError):
    """Nothing was sent: the venue had asked for a pause that is longer than our patience."""


@final
class Rest:
    """Asks one venue.

    Parameters
    ----------
    rules
        How it is asked.
    client
        What sends the requests; it is closed by :meth:`close`.
    clock, rng
        Our clock; source of the jitter.
    """

    def __init__(
        self, rules: RestRules, client: RestClient, clock: Clock, rng: random.Random
    ) -> None:
        self.venue: Final = rules.venue
        self.rules: Final = rules
        self.budget: Final = Budget(rules.allowance)
        self.asked = 0
        """Requests sent so far."""
        self.failure: str | None = None
        """Why the last book that was asked for did not come."""
        self._client = client
        self._clock = clock
        self._rng = rng
        self._quiet_until_s = 0.0
        self._bans = 0
        self._raw_symbols: dict[str, str] = {}

    async def ask(self, call: Call, *, patience_s: float = PATIENCE_S) -> bytes:
        """Send a request, again if it may help, and give the body as received.

        ``Retry-After`` is obeyed by every request to this venue; a ban (418) is waited out for two
        minutes at least. What would not be over within ``patience_s`` is not waited for.

        Raises
        ------
        RestError
            If no answer came in time, or asking again would not help.
        """
        return await self._patiently(call.weight, lambda: self._client.get(call), patience_s)

    async def offset(self) -> Offset:
        """Compare the venue's clock with ours, halfway between question and answer.

        Raises
        ------
        RestError
            If it does not answer, or not with a time.
        """
        asked_ns = back_ns = 0

        async def once() -> bytes:
            nonlocal asked_ns, back_ns
            asked_ns = self._clock.wall_ns()  # not before: our own queue is no delay of theirs
            data = await self._client.get(call)
            back_ns = self._clock.wall_ns()
            return data

        call = self.rules.server_time()
        data = await self._patiently(call.weight, once, _CLOCK_S)
        venue_ns = self._read(lambda: self.rules.read_server_time(data))
        return Offset(venue_ns - (asked_ns + back_ns) // 2, back_ns - asked_ns)

    async def instruments(self) -> Listing:
        """Ask what the venue lists.

        Raises
        ------
        RestError
            If it does not answer, or with nothing that is an instrument.
        """
        markets, unread = await self._patiently(
            self.rules.listing_weight, self._client.markets, PATIENCE_S
        )
        listing = read_listing(self.venue, markets)
        if not listing.instruments:
            reason = "; ".join((*unread, *listing.rejected)[:3]) or "an empty list"
            raise RestError(
                RestFault.UNREADABLE, f"{self.venue} lists no instrument that can be used: {reason}"
            )
        self._raw_symbols = {row.symbol: row.raw_symbol for row in listing.instruments}
        if unread:
            listing = msgspec.structs.replace(listing, rejected=(*unread, *listing.rejected))
        return listing

    async def funding(self) -> tuple[Funding, ...]:
        """Ask for the current funding rates of what :meth:`instruments` listed.

        Raises
        ------
        RestError
            If it does not answer.
        """
        rates = await self._patiently(self.rules.listing_weight, self._client.funding, PATIENCE_S)
        return read_funding(self.venue, self._raw_symbols, rates, self._clock.wall_ns())

    async def tiers(self, instrument: Instrument) -> tuple[Tier, ...]:
        """Ask for the margin tiers of an instrument, where they are public.

        Raises
        ------
        InputError
            If the venue shows them to key holders only, or not at all.
        RestError
            If it does not answer, or not with tiers.
        """
        if self.venue == "binance":
            raise InputError("binance shows its margin tiers only to a key, and airpocket has none")
        if self.venue == "hyperliquid":
            raise InputError("hyperliquid's margin tiers are not among what ccxt asks for")
        symbol = instrument.symbol
        rows = await self._patiently(1.0, lambda: self._client.tiers(symbol), PATIENCE_S)
        try:
            return read_tiers(self.venue, rows)
        except (TypeError, ValueError, msgspec.MsgspecError) as error:
            raise RestError(
                RestFault.UNREADABLE,
                f"{self.venue} tiers of {instrument.symbol} cannot be used: {why(error)}",
            ) from error

    async def open_interest(self, raw_symbol: str) -> bytes | None:
        """Ask for open interest as a frame of the venue's wire; ``None`` where it is pushed.

        Raises
        ------
        RestError
            If it does not answer.
        """
        call = self.rules.open_interest(raw_symbol)
        return None if call is None else await self.ask(call, patience_s=20.0)

    async def depth_snapshot(self, raw_symbol: str) -> bytes | None:
        """Ask for a book, as a frame that the venue's wire decodes and that names its symbol.

        ``None`` if there is no answer (:attr:`failure` says why), and where the stream brings its
        own snapshots. Nobody shares an answer: one that was asked for before a connection began may
        be older than what the connection said first.
        """
        call = self.rules.depth(raw_symbol)
        if call is None:
            return None
        try:
            data = await self.ask(call, patience_s=_BOOK_S)
        except RestError as error:
            self.failure = str(error)
            return None
        return self.rules.depth_frame(raw_symbol, data)

    async def trades(self, span: TradeSpan, before: TradePage | None) -> TradePage | None:
        """Ask for the next page of past trades; ``None`` if there is none to ask for.

        Raises
        ------
        RestError
            If it does not answer, or not with trades.
        """
        call = self.rules.trades(span, before)
        if call is None:
            return None
        data = await self.ask(call)
        return self._read(lambda: self.rules.read_trades(span, data))

    async def close(self) -> None:
        """Release the connections."""
        await self._client.close()

    async def _patiently(
        self, weight: float, send: Callable[[], Awaitable[_T]], patience_s: float
    ) -> _T:
        deadline_s = asyncio.get_running_loop().time() + patience_s
        backoff = Backoff(self._rng, cap_s=_CAP_S)

        def again(error: Exception) -> bool | float:
            if not isinstance(error, RestError) or isinstance(error, _LeftAloneError):
                return False
            pause_s = backoff.next_s(status=error.status, retry_after_s=error.retry_after_s)
            if error.status == 418:  # each ban that follows a ban is longer: so are our pauses
                pause_s = max(pause_s, min(_BAN_S * 2.0**self._bans, _BAN_CAP_S))
                self._bans = min(self._bans + 1, 10)
            until_s = asyncio.get_running_loop().time() + pause_s
            if error.fault is RestFault.LIMITED:  # it means this address, not this question
                self._quiet_until_s = max(self._quiet_until_s, until_s)
            return pause_s if error.fault in _RETRIED and until_s <= deadline_s else False

        async for attempt in stamina.retry_context(on=again, attempts=None, timeout=None):
            with attempt:
                await self._turn(weight, deadline_s)
                self.asked += 1
                answer = await send()
                self._bans = 0
                return answer
        raise AssertionError("stamina ends by an answer or an error")

    async def _turn(self, weight: float, deadline_s: float) -> None:
        """Wait for the end of a ban and for our share of the allowance."""
        while (wait_s := self._quiet_until_s - asyncio.get_running_loop().time()) > 0:
            if self._quiet_until_s > deadline_s:
                said = f"{self.venue} wants to be left alone for another {wait_s:.0f} s"
                raise _LeftAloneError(RestFault.LIMITED, said, retry_after_s=wait_s)
            await asyncio.sleep(wait_s)
        await self.budget.spend(weight)

    def _read(self, read: Callable[[], _T]) -> _T:
        try:
            return read()
        except InputError as error:
            raise RestError(RestFault.UNREADABLE, str(error)) from error


def rest_rules(venue: str) -> RestRules:
    """Tell how a venue is asked.

    Raises
    ------
    InputError
        If it cannot be followed live.

    Examples
    --------
    >>> rest_rules("okx").venue
    'okx'
    """
    if venue not in register.LIVE:
        raise InputError(f"{venue!r} cannot be asked: {', '.join(sorted(register.LIVE))} can")
    module = importlib.import_module(f"airpocket.venues.{register.VENUES[venue]}.rest")
    return cast("RestRules", module.open_rest())


async def open_rest(
    venue: str, clock: Clock, rng: random.Random, *, url: str | None = None
) -> Rest:
    """Open the REST of a venue; ccxt is imported in a thread of the loop's executor.

    Parameters
    ----------
    venue
        One of those that can be followed live.
    clock, rng
        Our clock; source of the jitter.
    url
        Another address of it (``rest_url`` of the configuration): ``https``, or this machine.

    Raises
    ------
    InputError
        If there is no such venue, or the address cannot be one.
    """
    from airpocket.live.ccxt_client import open_client  # noqa: PLC0415 - heavy, and only here

    rules = rest_rules(venue)
    return Rest(rules, await open_client(venue, url=url), clock, rng)
