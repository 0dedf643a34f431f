"""Figures, names and times of the watch screen: short, on one line, and never raising.

What is shown came from venues. A name is cut and its unseen characters are shown by their codes; a
figure that is no number was not measured.
"""

import math
from collections.abc import Iterable
from typing import Final

from airpocket.alerts.names import EVERYTHING, base_of
from airpocket.app.printing import plain
from airpocket.live.view import ScopeView, WatchView
from airpocket.units import SECOND_NS, iso, say_duration, say_usd

__all__ = [
    "ago",
    "amount",
    "clock",
    "count",
    "duration",
    "figures",
    "name_of",
    "percent",
    "rate",
    "short",
    "since",
    "size",
    "times",
]

_NAME_MOST: Final = 24
_UNKNOWN: Final = "–"


def short(text: str, most: int = 200) -> str:
    r"""Show a text on one line, cut to so many characters.

    Examples
    --------
    >>> print(short("a\n\x1b[2J"), short("abcdef", 4))
    a\n\x1b[2J abc…
    """
    cut = text if len(text) <= most else f"{text[: most - 1]}…"
    return plain(cut)


def name_of(symbol: str) -> str:
    """Name a symbol as a person does; ``"*"`` is the market.

    Examples
    --------
    >>> name_of("BTC/USDT:USDT"), name_of("*")
    ('BTC', 'market')
    """
    if symbol == EVERYTHING:
        return "market"
    return short(base_of(symbol) or symbol or "?", _NAME_MOST)


def clock(at_ns: int | None) -> str:
    """Say the time of day in UTC."""
    try:
        return _UNKNOWN if at_ns is None else iso(at_ns)[11:19]
    except (OverflowError, ValueError, OSError):
        return _UNKNOWN


def since(at_ns: int | None) -> str:
    """Say since when something is so, as the end of a sentence; nothing where that is not known.

    Examples
    --------
    >>> since(0), since(None)
    (' since 00:00:00', '')
    """
    said = clock(at_ns)
    return "" if said == _UNKNOWN else f" since {said}"


def duration(span_ns: int | None) -> str:
    """Say a span of time, in whole seconds."""
    if span_ns is None:
        return _UNKNOWN
    return say_duration(max(span_ns, 0) // SECOND_NS * SECOND_NS)


def ago(now_ns: int, then_ns: int | None) -> str:
    """Say how long ago something was: in tenths of a second while it is fresh.

    Examples
    --------
    >>> ago(5_000_000_000, 4_800_000_000), ago(90_000_000_000, 0), ago(1, None)
    ('0.2 s', '90 s', '–')
    """
    if then_ns is None:
        return _UNKNOWN
    span_ns = max(now_ns - then_ns, 0)
    return f"{span_ns / SECOND_NS:.1f} s" if span_ns < 10 * SECOND_NS else duration(span_ns)


def amount(usd: float | None, *, at_least: bool) -> str:
    """Say what was seen in dollars; that more may have happened, where that is so."""
    if usd is None or not math.isfinite(usd):
        return "amount not measured"
    return f"{'at least ' if at_least else ''}{say_usd(usd)}"


def percent(move: float | None) -> str:
    """Say a move with its sign; nothing where it was not measured."""
    if move is None or not math.isfinite(move):
        return ""
    said = f"{abs(move) * 100:.1f} %"
    return f"price {'−' if move < 0 else '+'}{said}"


def times(multiple: float | None) -> str:
    """Say a multiple of the normal; nothing where it was not measured."""
    if multiple is None or not math.isfinite(multiple):
        return ""
    return f"{multiple:,.0f} × normal" if multiple >= 10 else f"{multiple:.1f} × normal"


def rate(per_s: float | None) -> str:
    """Say events a second."""
    if per_s is None or not math.isfinite(per_s):
        return _UNKNOWN
    return f"{per_s:,.0f}" if per_s >= 10 else f"{per_s:.1f}"


def size(size_bytes: int | None) -> str:
    """Say a size.

    Examples
    --------
    >>> size(812), size(1_234_567_890), size(None)
    ('812 B', '1.2 GB', '–')
    """
    if size_bytes is None:
        return _UNKNOWN
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(size_bytes) >= scale:
            return f"{size_bytes / scale:.1f} {unit}"
    return f"{size_bytes} B"


def count(number: int, one: str, more: str = "") -> str:
    """Say a number of things.

    Examples
    --------
    >>> count(1, "gap"), count(3, "gap")
    ('1 gap', '3 gaps')
    """
    return f"{number:,} {one if number == 1 else more or f'{one}s'}"


def figures(view: WatchView, scope: ScopeView) -> str:
    """Say what was measured of an open cascade or shock, the most telling first."""
    parts = [] if scope.kind == "shock" else [amount(scope.usd, at_least=scope.at_least)]
    if scope.since_ns is not None and scope.phase != "settled":
        span = f"in {duration(view.now_ns - scope.since_ns)}"
        parts[-1:] = [f"{parts[0]} {span}" if parts else span]
    parts += [percent(scope.move), times(scope.multiple)]
    if scope.waves is not None and scope.waves > 1:
        parts.append(f"wave {scope.waves}")
    if scope.since_ns is not None:
        parts.append(f"since {clock(scope.since_ns)}")
    return _joined(parts)


def _joined(parts: Iterable[str]) -> str:
    return " · ".join(part for part in parts if part)
