"""Columns that follow from a venue's catalogue and rules: value in coins and dollars, coverage."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from airpocket.errors import InputError
from airpocket.market.events import Coverage
from airpocket.market.feed_rule import FeedRules
from airpocket.market.instrument import Catalogue, Instrument

__all__ = ["NO_RULE", "ruled", "valued", "worth"]

NO_RULE: Final = "no-rule-stated"
"""``rule_id`` of liquidations whose venue states no rule for the channel and time."""


def valued(
    catalogue: Catalogue,
    raw_symbols: NDArray[np.int32],
    words: tuple[str, ...],
    time_ns: NDArray[np.int64],
    qty_raw: NDArray[np.float64],
    price: NDArray[np.float64],
) -> dict[str, Any]:
    """Columns that follow from the instrument: symbol, size in coins, notional in dollars.

    Parameters
    ----------
    catalogue
        Instruments of the venue.
    raw_symbols, words
        The venue's names: codes into ``words``.
    time_ns
        When, because contracts change their size.
    qty_raw, price
        In the venue's units; rows of unknown instruments get no symbol and no notional.

    Returns
    -------
    dict
        ``symbol``, ``raw_symbol``, ``qty_base`` and ``notional_usd`` as
        :class:`~airpocket.market.columns.Columns` takes them.
    """
    size = len(time_ns)
    symbols = np.full(size, -1, dtype=np.int32)
    names: list[str] = []
    qty_base = np.full(size, np.nan)
    usd = np.full(size, np.nan)
    codes = {word: code for code, word in enumerate(words)}
    for instrument in catalogue:
        code = codes.get(instrument.raw_symbol)
        if code is None:
            continue
        rows = raw_symbols == code
        if instrument.valid_from_ns is not None:
            rows &= time_ns >= instrument.valid_from_ns
        if instrument.valid_to_ns is not None:
            rows &= time_ns < instrument.valid_to_ns
        if instrument.symbol not in names:
            names.append(instrument.symbol)
        symbols[rows] = names.index(instrument.symbol)
        qty_base[rows], usd[rows] = worth(instrument, qty_raw[rows], price[rows])
    return {
        "symbol": (symbols, tuple(names)),
        "raw_symbol": (raw_symbols, words),
        "qty_base": qty_base,
        "notional_usd": usd,
    }


def worth(
    instrument: Instrument, qty_raw: NDArray[np.float64], price: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coins and dollars of sizes in the venue's unit; NaN where they have none or no measure.

    Examples
    --------
    >>> from airpocket.market.instrument import Kind
    >>> perp = Instrument(venue="binance", raw_symbol="BTCUSD_PERP", symbol="BTC/USD:BTC",
    ...     kind=Kind.INVERSE, base="BTC", quote="USD", settle="BTC", contract_value=100.0)
    >>> worth(perp, np.array([3.0, 3.0]), np.array([10_000.0, 0.0]))
    (array([0.03,  nan]), array([300., 300.]))
    """
    of_arrays: Any = instrument  # its arithmetic holds for arrays as for numbers
    with np.errstate(all="ignore"):  # hostile prices: 0, 1e-320
        said = (of_arrays.qty_base(qty_raw, price), of_arrays.notional_usd(qty_raw, price))
    coins, dollars = (
        np.full(len(qty_raw), np.nan)
        if value is None
        else np.where(np.isfinite(value), value, np.nan)
        for value in said
    )
    return coins, dollars


def ruled(rules: FeedRules, channel: str, venue_ns: NDArray[np.int64]) -> dict[str, Any]:
    """Columns that follow from the feed's rule at each time.

    Parameters
    ----------
    rules
        Of the venue.
    channel
        As the rules call it.
    venue_ns
        At least one time.

    Returns
    -------
    dict
        ``rule_id`` and ``coverage``; where no rule is stated :data:`NO_RULE` and "sampled".

    Examples
    --------
    >>> ruled(FeedRules(()), "liquidations", np.array([5]))["rule_id"][1]
    ('no-rule-stated',)
    """
    first = int(venue_ns.min())
    edges = {rule.valid_from_ns for rule in rules.breaks(channel)}
    edges |= {rule.valid_to_ns for rule in rules.breaks(channel)}
    codes = np.zeros(len(venue_ns), dtype=np.int32)
    rule_ids, coverages = [NO_RULE], [Coverage.SAMPLED.value]
    for start in sorted({first, *(edge for edge in edges if edge is not None and edge > first)}):
        try:
            rule = rules.at(channel, start)
        except InputError:  # said by the rule's id
            codes[venue_ns >= start] = 0
            continue
        rule_ids.append(rule.rule_id)
        coverages.append(rule.coverage.value)
        codes[venue_ns >= start] = len(rule_ids) - 1
    return {"rule_id": (codes, tuple(rule_ids)), "coverage": (codes, tuple(coverages))}
