"""How Hyperliquid's stream is asked for: one address, topics as JSON objects, one a request.

======================  ======================================================================
topic                   what it is asked for
======================  ======================================================================
``trades``              trades of a coin
``activeAssetCtx``      mark, oracle price, funding and open interest of a coin; that of BTC
                        never rests, and is the canary of the connection
``l2Book``              book of a coin: 20 levels, whole, each 0.5 s; if wanted
======================  ======================================================================

**There is no public stream of liquidations.** Forced fills are marked in the fills of accounts
that one asks for by name, and in files of a node; ``trades`` do not mark them. Followed live, this
venue has prices, funding and open interest, and its liquidations stay unknown: no line has a
liquidation topic, and nothing may be read into that silence.

*Limits* count for our whole address: 10 connections (30 new ones a minute), 1000 topics, 2000
messages a minute. All topics go over one connection. Trades of at most 999 coins fit; figures and
then books are asked for while there is room, and :meth:`HyperliquidStreams.left_out` says which
were not. A connection that broke may be counted for a while beside the one that follows it, and
what is then too much is refused: so topics are asked for in order of importance.

An ack repeats the topic, at times with more fields than were asked for; a refusal repeats it
within a sentence, or is a sentence only.

Sources: dzmbs/hyperliquid-docs, ``api/websocket/*`` and ``api/rate-limits-and-user-limits``, mirror
of 2026-08-22; wording of errors: nktkas/hyperliquid issue 78, gemwalletcom/wallet issue 462.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, final

import msgspec
from msgspec import Struct

from airpocket.errors import InputError
from airpocket.market.endpoints import Endpoints
from airpocket.market.events import BookChange, Event, Funding, Mark, OpenInterest, Trade
from airpocket.market.fields import BAD_FRAME
from airpocket.market.instrument import Instrument
from airpocket.market.replies import reason
from airpocket.market.sharing import contracts, in_order
from airpocket.market.stream import Answer, Channel, Limits, Line, Subscription

__all__ = ["HyperliquidStreams", "open_streams"]

_SILENT_AFTER_S: Final = 20.0
_ROUTE: Final = "ws"
_CANARY: Final = "BTC"
_FIGURES: Final = (Channel.MARK, Channel.FUNDING, Channel.OPEN_INTEREST)
_ACK: Final = b'{"channel":"subscriptionResponse"'
_PONG: Final = b'{"channel":"pong"'
_ERROR: Final = b'{"channel":"error"'
_REPLIES: Final = (_ACK, _PONG, _ERROR)
_ALREADY: Final = "Already "  # subscribed, unsubscribed
_CHANNELS: Final[dict[type[Event], Channel]] = {
    Trade: Channel.TRADES,
    Mark: Channel.MARK,
    Funding: Channel.FUNDING,
    OpenInterest: Channel.OPEN_INTEREST,
    BookChange: Channel.DEPTH,
}


class _Topic(Struct):
    """A subscription; ``l2Book`` is acknowledged with ``nSigFigs`` and ``mantissa`` beside."""

    type: str
    coin: str


class _Asked(Struct):
    subscription: _Topic


class _Ack(Struct):
    data: _Asked


class _Refusal(Struct):
    data: msgspec.Raw = msgspec.Raw()


_read_ack: Final = msgspec.json.Decoder(_Ack).decode
_read_refusal: Final = msgspec.json.Decoder(_Refusal).decode
_read_text: Final = msgspec.json.Decoder(str).decode
_read_topic: Final = msgspec.json.Decoder(_Topic).decode
_read_asked: Final = msgspec.json.Decoder(_Asked).decode
_write: Final = msgspec.json.Encoder().encode


def open_streams() -> "HyperliquidStreams":
    """Tell how Hyperliquid is followed, with the shipped address and limits.

    Examples
    --------
    >>> from airpocket.venues.register import catalogue_of
    >>> streams = open_streams()
    >>> line, = streams.lines([catalogue_of("hyperliquid").find("ETH")], 1_795_000_000_000_000_000)
    >>> [one.topic for one in line.subscriptions][:2]
    ['{"type":"activeAssetCtx","coin":"BTC"}', '{"type":"trades","coin":"ETH"}']
    """
    return HyperliquidStreams(Endpoints.load(Path(__file__).with_name("venue.toml")))


@final
class HyperliquidStreams:
    """The handshake of Hyperliquid's stream; see the module.

    Parameters
    ----------
    endpoints
        Dated addresses and limits.
    """

    venue: Final = "hyperliquid"

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._limits = endpoints.limits
        self._topics_most = endpoints.topics_most

    @property
    def limits(self) -> Limits:
        """What Hyperliquid allows today."""
        return self._limits

    def lines(
        self, instruments: Sequence[Instrument], at_ns: int, *, depth: bool = False
    ) -> tuple[Line, ...]:
        """Plan the one connection that follows some instruments.

        Raises
        ------
        InputError
            If an instrument is of another venue or spot, or if not even their trades fit.
        """
        kept, _ = self._planned(instruments, depth=depth)
        url = self._endpoints.at(_ROUTE, at_ns).url
        return (Line(_ROUTE, url, in_order(kept)),) if kept else ()

    def left_out(
        self, instruments: Sequence[Instrument], *, depth: bool = False
    ) -> tuple[Subscription, ...]:
        """Name what :meth:`lines` does not ask for because the venue allows no more topics.

        Raises
        ------
        InputError
            As :meth:`lines`.
        """
        _, cut = self._planned(instruments, depth=depth)
        return tuple(cut)

    def subscribe(self, topics: Sequence[Subscription], request_id: int) -> list[bytes]:
        """Write one request a topic. They carry no id: Hyperliquid has none."""
        del request_id
        return [b'{"method":"subscribe","subscription":%b}' % one.topic.encode() for one in topics]

    def unsubscribe(self, topics: Sequence[Subscription], request_id: int) -> list[bytes]:
        """Write one request a topic, without an id."""
        del request_id
        form = b'{"method":"unsubscribe","subscription":%b}'
        return [form % one.topic.encode() for one in topics]

    def answer(self, data: bytes) -> Answer | None:
        """Read an ack, a refusal or a pong. "Already subscribed" is an ack."""
        if not data.startswith(_REPLIES):
            return None
        if data.startswith(_PONG):
            return Answer(is_pong=True)
        try:
            if data.startswith(_ACK):
                return Answer(None, (_topic(_read_ack(data).data.subscription),))
            said = bytes(_read_refusal(data).data)
        except BAD_FRAME:
            return None
        return _refused(said)

    def ping(self) -> bytes | None:
        """Write ``{"method":"ping"}``."""
        return b'{"method":"ping"}'

    def topic_of(self, event: Event) -> tuple[Channel, str] | None:
        """Name channel and coin. No liquidation came over a topic that is asked for here."""
        channel = _CHANNELS.get(type(event))
        return None if channel is None else (channel, event.raw_symbol)

    def _planned(
        self, instruments: Sequence[Instrument], *, depth: bool
    ) -> tuple[list[Subscription], list[Subscription]]:
        """Divide what is wanted, most important first, at what is allowed."""
        rows = contracts(instruments, self.venue)
        if not rows:
            return [], []
        wanted = list(_wanted([row.raw_symbol for row in rows], depth=depth))
        most = self._topics_most
        if most is not None and len(rows) + 1 > most:
            raise InputError(
                f"hyperliquid allows {most} topics from one address: the trades of {len(rows)} "
                f"instruments do not fit; watch {most - 1} at most"
            )
        return wanted[:most], [] if most is None else wanted[most:]


def _wanted(coins: Sequence[str], *, depth: bool) -> Iterator[Subscription]:
    yield _figures(_CANARY)
    for coin in coins:
        yield Subscription((Channel.TRADES,), coin, _topic(_Topic("trades", coin)))
    for coin in coins:
        if coin != _CANARY:
            yield _figures(coin)
    if depth:
        for coin in coins:
            yield Subscription((Channel.DEPTH,), coin, _topic(_Topic("l2Book", coin)))


def _figures(coin: str) -> Subscription:
    topic = _topic(_Topic("activeAssetCtx", coin))
    return Subscription(_FIGURES, coin, topic, _SILENT_AFTER_S if coin == _CANARY else None)


def _topic(asked: _Topic) -> str:
    return _write(asked).decode()


def _refused(data: bytes) -> Answer:
    """Read the sentence of an error; the topic is repeated in it as JSON."""
    try:
        said = _read_text(data)
    except BAD_FRAME:
        return Answer(reason=reason(data.decode("utf-8", "replace")))
    repeated = said[said.find("{") : said.rfind("}") + 1].encode("utf-8", "replace")
    topics: tuple[str, ...] = ()
    for read in (_read_topic, _read_inner):
        try:
            topics = (_topic(read(repeated)),)
        except BAD_FRAME:
            continue
        break
    if topics and said.startswith(_ALREADY):
        return Answer(None, topics)
    return Answer(None, topics, reason(said))


def _read_inner(data: bytes) -> _Topic:
    """Read the topic within a whole request that is repeated."""
    return _read_asked(data).subscription
