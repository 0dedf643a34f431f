"""What venues say: the frozen records that feed, tape, history files and simulator share.

Every record carries

``venue``
    Venue id (``"binance"``, ``"okx"``, …); both Binance futures venues are ``"binance"``.
``symbol``
    Unified name, ``"BTC/USDT:USDT"`` (base/quote:settle). ``None`` if the instrument is unknown
    to the venue's catalogue; ``"*"`` if the record speaks for the whole venue.
``raw_symbol``
    What the venue wrote. ``"*"`` where the record speaks for the whole venue.
``raw_ref``
    Where the bytes lie: tape (or file) and ordinal. ``None`` for records made by hand.
``venue_ns``, ``local_ns``
    The two clocks, never swapped: when the venue says it happened, when we received it.
    ``None`` where that clock was not recorded.

Missing is ``None``, never 0. A hole is a :class:`Gap`; the end of a recording is a ``Gap`` too.
"""

from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

__all__ = [
    "AdlWarning",
    "Bar",
    "BookChange",
    "Coverage",
    "Depth",
    "DepthBand",
    "DepthBands",
    "Event",
    "ForcedFlow",
    "Funding",
    "Gap",
    "GapCause",
    "Health",
    "HealthState",
    "InsuranceFund",
    "Liquidation",
    "Mark",
    "Method",
    "OpenInterest",
    "RawRef",
    "Side",
    "Taker",
    "Trade",
    "event_ns",
]


class Side(StrEnum):
    """Side of a *position*: a liquidated long is closed by a forced sell."""

    LONG = "long"
    SHORT = "short"


class Taker(StrEnum):
    """Side of the order that crossed the spread."""

    BUY = "buy"
    SELL = "sell"


class Method(StrEnum):
    """How a forced close was executed."""

    BOOK = "book"  # a market or limit order that other traders filled
    BACKSTOP = "backstop"  # taken over by an insurance fund, vault or liquidator, off the book
    ADL = "adl"  # closed against a profitable counterparty (auto-deleveraging)
    UNKNOWN = "unknown"  # the feed does not say


class Coverage(StrEnum):
    """What share of the truth a feed can show."""

    CENSUS = "census"  # documented as every event
    THROTTLED = "throttled"  # at most so many per symbol and second: sums are lower bounds
    SAMPLED = "sampled"  # the venue says that some are missing, not which
    INFERRED = "inferred"  # not a liquidation feed: concluded from something else


class GapCause(StrEnum):
    """Why nothing is known about a stretch of time."""

    END_OF_RECORDING = "end_of_recording"
    DISCONNECT = "disconnect"
    SEQUENCE = "sequence"
    SILENCE = "silence"
    SUSPEND = "suspend"
    UNREADABLE = "unreadable"
    OVERFLOW = "overflow"  # more came than could be kept


class HealthState(StrEnum):
    """Condition of one channel of one venue."""

    LIVE = "live"
    THROTTLED = "throttled"
    SUSPECT = "suspect"
    DEAD = "dead"
    BLOCKED = "blocked"


class RawRef(Struct, frozen=True, gc=False):
    """Where the bytes of an event lie: ``tape`` (id or file name) and ``ordinal`` within it."""

    tape: str
    ordinal: int

    def __str__(self) -> str:
        return f"{self.tape}#{self.ordinal}"


class _Said(Struct, frozen=True, kw_only=True, gc=False):
    """The six fields that every record carries (see the module docstring)."""

    venue: str
    symbol: str | None
    raw_symbol: str
    raw_ref: RawRef | None = None
    venue_ns: int | None = None
    local_ns: int | None = None


class Trade(_Said, frozen=True, kw_only=True, gc=False, tag="trade"):
    """One trade on a book.

    ``price`` in quote currency; ``qty_base`` in base coin (``None``: instrument unknown);
    ``qty_raw`` the size as the venue prints it, in its own unit; ``notional_usd`` with
    USD stablecoins counted at 1; ``taker`` the side that crossed; ``trade_id`` kept as text.
    """

    price: float
    qty_raw: float
    qty_base: float | None = None
    notional_usd: float | None = None
    taker: Taker | None = None
    trade_id: str | None = None


class Liquidation(_Said, frozen=True, kw_only=True, gc=False, tag="liquidation"):
    """One forced close, as far as its feed shows it.

    ``liquidated``
        Side of the *closed position*, on every venue; ``None`` if the feed does not say.
    ``order_price``
        Limit of the forced order; ``fill_price`` what it traded at on average;
        ``bankruptcy_price`` where the position's margin is used up; ``entry_price`` where the
        position was opened (which values nothing). Each ``None`` if not said.
    ``qty_base``
        Closed quantity in base coin; ``qty_raw`` as the venue prints it, in its own unit.
    ``notional_usd``
        Closed notional: at the fill price if there is one, else at the bankruptcy or order price.
        ``None`` if the instrument is unknown.
    ``method``, ``coverage``
        How it was closed; what share of the truth the feed can show.
    ``rule_id``
        Dated rule of the feed that says what is missing, e.g. ``"binance-forceorder-1-per-s"``.
    ``mark_price``, ``account``, ``event_id``
        Mark at the event, liquidated account, venue's id: ``None`` where not said.
    """

    liquidated: Side | None
    order_price: float | None = None
    fill_price: float | None = None
    bankruptcy_price: float | None = None
    entry_price: float | None = None
    qty_raw: float
    qty_base: float | None = None
    notional_usd: float | None = None
    method: Method
    coverage: Coverage
    rule_id: str
    mark_price: float | None = None
    account: str | None = None
    event_id: str | None = None


class ForcedFlow(_Said, frozen=True, kw_only=True, gc=False, tag="forced_flow"):
    """Forced closes of one bin of time: what the detector consumes.

    Ticks are binned into it; sources that only know counts or hourly sums yield it directly and
    never pretend to be :class:`Liquidation` records. ``venue_ns`` is the bin's start.

    ``width_ns``
        Length of the bin.
    ``side``
        Side of the closed positions, ``None`` if unknown.
    ``count``, ``usd``
        Forced closes and their notional within the bin; ``None`` if unknown.
    ``usd_squared``
        Sum of squared notionals, from which the effective number of prints follows; ``None``
        where single sizes are unknown.
    ``method``
        One method, or ``None`` for all methods together.
    ``first_ns``, ``last_ns``
        First and last event within the bin, ``None`` if unknown.
    """

    width_ns: int
    side: Side | None
    count: int | None
    usd: float | None
    usd_squared: float | None = None
    method: Method | None = None
    coverage: Coverage
    first_ns: int | None = None
    last_ns: int | None = None


class Bar(_Said, frozen=True, kw_only=True, gc=False, tag="bar"):
    """Prices of one bin of time; ``venue_ns`` is its start, ``width_ns`` its length.

    ``trades`` is the number of trades, ``usd`` the traded notional, ``sell_usd`` the part whose
    taker sold; ``usd_squared`` the sum of squared trade notionals. ``None`` where not known.
    ``low_ns``/``high_ns`` are the times of the extremes where ticks were seen.
    """

    width_ns: int
    open: float
    high: float
    low: float
    close: float
    trades: int | None = None
    usd: float | None = None
    sell_usd: float | None = None
    usd_squared: float | None = None
    low_ns: int | None = None
    high_ns: int | None = None


class Mark(_Said, frozen=True, kw_only=True, gc=False, tag="mark"):
    """The price a venue computes margin with, and the index beside it if said."""

    mark_price: float
    index_price: float | None = None


class Funding(_Said, frozen=True, kw_only=True, gc=False, tag="funding"):
    """Funding ``rate`` as a fraction for one interval; positive means longs pay.

    ``interval_ns`` its length, ``due_ns`` when it is paid; ``None`` where not said.
    """

    rate: float
    interval_ns: int | None = None
    due_ns: int | None = None


class OpenInterest(_Said, frozen=True, kw_only=True, gc=False, tag="open_interest"):
    """Open contracts, in coins where known: dollars move with the price, coins do not."""

    qty_base: float | None
    notional_usd: float | None


class BookChange(_Said, frozen=True, kw_only=True, gc=False, tag="book_change"):
    """A snapshot or a difference of an order book.

    ``bids``/``asks`` are ``(price, qty_base)`` pairs; quantity 0 removes the level. For inverse
    contracts the quantity is in the venue's contracts (``Instrument`` converts).
    ``first_update_id … last_update_id`` is the range that this change covers,
    ``previous_update_id`` the ``last_update_id`` it must follow.
    """

    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]
    is_snapshot: bool
    first_update_id: int | None = None
    last_update_id: int | None = None
    previous_update_id: int | None = None


class Depth(_Said, frozen=True, kw_only=True, gc=False, tag="depth"):
    """A valid order book: ``(price, quantity)`` levels, best first. Never empty, never crossed."""

    bids: tuple[tuple[float, float], ...]
    asks: tuple[tuple[float, float], ...]


class DepthBand(Struct, frozen=True, gc=False):
    """Resting volume from the mid price out to ``percent`` (negative: bids)."""

    percent: float
    qty_base: float
    notional_usd: float
    average_price: float | None = None


class DepthBands(_Said, frozen=True, kw_only=True, gc=False, tag="depth_bands"):
    """Cumulative depth at fixed distances, for sources that publish no levels."""

    bands: tuple[DepthBand, ...]


class AdlWarning(_Said, frozen=True, kw_only=True, gc=False, tag="adl_warning"):
    """A venue's own notice that auto-deleveraging is near, begins or ends.

    ``state`` is the venue's word; ``balance`` and ``peak_balance`` of the fund in ``coin``;
    ``drawdown`` from its peak as a fraction (0.3 = 30 % below).
    """

    state: str
    coin: str | None = None
    balance: float | None = None
    peak_balance: float | None = None
    drawdown: float | None = None


class InsuranceFund(_Said, frozen=True, kw_only=True, gc=False, tag="insurance_fund"):
    """Balance of an insurance fund or pool, in ``coin``; ``symbols`` it stands behind."""

    coin: str
    balance: float
    notional_usd: float | None = None
    symbols: tuple[str, ...] = ()


class Gap(_Said, frozen=True, kw_only=True, gc=False, tag="gap"):
    """A stretch of time about which a channel says nothing.

    ``to_ns`` is ``None`` while the hole is open (and for ever at the end of a recording).
    ``proven_by`` says how the hole is known: a sequence number, a close frame, a silent canary.
    """

    channel: str
    from_ns: int
    to_ns: int | None
    cause: GapCause
    proven_by: str


class Health(_Said, frozen=True, kw_only=True, gc=False, tag="health"):
    """Condition of one channel since ``venue_ns`` or ``local_ns``, and why."""

    channel: str
    state: HealthState
    reason: str


Event: TypeAlias = (
    Trade
    | Liquidation
    | ForcedFlow
    | Bar
    | Mark
    | Funding
    | OpenInterest
    | BookChange
    | Depth
    | DepthBands
    | AdlWarning
    | InsuranceFund
    | Gap
    | Health
)


def event_ns(event: Event) -> int | None:
    """Time that an event is ordered by: the venue's clock, else ours, else ``None``.

    Examples
    --------
    >>> event_ns(Mark(venue="okx", symbol=None, raw_symbol="X", mark_price=1.0, local_ns=7))
    7
    """
    return event.venue_ns if event.venue_ns is not None else event.local_ns
