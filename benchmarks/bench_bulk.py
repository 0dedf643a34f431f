"""Bulk replay beside polars: events a second from a file to normalised columns with notional.

Both sides read the same file and end with the same columns in memory: times in nanoseconds, symbol,
taker or liquidated side, size in coins and dollars. Ours goes through the public call
(``Recording.read``), which beside that checks every time, price and size, leaves out repeats,
compares the clocks and says findings; polars does the arithmetic alone. They alternate in one run;
the sums of their dollars must agree.
"""

import gzip
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from airpocket.market.columns import Columns
from airpocket.market.source import Archive
from airpocket.store.files import head
from airpocket.venues.aave import archive as aave
from airpocket.venues.tardis import archive as tardis

ROWS = 1_000_000
CALLS = 500_000
ROUNDS = 7
CONTRACT_USD = 10.0  # AVAXUSD_PERP of Binance COIN-M
FIRST_US = 1_760_127_900_000_000


def trades_csv(path: Path, rows: int) -> None:
    """Write trades as Tardis does: contracts of 10 dollars of an inverse perpetual."""
    draws = random.Random(1)  # noqa: S311 - not a secret
    at_us = FIRST_US
    with path.open("w", encoding="ascii") as out:
        out.write("exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n")
        for number in range(rows):
            at_us += draws.randrange(20_000)
            side = "buy" if draws.random() < 0.5 else "sell"
            out.write(
                f"binance-delivery,AVAXUSD_PERP,{at_us},{at_us + 4_000},{number + 1},{side},"
                f"{10 + 10 * draws.random():.2f},{draws.randrange(1, 900)}\n"
            )


def calls_parquet(path: Path, rows: int) -> None:
    """Write liquidation calls as an extract of Aave has them: newest first."""
    draws = np.random.default_rng(1)
    raw = draws.integers(1, 10**9, rows)
    pl.DataFrame(
        {
            "id": [f"{number:066x}" for number in range(rows)],
            "timestamp": np.sort(1_600_000_000 + draws.integers(0, 10**8, rows))[::-1],
            "liquidatee": [f"0x{number % 9_999:040x}" for number in range(rows)],
            "collateral_asset_symbol": ["WBTC"] * rows,
            "collateral_amount_raw": raw.astype(str),
            "collateral_amount_usd": raw / 1e8 * 60_000,
        }
    ).write_parquet(path)


def ours(archives: tuple[Archive, ...], path: Path) -> tuple[int, float]:
    """Read with airpocket; the number of events and their dollars."""
    archive = next(one for one in archives if one.claims(path, head(path)))
    bulk = [item for item in archive.open(path).read() if isinstance(item, Columns)]
    return sum(map(len, bulk)), sum(float(part["notional_usd"].sum()) for part in bulk)


def polars_trades(path: Path) -> tuple[int, float]:
    """Do the same arithmetic with polars."""
    frame = pl.read_csv(
        path,
        schema={
            "exchange": pl.String,
            "symbol": pl.String,
            "timestamp": pl.Int64,
            "local_timestamp": pl.Int64,
            "id": pl.String,
            "side": pl.String,
            "price": pl.Float64,
            "amount": pl.Float64,
        },
    ).select(
        pl.lit("AVAX/USD:AVAX").alias("symbol"),
        pl.col("symbol").alias("raw_symbol"),
        pl.col("timestamp") * 1_000,
        pl.col("local_timestamp") * 1_000,
        pl.col("id"),
        pl.col("side").replace_strict({"buy": 0, "sell": 1}, return_dtype=pl.Int32),
        pl.col("price"),
        pl.col("amount"),
        (pl.col("amount") * CONTRACT_USD / pl.col("price")).alias("qty_base"),
        (pl.col("amount") * CONTRACT_USD).alias("notional_usd"),
    )
    return frame.height, float(frame["notional_usd"].sum())


def polars_calls(path: Path) -> tuple[int, float]:
    """Do the same arithmetic with polars, in order of time."""
    raw = pl.col("collateral_amount_raw").cast(pl.Float64)
    frame = (
        pl.read_parquet(path)
        .sort("timestamp")
        .select(
            pl.col("timestamp") * 1_000_000_000,
            pl.lit("BTC/USD").alias("symbol"),
            pl.col("collateral_asset_symbol").alias("raw_symbol"),
            pl.lit("long").alias("liquidated"),
            raw.alias("qty_raw"),
            (raw / 1e8).alias("qty_base"),
            pl.col("collateral_amount_usd").alias("notional_usd"),
            (pl.col("collateral_amount_usd") / (raw / 1e8)).alias("mark_price"),
            pl.col("liquidatee"),
            pl.col("id"),
        )
    )
    return frame.height, float(frame["notional_usd"].sum())


def compare(
    what: str,
    mine: Callable[[], tuple[int, float]],
    peer: Callable[[], tuple[int, float]],
) -> str:
    """Run both in turn and say the ratio of their medians."""
    count, dollars = mine()
    peer_count, peer_dollars = peer()
    assert count == peer_count, (what, count, peer_count)
    assert abs(dollars / peer_dollars - 1) < 1e-9, (what, dollars, peer_dollars)
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for act, times in zip((mine, peer), taken, strict=True):
            began = time.perf_counter()
            act()
            times.append(time.perf_counter() - began)
    mine_s, peer_s = (statistics.median(times) for times in taken)
    return (
        f"{what}: {count / mine_s / 1e6:.2f} M events/s, polars {count / peer_s / 1e6:.2f} M:"
        f" {mine_s / peer_s:.2f} times its time (median of {ROUNDS}, {count:,} events)"
    )


def run() -> list[str]:
    """Measure CSV, gzipped CSV and parquet."""
    with TemporaryDirectory() as folder:
        trades = Path(folder, "binance-delivery_trades_AVAXUSD_PERP.csv")
        trades_csv(trades, ROWS)
        packed = trades.with_name(trades.name + ".gz")
        packed.write_bytes(gzip.compress(trades.read_bytes(), 6))
        calls = Path(folder, "wbtc_liquidations.parquet")
        calls_parquet(calls, CALLS)
        return [
            *(
                compare(
                    f"tardis trades, {path.suffix[1:]}",
                    lambda path=path: ours(tardis.ARCHIVES, path),
                    lambda path=path: polars_trades(path),
                )
                for path in (trades, packed)
            ),
            compare(
                "aave calls, parquet",
                lambda: ours(aave.ARCHIVES, calls),
                lambda: polars_calls(calls),
            ),
        ]
