"""How a venue's public streams are asked for: topics, requests, answers, pings and limits.

What :class:`~airpocket.market.wire.Wire` is for the frames of a connection, ``StreamRules`` is for
its handshake. It has no socket and no clock: it says which connections are needed, writes the
requests, and reads the venue's answers to them.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Protocol

from msgspec import Struct

from airpocket.market.events import Event
from airpocket.market.instrument import Instrument

__all__ = [
    "INSTRUMENTS_STREAM",
    "Answer",
    "Channel",
    "Limits",
    "Line",
    "StreamRules",
    "Subscription",
]

INSTRUMENTS_STREAM: Final = "airpocket:instruments"
"""Stream name of frames by which we tell ourselves what a venue lists (JSON of instruments)."""


class Channel(StrEnum):
    """What a subscription is about; the words of :class:`~airpocket.market.events.Gap`."""

    LIQUIDATIONS = "liquidations"
    TRADES = "trades"
    MARK = "mark"
    FUNDING = "funding"
    OPEN_INTEREST = "open_interest"
    DEPTH = "depth"


class Subscription(Struct, frozen=True):
    """One topic of one connection.

    ``raw_symbol``
        The venue's name of the instrument, ``"*"`` for the whole venue.
    ``topic``
        As the venue writes it; unique on a line.
    ``channels``
        What its frames say (Bybit's ``tickers`` say mark, funding and open interest).
    ``silent_after_s``
        From when on silence is a fault, because the venue pushes this topic on a clock
        (the canary of its line); ``None``: it may be silent, only its siblings can prove it.
    """

    channels: tuple[Channel, ...]
    raw_symbol: str
    topic: str
    silent_after_s: float | None = None


class Line(Struct, frozen=True):
    """One connection to be kept: a route, its address, and what is subscribed on it.

    Every line that carries a liquidation topic carries a canary too: a topic with
    ``silent_after_s`` of at most 30 s on the same connection and route.
    """

    route: str
    url: str
    subscriptions: tuple[Subscription, ...]

    @property
    def canaries(self) -> tuple[Subscription, ...]:
        """Topics whose silence is a fault."""
        return tuple(one for one in self.subscriptions if one.silent_after_s is not None)


class Limits(Struct, frozen=True, kw_only=True):
    """What a venue allows, as its documents say (``[limits]`` of ``venue.toml``); ``None``: unsaid.

    ``lifetime_s``
        After which the venue closes a connection (Binance: 24 h).
    ``ping_every_s``
        How often to send :meth:`StreamRules.ping`; ``None``: the venue pings by itself.
    ``idle_close_s``
        Silence of ours after which the venue closes.
    """

    connections_per_s: float | None = None
    connections_per_5_min: int | None = None
    connections_most: int | None = None
    topics_per_connection: int | None = None
    topics_per_request: int | None = None
    request_bytes_most: int | None = None
    requests_per_s: float | None = None
    requests_per_hour: int | None = None
    lifetime_s: float | None = None
    ping_every_s: float | None = None
    idle_close_s: float | None = None
    frame_bytes_most: int = 8 << 20
    source: str = ""


class Answer(Struct, frozen=True):
    """What a venue replied to a request.

    ``topics`` are those that it names; empty if it answers by ``request_id`` alone. An answer that
    names neither (``request_id`` is ``None`` too) speaks of the oldest request without an answer.
    ``reason`` is set where it refused.
    """

    request_id: int | None = None
    topics: tuple[str, ...] = ()
    reason: str | None = None
    is_pong: bool = False


class StreamRules(Protocol):
    """How one venue is asked for its streams. Stateless."""

    @property
    def venue(self) -> str:
        """Venue id."""
        ...

    @property
    def limits(self) -> Limits:
        """What the venue allows today."""
        ...

    def lines(
        self, instruments: Sequence[Instrument], at_ns: int, *, depth: bool = False
    ) -> tuple[Line, ...]:
        """Plan the connections that follow some instruments, within the limits.

        Parameters
        ----------
        instruments
            Of this venue; perpetuals and futures, no spot.
        at_ns
            Today: addresses are dated.
        depth
            Whether to subscribe to order books too.
        """
        ...

    def subscribe(self, topics: Sequence[Subscription], request_id: int) -> list[bytes]:
        """Write the requests for some topics; the first carries ``request_id``, the next +1, …."""
        ...

    def unsubscribe(self, topics: Sequence[Subscription], request_id: int) -> list[bytes]:
        """Write the requests that end some topics, numbered the same way."""
        ...

    def answer(self, data: bytes) -> Answer | None:
        """Read a reply to a request or a pong; ``None``: the frame is neither. Never raises."""
        ...

    def ping(self) -> bytes | None:
        """Write the venue's own kind of ping; ``None``: it has none."""
        ...

    def topic_of(self, event: Event) -> tuple[Channel, str] | None:
        """Name the channel and raw symbol that an event came over; ``None``: over no topic."""
        ...
