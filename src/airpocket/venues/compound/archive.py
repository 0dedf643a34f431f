"""Compound's liquidation events, exported from the chain as comma-separated text or parquet.

====================  ======================  ===========================  =======================
event                 side                    size and dollars             covers
====================  ======================  ===========================  =======================
``AbsorbCollateral``  from asset and lent     collateral taken; dollars    all events of the
(III, Comet)          token, see              of the market's feed if it   exported contracts
                      ``loan_tokens``         lends a dollar coin
``LiquidateBorrow``   from both markets       raw size of the receipt      all events of the
(v2, cTokens)                                 tokens seized; dollars: the  exported contracts
                                              debt repaid, if a dollar
====================  ======================  ===========================  =======================

Column names are those of decoded event tables: the event's parameters beside ``evt_block_time``,
``evt_tx_hash``, ``evt_index`` and ``contract_address`` (Dune's convention; ABI of
compound-finance/comet @d5a30b0a and compound-protocol's CToken, read 2026-11). An address that
``venue.toml`` does not know gives no symbol's coin and no dollars. No recording of Compound was at
hand: this is tested on rows made by hand.

Method ``BACKSTOP``. In Compound III the protocol itself takes the collateral and sells it later
(``buyCollateral``); in v2 the liquidator does.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, final

from airpocket.market.source import Archive, Item, Label, Progress, Recording
from airpocket.units import MINUTE_NS

__all__ = ["ABSORB", "ARCHIVES", "LIQUIDATE"]

_COMMON: Final = ("evt_block_time", "evt_tx_hash", "evt_index", "contract_address", "borrower")
ABSORB: Final = (*_COMMON, "asset", "collateralAbsorbed", "usdValue")
"""Columns of an ``AbsorbCollateral`` export."""
LIQUIDATE: Final = (*_COMMON, "repayAmount", "cTokenCollateral", "seizeTokens")
"""Columns of a ``LiquidateBorrow`` export."""


@final
class _Events:
    """Exports of one event, known by their columns."""

    def __init__(self, kind: str, columns: tuple[str, ...]) -> None:
        self._kind = kind
        self._columns = columns

    def claims(self, path: Path, head: bytes) -> bool:
        """Tell whether the file has the event's columns."""
        return set(self._columns) <= _names(path, head)

    def open(self, path: Path) -> Recording:
        """Open it for reading."""
        return _Opened(path, self._kind, self._columns)


@final
class _Opened:
    """An export opened for reading."""

    def __init__(self, path: Path, kind: str, columns: tuple[str, ...]) -> None:
        self._path = path
        self._columns = columns
        self._label = Label(
            name=path.name,
            kind=kind,
            venue="compound",
            channels=("liquidations",),
            width_ns=10 * MINUTE_NS,
            note="events of the exported contracts; collateral may have been sold on much later",
        )

    @property
    def label(self) -> Label:
        """What it is."""
        return self._label

    def read(self, progress: Progress | None = None) -> Iterator[Item]:
        """Yield findings, the liquidations in order of time, and the end."""
        from airpocket.venues.compound import calls  # noqa: PLC0415 - polars loads when needed

        yield from calls.read_events(self._path, self._columns, progress)


def _names(path: Path, head: bytes) -> frozenset[str]:
    if head.startswith(b"PAR1"):
        import polars as pl  # noqa: PLC0415 - not at start-up

        try:
            return frozenset(pl.read_parquet_schema(path))
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
            return frozenset()
    first = head.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0]
    return frozenset(first.decode("utf-8", "replace").strip().split(","))


ARCHIVES: Final[tuple[Archive, ...]] = (
    _Events("compound III absorptions", ABSORB),
    _Events("compound v2 liquidations", LIQUIDATE),
)
"""Both generations of the protocol."""
