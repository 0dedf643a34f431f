"""What a reader must know before believing a CoinGlass file. Imports polars."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from airpocket.market.checks import regime_breaks
from airpocket.market.quality import Finding, FindingCode
from airpocket.units import HOUR_NS, iso, say_usd
from airpocket.venues.coinglass.rows import Source, finding, frozen

__all__ = ["rate_interval_ns", "remarks"]

_BASE_RATE = 0.0001  # what Binance charges for 8 hours while the premium is small


def remarks(rows: pl.DataFrame, source: Source) -> Iterator[Finding]:
    """Yield what the rows and the documentation say about a series.

    Parameters
    ----------
    rows
        Usable rows as ``rows.load`` gives them.
    source
        The file they are from.
    """
    if source.coin is None:
        said = "the file does not name its coin and its neighbours name several or none: no symbol"
        yield finding(FindingCode.ASSUMPTION, source, said)
    elif source.is_guess:
        said = (
            f"the file does not name its coin; all files beside it say {source.coin}: taken as it"
        )
        yield finding(FindingCode.ASSUMPTION, source, said)
    if "long_usd" in rows.columns:
        yield from _about_sums(rows, source)
    kind = source.layout.kind
    if kind in {"coinglass prices", "coinglass liquidations", "coinglass merged bars"}:
        last_ns = int(rows["time_ns"][-1])
        said = "the last bar may have been in progress when it was asked for: a lower bound"
        yield finding(FindingCode.TRUNCATED, source, said, 1, from_ns=last_ns)
    yield from _about_units(rows, source)


def _about_sums(rows: pl.DataFrame, source: Source) -> Iterator[Finding]:
    times = rows["time_ns"].to_numpy()
    total = (rows["long_usd"] + rows["short_usd"]).to_numpy()
    rules = source.rules.breaks("liquidations")
    for rule in regime_breaks(rules, int(times[0]), int(times[-1])):
        edge_ns = rule.valid_from_ns or 0
        first_after = int(np.searchsorted(times, edge_ns))
        count = min(first_after, len(times) - first_after)  # as many bars on either side
        before = total[first_after - count : first_after].mean()
        after = total[first_after : first_after + count].mean()
        said = (
            f"at {iso(edge_ns)} the feed changed: mean bar {say_usd(before)} in the {count} before,"
            f" {say_usd(after)} in the {count} after; not comparable. Since then: {rule.said}"
        )
        yield finding(FindingCode.REGIME_BREAK, source, said, from_ns=edge_ns)
    empty = int((total == 0).sum())
    if empty:
        said = f"{empty} bars have no liquidation on either side: read as none, may be missing"
        yield finding(FindingCode.ASSUMPTION, source, said, empty)


def _about_units(rows: pl.DataFrame, source: Source) -> Iterator[Finding]:
    kind = source.layout.kind
    if kind in {"coinglass funding", "coinglass merged bars"}:
        said = "funding is read as per cent (0.01 is the usual base rate of 0.01 %)"
        yield finding(FindingCode.ASSUMPTION, source, said)
    if kind == "funding rates" and rate_interval_ns(rows) == HOUR_NS:
        said = (
            "no rate passes 0.00125 %, an eighth of the usual base rate for 8 hours: read as the"
            " rate of one hour, whatever the file's name says"
        )
        yield finding(FindingCode.ASSUMPTION, source, said)
    if kind == "coinglass depth":
        said = "the range is not in the file: taken as the ±1 % that the interface defaults to"
        yield finding(FindingCode.ASSUMPTION, source, said)
    if kind == "open interest samples":
        said = "the file does not name its venue"
        yield finding(FindingCode.ASSUMPTION, source, said)
    if kind == "coinglass open interest":
        if "stablecoin" in source.path.name.lower():
            said = (
                "the unit is not in the file: read as coins, since dollars would be 10⁵ times more"
            )
            yield finding(FindingCode.ASSUMPTION, source, said)
        still = frozen(rows)
        if still.any():
            times = rows["time_ns"].to_numpy()[still]
            said = f"{still.sum()} bars repeat one flat value: open interest stood still, not read"
            yield finding(
                FindingCode.EXCLUDED_COLUMN,
                source,
                said,
                int(still.sum()),
                from_ns=int(times[0]),
                to_ns=int(times[-1]),
            )
    if "cvd_close" in rows.columns and (rows["cvd_close"] == 0).all():
        said = "cvd is 0 in every row: not read"
        yield finding(FindingCode.EXCLUDED_COLUMN, source, said, rows.height)


def rate_interval_ns(rows: pl.DataFrame) -> int | None:
    """Tell the interval that plain rates are for: an hour if none passes an eighth of the base.

    Checked on the half-year beside the merged file: eight times these rates are its per cents for
    8 hours (correlation 0.99995). ``None`` if the rates do not show it.
    """
    largest = rows["rate"].max()
    is_hourly = isinstance(largest, float) and largest <= _BASE_RATE / 8 * (1 + 1e-9)
    return HOUR_NS if is_hourly else None
