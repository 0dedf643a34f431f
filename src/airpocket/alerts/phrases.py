"""The small change of sentences: a time of day, a list of names, what is live and what is not."""

from typing import Final

from airpocket.alerts.alert import InformationalAlert
from airpocket.alerts.fact import FactName
from airpocket.units import SECOND_NS, iso

__all__ = ["cut_off", "listed", "say_clock", "say_names"]

_SHOWN: Final = 6


def say_clock(time_ns: int) -> str:
    """Say a time of day, without seconds that are nought.

    Examples
    --------
    >>> say_clock(1_760_130_900_000_000_000), say_clock(1_760_130_903_127_372_000)
    ('21:15 UTC', '21:15:03 UTC')
    """
    stamp = iso(time_ns - time_ns % SECOND_NS)[11:19]
    return f"{stamp.removesuffix(':00')} UTC"


def say_names(value: object, shown: int = _SHOWN) -> str:
    """Say a list of names, and how many more there are.

    Parameters
    ----------
    value
        A tuple of names; anything else says nothing.
    shown
        How many are named.

    Examples
    --------
    >>> say_names(("okx", "open_interest", "htx"), shown=2)
    'okx, open interest and 1 more'
    """
    names = [str(name).replace("_", " ") for name in value] if isinstance(value, tuple) else []
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def listed(alert: InformationalAlert, name: FactName, label: str) -> str:
    """Say the names that a fact holds after a label; nothing where it holds none."""
    names = alert.value(name)
    joint = " " if label.endswith("from") else ": "
    return f"{label}{joint}{say_names(names)}" if names else ""


def cut_off(alert: InformationalAlert) -> list[str]:
    """Say since when nothing was seen, and that this is no all-clear."""
    last = alert.value(FactName.LAST_EVENT) or alert.value(FactName.FEED_GAP_FROM)
    when = f"nothing seen after {say_clock(last)}" if isinstance(last, int) else ""
    return [when, "this is not an all-clear"]
