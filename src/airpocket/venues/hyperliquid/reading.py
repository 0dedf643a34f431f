"""From Hyperliquid's bytes to its messages: whole if all is good, else the good parts of them."""

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from airpocket.market.fields import BAD_FRAME, each_part, why
from airpocket.venues.hyperliquid.fills import Fill
from airpocket.venues.hyperliquid.messages import (
    AccountFills,
    Channel,
    NodeBlock,
    Print,
    Said,
    Trades,
    UserFills,
)

__all__ = ["read", "salvage"]


class _Sketch(Struct, frozen=True, gc=False):
    """What kind of message an object is, its parts not yet read."""

    channel: str | None = None
    data: Raw = Raw()
    events: Raw = Raw()
    coin: Raw = Raw()
    block_time: Any = None
    local_time: Any = None


class _SketchFills(Struct, frozen=True, gc=False, rename="camel"):
    """Fills of an account, not yet read one by one."""

    fills: list[Raw]
    user: str | None = None
    is_snapshot: bool = False


_CHANNELS: Final[msgspec.json.Decoder[Channel]] = msgspec.json.Decoder(Channel, strict=False)
_NODE_BLOCK: Final = msgspec.json.Decoder(NodeBlock, strict=False)
_NODE_FILL: Final = msgspec.json.Decoder(tuple[str, Fill], strict=False)
_ONE_FILL: Final = msgspec.json.Decoder(Fill, strict=False)
_PRINT: Final = msgspec.json.Decoder(Print, strict=False)
_SKETCH: Final = msgspec.json.Decoder(_Sketch)
_SKETCH_FILLS: Final = msgspec.json.Decoder(_SketchFills, strict=False)
_PARTS: Final = msgspec.json.Decoder(list[Raw])
_KNOWN: Final = frozenset(
    {
        "activeAssetCtx",
        "activeSpotAssetCtx",
        "error",
        "l2Book",
        "pong",
        "subscriptionResponse",
        "trades",
        "user",
        "userEvents",
        "userFills",
    }
)


def read(data: bytes) -> Said:
    """Read a frame all of whose parts are good.

    Raises
    ------
    msgspec.MsgspecError, UnicodeDecodeError, RecursionError
        If anything in it is not as documented, or the channel does not stand first:
        :func:`salvage` is for these.
    """
    if data.startswith(b'{"channel":'):
        return _CHANNELS.decode(data)
    if data.startswith(b'["'):
        return NodeBlock([_NODE_FILL.decode(data)])
    if b'"events":' in data[:256]:
        return _NODE_BLOCK.decode(data)
    return UserFills(AccountFills([_ONE_FILL.decode(data)]))


def salvage(data: bytes, reason: str) -> tuple[Said | None, tuple[str, ...]]:
    """Read what can be read of any bytes.

    Parameters
    ----------
    data
        A frame that :func:`read` failed on.
    reason
        Why it failed.

    Returns
    -------
    tuple
        The good parts (``None``: none at all) and a sentence for each part that was left out.
    """
    try:
        if data.lstrip()[:1] == b"[":
            return _list(data, reason)
        sketch = _SKETCH.decode(data)
        if sketch.channel is not None:
            return _message(sketch, data)
        if sketch.events:
            pairs, bad = each_part(_PARTS.decode(sketch.events), _NODE_FILL.decode)
            return NodeBlock(pairs, _text(sketch.block_time), _text(sketch.local_time)), bad
        if sketch.coin:
            return _whole(UserFills(AccountFills([_ONE_FILL.decode(data)])))
    except BAD_FRAME as error:
        return None, (why(error),)
    return None, ("unknown message: no channel, no block of fills, no fill",)


def _list(data: bytes, reason: str) -> tuple[Said | None, tuple[str, ...]]:
    parts = _PARTS.decode(data)
    if not parts:
        return None, ("unknown message: an empty list",)
    if len(parts) == 2 and bytes(parts[0])[:1] == b'"':
        return None, (f"not a usable fill of a node: {reason}",)
    fills, bad = each_part(parts, _ONE_FILL.decode)
    return (UserFills(AccountFills(fills)) if fills else None), bad


def _message(sketch: _Sketch, data: bytes) -> tuple[Said | None, tuple[str, ...]]:
    if sketch.channel not in _KNOWN:
        return None, (f"unknown channel {str(sketch.channel)[:64]!r}",)
    try:
        return _whole(_CHANNELS.decode(data))  # all good, but the channel did not stand first
    except BAD_FRAME:
        if not sketch.data or sketch.channel not in {
            "trades",
            "user",
            "userEvents",
            "userFills",
        }:
            raise
    if sketch.channel == "trades":
        prints, bad = each_part(_PARTS.decode(sketch.data), _PRINT.decode)
        return Trades(prints), bad
    rough = _SKETCH_FILLS.decode(sketch.data)
    fills, bad = each_part(rough.fills, _ONE_FILL.decode)
    return UserFills(AccountFills(fills, rough.user, rough.is_snapshot)), bad


def _whole(said: Said) -> tuple[Said, tuple[str, ...]]:
    return said, ()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
