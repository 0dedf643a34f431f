"""The oracle's half of a run: what happened, and what was put on which connection.

A :class:`Sent` is one event of the made-up market; a :class:`Delivery` one frame put on one
connection. Nobody but the fakes writes here, so what a feed stored can be compared with it.
"""

from typing import Final, TypeAlias, final

from airpocket.market.events import (
    BookChange,
    Event,
    Funding,
    Liquidation,
    Mark,
    OpenInterest,
    Trade,
)

__all__ = ["Delivery", "EventKey", "Ledger", "Sent", "event_key"]

EventKey: TypeAlias = tuple[object, ...]

_MS: Final = 1_000_000


def event_key(event: Event) -> EventKey:  # noqa: PLR0911 - one name for each kind
    """Name an event by what every feed says of it, so that sent and stored can be matched.

    The same for an event as it happened and as it was read: no catalogue, no endpoint, no local
    clock, times in milliseconds. Two liquidations that look alike have the same key: compare
    them with :class:`collections.Counter`, not with a set.
    """
    time_ms = None if event.venue_ns is None else event.venue_ns // _MS
    if event.venue == "hyperliquid" and isinstance(event, Mark | Funding | OpenInterest):
        time_ms = None  # its frames do not say when
    head = (event.venue, type(event).__name__, event.raw_symbol)
    if isinstance(event, Trade):
        return (*head, event.trade_id)
    if isinstance(event, Liquidation):
        limit = event.bankruptcy_price if event.order_price is None else event.order_price
        return (*head, time_ms, event.liquidated, event.qty_raw, limit)
    if isinstance(event, Mark):
        return (*head, time_ms, event.mark_price)
    if isinstance(event, Funding):
        return (*head, time_ms, event.rate)
    if isinstance(event, OpenInterest):
        size = event.qty_base if event.qty_base is not None else event.notional_usd
        return (*head, time_ms, None if size is None else float(f"{size:.9g}"))
    if isinstance(event, BookChange) and event.venue != "hyperliquid":  # whole books, no number
        return (*head, event.is_snapshot, event.last_update_id)
    return (*head, time_ms)


@final
class Sent:
    """One event of the market.

    ``serial``
        Its unique number in the world, from 1, in order of time.
    ``at_s``
        When it happened, as virtual time of the loop (also if the loop was late for it).
    ``deliveries``
        The frames that said it; empty if nobody was subscribed.
    """

    __slots__ = ("at_s", "deliveries", "event", "serial")

    def __init__(self, serial: int, event: Event, at_s: float) -> None:
        self.serial = serial
        self.event = event
        self.at_s = at_s
        self.deliveries: list[Delivery] = []

    @property
    def venue(self) -> str:
        """Where it happened."""
        return self.event.venue

    @property
    def key(self) -> EventKey:
        """See :func:`event_key`."""
        return event_key(self.event)

    @property
    def connections(self) -> tuple[int, ...]:
        """Numbers of the connections that it was put on as news, in order, each once."""
        return tuple(
            dict.fromkeys(d.connection for d in self.deliveries if not (d.cut or d.replayed))
        )

    @property
    def was_read(self) -> bool:
        """Tell whether the client took it from a connection as news, unspoilt: it must be known."""
        return any(d.read_s is not None and not (d.altered or d.replayed) for d in self.deliveries)

    def __repr__(self) -> str:
        return f"Sent({self.serial}, {self.key})"


@final
class Delivery:
    """One frame put on one connection.

    ``read_s``
        When the client took it from the connection; ``None``: not (yet), or not to be known
        (behind a real socket). What was put there and not read before a cut may be lost.
    ``altered``
        A fault changed the bytes: they need not say ``events`` any more.
    ``replayed``
        It says what happened before the subscription: known or not, both is right.
    ``cut``
        It was put on a connection that was already dead for the client (black hole, reset): lost.
    """

    __slots__ = (
        "altered", "at_s", "connection", "cut", "data", "events", "read_s", "replayed", "topic",
    )  # fmt: skip

    def __init__(
        self, connection: int, topic: str, data: bytes, events: tuple[Sent, ...], at_s: float
    ) -> None:
        self.connection = connection
        self.topic = topic
        self.data = data
        self.events = events
        self.at_s = at_s
        self.read_s: float | None = None
        self.altered = False
        self.replayed = False
        self.cut = False

    def __repr__(self) -> str:
        return f"Delivery(#{self.connection} {self.topic} {self.data[:80]!r} at {self.at_s:.3f})"


@final
class Ledger:
    """What happened in a world.

    Parameters
    ----------
    keep
        ``False`` counts only: for runs of days.
    """

    def __init__(self, *, keep: bool = True) -> None:
        self.keep = keep
        self.happened: list[Sent] = []
        self.count = 0
        self.frames = 0

    def write(self, event: Event, at_s: float) -> Sent:
        """Number an event."""
        self.count += 1
        sent = Sent(self.count, event, at_s)
        if self.keep:
            self.happened.append(sent)
        return sent

    def put(self, delivery: Delivery) -> None:
        """Note that a frame was put on a connection."""
        self.frames += 1
        if self.keep:
            for sent in delivery.events:
                sent.deliveries.append(delivery)

    def sent(self, venue: str | None = None) -> list[Sent]:
        """Events that were put on at least one connection."""
        return [one for one in self.happened if one.deliveries and venue in {None, one.event.venue}]
