"""The published results of 2025-10-10: read with their contradictions looked for, and summed up.

What the counts mean stands in :mod:`.forced_counts`.
"""

import csv
from pathlib import Path
from typing import Annotated, Final, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct

from airpocket.errors import InputError, SourceError
from airpocket.market.fields import BAD_FRAME, QtyOrZero, why
from airpocket.store.files import open_binary
from airpocket.units import is_plausible_ns, ns_from_iso

__all__ = ["MEMBERS", "TIMING", "ForcedTotals", "Second", "Timing", "read_timing", "totals"]

TIMING: Final = "cascade_timing_results.json"
_BY_COIN: Final = "combined_impact_by_ticker.csv"
_IMPACT: Final = "total_impact_results.json"

MEMBERS: Final = frozenset(
    {
        TIMING,
        _BY_COIN,
        _IMPACT,
        "adl_by_coin_REALTIME.csv",
        "adl_by_user_REALTIME.csv.gz",
        "adl_net_volume_full_12min.csv",
        "adl_net_volume_results.json",
        "bad_debt_loser_waves.csv",
        "bad_debt_loser_waves.json",
        "batch_processing_results.json",
        "equity_delta_by_wave.csv",
        "headlines.json",
        "insurance_fund_results.json",
        "overshoot_robustness.json",
        "per_asset_isolation_results.json",
        "per_shock_metrics_queue.csv",
        "per_user_reaction_metrics.csv.gz",
        "policy_per_wave_metrics.csv",
        "positions_FINAL_btc_sol.csv.gz",
        "summary_totals.csv",
        "wave_coin_gap_per_contract.csv",
    }
)
"""Files that the published folder consists of."""

_LIMIT: Final = 64 << 20
_MOST: Final = 10**9  # no event has more trades, nor more seconds
_T = TypeVar("_T")
_Count: TypeAlias = Annotated[int, Meta(ge=0, lt=_MOST)]


class ForcedTotals(Struct, frozen=True, kw_only=True):
    """Sums of the folder, each trade counted once.

    ``printed`` is the number of rows with both legs; ``unique_trades`` and ``usd`` count each
    trade once: ``usd = adl_usd + (liquidated rows' usd − adl_usd) / 2``. ``coins`` had a forced
    trade off the book, ``adl_coins`` an auto-deleveraging.
    """

    printed: int
    unique_trades: int
    usd: float
    adl_trades: int
    adl_usd: float
    backstop_trades: int
    backstop_usd: float
    coins: int
    adl_coins: int
    first_forced_ns: int
    first_adl_ns: int | None


class Second(Struct, frozen=True):
    """Rows printed in one second after the start: losers' and vault's legs, winners' legs."""

    second: _Count
    liquidations: _Count
    adls: _Count

    @property
    def takeovers(self) -> int:
        """Trades that are no auto-deleveraging, each counted once."""
        return (self.liquidations - self.adls) // 2


class Timing(Struct, frozen=True):
    """The timeline; seconds in which nothing was forced are not listed."""

    event_start: str
    timeline: list[Second]
    first_liquidation: str | None = None
    first_adl: str | None = None


class _Impact(Struct, frozen=True):
    events: _Count
    notional: QtyOrZero


class _Impacts(Struct, frozen=True):
    liquidations: _Impact
    adl: _Impact


class _Coin(Struct, frozen=True):
    """One row of the table by coin; rows of both legs in ``liq_*``, winners' legs in ``adl_*``."""

    ticker: str
    liq_notional: QtyOrZero
    adl_notional: QtyOrZero
    liq_events: _Count
    adl_events: _Count


def totals(folder: Path) -> ForcedTotals:
    """Sum up the folder, each trade once.

    Counts come from ``cascade_timing_results.json``, dollars from
    ``combined_impact_by_ticker.csv``; the two must agree in their counts, and with
    ``total_impact_results.json`` if it is there.

    Parameters
    ----------
    folder
        The published folder.

    Raises
    ------
    SourceError
        If a file is missing or the files contradict each other.
    """
    start_ns, timing = read_timing(folder)
    coins = _coins(folder / _BY_COIN)
    liquidated = sum(row.liquidations for row in timing.timeline)
    adls = sum(row.adls for row in timing.timeline)
    counted = sum(coin.liq_events for coin in coins), sum(coin.adl_events for coin in coins)
    if counted != (liquidated, adls):
        raise SourceError(
            f"{folder}: {TIMING} counts {liquidated:,} and {adls:,} rows, {_BY_COIN} "
            f"{counted[0]:,} and {counted[1]:,}: they are not of one event"
        )
    liq_usd = sum(coin.liq_notional for coin in coins)
    adl_usd = sum(coin.adl_notional for coin in coins)
    if (folder / _IMPACT).is_file():
        impacts = _json(folder / _IMPACT, _Impacts)
        said = impacts.liquidations.notional, impacts.adl.notional
        if any(abs(a - b) > 1.0 for a, b in zip(said, (liq_usd, adl_usd), strict=True)):
            raise SourceError(f"{folder}: {_IMPACT} and {_BY_COIN} differ by more than a dollar")
    return ForcedTotals(
        printed=liquidated + adls,
        unique_trades=adls + (liquidated - adls) // 2,
        usd=adl_usd + (liq_usd - adl_usd) / 2,
        adl_trades=adls,
        adl_usd=adl_usd,
        backstop_trades=(liquidated - adls) // 2,
        backstop_usd=(liq_usd - adl_usd) / 2,
        coins=sum(coin.liq_events + coin.adl_events > 0 for coin in coins),
        adl_coins=sum(coin.adl_events > 0 for coin in coins),
        first_forced_ns=start_ns,
        first_adl_ns=None if timing.first_adl is None else ns_from_iso(timing.first_adl),
    )


def read_timing(folder: Path) -> tuple[int, Timing]:
    """Read the timeline of the folder and the nanosecond that its grid begins with.

    Raises
    ------
    SourceError
        If the file is not what its name says, or cannot print each trade once a side.
    """
    path = folder / TIMING
    timing = _json(path, Timing)
    if not timing.timeline:
        raise SourceError(f"{path}: the timeline is empty")
    before = -1
    for row in timing.timeline:
        if row.second <= before:
            raise SourceError(f"{path}: second {row.second} does not follow second {before}")
        if row.liquidations < row.adls or (row.liquidations - row.adls) % 2:
            raise SourceError(
                f"{path}: second {row.second} has {row.liquidations:,} liquidations and "
                f"{row.adls:,} adls; if each trade were printed once a side, their difference "
                "would be even and not negative, so no number of trades can be said"
            )
        before = row.second
    start_ns = _time_ns(path, timing.event_start)
    for text in (timing.first_liquidation, timing.first_adl):
        if text is not None:
            _time_ns(path, text)
    return start_ns, timing


def _time_ns(path: Path, text: str) -> int:
    try:
        time_ns = ns_from_iso(text)
    except InputError as error:
        raise SourceError(f"{path}: {error}") from error
    if not is_plausible_ns(time_ns):
        raise SourceError(f"{path}: {text!r} is no date of an exchange")
    return time_ns


def _coins(path: Path) -> list[_Coin]:
    try:
        rows = csv.DictReader(_content(path).decode("utf-8-sig").splitlines(), strict=True)
        coins = msgspec.convert(list(rows), list[_Coin], strict=False)
    except (*BAD_FRAME, csv.Error) as error:
        raise SourceError(f"{path}: not the table by coin ({why(error)})") from error
    for coin in coins:
        if coin.liq_events < coin.adl_events or (coin.liq_events - coin.adl_events) % 2:
            raise SourceError(f"{path}: {coin.ticker[:20]!r} does not print each trade once a side")
    return coins


def _json(path: Path, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(_content(path), type=kind)
    except BAD_FRAME as error:
        raise SourceError(f"{path}: not the published results ({why(error)})") from error


def _content(path: Path) -> bytes:
    with open_binary(path, limit_bytes=_LIMIT) as stream:
        return stream.read()
