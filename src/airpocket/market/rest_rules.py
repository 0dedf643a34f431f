"""How a venue's public REST is asked and read: what ``Wire`` is for frames, for requests.

It has no socket and no clock. Requests are named as ccxt names them, because ccxt sends them. What
comes back is exchange data: every field is checked, and what cannot be used is said.
"""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct, field

from airpocket.market.events import Trade

__all__ = ["Allowance", "Call", "RestRules", "TradePage", "TradeSpan"]


class Allowance(Struct, frozen=True):
    """Documented limit of one address: so much ``weight`` within ``within_s`` seconds."""

    weight: float
    within_s: float
    source: str = ""


class Call(Struct, frozen=True):
    """One public request: ccxt's name of the endpoint, what to ask, and its documented weight."""

    endpoint: str
    params: dict[str, str | int] = field(default_factory=dict)
    weight: float = 1.0


class TradeSpan(Struct, frozen=True):
    """Trades of one instrument that were not received.

    ``from_ns``/``to_ns``
        Bounds by the venue's clock, with a margin where only our clock is known.
    ``last``, ``first``
        The trades received before and after it; with them the bounds are exact ids.
    """

    raw_symbol: str
    from_ns: int
    to_ns: int
    last: Trade | None = None
    first: Trade | None = None

    def holds(self, trade: Trade) -> bool:
        """Tell whether a trade lies inside by its time and is neither of the two edges."""
        at_ns = trade.venue_ns
        if at_ns is None or not self.from_ns <= at_ns <= self.to_ns:
            return False
        edges = (self.last, self.first)
        return all(edge is None or edge.trade_id != trade.trade_id for edge in edges)


class TradePage(Struct, frozen=True):
    """One answer to a request for trades.

    ``trades``
        Oldest first, as the venue's own units; ``rejected`` says why others were not usable.
    ``is_full``
        Whether as many came as were asked for: there may be more.
    """

    trades: tuple[Trade, ...]
    rejected: tuple[str, ...] = ()
    is_full: bool = False


class RestRules(Protocol):
    """How one venue is asked. Stateless.

    A ``read_…`` method raises :class:`~airpocket.errors.InputError` for an answer that is not what
    was asked for.
    """

    @property
    def venue(self) -> str:
        """Venue id."""
        ...

    @property
    def allowance(self) -> Allowance:
        """What one address may ask."""
        ...

    @property
    def listing_weight(self) -> float:
        """What it costs to ask for everything that is listed, or for all funding rates."""
        ...

    def server_time(self) -> Call:
        """Ask for the venue's clock."""
        ...

    def read_server_time(self, data: bytes) -> int:
        """Read the venue's clock, in nanoseconds."""
        ...

    def depth(self, raw_symbol: str) -> Call | None:
        """Ask for a book; ``None``: the venue's stream brings its own snapshots."""
        ...

    def depth_frame(self, raw_symbol: str, data: bytes) -> bytes:
        """Make the answer a frame that the venue's wire decodes, its bytes untouched."""
        ...

    def open_interest(self, raw_symbol: str) -> Call | None:
        """Ask for open interest; ``None``: the venue's stream pushes it."""
        ...

    def trades(self, span: TradeSpan, before: TradePage | None) -> Call | None:
        """Ask for the first page of past trades, or for the one after ``before``.

        ``None``: there is no (further) page: the venue serves none, or the span is covered.
        """
        ...

    def read_trades(self, span: TradeSpan, data: bytes) -> TradePage:
        """Read a page."""
        ...

    def covered(self, span: TradeSpan, pages: Sequence[TradePage]) -> tuple[int, int] | None:
        """Tell the stretch of the span that these pages cover, ``None`` if nothing of it."""
        ...

    def wanted(self, span: TradeSpan, trades: Sequence[Trade]) -> list[Trade]:
        """Choose the trades that the stream did not bring, oldest first, each once."""
        ...

    def trade_frames(self, trades: Sequence[Trade]) -> list[bytes]:
        """Write trades as frames of the venue's stream."""
        ...
