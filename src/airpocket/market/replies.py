"""What every venue's answers to requests have in common: an id, and a reason in few words."""

from typing import Final

__all__ = ["REASON_MOST", "reason", "request_id_of"]

REASON_MOST: Final = 200
"""Characters of a venue's reason that are kept: it may repeat the whole request."""

_ID_DIGITS: Final = 18


def reason(*parts: object) -> str:
    r"""Say in one short line why a venue refused.

    Parameters
    ----------
    *parts
        What it wrote: code, message. Empty ones are left out.

    Examples
    --------
    >>> reason(2, "Invalid  request:\nno such stream")
    '2: Invalid request: no such stream'
    >>> reason(None, "")
    'no reason given'
    """
    said = ": ".join(str(part) for part in parts if part not in {None, ""})
    printable = "".join(char if char.isprintable() else " " for char in said[: 4 * REASON_MOST])
    line = " ".join(printable.split())
    if not line:
        return "no reason given"
    return line if len(line) <= REASON_MOST else line[: REASON_MOST - 1] + "…"


def request_id_of(value: int | str | None) -> int | None:
    """Read the id that a venue repeats, as a number or as text; ``None`` if it is not ours.

    Examples
    --------
    >>> request_id_of("17"), request_id_of(17), request_id_of(""), request_id_of(None)
    (17, 17, None, None)
    """
    if isinstance(value, int):
        return value
    if value and len(value) <= _ID_DIGITS and value.isascii() and value.isdigit():
        return int(value)
    return None
