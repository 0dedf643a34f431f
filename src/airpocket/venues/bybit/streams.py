"""How Bybit's v5 public streams are asked for: one address for linear, one for inverse contracts.

=========================  ==================================================================
topic                      what it is asked for
=========================  ==================================================================
``allLiquidation.{s}``     liquidations; silent for hours in a quiet market
``publicTrade.{s}``        trades
``tickers.{s}``            mark, funding, open interest: changes, up to ten a second. That of
                           BTC never rests, and is the canary of each connection
``orderbook.200.{s}``      books, if wanted
``adlAlert.{c}``           auto-deleveraging of all contracts that share a pool, each second
``insurance.{c}``          balances of isolated pools
=========================  ==================================================================

The last two are asked for once for each kind of contract that is followed (``USDT``, ``USDC``,
``inverse``); they belong to no channel and are not waited for.

*One unknown topic fails its whole request* (``error:handler not found,topic:…``), the others of
that request with it, and so does one that is subscribed already. So a request carries at most ten
topics, and what belongs to no symbol is asked for alone. Whoever hears a refusal of many topics
asks for each of them by itself.

*Limits.* The list of topics of one public connection may have 21,000 characters, 500 connections
may be made in 5 minutes; a ping every 20 s is advised. A number of topics for a request is stated
for spot only (10).

Sources: bybit-exchange.github.io/docs/v5/ws/connect and v5/websocket/public/*, read 2026-11-21;
that one topic fails a request is not documented, but was measured by several users in 2026, as
was that 200 requests at once are all answered.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, final

import msgspec
from msgspec import Raw, Struct

from airpocket.market.endpoints import Endpoints
from airpocket.market.events import (
    BookChange,
    Event,
    Funding,
    Liquidation,
    Mark,
    OpenInterest,
    Trade,
)
from airpocket.market.fields import BAD_FRAME
from airpocket.market.instrument import Instrument, Kind
from airpocket.market.replies import reason, request_id_of
from airpocket.market.sharing import Room, batches, contracts, share_out
from airpocket.market.stream import Answer, Channel, Limits, Line, Subscription

__all__ = ["BybitStreams", "open_streams"]

_SILENT_AFTER_S: Final = 20.0
_ALL: Final = "*"
_CANARY: Final = {"linear": "BTCUSDT", "inverse": "BTCUSD"}
_TICKER: Final = (Channel.MARK, Channel.FUNDING, Channel.OPEN_INTEREST)
_MARKET_FRAME: Final = b'{"topic"'
_BLAMED: Final = re.compile(r"topic:\s*([^\s,\]]+)|\[([^\]\s,]+)\]")
_ALREADY: Final = "already subscribed"
_ASKED: Final = frozenset({"subscribe", "unsubscribe"})
_CHANNELS: Final[dict[type[Event], Channel]] = {
    Liquidation: Channel.LIQUIDATIONS,
    Trade: Channel.TRADES,
    Mark: Channel.MARK,
    Funding: Channel.FUNDING,
    OpenInterest: Channel.OPEN_INTEREST,
    BookChange: Channel.DEPTH,
}


class _Reply(Struct):
    """Answer to a request, or a pong."""

    op: str | None = None
    success: bool | None = None
    ret_msg: str | None = None
    req_id: int | str | None = None
    topic: Raw = Raw()


_read_reply: Final = msgspec.json.Decoder(_Reply).decode


def open_streams() -> "BybitStreams":
    """Tell how Bybit is followed, with the shipped addresses and limits.

    Examples
    --------
    >>> from airpocket.venues.register import catalogue_of
    >>> streams = open_streams()
    >>> line, = streams.lines([catalogue_of("bybit").find("ETHUSDT")], 1_795_000_000_000_000_000)
    >>> line.route, [one.topic for one in line.canaries]
    ('linear', ['tickers.BTCUSDT'])
    """
    return BybitStreams(Endpoints.load(Path(__file__).with_name("venue.toml")))


@final
class BybitStreams:
    """The handshake of Bybit's public streams; see the module.

    Parameters
    ----------
    endpoints
        Dated addresses and limits.
    """

    venue: Final = "bybit"

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._limits = endpoints.limits
        self._room = Room(
            topics=self._limits.topics_per_connection,
            args_bytes=endpoints.args_bytes_per_connection,
        )

    @property
    def limits(self) -> Limits:
        """What Bybit allows today."""
        return self._limits

    def lines(
        self, instruments: Sequence[Instrument], at_ns: int, *, depth: bool = False
    ) -> tuple[Line, ...]:
        """Plan the connections that follow some instruments: linear, then inverse.

        Raises
        ------
        InputError
            If an instrument is of another venue or spot.
        """
        rows = contracts(instruments, self.venue)
        inverse = [row for row in rows if row.kind is Kind.INVERSE]
        linear = [row for row in rows if row.kind is not Kind.INVERSE]
        return tuple(
            Line(route, self._endpoints.at(route, at_ns).url, topics)
            for route, members in (("linear", linear), ("inverse", inverse))
            if members
            for topics in self._shared(route, members, depth=depth)
        )

    def subscribe(self, topics: Sequence[Subscription], request_id: int) -> list[bytes]:
        """Write requests of at most ten topics; those of no symbol stand alone."""
        return self._requests(b"subscribe", topics, request_id)

    def unsubscribe(self, topics: Sequence[Subscription], request_id: int) -> list[bytes]:
        """Write requests that end topics, divided the same way."""
        return self._requests(b"unsubscribe", topics, request_id)

    def answer(self, data: bytes) -> Answer | None:
        """Read an answer or a pong. A refusal speaks of all topics of its request.

        Without the request's id (Bybit does not always repeat it) it speaks of the topic that it
        blames. "Already subscribed" is an ack of that topic alone.
        """
        if data.startswith(_MARKET_FRAME):
            return None
        try:
            reply = _read_reply(data)
        except BAD_FRAME:
            return None
        if reply.topic:
            return None
        if reply.op == "pong" or (reply.op == "ping" and reply.success is not False):
            return Answer(is_pong=True)
        request_id = request_id_of(reply.req_id)
        if reply.success is False:
            return _refused(reply.ret_msg or "", request_id)
        is_ack = reply.success is True and reply.op in _ASKED
        return Answer(request_id) if is_ack else None

    def ping(self) -> bytes | None:
        """Write ``{"op":"ping"}``."""
        return b'{"op":"ping"}'

    def topic_of(self, event: Event) -> tuple[Channel, str] | None:
        """Name channel and symbol; alerts and balances of pools came over no channel."""
        channel = _CHANNELS.get(type(event))
        return None if channel is None else (channel, event.raw_symbol)

    def _shared(
        self, route: str, members: Sequence[Instrument], *, depth: bool
    ) -> list[tuple[Subscription, ...]]:
        groups: list[Sequence[Subscription]] = [
            tuple(_topics(row.raw_symbol, depth=depth)) for row in members
        ]
        pools = dict.fromkeys("inverse" if route == "inverse" else row.settle for row in members)
        groups.append(
            tuple(
                Subscription((), _ALL, f"{name}.{pool}")
                for pool in pools
                if pool in {"USDT", "USDC", "inverse"}
                for name in ("adlAlert", "insurance")
            )
        )
        return share_out(groups, _ticker(_CANARY[route]), self._room)

    def _requests(
        self, method: bytes, topics: Sequence[Subscription], request_id: int
    ) -> list[bytes]:
        lists = [
            args
            for part in _apart(topics)
            for args in batches(
                part,
                frame_bytes=80,
                topics_most=self._limits.topics_per_request,
                bytes_most=self._limits.request_bytes_most,
            )
        ]
        return [
            b'{"req_id":"%d","op":"%b","args":[%b]}' % (request_id + index, method, args)
            for index, args in enumerate(lists)
        ]


def _topics(symbol: str, *, depth: bool) -> Iterator[Subscription]:
    yield _ticker(symbol)
    yield Subscription((Channel.LIQUIDATIONS,), symbol, f"allLiquidation.{symbol}")
    yield Subscription((Channel.TRADES,), symbol, f"publicTrade.{symbol}")
    if depth:
        yield Subscription((Channel.DEPTH,), symbol, f"orderbook.200.{symbol}")


def _ticker(symbol: str) -> Subscription:
    never_rests = symbol in _CANARY.values()
    return Subscription(
        _TICKER, symbol, f"tickers.{symbol}", _SILENT_AFTER_S if never_rests else None
    )


def _apart(topics: Sequence[Subscription]) -> Iterator[Sequence[Subscription]]:
    """Keep topics of symbols together, and each topic of no symbol alone."""
    of_symbols: list[Subscription] = []
    for one in topics:
        if one.raw_symbol != _ALL:
            of_symbols.append(one)
            continue
        if of_symbols:
            yield of_symbols
            of_symbols = []
        yield (one,)
    if of_symbols:
        yield of_symbols


def _refused(said: str, request_id: int | None) -> Answer:
    blamed = _blamed(said)
    if blamed and _ALREADY in said[:80]:
        return Answer(request_id, blamed)
    return Answer(request_id, () if request_id is not None else blamed, reason(said))


def _blamed(said: str) -> tuple[str, ...]:
    """Find the topic in ``error:handler not found,topic:X`` or ``Invalid symbol :[X]``."""
    found = _BLAMED.search(said[:400])
    return () if found is None else (found[1] or found[2],)
