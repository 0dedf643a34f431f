"""Reading Aave's extracts. Imports polars: import it when a file is read, not before."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

import polars as pl

from airpocket.errors import SourceError
from airpocket.market.columns import Columns
from airpocket.market.events import Bar, Gap, GapCause
from airpocket.market.feed_rule import FeedRule
from airpocket.market.quality import Finding, FindingCode
from airpocket.market.source import Item, Progress
from airpocket.store.files import parquet_batches
from airpocket.units import DAY_NS, EARLIEST_NS, LATEST_NS
from airpocket.venues.loan_calls import (
    LIMIT,
    columns_of,
    end_of,
    finding,
    shaped,
    truncations,
    units_of,
    usable,
    without_twins,
    word_codes,
)
from airpocket.venues.loan_tokens import coin_of

__all__ = ["VENUE", "Read", "collateral_calls", "read_calls", "read_daily_prices", "revenue_calls"]

VENUE: Final = "aave"

Read: TypeAlias = Callable[[Path, Progress | None], tuple[pl.DataFrame, list[Finding]]]
"""Reads a file into the shape of ``loan_calls.CALLS``, and says what is wrong with it."""


def read_calls(
    path: Path, read: Read, rule: FeedRule, progress: Progress | None = None
) -> Iterator[Item]:
    """Yield the findings of an extract, its calls in order of time, and its end.

    Raises
    ------
    SourceError
        If it cannot be read or holds no call.
    """
    try:
        calls, findings = read(path, progress)
    except pl.exceptions.PolarsError as error:
        raise SourceError(f"{path}: a column has an unexpected type ({error})") from error
    calls, refusals = usable(calls, path.name, VENUE)
    if calls.is_empty():
        raise SourceError(f"{path}: holds no liquidation call")
    columns = columns_of(
        calls, venue=VENUE, rule_id=rule.rule_id, coverage=rule.coverage, tape=path.name
    )
    yield from findings
    yield from refusals
    yield from truncations(columns["venue_ns"], path.name, VENUE)
    yield columns
    yield end_of("liquidations", VENUE, int(columns["venue_ns"][-1]))


def collateral_calls(path: Path, progress: Progress | None) -> tuple[pl.DataFrame, list[Finding]]:
    """Read the calls for one collateral token (``wbtc_liquidations.parquet`` and the like)."""
    names = ["id", "timestamp", "liquidatee", "collateral_asset_symbol"]
    names += ["collateral_amount_raw", "collateral_amount_usd"]
    rows = _parquet(path, names, progress)
    raw = pl.col("collateral_amount_raw").cast(pl.Float64, strict=False)
    calls = rows.select(
        "row",
        pl.col("timestamp").cast(pl.Int64, strict=False).alias("time_s"),
        pl.col("collateral_asset_symbol").alias("collateral"),
        raw.alias("collateral_raw"),
        (raw / units_of("collateral_asset_symbol")).alias("collateral_qty"),
        pl.col("collateral_amount_usd").alias("collateral_usd"),
        pl.col("liquidatee").alias("account"),
        pl.col("id").alias("event_id"),
    )
    calls, twice = without_twins(calls, ["event_id"], path.name, VENUE)
    assumed = finding(
        FindingCode.ASSUMPTION,
        path.name,
        "the debt repaid is not in the extract: taken as dollars, so every call as a long of the"
        " collateral coin (95 % of the calls on BTC collateral in the v2 extract repaid dollars)",
        venue=VENUE,
        count=calls.height,
    )
    return shaped(calls), [assumed, *twice]


def revenue_calls(path: Path, progress: Progress | None) -> tuple[pl.DataFrame, list[Finding]]:
    """Read the revenue extract; ``profit_usd`` is not read.

    It has no hash, so rows that are equal may be several calls of one block; they are kept.
    """
    names = ["timestamp", "asset_symbol", "amount_btc", "amount_usd"]
    rows = _parquet(path, names, progress)
    calls = rows.select(
        "row",
        pl.col("timestamp").cast(pl.Int64, strict=False).alias("time_s"),
        pl.col("asset_symbol").alias("collateral"),
        pl.col("amount_btc").alias("collateral_raw"),
        pl.col("amount_btc").alias("collateral_qty"),
        pl.col("amount_usd").alias("collateral_usd"),
    )
    findings = [
        finding(
            FindingCode.EXCLUDED_COLUMN,
            f"{path.name}: profit_usd",
            "profit_usd is known to be wrong by many orders of magnitude: not read",
            venue=VENUE,
            count=rows.height,
        ),
        finding(
            FindingCode.ASSUMPTION,
            path.name,
            "the same calls as in the extracts by collateral, with other totals: read one or the"
            " other, never their sum; debt taken as dollars",
            venue=VENUE,
            count=rows.height,
        ),
    ]
    twins = rows.height - rows.select(names).n_unique()
    if twins:
        said = (
            f"{twins} rows equal another one; without a hash they may be calls of one block:"
            " kept, so totals may be too high"
        )
        findings.append(
            finding(FindingCode.DUPLICATED_ROWS, path.name, said, venue=VENUE, count=twins)
        )
    return shaped(calls), findings


def read_daily_prices(path: Path, progress: Progress | None = None) -> Iterator[Item]:
    """Yield one price a token and day as flat bars.

    Where several tokens stand for one coin, the coin itself (else the first by name) has the
    coin's symbol and the others keep their own name.
    """
    rows = _parquet(path, ["date", "symbol", "price_usd"], progress)
    if not rows["date"].dtype.is_temporal():
        raise SourceError(f"{path}: date is not a time but {rows['date'].dtype}")
    rows = rows.with_columns(
        pl.col("date").cast(pl.Datetime("ns")).cast(pl.Int64).alias("venue_ns")
    )
    price = pl.col("price_usd").cast(pl.Float64, strict=False)
    in_time = pl.col("venue_ns").is_between(EARLIEST_NS, LATEST_NS)
    rows = rows.with_columns(price_usd=price).filter(price.is_finite() & (price > 0) & in_time)
    rows = rows.sort("venue_ns", "symbol")
    if rows.is_empty():
        raise SourceError(f"{path}: holds no price")
    tokens = sorted(set(rows["symbol"]), key=lambda token: (token != coin_of(token), token))
    coins: dict[str, str] = {}
    for token in tokens:
        coins[token] = token if coin_of(token) in coins.values() else coin_of(token)
    prices = rows["price_usd"].to_numpy()
    yield finding(
        FindingCode.ASSUMPTION,
        path.name,
        "one price a day, taken as stamped at its beginning: open, high, low and close are the"
        " same, so the range within a day is not known",
        venue=VENUE,
        count=rows.height,
    )
    yield Columns(
        Bar,
        rows.height,
        {
            "venue": VENUE,
            "symbol": word_codes(rows["symbol"].replace_strict(coins) + "/USD"),
            "raw_symbol": word_codes(rows["symbol"]),
            "venue_ns": rows["venue_ns"].to_numpy(),
            "width_ns": DAY_NS,
            **dict.fromkeys(("open", "high", "low", "close"), prices),
        },
        tape=path.name,
        ordinals=rows["row"].to_numpy(),
    )
    end_ns = int(rows["venue_ns"][-1]) + DAY_NS
    yield Gap(
        venue=VENUE,
        symbol="*",
        raw_symbol="*",
        venue_ns=end_ns,
        channel="bars",
        from_ns=end_ns,
        to_ns=None,
        cause=GapCause.END_OF_RECORDING,
        proven_by="end of file",
    )


def _parquet(path: Path, names: list[str], progress: Progress | None) -> pl.DataFrame:
    batches = list(parquet_batches(path, names, limit_bytes=LIMIT, progress=progress))
    if not batches:
        raise SourceError(f"{path}: holds no row")
    return pl.concat(batches).with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
