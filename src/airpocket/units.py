"""Time, money and text units that every chapter shares.

Times are integers of nanoseconds since 1970-01-01 UTC (``*_ns``). Floats carry prices,
quantities and US dollars. Nothing here reads a clock.
"""

from datetime import UTC, datetime
from typing import Final

from airpocket.errors import InputError

__all__ = [
    "DAY_NS",
    "EARLIEST_NS",
    "HOUR_NS",
    "LATEST_NS",
    "MILLISECOND_NS",
    "MINUTE_NS",
    "SECOND_NS",
    "is_plausible_ns",
    "iso",
    "ns_from_iso",
    "say_duration",
    "say_usd",
]

MILLISECOND_NS: Final = 1_000_000
SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS

# Before the first bitcoin block and after 2100 no exchange has said anything. A time outside is a
# change of unit (seconds, milliseconds, microseconds), never a date: fault F26.
EARLIEST_NS: Final = 1_230_940_800 * SECOND_NS
LATEST_NS: Final = 4_102_444_800 * SECOND_NS


def is_plausible_ns(time_ns: int) -> bool:
    """Tell whether a time could have been meant as nanoseconds.

    Parameters
    ----------
    time_ns
        Nanoseconds since 1970, as converted from the unit the venue documents.

    Returns
    -------
    bool
        False for the results of a wrong unit (year 1970 or year 50,000).

    Examples
    --------
    >>> is_plausible_ns(1_760_130_903_127_372_000)
    True
    >>> is_plausible_ns(1_760_130_903_127)
    False
    """
    return EARLIEST_NS <= time_ns < LATEST_NS


def iso(time_ns: int) -> str:
    """Write a time as ISO 8601 UTC, with as many decimals as it needs (0, 3, 6 or 9).

    Examples
    --------
    >>> iso(1_760_130_903_127_372_000)
    '2025-10-10T21:15:03.127372Z'
    >>> iso(1_760_130_900_000_000_000)
    '2025-10-10T21:15:00Z'
    """
    seconds, rest = divmod(time_ns, SECOND_NS)
    stem = datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")
    if rest == 0:
        return f"{stem}Z"
    digits = f"{rest:09d}"
    width = 3 if rest % 1_000_000 == 0 else 6 if rest % 1_000 == 0 else 9
    return f"{stem}.{digits[:width]}Z"


def ns_from_iso(text: str) -> int:
    """Read an ISO 8601 time (a missing zone means UTC) without losing nanoseconds.

    Raises
    ------
    InputError
        If the text is not a time.

    Examples
    --------
    >>> ns_from_iso("2025-10-10T21:15:03.127372+00:00")
    1760130903127372000
    >>> ns_from_iso("2026-06-28T08:43:53.687645997")
    1782636233687645997
    """
    if len(text) > 40:
        raise InputError(f"{text[:40]!r}… is not an ISO 8601 time")
    head, dot, tail = text.partition(".")
    digits = ""
    if dot:
        digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
        tail = tail[len(digits) :]
        if not digits or len(digits) > 9:
            raise InputError(f"{text!r} is not an ISO 8601 time")
    try:
        moment = datetime.fromisoformat(head + tail)
    except ValueError as error:
        raise InputError(f"{text!r} is not an ISO 8601 time") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    elapsed = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (elapsed.days * 86_400 + elapsed.seconds) * SECOND_NS + int(digits.ljust(9, "0") or 0)


def say_usd(usd: float) -> str:
    """Say an amount of US dollars as a person reads it.

    Examples
    --------
    >>> say_usd(3_807_000_000), say_usd(134_300_000), say_usd(921.4)
    ('$3.81bn', '$134.3M', '$921')
    """
    size = abs(usd)
    if size >= 1e9:
        return f"${usd / 1e9:.2f}bn"
    if size >= 1e6:
        return f"${usd / 1e6:.1f}M"
    if size >= 1e4:
        return f"${usd / 1e3:.0f}k"
    return f"${usd:,.0f}"


def say_duration(span_ns: int) -> str:
    """Say a span of time as a person reads it.

    Examples
    --------
    >>> say_duration(61_704_502_000), say_duration(5 * MINUTE_NS), say_duration(36 * HOUR_NS)
    ('61.7 s', '5 min', '36 h')
    """
    for unit_ns, name, until in ((DAY_NS, "d", 3), (HOUR_NS, "h", 2), (MINUTE_NS, "min", 2)):
        if span_ns >= until * unit_ns:
            return f"{span_ns / unit_ns:.3g} {name}"
    return f"{span_ns / SECOND_NS:.3g} s"
