"""A ladder as a table: a row for each level, with what it belongs to beside it."""

from typing import TYPE_CHECKING, Final

from airpocket.leverage.ladder import Ladder, Levels, levels_of
from airpocket.market.events import Side

if TYPE_CHECKING:
    import polars as pl

__all__ = ["COLUMNS", "table_levels", "table_of", "table_schema"]

COLUMNS: Final = (
    "venue", "symbol", "mark_price", "at", "side", "forced", "provenance", "price", "notional_usd",
    "qty_base", "count", "bankruptcy_price", "share_of_oi", "source",
)  # fmt: skip


def table_of(ladder: Ladder) -> "pl.DataFrame":
    """Lay out all levels of a ladder, layer by layer, longs before shorts; unknown is null."""
    import polars as pl  # noqa: PLC0415 - not at start-up

    parts = []
    for layer in ladder.layers:
        for side in Side:
            levels = layer.side(side)
            count, lost = levels.count, levels.bankruptcy_price
            part = pl.DataFrame(
                {
                    "price": levels.price,
                    "notional_usd": levels.notional_usd,
                    "qty_base": levels.qty_base,
                    "count": pl.Series([None] * levels.size if count is None else count),
                    "bankruptcy_price": pl.Series([None] * levels.size if lost is None else lost),
                }
            )
            part = part.with_columns(
                pl.col("count").cast(pl.Int64),
                pl.col("bankruptcy_price").cast(pl.Float64).fill_nan(None),
                pl.lit(side.value).alias("side"),
                pl.lit(layer.forced.value).alias("forced"),
                pl.lit(layer.provenance.value).alias("provenance"),
                pl.lit(layer.share_of_oi, dtype=pl.Float64).alias("share_of_oi"),
                pl.lit(layer.source).alias("source"),
            )
            parts.append(part)
    schema = table_schema()
    if not parts:
        return pl.DataFrame(schema=schema)
    return pl.concat(parts).with_columns(
        pl.lit(ladder.venue).alias("venue"),
        pl.lit(ladder.symbol).alias("symbol"),
        pl.lit(ladder.mark_price).alias("mark_price"),
        pl.lit(ladder.at_ns, dtype=pl.Int64).cast(schema["at"]).alias("at"),
    ).select(COLUMNS).cast(schema)  # fmt: skip


def table_schema() -> "pl.Schema":
    """Give the columns with their types."""
    import polars as pl  # noqa: PLC0415

    words = ("venue", "symbol", "side", "forced", "provenance", "source")
    kinds = dict.fromkeys(words, pl.String()) | {
        "at": pl.Datetime("ns", "UTC"),
        "count": pl.Int64(),
    }
    return pl.Schema((name, kinds.get(name, pl.Float64())) for name in COLUMNS)


def table_levels(side: Side, rows: "pl.DataFrame") -> Levels:
    """Read rows of one layer and side back.

    Counts are ``None`` where one is not known, bankruptcy prices where all are unknown.

    Raises
    ------
    InputError
        If a price or size is not a number above 0.
    """
    count, lost = rows["count"], rows["bankruptcy_price"]
    is_counted = rows.height > 0 and count.null_count() == 0
    return levels_of(
        side,
        rows["price"].to_numpy(writable=True),
        rows["notional_usd"].to_numpy(writable=True),
        rows["qty_base"].to_numpy(writable=True),
        count.to_numpy(writable=True) if is_counted else None,
        None if lost.null_count() == rows.height else lost.to_numpy(writable=True),
    )
