"""Which connections follow some instruments, at the venue's own addresses or configured ones."""

from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

import msgspec

from airpocket.market.instrument import Instrument
from airpocket.market.stream import Line, StreamRules

__all__ = ["lines_of", "redirected"]


def lines_of(
    rules: StreamRules,
    instruments: Sequence[Instrument],
    *,
    at_ns: int,
    depth: bool,
    base: str | None = None,
) -> tuple[Line, ...]:
    """Plan the connections of one venue.

    Parameters
    ----------
    rules
        How the venue is asked.
    instruments
        What to follow there.
    at_ns
        Today.
    depth
        Whether to follow books too.
    base
        ``ws_url`` of the venue's settings; ``None``: the addresses that are shipped.
    """
    lines = rules.lines(instruments, at_ns, depth=depth)
    if base is None:
        return lines
    return tuple(msgspec.structs.replace(line, url=redirected(line.url, base)) for line in lines)


def redirected(url: str, base: str) -> str:
    """Give an address another scheme, host and port; path and query stay.

    Examples
    --------
    >>> redirected("wss://fstream.binance.com/market/stream?a=1", "ws://127.0.0.1:9000")
    'ws://127.0.0.1:9000/market/stream?a=1'
    """
    ours, theirs = urlsplit(base), urlsplit(url)
    return urlunsplit((ours.scheme, ours.netloc, theirs.path, theirs.query, ""))
