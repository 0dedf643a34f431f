"""How OKX's v5 public stream is asked for: one address, topics as JSON objects.

==========================  =================================================================
topic                       what it is asked for
==========================  =================================================================
``liquidation-orders``      by ``instType``: the whole market (``raw_symbol`` ``"*"``), in one
                            topic for perpetuals and one for expiring futures
``mark-price``              by ``instId``: each 200 ms, and each 10 s if it rests, so its silence
                            is a fault; that of BTC-USDT-SWAP is always followed
``trades``, ``books``       by ``instId``; books of 400 levels, if wanted
``funding-rate``            by ``instId``, perpetuals only: each 30 to 90 s
``open-interest``           by ``instId``: each 3 s, if it changed
``adl-warning``             by ``instType``: pushed while the fund shrinks, else silent; it
                            belongs to no channel and is not waited for
==========================  =================================================================

A topic is written as OKX repeats it in its answers, which name one topic each:
``{"channel":"trades","instId":"BTC-USDT-SWAP"}``. A refusal repeats the request's id or the topic
(``channel:trades,instId:… doesn't exist``). Numbers of contracts are turned into coins by the
wire.

*Limits.* 3 connections a second; 480 requests an hour and connection, whatever they hold; "the
total length of multiple channels cannot exceed 64 KB", which is read here as both of a request and
of all topics of a connection; after 30 s without a push the text ``ping`` must be sent.

Sources: okx.com/docs-v5, websocket overview and public data channels (copies of 2026-07-19 and
2026-07-21).
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, final

import msgspec
from msgspec import Struct

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
from airpocket.market.instrument import Instrument
from airpocket.market.replies import reason, request_id_of
from airpocket.market.sharing import Room, batches, contracts, share_out
from airpocket.market.stream import Answer, Channel, Limits, Line, Subscription

__all__ = ["OkxStreams", "open_streams"]

_SILENT_AFTER_S: Final = 20.0  # two pushes of a mark that rests
_ALL: Final = "*"
_ROUTE: Final = "public"
_CANARY: Final = "BTC-USDT-SWAP"
_MARKET_FRAME: Final = (b'{"arg"', b'{"table"')
_MISSING: Final = re.compile(r"channel:[\w-]+(?:,inst(?:Type|Family|Id):[\w.-]+)*")
_REPLIES: Final = frozenset({"subscribe", "unsubscribe", "error"})
_OF_MARKET: Final[tuple[tuple[tuple[Channel, ...], str], ...]] = (
    ((Channel.LIQUIDATIONS,), "liquidation-orders"),
    ((), "adl-warning"),
)
_CHANNELS: Final[dict[type[Event], Channel]] = {
    Trade: Channel.TRADES,
    Mark: Channel.MARK,
    Funding: Channel.FUNDING,
    OpenInterest: Channel.OPEN_INTEREST,
    BookChange: Channel.DEPTH,
}


class _Arg(Struct, rename="camel", omit_defaults=True):
    """A topic; fields in the order in which OKX documents them."""

    channel: str
    inst_type: str | None = None
    inst_family: str | None = None
    inst_id: str | None = None


class _Reply(Struct):
    event: str | None = None
    arg: _Arg | None = None
    id: int | str | None = None
    code: int | str | None = None
    msg: str | None = None


_read_reply: Final = msgspec.json.Decoder(_Reply).decode
_write: Final = msgspec.json.Encoder().encode


def open_streams() -> "OkxStreams":
    """Tell how OKX is followed, with the shipped addresses and limits.

    Examples
    --------
    >>> from airpocket.venues.register import catalogue_of
    >>> streams = open_streams()
    >>> ether = catalogue_of("okx").find("ETH-USDT-SWAP")
    >>> line, = streams.lines([ether], 1_795_000_000_000_000_000)
    >>> for one in line.subscriptions[:3]:
    ...     print(one.topic)
    {"channel":"mark-price","instId":"BTC-USDT-SWAP"}
    {"channel":"mark-price","instId":"ETH-USDT-SWAP"}
    {"channel":"liquidation-orders","instType":"SWAP"}
    """
    return OkxStreams(Endpoints.load(Path(__file__).with_name("venue.toml")))


@final
class OkxStreams:
    """The handshake of OKX's public stream; see the module.

    Parameters
    ----------
    endpoints
        Dated addresses and limits.
    """

    venue: Final = "okx"

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._limits = endpoints.limits
        self._room = Room(
            topics=self._limits.topics_per_connection,
            args_bytes=endpoints.args_bytes_per_connection,
            is_json=True,
        )

    @property
    def limits(self) -> Limits:
        """What OKX allows today."""
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
        if not rows:
            return ()
        canary = _mark(_CANARY)
        kinds = sorted({_type_of(row.raw_symbol) for row in rows}, reverse=True)  # SWAP first
        of_market = [canary]  # beside the liquidations, whether BTC is watched or not
        of_market += [
            Subscription(channels, _ALL, _topic(_Arg(name, inst_type=kind)))
            for channels, name in _OF_MARKET
            for kind in kinds
        ]
        groups = [of_market, *(tuple(_topics(row.raw_symbol, depth=depth)) for row in rows)]
        url = self._endpoints.at(_ROUTE, at_ns).url
        return tuple(Line(_ROUTE, url, line) for line in share_out(groups, canary, self._room))

    def subscribe(self, topics: Sequence[Subscription], request_id: int) -> list[bytes]:
        """Write requests of less than 64 KB each."""
        return self._requests(b"subscribe", topics, request_id)

    def unsubscribe(self, topics: Sequence[Subscription], request_id: int) -> list[bytes]:
        """Write requests that end topics, of less than 64 KB each."""
        return self._requests(b"unsubscribe", topics, request_id)

    def answer(self, data: bytes) -> Answer | None:
        """Read an answer, which names its topic, or the text ``pong``."""
        if data == b"pong":
            return Answer(is_pong=True)
        if data.startswith(_MARKET_FRAME):
            return None
        try:
            reply = _read_reply(data)
        except BAD_FRAME:
            return None
        if reply.event not in _REPLIES:
            return None
        request_id = request_id_of(reply.id)
        topics = () if reply.arg is None else (_topic(reply.arg),)
        if reply.event == "error":
            said = reply.msg or ""
            return Answer(request_id, topics or _missing(said), reason(reply.code, said))
        return Answer(request_id, topics)

    def ping(self) -> bytes | None:
        """Write the text ``ping``."""
        return b"ping"

    def topic_of(self, event: Event) -> tuple[Channel, str] | None:
        """Name channel and symbol: ``"*"`` for liquidations, which come for the whole market."""
        if isinstance(event, Liquidation):
            return Channel.LIQUIDATIONS, _ALL
        channel = _CHANNELS.get(type(event))
        return None if channel is None else (channel, event.raw_symbol)

    def _requests(
        self, method: bytes, topics: Sequence[Subscription], request_id: int
    ) -> list[bytes]:
        lists = batches(
            topics,
            frame_bytes=80,
            topics_most=self._limits.topics_per_request,
            bytes_most=self._limits.request_bytes_most,
            is_json=True,
        )
        return [
            b'{"id":"%d","op":"%b","args":[%b]}' % (request_id + index, method, args)
            for index, args in enumerate(lists)
        ]


def _type_of(symbol: str) -> str:
    return "SWAP" if symbol.endswith("-SWAP") else "FUTURES"


def _topic(arg: _Arg) -> str:
    return _write(arg).decode()


def _mark(symbol: str) -> Subscription:
    topic = _topic(_Arg("mark-price", inst_id=symbol))
    return Subscription((Channel.MARK,), symbol, topic, _SILENT_AFTER_S)


def _topics(symbol: str, *, depth: bool) -> Iterator[Subscription]:
    if symbol != _CANARY:
        yield _mark(symbol)
    named = [(Channel.TRADES, "trades"), (Channel.OPEN_INTEREST, "open-interest")]
    if _type_of(symbol) == "SWAP":
        named.append((Channel.FUNDING, "funding-rate"))
    if depth:
        named.append((Channel.DEPTH, "books"))
    for channel, name in named:
        yield Subscription((channel,), symbol, _topic(_Arg(name, inst_id=symbol)))


def _missing(said: str) -> tuple[str, ...]:
    """Find the topic in ``channel:trades,instId:X doesn't exist`` (code 60018)."""
    found = _MISSING.search(said[:400])
    if found is None:
        return ()
    arg = dict(part.split(":", 1) for part in found[0].split(","))
    return (_topic(msgspec.convert(arg, _Arg)),)
