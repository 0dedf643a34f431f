"""Aave's history files: liquidation calls that somebody extracted from the chain.

===========================  =====================  ==========================  ===================
extract                      side                   size and dollars            covers
===========================  =====================  ==========================  ===================
``<token>_liquidations``     long of the token:     collateral taken, dollars   all calls for one
(parquet)                    debt is not in it      of Aave's oracle            collateral token
``revenue_liquidations``     long of BTC            collateral taken            overlaps the above
(parquet)
v2 (csv)                     from the pair, see     collateral or debt, by      all calls of two
                             ``loan_tokens``        the extract's own prices    pools to 2022-04
``price_history_daily``      no calls: one price a token and day
``open_positions``,          no events: refused
``collateral_accounts``
===========================  =====================  ==========================  ===================

A call is stamped with its block's second. Method ``BACKSTOP``: the liquidator takes the
collateral off the book; what is sold on where afterwards is not in the extract. Symbols are
``<coin>/USD`` (``<coin>/<coin>`` if both sides of the loan are volatile), because a loan is valued
in dollars whatever its debt. Extracts were looked at on 2026-02-24.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, final

from airpocket.errors import SourceError
from airpocket.market.feed_rule import FeedRule, FeedRules
from airpocket.market.source import Archive, Item, Label, Progress, Recording
from airpocket.units import DAY_NS, MINUTE_NS

__all__ = ["ARCHIVES"]

_PARQUET: Final = b"PAR1"


@final
class _Extract:
    """One kind of extract, known by its columns."""

    def __init__(
        self,
        kind: str,
        columns: frozenset[str],
        *,
        is_parquet: bool = True,
        rule_channel: str | None = "liquidations",
        width_ns: int = 10 * MINUTE_NS,
        note: str = "",
    ) -> None:
        self.kind = kind
        self._columns = columns
        self._is_parquet = is_parquet
        self._rule_channel = rule_channel
        self._width_ns = width_ns
        self._note = note

    def claims(self, path: Path, head: bytes) -> bool:
        """Tell whether the file has this extract's columns."""
        if head.startswith(_PARQUET) is not self._is_parquet:
            return False
        names = _parquet_names(path) if self._is_parquet else _csv_names(head)
        return self._columns <= names

    def open(self, path: Path) -> Recording:
        """Open it for reading."""
        label = Label(
            name=path.name,
            kind=self.kind,
            venue="aave",
            channels=("bars" if self._rule_channel is None else "liquidations",),
            width_ns=self._width_ns,
            note=self._note,
            extract_of=None if self._rule_channel is None else CALLS,
        )
        rules = FeedRules.load(Path(__file__).with_name("venue.toml"))
        rule = rules.at(self._rule_channel, None) if self._rule_channel is not None else None
        return _Opened(path, label, rule)


@final
class _Refused:
    """A kind of file that belongs to Aave's extracts but holds no events."""

    def __init__(self, columns: frozenset[str], what: str, *, others: bool = True) -> None:
        self._columns = columns
        self._others = others
        self._what = what

    def claims(self, path: Path, head: bytes) -> bool:
        """Tell whether the file is of this kind."""
        if not head.startswith(_PARQUET):
            return False
        names = _parquet_names(path)
        return self._columns <= names if self._others else self._columns == names

    def open(self, path: Path) -> Recording:
        """Say why it cannot be replayed."""
        raise SourceError(
            f"{path}: holds {self._what}, which are no events; replay a file of calls"
        )


@final
class _Opened:
    """An extract opened for reading."""

    def __init__(self, path: Path, label: Label, rule: FeedRule | None) -> None:
        self._path = path
        self._label = label
        self._rule = rule

    @property
    def label(self) -> Label:
        """What it is."""
        return self._label

    def read(self, progress: Progress | None = None) -> Iterator[Item]:
        """Yield findings, the calls in order of time, and the end.

        An extract is sorted in memory: it does not come in order of time.
        """
        from airpocket.venues.aave import extracts, pools  # noqa: PLC0415 - polars loads when needed

        if self._rule is None:
            yield from extracts.read_daily_prices(self._path, progress)
            return
        read = {
            COLLATERAL: extracts.collateral_calls,
            REVENUE: extracts.revenue_calls,
            POOLS: pools.pool_calls,
        }[self._label.kind]
        yield from extracts.read_calls(self._path, read, self._rule, progress)


def _parquet_names(path: Path) -> frozenset[str]:
    import polars as pl  # noqa: PLC0415 - not at start-up

    try:
        return frozenset(pl.read_parquet_schema(path))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        return frozenset()


def _csv_names(head: bytes) -> frozenset[str]:
    first = head.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0]
    return frozenset(first.decode("utf-8", "replace").strip().split(","))


CALLS: Final = "Aave's liquidation calls"  # nearly every block of one extract is in the others
COLLATERAL: Final = "aave calls for one collateral"
REVENUE: Final = "aave calls of the revenue extract"
POOLS: Final = "aave v2 calls"
DAILY: Final = "aave daily prices"

ARCHIVES: Final[tuple[Archive, ...]] = (
    _Extract(
        COLLATERAL,
        frozenset(
            {
                "id",
                "timestamp",
                "liquidatee",
                "collateral_asset_symbol",
                "collateral_amount_raw",
                "collateral_amount_usd",
            }
        ),
        note="calls for one collateral token; the debt repaid is not in the extract",
    ),
    _Extract(
        REVENUE,
        frozenset({"timestamp", "asset_symbol", "amount_btc", "amount_usd", "profit_usd"}),
        rule_channel="liquidations of the revenue extract",
        note="another extract of the same calls with other totals: never add it to the others",
    ),
    _Extract(
        POOLS,
        frozenset({"collateralReserve", "principalReserve", "collateralAmount", "timestamp"}),
        is_parquet=False,
        rule_channel="liquidations of the v2 extract",
        note="Aave v2 on Ethereum, main and AMM pool, to 2022-04; dollars are the extract's own",
    ),
    _Extract(
        DAILY,
        frozenset({"date", "symbol", "price_usd"}),
        rule_channel=None,
        width_ns=DAY_NS,
        note="one price a token and day",
    ),
    _Refused(
        frozenset({"account", "borrow_balance_tokens", "btc_collateral_tokens"}),
        "open loans (a snapshot of BTC collateral and debt, without liquidation thresholds)",
    ),
    _Refused(
        frozenset({"account", "collateral_key", "collateral_symbol", "version"}),
        "accounts with BTC collateral",
        others=False,
    ),
)
"""Extracts that can be told apart by their columns, whatever the files are called."""
