"""Figures are only comparable under one rule of their feed.

"The largest liquidation hour ever" is false if the feed showed every order before a date and one
a second after it: the sums fell by a factor of six without anything having happened.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from airpocket.errors import InputError
from airpocket.market.checks import regime_breaks
from airpocket.market.feed_rule import FeedRule, FeedRules
from airpocket.units import iso

__all__ = ["require_comparable"]


def require_comparable(
    rules: FeedRules, channel: str, times_ns: Sequence[int] | NDArray[np.int64]
) -> FeedRule:
    """Make sure that figures may be ranked, averaged or compared with each other.

    Parameters
    ----------
    rules
        Dated rules of the venue.
    channel
        Channel that the figures come from.
    times_ns
        When the figures were observed, in any order.

    Returns
    -------
    FeedRule
        The one rule they were all observed under.

    Raises
    ------
    InputError
        If a rule of the channel began or ended between two of them; the message names the day
        and both rules. Also if there are no times, or no rule is stated for them.

    Examples
    --------
    >>> from airpocket.market.events import Coverage
    >>> early = FeedRule(rule_id="all", channel="liquidations", coverage=Coverage.CENSUS,
    ...                  said="every order", valid_to_ns=10**18)
    >>> late = FeedRule(rule_id="one-a-second", channel="liquidations", said="one a second",
    ...                 coverage=Coverage.THROTTLED, valid_from_ns=10**18)
    >>> rules = FeedRules([early, late])
    >>> require_comparable(rules, "liquidations", [10**18, 10**18 + 5]).rule_id
    'one-a-second'
    """
    if len(times_ns) == 0:
        raise InputError(f"no times of {channel!r} to compare")
    first, last = int(np.min(times_ns)), int(np.max(times_ns))
    breaks = regime_breaks(rules.breaks(channel), first, last)
    if breaks:
        edge_ns = breaks[-1].valid_from_ns
        day = "" if edge_ns is None else iso(edge_ns)
        before = rules.at(channel, first)
        raise InputError(
            f"figures of {channel!r} cannot be compared across {day}: before, {before.said};"
            f" since then, {breaks[-1].said}. Compare those from {day} on, or those before"
        )
    return rules.at(channel, first)
