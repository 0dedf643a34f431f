"""Reading the extract of the Aave v2 pools. Imports polars: import it when a file is read.

The file's dollars are its own: every price in it is that of one moment near the call, and in some
tokens it lags or leads by so much that the collateral seems worth a tenth of the debt.
"""

from pathlib import Path
from typing import Final

import polars as pl

from airpocket.market.quality import Finding, FindingCode
from airpocket.market.source import Progress
from airpocket.store.files import csv_blocks
from airpocket.units import SECOND_NS, iso
from airpocket.venues.aave.extracts import VENUE
from airpocket.venues.loan_calls import LIMIT, finding, shaped, units_of, without_twins

__all__ = ["pool_calls"]

_NEEDED: Final = (
    "collateralAmount", "collateralReserve", "pool", "principalAmount", "principalReserve",
    "timestamp", "user",
)  # fmt: skip
_OPTIONAL: Final = (
    "priceUSDTCollateral", "reservePriceUSDPrincipal", "reservePriceUSDCollateral",
    "amountUSDPincipal", "amountUSDCollateral", "liquidator", "amountUSDPrincipal",
)  # fmt: skip


def pool_calls(path: Path, progress: Progress | None) -> tuple[pl.DataFrame, list[Finding]]:
    """Read the calls of the Aave v2 pools, amounts row by row as their schema says.

    To mid-2021 amounts are integers in the token's smallest unit, afterwards decimals in tokens.
    A row shows which: the former are digits only beside the price of USDT in ether (``10¹⁸``
    wei), the latter have a point beside dollars. A row that is neither is left out. Dollars are
    amount times the extract's price; ether's is one over the price of USDT where it has none.
    """
    bad: list[int] = []
    columns = dict.fromkeys((*_NEEDED, *_OPTIONAL), str) | {"timestamp": int}
    blocks = csv_blocks(
        path,
        columns,
        optional=_OPTIONAL,
        rejected=lambda line, _: bad.append(line),
        limit_bytes=LIMIT,
        progress=progress,
    )
    rows = pl.concat([pl.DataFrame(schema=_schema()), *blocks]).rename({"line": "row"})
    rows, findings = without_twins(rows, [*columns], path.name, VENUE)
    digits = pl.all_horizontal(pl.col("collateralAmount", "principalAmount").str.contains(r"^\d+$"))
    points = pl.all_horizontal(pl.col("collateralAmount", "principalAmount").str.contains(r"[.e]"))
    is_raw = digits & pl.col("priceUSDTCollateral").is_not_null()
    is_decimal = points & pl.col("amountUSDPrincipal").is_not_null()
    rows = rows.with_columns(is_raw=is_raw, is_decimal=is_decimal)
    refused = rows.filter(~(pl.col("is_raw") | pl.col("is_decimal"))).height + len(bad)
    if refused:
        said = f"{refused} rows follow neither schema of the extract: left out"
        findings.append(
            finding(FindingCode.REJECTED_ROWS, path.name, said, venue=VENUE, count=refused)
        )
    rows = rows.filter(pl.col("is_raw") | pl.col("is_decimal"))
    calls = _amounts(rows)
    return calls, [*findings, *_findings(rows, calls, path.name)]


def _schema() -> dict[str, type[pl.DataType]]:
    schema: dict[str, type[pl.DataType]] = dict.fromkeys((*_NEEDED, *_OPTIONAL), pl.String)
    return schema | {"timestamp": pl.Int64, "line": pl.Int64}


def _amounts(rows: pl.DataFrame) -> pl.DataFrame:
    number = {
        name: pl.col(name).cast(pl.Float64, strict=False)
        for name in (*_OPTIONAL, "collateralAmount", "principalAmount")
        if name != "liquidator"
    }
    ether_usd = 1e18 / number["priceUSDTCollateral"]
    sides: dict[str, pl.Expr] = {}
    for side, amount, reserve, price in (
        ("collateral", "collateralAmount", "collateralReserve", "reservePriceUSDCollateral"),
        ("debt", "principalAmount", "principalReserve", "reservePriceUSDPrincipal"),
    ):
        is_ether = pl.col(reserve).str.to_uppercase().is_in(["WETH", "AMMWETH"])
        quantity = (
            pl.when("is_raw").then(number[amount] / units_of(reserve)).otherwise(number[amount])
        )
        price_usd = pl.coalesce(number[price], pl.when(is_ether).then(ether_usd))
        sides |= {
            f"{side}_raw": number[amount],
            f"{side}_qty": quantity,
            f"{side}_usd": quantity * price_usd,
        }
    return shaped(
        rows.select(
            "row",
            pl.col("timestamp").alias("time_s"),
            pl.col("collateralReserve").alias("collateral"),
            pl.col("principalReserve").alias("debt"),
            pl.col("user").alias("account"),
            **sides,
        )
    )


def _findings(rows: pl.DataFrame, calls: pl.DataFrame, where: str) -> list[Finding]:
    findings = []
    raw_until = rows.filter("is_raw")["timestamp"].max()
    decimal_from = rows.filter("is_decimal")["timestamp"].min()
    if isinstance(raw_until, int) and isinstance(decimal_from, int):
        count = int(rows["is_raw"].sum())
        said = (
            f"amounts are integers in the token's smallest unit up to {iso(raw_until * SECOND_NS)}"
            f" ({count} rows) and decimals in tokens from {iso(decimal_from * SECOND_NS)}"
        )
        findings.append(
            finding(
                FindingCode.TWO_AMOUNT_SCHEMAS,
                where,
                said,
                venue=VENUE,
                count=count,
                from_ns=raw_until * SECOND_NS,
                to_ns=decimal_from * SECOND_NS,
            )
        )
    ratio = pl.col("collateral_usd") / pl.col("debt_usd")
    odd = calls.filter(~ratio.is_between(0.99, 1.17)).height  # a bonus is 4 to 15 %
    if odd:
        said = (
            f"in {odd} rows the extract's prices put the collateral outside 0.99 to 1.17 debts,"
            " where bonuses cannot: their dollars are doubtful (prices lag or lead the call)"
        )
        findings.append(finding(FindingCode.ASSUMPTION, where, said, venue=VENUE, count=odd))
    unknown = calls.filter(pl.col("collateral_usd").is_null()).height
    if unknown:
        said = f"{unknown} rows have a token of unknown decimals or price: no notional"
        findings.append(finding(FindingCode.ASSUMPTION, where, said, venue=VENUE, count=unknown))
    return findings
