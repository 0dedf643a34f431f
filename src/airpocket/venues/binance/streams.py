"""How Binance's futures streams are asked for: USD-M and COIN-M.

==========  =====================================  ============================================
route       address                                topics
==========  =====================================  ============================================
``market``  ``wss://fstream.binance.com/market``   ``<s>@forceOrder``, ``<s>@aggTrade``,
                                                   ``<s>@markPrice@1s``, ``!forceOrder@arr``,
                                                   ``!markPrice@arr@1s``
``public``  ``wss://fstream.binance.com/public``   ``<s>@depth@100ms``
``usdm``    ``wss://fstream.binance.com``          all of them, until 2026-04-23
``coinm``   ``wss://dstream.binance.com``          the same of COIN-M, until 2026-06-30
==========  =====================================  ============================================

*The route matters more than the answer.* A topic that is asked for on the wrong route, or on none,
is acknowledged (``{"result":null}``) and then never sent: ``forceOrder`` was silent on unrouted
connections from 2026-04-23 while books kept flowing. So an acknowledgement proves nothing here,
and every line carries a topic whose silence is a fault, on its own route: a mark price, pushed
each second, or the book of BTCUSDT, which never rests.

*Many symbols.* If the topics of all symbols do not fit one connection, liquidations and marks of
the whole market are followed instead (``!forceOrder@arr``, ``!markPrice@arr@1s``: the same figures
at the same pace, on one connection), and only trades and books are divided. A topic of the whole
market has ``raw_symbol`` ``"*"``. Marks of COIN-M are asked for by symbol even then: whether the
array holds them since 2026-06-30 is not documented.

*Limits.* The documents conflict about the topics of a connection (200 in the change log of
2020-04-14 and copies since, 1024 in the pages of 2025 and 2026): 200 are used. Requests are kept
to 100 topics and 4 kB, because one that is too long is dropped without an answer (seen with 437
topics, altangent/ccxws issue 161). Pongs count as messages too. ``<s>@trade``, which alone shows
prints off the book, is not documented for futures and no document states its route: it is not
subscribed.

Sources: Binance, *Websocket Market Streams* and *Important WebSocket Change Notice* (USD-M, copy
of 2026-05), *Live Subscribing/Unsubscribing to streams*; venue notes of 2026-10.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, final

import msgspec
from msgspec import Raw, Struct

from airpocket.market.endpoints import Endpoints
from airpocket.market.events import (
    BookChange,
    Depth,
    Event,
    Funding,
    Liquidation,
    Mark,
    Trade,
)
from airpocket.market.fields import BAD_FRAME
from airpocket.market.instrument import Instrument
from airpocket.market.replies import reason, request_id_of
from airpocket.market.sharing import Room, batches, contracts, in_order, share_out
from airpocket.market.stream import Answer, Channel, Limits, Line, Subscription
from airpocket.venues.binance.listing import COIN_M, product_of

__all__ = ["BinanceStreams", "open_streams"]

_SILENT_AFTER_S: Final = 20.0
_ALL: Final = "*"
_MARK: Final = (Channel.MARK, Channel.FUNDING)
_CANARY: Final = {False: "BTCUSDT", True: "BTCUSD_PERP"}  # by whether the route is COIN-M's own
_MARKET_FRAME: Final = (b'{"stream"', b'{"e"', b"[")
_CHANNELS: Final[dict[type[Event], Channel]] = {
    Liquidation: Channel.LIQUIDATIONS,
    Trade: Channel.TRADES,
    Mark: Channel.MARK,
    Funding: Channel.FUNDING,
    BookChange: Channel.DEPTH,
    Depth: Channel.DEPTH,
}


class _Refusal(Struct):
    code: int | str | None = None
    msg: str | None = None


class _Reply(Struct):
    """``{"result":null,"id":1}``, ``{"error":{…},"id":1}`` or ``{"code":…,"msg":…,"id":1}``."""

    id: int | str | None = None
    result: Raw = Raw()
    error: _Refusal | str | None = None
    code: int | str | None = None
    msg: str | None = None


_read_reply: Final = msgspec.json.Decoder(_Reply).decode


def open_streams() -> "BinanceStreams":
    """Tell how Binance is followed, with the shipped addresses and limits.

    Examples
    --------
    >>> from airpocket.venues.register import catalogue_of
    >>> streams = open_streams()
    >>> line, = streams.lines([catalogue_of("binance").find("BTCUSDT")], 1_795_000_000_000_000_000)
    >>> line.url
    'wss://fstream.binance.com/market/stream'
    >>> [one.topic for one in line.subscriptions]
    ['btcusdt@markPrice@1s', 'btcusdt@forceOrder', 'btcusdt@aggTrade']
    """
    return BinanceStreams(Endpoints.load(Path(__file__).with_name("venue.toml")))


@final
class BinanceStreams:
    """The handshake of Binance's futures streams; see the module.

    Parameters
    ----------
    endpoints
        Dated addresses and limits.
    """

    venue: Final = "binance"

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._limits = endpoints.limits
        self._room = Room(topics=self._limits.topics_per_connection)

    @property
    def limits(self) -> Limits:
        """What Binance allows today."""
        return self._limits

    def lines(
        self, instruments: Sequence[Instrument], at_ns: int, *, depth: bool = False
    ) -> tuple[Line, ...]:
        """Plan the connections that follow some instruments.

        Raises
        ------
        InputError
            If an instrument is of another venue or spot.
        """
        rows = contracts(instruments, self.venue)
        coin_m = [row.raw_symbol for row in rows if product_of(row.raw_symbol) == COIN_M]
        usd_m = [row.raw_symbol for row in rows if product_of(row.raw_symbol) != COIN_M]
        if self._serves("coinm", at_ns):  # until both products were merged
            own = self._product("coinm", coin_m, at_ns, depth=depth) if coin_m else ()
            return (*(self._product("usdm", usd_m, at_ns, depth=depth) if usd_m else ()), *own)
        together = [*usd_m, *coin_m]
        return self._product("usdm", together, at_ns, depth=depth) if together else ()

    def subscribe(self, topics: Sequence[Subscription], request_id: int) -> list[bytes]:
        """Write ``SUBSCRIBE`` requests of at most 100 topics each."""
        return self._requests(b"SUBSCRIBE", topics, request_id)

    def unsubscribe(self, topics: Sequence[Subscription], request_id: int) -> list[bytes]:
        """Write ``UNSUBSCRIBE`` requests of at most 100 topics each."""
        return self._requests(b"UNSUBSCRIBE", topics, request_id)

    def answer(self, data: bytes) -> Answer | None:
        """Read ``{"result":…}`` and the forms of an error. They carry the id, never a topic."""
        if data.startswith(_MARKET_FRAME):
            return None
        try:
            reply = _read_reply(data)
        except BAD_FRAME:
            return None
        request_id = request_id_of(reply.id)
        if reply.error is not None:
            said = (
                reason(reply.error)
                if isinstance(reply.error, str)
                else reason(reply.error.code, reply.error.msg)
            )
            return Answer(request_id, reason=said)
        if reply.msg is not None and reply.code is not None:
            return Answer(request_id, reason=reason(reply.code, reply.msg))
        return Answer(request_id) if reply.result else None

    def ping(self) -> bytes | None:
        """Nothing: Binance pings every 3 minutes by the protocol's own frames."""
        return None

    def topic_of(self, event: Event) -> tuple[Channel, str] | None:
        """Name channel and symbol; a topic of the whole market (``"*"``) carries it as well."""
        channel = _CHANNELS.get(type(event))
        return None if channel is None else (channel, event.raw_symbol)

    def _serves(self, route: str, at_ns: int) -> bool:
        return any(row.route == route and row.holds_at(at_ns) for row in self._endpoints.rows)

    def _product(
        self, legacy: str, symbols: Sequence[str], at_ns: int, *, depth: bool
    ) -> tuple[Line, ...]:
        """Plan the lines of symbols that share a host."""
        is_legacy = self._serves(legacy, at_ns)
        canary = _CANARY[legacy == "coinm"]
        of_symbols = [(_mark(one), _forced(one), _trades(one)) for one in symbols]
        lines = [in_order(topic for group in of_symbols for topic in group)]
        if not self._room.holds(len(lines[0]), 0):
            lines = self._whole_market(symbols, canary)
        route = legacy if is_legacy else "market"
        planned = [self._line(route, at_ns, topics) for topics in lines]
        route = legacy if is_legacy else "public"
        books = [(_book(one),) for one in symbols] if depth else []
        shared = share_out(books, _top_of_book(canary), self._room)
        return (*planned, *(self._line(route, at_ns, topics) for topics in shared))

    def _whole_market(self, symbols: Sequence[str], canary: str) -> list[tuple[Subscription, ...]]:
        """Follow liquidations and marks of all symbols at once, trades by symbol.

        COIN-M stands on connections of its own: there a mark is that symbol's topic, beside the
        array it might be either.
        """
        every = [Subscription((Channel.LIQUIDATIONS,), _ALL, "!forceOrder@arr")]
        usd_m = [symbol for symbol in symbols if product_of(symbol) != COIN_M]
        if usd_m:
            every.append(Subscription(_MARK, _ALL, "!markPrice@arr@1s", _SILENT_AFTER_S))
        of_usd_m = [every, *((_trades(symbol),) for symbol in usd_m)]
        of_coin_m = [
            (_mark(symbol), _trades(symbol)) for symbol in symbols if product_of(symbol) == COIN_M
        ]
        return [
            line
            for groups in (of_usd_m, of_coin_m)
            for line in share_out(groups, _mark(canary), self._room)
        ]

    def _line(self, route: str, at_ns: int, topics: tuple[Subscription, ...]) -> Line:
        return Line(route, self._endpoints.at(route, at_ns).url, topics)

    def _requests(
        self, method: bytes, topics: Sequence[Subscription], request_id: int
    ) -> list[bytes]:
        lists = batches(
            topics,
            frame_bytes=80,
            topics_most=self._limits.topics_per_request,
            bytes_most=self._limits.request_bytes_most,
        )
        return [
            b'{"method":"%b","params":[%b],"id":%d}' % (method, params, request_id + index)
            for index, params in enumerate(lists)
        ]


def _forced(symbol: str) -> Subscription:
    return Subscription((Channel.LIQUIDATIONS,), symbol, f"{symbol.lower()}@forceOrder")


def _trades(symbol: str) -> Subscription:
    return Subscription((Channel.TRADES,), symbol, f"{symbol.lower()}@aggTrade")


def _mark(symbol: str) -> Subscription:
    topic = f"{symbol.lower()}@markPrice@1s"
    return Subscription(_MARK, symbol, topic, _SILENT_AFTER_S)


def _book(symbol: str) -> Subscription:
    never_rests = symbol in _CANARY.values()
    topic = f"{symbol.lower()}@depth@100ms"
    return Subscription((Channel.DEPTH,), symbol, topic, _SILENT_AFTER_S if never_rests else None)


def _top_of_book(symbol: str) -> Subscription:
    topic = f"{symbol.lower()}@depth5@500ms"
    return Subscription((Channel.DEPTH,), symbol, topic, _SILENT_AFTER_S)
