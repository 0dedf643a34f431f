"""Amounts as people type them: dollars with a unit behind, numbers that may be missing."""

import re
from typing import Final

from airpocket.errors import InputError
from airpocket.units import ns_from_iso

__all__ = ["dollars_of", "number_of", "share_of", "time_of"]

_DOLLARS: Final = re.compile(
    r"\$?([+-]?[0-9][0-9_]*+(?:\.[0-9]*+)?(?:[eE][+-]?[0-9]{1,3})?)([A-Za-z]{0,2})"
)
_UNITS: Final = {"": 1.0, "k": 1e3, "m": 1e6, "mn": 1e6, "b": 1e9, "bn": 1e9}
_WORD_MOST: Final = 40


def dollars_of(name: str, word: str | None) -> float | None:
    """Read ``50e6``, ``50M``, ``2.5bn`` or ``$921`` as US dollars above 0.

    Parameters
    ----------
    name
        Of the option, for messages.
    word
        As typed; ``None`` stays.

    Raises
    ------
    InputError
        If it is no amount above 0.

    Examples
    --------
    >>> dollars_of("sell", "50e6"), dollars_of("sell", "2.5bn"), dollars_of("sell", None)
    (50000000.0, 2500000000.0, None)
    """
    if word is None:
        return None
    matched = _DOLLARS.fullmatch(word.strip().replace(",", "")[:_WORD_MOST])
    unit = None if matched is None else _UNITS.get(matched[2].lower())
    if matched is None or unit is None:
        raise InputError(f"--{name} is {word[:_WORD_MOST]!a}: give dollars, such as 50e6 or 50M")
    usd = float(matched[1]) * unit
    if not 0 < usd < 1e18:
        side = ", the option says the side" if name in {"sell", "buy"} else ""
        most = "" if usd <= 0 else " and below 1e18"
        raise InputError(f"--{name} is {word[:_WORD_MOST]!a}: give dollars above 0{most}{side}")
    return usd


def number_of(name: str, word: str | None) -> float | None:
    """Read a number above 0.

    Raises
    ------
    InputError
        If it is none.

    Examples
    --------
    >>> number_of("price", "70328"), number_of("price", None)
    (70328.0, None)
    """
    if word is None:
        return None
    try:
        number = float(word.replace(",", ""))
    except ValueError:
        number = float("nan")
    if not 0 < number < 1e18:
        raise InputError(f"--{name} is {word[:_WORD_MOST]!a}: give a number above 0")
    return number


def share_of(name: str, word: str | None) -> float:
    """Read a share from 0 to below 1, as ``60%`` or ``0.6``; 0 if left out.

    Raises
    ------
    InputError
        If it is none.

    Examples
    --------
    >>> share_of("absorbed", "60%"), share_of("absorbed", None)
    (0.6, 0.0)
    """
    from airpocket.app.check_words import fraction_of

    share = fraction_of(name, word)
    if share is None:
        return 0.0
    if not 0 <= share < 1:
        raise InputError(f"--{name} is {word!a}: give a share from 0 to below 1, such as 0.6")
    return share


def time_of(name: str, word: str | None) -> int | None:
    """Read a time (ISO 8601, UTC where no zone is named) in nanoseconds; ``None`` stays.

    Raises
    ------
    InputError
        If it is none; the message names the option.

    Examples
    --------
    >>> time_of("at", "2026-02-05T14:35"), time_of("at", None)
    (1770302100000000000, None)
    """
    if word is None:
        return None
    try:
        return ns_from_iso(word)
    except InputError as error:
        raise InputError(f"--{name}: {error}, such as 2026-02-05T14:35:00Z") from error
