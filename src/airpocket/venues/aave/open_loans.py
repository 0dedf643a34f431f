"""Reading open loans against BTC on Aave (``open_positions.parquet``).

The extract has a row for each token that an account owes: ``account, collateral_key, version,
borrowed_symbol, borrow_balance_tokens, btc_collateral_tokens``. The collateral is the account's in
all of its BTC tokens and repeats in every row, also under both keys where an account has two; it is
never summed over rows. What the extract does not have is assumed, and said in the ladder:

==========================  ====================================================================
not in the extract          taken as
==========================  ====================================================================
thresholds, bonuses         those of ``[[reserves]]`` in ``venue.toml``, with their dates; no eMode
other collateral            none: every price is the highest at which the loan can be liquidated.
                            Loans that would be past it already must have other collateral: left out
prices of what is owed      one dollar for dollar coins, else as given; held while BTC falls
which debt is repaid        the largest
v2 loans                    left out: v3.7's rules do not hold for them
==========================  ====================================================================
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

import numpy as np
from msgspec import Struct

from airpocket.errors import InputError, SourceError
from airpocket.leverage.lending import Collateral, Debt, Loan
from airpocket.store import files
from airpocket.venues.loan_tokens import coin_of, is_dollar

if TYPE_CHECKING:
    import polars as pl

__all__ = ["BTC", "Loans", "Reserve", "claims", "daily_prices", "read_loans", "reserves"]

BTC: Final = "BTC"
"""What every BTC token counts as: one price."""

_COLUMNS: Final = (
    "account",
    "collateral_key",
    "version",
    "borrowed_symbol",
    "borrow_balance_tokens",
    "btc_collateral_tokens",
)


class Reserve(Struct, frozen=True, kw_only=True):
    """What a market says of a collateral token, and where that was read."""

    token: str
    threshold: float
    bonus: float
    protocol_fee: float
    source: str


@final
class Loans(Struct, frozen=True, eq=False):
    """Loans at the prices given, and what was left out of them, a sentence each."""

    loans: tuple[Loan, ...]
    assumed: tuple[str, ...]
    source: str


def claims(names: frozenset[str]) -> bool:
    """Tell by its columns whether a parquet file is such an extract."""
    return set(_COLUMNS) <= names


def reserves() -> Mapping[str, Reserve]:
    """Give the shipped parameters of collateral tokens by the extract's key."""
    table = tomllib.loads(Path(__file__).with_name("venue.toml").read_text(encoding="utf-8"))
    return {row["token"]: Reserve(**row) for row in table["reserves"]}


def daily_prices(path: Path) -> Mapping[str, float]:
    """Read the last price of each token of a file of daily prices (``date, symbol, price_usd``).

    Raises
    ------
    SourceError
        If it cannot be read or holds none.
    """
    import polars as pl  # noqa: PLC0415 - not at start-up

    batches = list(files.parquet_batches(path, ["date", "symbol", "price_usd"]))
    if not batches:
        raise SourceError(f"{path}: holds no price")
    price = pl.col("price_usd")
    table = pl.concat(batches).filter(price.is_finite() & (price > 0)).sort("date")
    last = table.group_by("symbol", maintain_order=True).last()
    return dict(zip(last["symbol"].to_list(), last["price_usd"].to_list(), strict=True))


def read_loans(
    path: Path,
    btc_price: float,
    prices: Mapping[str, float],
    *,
    terms: Mapping[str, Reserve] | None = None,
) -> Loans:
    """Read the loans against BTC collateral.

    Parameters
    ----------
    path
        The extract.
    btc_price
        US dollars, for every BTC token.
    prices
        US dollars of tokens that are owed; dollar coins count as one dollar without it.
    terms
        Parameters of the collateral tokens; ``None``: the shipped ones.

    Raises
    ------
    InputError
        If the file cannot be read, a figure is bad (the message names row and column), or no loan
        is left.
    """
    if not 0 < btc_price < 1e18:
        raise InputError(f"price of BTC {btc_price!r} is not a number above 0")
    known = reserves() if terms is None else terms
    accounts, left_out = _accounts(path, known)
    loans: list[Loan] = []
    unpriced = 0
    two = sum(len(keys) > 1 for _, keys, _ in accounts)
    for collateral, keys, debts in accounts:
        # Which token how much of it is in is not said: the one that counts and costs less.
        term = min((known[key] for key in keys), key=lambda row: (row.threshold, row.bonus))
        loan = _loan(collateral, term, debts, btc_price, prices)
        if loan is None:
            unpriced += 1
        else:
            loans.append(loan)
    if not loans:
        raise SourceError(f"{path}: holds no loan against BTC whose debt has a price")
    if two:
        left_out = (
            *left_out,
            f"{two:,} accounts with several BTC tokens: the lower bonus is taken",
        )
    if unpriced:
        left_out = (*left_out, f"{unpriced:,} loans left out: what they owe has no price")
    said = [f"{row.token} counts at {row.threshold:.0%} ({row.source})" for row in known.values()]
    return Loans(tuple(loans), (*said, *left_out), str(path))


def _accounts(
    path: Path, known: Mapping[str, Reserve]
) -> tuple[list[tuple[float, list[str], dict[str, float]]], tuple[str, ...]]:
    """Give collateral, its keys and the debts of each v3 account with BTC, in the file's order."""
    import polars as pl  # noqa: PLC0415 - not at start-up

    table = pl.concat(list(files.parquet_batches(path, _COLUMNS)))
    _refuse_bad(path, table, known)
    is_v3 = pl.col("version") == "V3"
    has_btc = pl.col("btc_collateral_tokens") > 0
    old = table.filter(~is_v3)["account"].n_unique()
    bare = table.filter(is_v3)
    by_account = bare.group_by("account", maintain_order=True).agg(
        pl.col("btc_collateral_tokens").max(), pl.col("collateral_key").unique()
    )
    held = by_account.filter(has_btc)
    # The same debts stand under each key; two of one token under one key are two debts.
    debts = (
        bare.group_by("account", "collateral_key", "borrowed_symbol", maintain_order=True)
        .agg(pl.col("borrow_balance_tokens").sum())
        .group_by("account", "borrowed_symbol", maintain_order=True)
        .agg(pl.col("borrow_balance_tokens").max())
    )
    owed: dict[str, dict[str, float]] = {}
    for account, token, amount in debts.iter_rows():
        owed.setdefault(account, {})[token] = amount
    left_out = []
    if old:
        left_out.append(f"{old:,} v2 accounts left out: v3.7's rules do not hold for them")
    if by_account.height > held.height:
        left_out.append(
            f"{by_account.height - held.height:,} v3 accounts without BTC collateral left out"
        )
    rows = [(btc, keys, owed[account]) for account, btc, keys in held.iter_rows()]
    return rows, tuple(left_out)


def _refuse_bad(path: Path, table: "pl.DataFrame", known: Mapping[str, Reserve]) -> None:
    for name in ("borrow_balance_tokens", "btc_collateral_tokens"):
        if not table[name].dtype.is_numeric():
            raise SourceError(f"{path}: {name} holds {table[name].dtype}, not numbers")
        column = table[name].to_numpy()
        wrong = ~((column >= 0) & (column < 1e18))
        if wrong.any():
            at = int(np.argmax(wrong))
            raise SourceError(
                f"{path}: row {at + 1:,}: {name} {column[at]!r} is not a number from 0"
            )
    for name, allowed in (("version", {"V2", "V3"}), ("collateral_key", set(known))):
        strange = [word for word in table[name].unique(maintain_order=True) if word not in allowed]
        if strange:
            at = int((table[name] == strange[0]).arg_max() or 0)
            raise SourceError(
                f"{path}: row {at + 1:,}: {name} {strange[0]!r} is none of"
                f" {', '.join(sorted(allowed))}"
            )


def _loan(
    collateral: float,
    terms: Reserve,
    owed: Mapping[str, float],
    btc_price: float,
    prices: Mapping[str, float],
) -> Loan | None:
    """Make a loan of an account; ``None`` if a debt has no price."""
    debts: dict[str, Debt] = {}
    for token, amount in owed.items():
        coin = coin_of(token)
        if coin == BTC:
            price: float | None = btc_price
        else:
            price = 1.0 if is_dollar(token) or token in _MORE_DOLLARS else prices.get(token)
        if price is None:
            return None
        before = debts[coin].amount if coin in debts else 0.0
        debts[coin] = Debt(asset=coin, amount=before + amount, price=price)
    behind = Collateral(
        asset=BTC,
        amount=collateral,
        price=btc_price,
        threshold=terms.threshold,
        bonus=terms.bonus,
        protocol_fee=terms.protocol_fee,
    )
    return Loan(collateral=(behind,), debts=tuple(debts.values()))


# Dollar coins of the extract that the shared list of tokens does not have.
_MORE_DOLLARS: Final = frozenset({"RLUSD", "USDG", "USDtb", "mUSD"})
