"""Reading exported Compound events. Imports polars: import it when a file is read, not before."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import polars as pl

from airpocket.errors import InputError, SourceError
from airpocket.market.feed_rule import FeedRules
from airpocket.market.quality import Finding, FindingCode
from airpocket.market.source import Item, Progress
from airpocket.store.files import csv_blocks, head, parquet_batches
from airpocket.units import SECOND_NS, ns_from_iso
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
)
from airpocket.venues.loan_tokens import is_dollar

__all__ = ["read_events"]

_VENUE: Final = "compound"
_TOML: Final = Path(__file__).with_name("venue.toml")


def read_events(
    path: Path, columns: tuple[str, ...], progress: Progress | None = None
) -> Iterator[Item]:
    """Yield findings, the liquidations of an export in order of time, and its end.

    Parameters
    ----------
    path
        A file with ``columns``, those of one of the two events (see ``archive``).
    columns
        Columns to read.
    progress
        Told how much has been read.

    Raises
    ------
    SourceError
        If it cannot be read or holds no liquidation.
    """
    rows, findings = _rows(path, columns, progress)
    known = tomllib.loads(_TOML.read_text(encoding="utf-8"))
    sides = _absorbed if "asset" in columns else _seized
    try:
        calls = shaped(rows.select(**_common(), **sides(known["markets"], known["tokens"])))
    except pl.exceptions.PolarsError as error:
        raise SourceError(f"{path}: a column has an unexpected type ({error})") from error
    calls, refusals = usable(calls, path.name, _VENUE)
    if calls.is_empty():
        raise SourceError(f"{path}: holds no liquidation")
    yield from findings
    yield from refusals
    yield from _remarks(calls, path.name, is_absorbed="asset" in columns)
    rule = FeedRules.load(_TOML).at("liquidations", None)
    bulk = columns_of(
        calls, venue=_VENUE, rule_id=rule.rule_id, coverage=rule.coverage, tape=path.name
    )
    yield from truncations(bulk["venue_ns"], path.name, _VENUE)
    yield bulk
    yield end_of("liquidations", _VENUE, int(bulk["venue_ns"][-1]))


def _rows(
    path: Path, columns: tuple[str, ...], progress: Progress | None
) -> tuple[pl.DataFrame, list[Finding]]:
    bad: list[int] = []
    if head(path, 4) == b"PAR1":
        batches = list(parquet_batches(path, columns, limit_bytes=LIMIT, progress=progress))
        frames = [pl.concat(batches).with_row_index("row")] if batches else []
    else:
        blocks = csv_blocks(
            path,
            dict.fromkeys(columns, str),
            rejected=lambda line, _: bad.append(line),
            limit_bytes=LIMIT,
            progress=progress,
        )
        frames = [block.rename({"line": "row"}) for block in blocks]
    if not frames:
        raise SourceError(f"{path}: holds no liquidation")
    try:
        rows = pl.concat(frames).with_columns(pl.col(*columns).cast(pl.String))
    except pl.exceptions.PolarsError as error:
        raise SourceError(f"{path}: a column has an unexpected type ({error})") from error
    rows, findings = without_twins(rows, ["evt_tx_hash", "evt_index"], path.name, _VENUE)
    if bad:
        said = f"{len(bad)} rows lack a field: left out"
        code = FindingCode.REJECTED_ROWS
        findings.append(finding(code, path.name, said, venue=_VENUE, count=len(bad)))
    return rows, findings


def _common() -> dict[str, pl.Expr]:
    return {
        "row": pl.col("row"),
        "time_s": pl.col("evt_block_time").map_elements(_seconds, return_dtype=pl.Int64),
        "account": pl.col("borrower"),
        "event_id": pl.col("evt_tx_hash") + "#" + pl.col("evt_index"),
    }


def _seconds(text: str) -> int | None:
    """Read a block time: ISO 8601, also with the " UTC" that Dune appends."""
    try:
        return ns_from_iso(text.strip().removesuffix(" UTC").replace(" ", "T")) // SECOND_NS
    except InputError:
        return None


def _absorbed(markets: Mapping[str, str], tokens: Mapping[str, str]) -> dict[str, pl.Expr]:
    amount = pl.col("collateralAbsorbed").cast(pl.Float64, strict=False)
    lent = _named("contract_address", markets)
    dollars = pl.col("usdValue").cast(pl.Float64, strict=False) / 1e8
    in_dollars = lent.is_in([token for token in markets.values() if is_dollar(token)])
    return {
        "collateral": _named("asset", tokens).fill_null(pl.col("asset")),
        "debt": lent,
        "collateral_raw": amount,
        "collateral_qty": amount / units_of(_named("asset", tokens)),
        "collateral_usd": pl.when(in_dollars).then(dollars),
    }


def _seized(markets: Mapping[str, str], _: Mapping[str, str]) -> dict[str, pl.Expr]:
    repaid = pl.col("repayAmount").cast(pl.Float64, strict=False)
    lent = _named("contract_address", markets)
    debt = repaid / units_of(lent)
    in_dollars = lent.is_in([token for token in markets.values() if is_dollar(token)])
    dollars = pl.when(in_dollars).then(debt)
    return {
        "collateral": _named("cTokenCollateral", markets).fill_null(pl.col("cTokenCollateral")),
        "debt": lent,
        "collateral_raw": pl.col("seizeTokens").cast(pl.Float64, strict=False),
        "collateral_usd": dollars,
        "debt_raw": repaid,
        "debt_qty": debt,
        "debt_usd": dollars,
    }


def _named(column: str, names: Mapping[str, str]) -> pl.Expr:
    """Symbols of the addresses in a column; null where unknown."""
    addresses = pl.col(column).str.to_lowercase()
    return addresses.replace_strict(dict(names), default=None, return_dtype=pl.String)


def _remarks(calls: pl.DataFrame, where: str, *, is_absorbed: bool) -> Iterator[Finding]:
    unknown = calls["collateral_usd"].null_count()
    if unknown:
        said = (
            f"{unknown} liquidations are of unknown addresses or not priced in dollars: no notional"
        )
        yield finding(FindingCode.ASSUMPTION, where, said, venue=_VENUE, count=unknown)
    if not is_absorbed:
        said = (
            "dollars are those of the debt repaid: receipt tokens seized are worth about 8 % more"
            " (the liquidation incentive), how many coins they stand for is not in the event"
        )
        yield finding(FindingCode.ASSUMPTION, where, said, venue=_VENUE, count=calls.height)
