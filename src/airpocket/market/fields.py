"""Types for the fields of venue frames, checked while they are read.

Exchange data is untrusted. msgspec checks these bounds in C, so a hostile number (NaN, 1e400, a
price of 0, a time in the wrong unit) is refused before any of our code sees it. Decoders that use
them are made with ``strict=False``, because venues write numbers as text.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Raw

from airpocket.units import EARLIEST_NS, LATEST_NS

__all__ = [
    "BAD_FRAME",
    "Label",
    "Price",
    "Qty",
    "QtyOrZero",
    "Rate",
    "Serial",
    "SignedQty",
    "TimeMs",
    "TimeNs",
    "TimeUs",
    "as_json",
    "each_part",
    "why",
]

# Not the smallest float: what is divided by a price must stay finite.
Price: TypeAlias = Annotated[float, Meta(ge=1e-12, lt=1e15)]
Qty: TypeAlias = Annotated[float, Meta(gt=0, lt=1e18)]
QtyOrZero: TypeAlias = Annotated[float, Meta(ge=0, lt=1e18)]
SignedQty: TypeAlias = Annotated[float, Meta(gt=-1e18, lt=1e18)]
Rate: TypeAlias = Annotated[float, Meta(gt=-10, lt=10)]
TimeMs: TypeAlias = Annotated[int, Meta(ge=EARLIEST_NS // 10**6, lt=LATEST_NS // 10**6)]
TimeUs: TypeAlias = Annotated[int, Meta(ge=EARLIEST_NS // 10**3, lt=LATEST_NS // 10**3)]
TimeNs: TypeAlias = Annotated[int, Meta(ge=EARLIEST_NS, lt=LATEST_NS)]
Serial: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]  # update ids, sequence numbers
Label: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]  # symbols, coins

# What a frame can do to a decoder: malformed or mistyped JSON, bad UTF-8, 100,000 levels deep.
BAD_FRAME: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_T = TypeVar("_T")


def why(error: BaseException) -> str:
    """Say in one short line why a frame or part of it cannot be used.

    Examples
    --------
    >>> why(RecursionError("maximum recursion depth exceeded"))
    'nested too deeply'
    """
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return " ".join(str(error).split())[:200]


def each_part(
    parts: Iterable[Raw], decode: Callable[[Raw], _T]
) -> tuple[list[_T], tuple[str, ...]]:
    """Decode the parts of a frame one by one, so that a bad one does not spoil its neighbours.

    Parameters
    ----------
    parts
        Undecoded JSON values, as a decoder with ``list[msgspec.Raw]`` gives them.
    decode
        ``msgspec.json.Decoder(...).decode`` of one part.

    Returns
    -------
    tuple
        What could be decoded, and one reason for each part that could not.
    """
    good: list[_T] = []
    bad: list[str] = []
    for index, part in enumerate(parts):
        try:
            good.append(decode(part))
        except BAD_FRAME as error:
            bad.append(f"part {index}: {why(error)}")
    return good, tuple(bad)


def as_json(value: Any) -> bytes:
    """Write a value as compact JSON bytes, floats with the digits that read back exactly."""
    return msgspec.json.encode(value)
