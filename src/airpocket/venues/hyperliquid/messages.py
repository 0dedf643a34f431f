"""Shapes of Hyperliquid's messages: stream channels, node files, and how loosely they are read.

Docs: websocket/subscriptions and historical-data, mirror dzmbs/hyperliquid-docs of 2026-08-22.
Fields that are not read are not listed.
"""

from typing import Any, Literal, TypeAlias

from msgspec import Raw, Struct

from airpocket.market.fields import Label, Price, Qty, QtyOrZero, Rate, Serial, TimeMs
from airpocket.venues.hyperliquid.fills import Fill

__all__ = [
    "AccountEvents",
    "AccountFills",
    "AccountLiquidation",
    "Ack",
    "AssetContext",
    "Book",
    "Channel",
    "CoinBook",
    "CoinFigures",
    "ErrorMessage",
    "Figures",
    "Level",
    "NodeBlock",
    "Pong",
    "Print",
    "Said",
    "SpotContext",
    "Trades",
    "UserEvents",
    "UserEventsByName",
    "UserFills",
]


class Print(Struct, frozen=True, gc=False):
    """One row of ``trades``. ``side`` is the taker's; ``users`` [buyer, seller] is not read."""

    coin: Label
    side: Literal["A", "B"]
    px: Price
    sz: Qty
    time: TimeMs
    tid: Serial


class Trades(Struct, frozen=True, gc=False, tag_field="channel", tag="trades"):
    """Trades of one coin; after a subscription the latest ones come once more."""

    data: list[Print]


class AccountFills(Struct, frozen=True, gc=False, rename="camel"):
    """Fills of one account; a snapshot tells those from before the subscription."""

    fills: list[Fill]
    user: str | None = None
    is_snapshot: bool = False


class UserFills(Struct, frozen=True, gc=False, tag_field="channel", tag="userFills"):
    """Message of the subscription ``userFills``."""

    data: AccountFills


class AccountLiquidation(Struct, frozen=True, gc=False):
    """An account was liquidated, dollars over all its coins: no coin, no price, no side."""

    lid: Serial
    liquidated_user: str
    liquidated_ntl_pos: QtyOrZero


class AccountEvents(Struct, frozen=True, gc=False, rename="camel"):
    """One of fills, funding, an account's liquidation, cancels. The account is not named."""

    fills: list[Fill] | None = None
    liquidation: AccountLiquidation | None = None
    funding: Raw = Raw()
    non_user_cancel: Raw = Raw()


class UserEvents(Struct, frozen=True, gc=False, tag_field="channel", tag="user"):
    """Message of the subscription ``userEvents``, whose channel is named ``user`` (docs)."""

    data: AccountEvents


class UserEventsByName(UserEvents, frozen=True, gc=False, tag_field="channel", tag="userEvents"):
    """The same under the name of the subscription, as recorders write it."""


class Figures(Struct, frozen=True, gc=False, rename="camel"):
    """State of a market. ``funding`` is the rate of one hour; ``open_interest`` is in coins."""

    mark_px: Price | None = None
    oracle_px: Price | None = None
    funding: Rate | None = None
    open_interest: QtyOrZero | None = None


class CoinFigures(Struct, frozen=True, gc=False):
    """State of the market of one coin; the message carries no time."""

    coin: Label
    ctx: Figures


class AssetContext(Struct, frozen=True, gc=False, tag_field="channel", tag="activeAssetCtx"):
    """Mark, oracle price, funding and open interest of a perpetual."""

    data: CoinFigures


class SpotContext(
    AssetContext, frozen=True, gc=False, tag_field="channel", tag="activeSpotAssetCtx"
):
    """The same subscription for a spot pair: a mark price only."""


class Level(Struct, frozen=True, gc=False):
    """One price level."""

    px: Price
    sz: Qty


class CoinBook(Struct, frozen=True, gc=False):
    """Bids and asks, best first."""

    coin: Label
    time: TimeMs
    levels: tuple[list[Level], list[Level]]


class Book(Struct, frozen=True, gc=False, tag_field="channel", tag="l2Book"):
    """A whole book, 20 levels a side, at most every 0.5 s: never a difference."""

    data: CoinBook


class Ack(Struct, frozen=True, gc=False, tag_field="channel", tag="subscriptionResponse"):
    """A subscription was accepted (or repeated)."""


class Pong(Struct, frozen=True, gc=False, tag_field="channel", tag="pong"):
    """Answer to ``{"method": "ping"}``."""


class ErrorMessage(Struct, frozen=True, gc=False, tag_field="channel", tag="error"):
    """A request was refused; a refused subscription is otherwise a silent market."""

    data: Any = None


class NodeBlock(Struct, frozen=True, gc=False):
    """A line of ``node_fills_by_block``: all fills of one block, ``[account, fill]`` each."""

    events: list[tuple[str, Fill]]
    block_time: str | None = None
    local_time: str | None = None


Channel: TypeAlias = (
    Trades
    | UserFills
    | UserEvents
    | UserEventsByName
    | AssetContext
    | SpotContext
    | Book
    | Ack
    | Pong
    | ErrorMessage
)

Said: TypeAlias = Channel | NodeBlock
"""All that a frame can be, once read: a lone fill stands in a ``UserFills`` or ``NodeBlock``."""
