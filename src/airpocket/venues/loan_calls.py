"""From the rows of an extract of liquidation calls to columns of :class:`Liquidation`.

Imports polars: import it when a file is read, not before.

Every reader brings its rows into one shape (:data:`CALLS`); what follows is the same for all
protocols. A call has no fill: the liquidator takes the collateral at the price of the protocol's
oracle less the bonus and sells it elsewhere, mostly in the same transaction. So the method is
``BACKSTOP`` (taken over off the book), ``fill_price`` is missing, and ``mark_price`` is the
oracle's price that the extract's dollars imply.
"""

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from airpocket.market.columns import Columns
from airpocket.market.events import Coverage, Gap, GapCause, Liquidation, Method
from airpocket.market.quality import Finding, FindingCode
from airpocket.units import EARLIEST_NS, HOUR_NS, LATEST_NS, SECOND_NS, iso
from airpocket.venues.loan_tokens import DECIMALS, closed_by

__all__ = [
    "CALLS",
    "LIMIT",
    "columns_of",
    "end_of",
    "finding",
    "shaped",
    "truncations",
    "units_of",
    "usable",
    "without_twins",
    "word_codes",
]

LIMIT: Final = 1 << 30
"""Most bytes of an extract: it is sorted in memory."""


CALLS: Final[dict[str, type[pl.DataType]]] = {
    "row": pl.Int64,  # ordinal in the file
    "time_s": pl.Int64,  # block time
    "collateral": pl.String,  # token taken
    "debt": pl.String,  # token repaid, null where not said
    "collateral_raw": pl.Float64,  # as printed
    "collateral_qty": pl.Float64,  # in tokens, null where the decimals are unknown
    "collateral_usd": pl.Float64,
    "debt_raw": pl.Float64,
    "debt_qty": pl.Float64,
    "debt_usd": pl.Float64,
    "account": pl.String,  # whose loan it was
    "event_id": pl.String,
}
"""Columns of the shape all readers bring their rows into."""

_EARLIEST_S: Final = EARLIEST_NS // SECOND_NS
_LATEST_S: Final = LATEST_NS // SECOND_NS


def usable(calls: pl.DataFrame, where: str, venue: str) -> tuple[pl.DataFrame, list[Finding]]:
    """Sort the calls by time and leave out what cannot be: sizes of 0 or less, times off the scale.

    Returns
    -------
    tuple
        The calls in order of time and row, and what had to be left out.
    """
    findings: list[Finding] = []
    in_time = pl.col("time_s").is_between(_EARLIEST_S, _LATEST_S, closed="left")
    strange = calls.filter(~in_time.fill_null(value=False))
    if strange.height:
        unit = next(
            (
                name
                for name, scale in (("milliseconds", 10**3), ("nanoseconds", 10**9))
                if strange["time_s"].is_between(_EARLIEST_S * scale, _LATEST_S * scale).any()
            ),
            None,
        )
        code = FindingCode.REJECTED_ROWS if unit is None else FindingCode.TIME_UNIT_CHANGED
        hint = "" if unit is None else f" (some look like {unit})"
        said = (
            f"{strange.height} rows have a time that is not in seconds since 1970{hint}: left out"
        )
        findings.append(
            Finding(code=code, where=where, venue=venue, count=strange.height, said=said)
        )
    calls = calls.filter(in_time)
    bad = pl.col("collateral_raw").is_null()
    for name in ("collateral_raw", "collateral_qty", "collateral_usd", "debt_raw", "debt_qty"):
        value = pl.col(name)
        bad |= (value.is_not_null() & ~(value.is_finite() & (value > 0))).fill_null(value=False)
    refused = calls.select(bad.sum()).item() if calls.height else 0
    if refused:
        said = f"{refused} rows have an amount that is 0, negative or not a number: left out"
        code = FindingCode.REJECTED_ROWS
        findings.append(finding(code, where, said, venue=venue, count=refused))
        calls = calls.filter(~bad)
    return calls.sort("time_s", "row"), findings


def columns_of(
    calls: pl.DataFrame, *, venue: str, rule_id: str, coverage: Coverage, tape: str
) -> Columns[Liquidation]:
    """Turn calls (see :data:`CALLS`, sorted) into columns.

    Parameters
    ----------
    calls
        One row a call.
    venue, rule_id, coverage
        As every event carries them.
    tape
        Name of the file, for ``raw_ref``.
    """
    pairs = calls.select("collateral", "debt").unique(maintain_order=True)
    closed = [closed_by(held, owed) for held, owed in pairs.iter_rows()]
    pairs = pairs.with_columns(
        pl.Series("symbol", [c.symbol for c in closed], dtype=pl.String),
        pl.Series("raw_symbol", [c.raw_symbol for c in closed], dtype=pl.String),
        pl.Series("side", [c.side and str(c.side) for c in closed], dtype=pl.String),
        pl.Series("by_debt", [c.by_debt for c in closed], dtype=pl.Boolean),
    )
    rows = calls.join(
        pairs, on=["collateral", "debt"], how="left", nulls_equal=True, maintain_order="left"
    ).with_columns(
        pl.when("by_debt").then(f"debt_{kind}").otherwise(f"collateral_{kind}").alias(kind)
        for kind in ("raw", "qty", "usd")
    )
    return Columns(
        Liquidation,
        rows.height,
        {
            "venue": venue,
            "symbol": word_codes(rows["symbol"]),
            "raw_symbol": word_codes(rows["raw_symbol"]),
            "venue_ns": rows["time_s"].to_numpy() * SECOND_NS,
            "liquidated": word_codes(rows["side"]),
            "qty_raw": _floats(rows["raw"]),
            "qty_base": _floats(rows["qty"]),
            "notional_usd": _floats(rows["usd"]),
            "mark_price": _floats(rows["usd"] / rows["qty"]),
            "method": Method.BACKSTOP,
            "coverage": coverage,
            "rule_id": rule_id,
            "account": word_codes(rows["account"]),
            "event_id": _id_codes(rows["event_id"]),
        },
        tape=tape,
        ordinals=rows["row"].to_numpy(),
    )


def truncations(times_ns: NDArray[np.int64], where: str, venue: str) -> list[Finding]:
    """Tell if an extract begins or ends amid an event.

    It does if its first or last hour holds 10 calls and 20 times the calls of its mean hour: a
    cascade was under way, and its total here is a lower bound.
    """
    if len(times_ns) < 2:
        return []
    first, last = int(times_ns[0]), int(times_ns[-1])
    usual = len(times_ns) * HOUR_NS / max(last - first, HOUR_NS)
    findings = []
    for edge, near in (
        ("begins", times_ns <= first + HOUR_NS),
        ("ends", times_ns >= last - HOUR_NS),
    ):
        count = int(near.sum())
        if count >= max(10.0, 20 * usual):
            at_ns = first if edge == "begins" else last
            said = (
                f"the extract {edge} at {iso(at_ns)} amid an event: {count} calls within an hour"
                f" against {usual:.2g} in the mean hour"
            )
            findings.append(
                finding(FindingCode.TRUNCATED, where, said, venue=venue, from_ns=at_ns, count=count)
            )
    return findings


def end_of(channel: str, venue: str, at_ns: int) -> Gap:
    """Say that an extract ends: nothing is known from its last call on."""
    return Gap(
        venue=venue,
        symbol="*",
        raw_symbol="*",
        venue_ns=at_ns,
        channel=channel,
        from_ns=at_ns,
        to_ns=None,
        cause=GapCause.END_OF_RECORDING,
        proven_by="end of file",
    )


def word_codes(words: pl.Series) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Give a text column as codes into its different words; null is −1."""
    known = words.drop_nulls().unique(maintain_order=True)
    places = words.cast(pl.Enum(known)).to_physical().cast(pl.Int32).fill_null(-1)
    return places.to_numpy(), tuple(known.to_list())


def _id_codes(ids: pl.Series) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Give ids as they stand row by row: looking for repeats would cost more than it saves."""
    codes = np.arange(len(ids), dtype=np.int32)
    codes[ids.is_null().to_numpy()] = -1
    return codes, tuple(ids.fill_null("").to_list())


def units_of(token: str | pl.Expr) -> pl.Expr:
    """Smallest units of the tokens named in a column; null where the decimals are not known."""
    scale = {name: 10.0**decimals for name, decimals in DECIMALS.items()}
    symbols = (pl.col(token) if isinstance(token, str) else token).str.to_uppercase()
    return symbols.replace_strict(scale, default=None, return_dtype=pl.Float64)


def without_twins(
    rows: pl.DataFrame, names: list[str], where: str, venue: str
) -> tuple[pl.DataFrame, list[Finding]]:
    """Leave out rows that repeat an earlier one in all the named columns."""
    once = rows.unique(names, keep="first", maintain_order=True)
    count = rows.height - once.height
    if not count:
        return once, []
    said = f"{count} rows repeat another one exactly: left out"
    return once, [finding(FindingCode.DUPLICATED_ROWS, where, said, venue=venue, count=count)]


def shaped(calls: pl.DataFrame) -> pl.DataFrame:
    """Bring rows into the shape of :data:`CALLS`; columns they lack are null."""
    absent = [pl.lit(None, kind).alias(n) for n, kind in CALLS.items() if n not in calls.columns]
    whole = calls.with_columns(absent)
    return whole.select(pl.col(name).cast(kind, strict=False) for name, kind in CALLS.items())


def finding(
    code: FindingCode,
    where: str,
    said: str,
    *,
    venue: str,
    count: int | None = None,
    from_ns: int | None = None,
    to_ns: int | None = None,
) -> Finding:
    """Make a finding about an extract."""
    return Finding(
        code=code, where=where, said=said, venue=venue, count=count, from_ns=from_ns, to_ns=to_ns
    )


def _floats(values: pl.Series) -> NDArray[np.float64]:
    return values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
