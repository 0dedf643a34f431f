"""Loans are read once each, whatever the extract repeats, and what it lacks is said."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from airpocket.errors import InputError
from airpocket.venues.aave.open_loans import (
    Reserve,
    claims,
    daily_prices,
    read_loans,
    reserves,
)

PRICES = {"WETH": 2_000.0}
FOLDER = Path("aave_wbtc_liquidations")


def extract(path: Path, *rows: tuple[str, str, str, str, Any, Any]) -> Path:
    """Write rows of account, key, version, token owed, how much, BTC behind it."""
    names = ["account", "collateral_key", "version", "borrowed_symbol"]
    names += ["borrow_balance_tokens", "btc_collateral_tokens"]
    pl.DataFrame(list(rows), schema=names, orient="row").write_parquet(path)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "open_positions.parquet"


def test_shipped_reserves_have_their_source() -> None:
    known = reserves()
    assert set(known) == {"wbtc", "cbbtc"}
    for row in known.values():
        assert row.threshold == 0.78
        assert "20" in row.source  # its date


def test_collateral_and_debts_stand_once(path: Path) -> None:
    extract(
        path,
        ("a", "wbtc", "V3", "USDC", 100.0, 2.0),
        ("a", "cbbtc", "V3", "USDC", 100.0, 2.0),
        ("a", "wbtc", "V3", "WETH", 1.0, 2.0),
        ("a", "cbbtc", "V3", "WETH", 1.0, 2.0),
        ("a", "wbtc", "V3", "USDC", 50.0, 2.0),  # a second debt of one token
        ("b", "cbbtc", "V3", "cbBTC", 0.5, 3.0),
    )
    found = read_loans(path, 60_000.0, PRICES)
    first, second = found.loans
    assert first.collateral_value == 2 * 60_000.0
    assert first.debt_value == 100 + 50 + 2_000
    assert first.collateral[0].bonus == 1.05  # the lower one of its two tokens
    assert second.collateral[0].bonus == 1.075
    assert second.debt_value == 0.5 * 60_000
    assert any("1 accounts with several BTC tokens" in one for one in found.assumed)
    assert any("wbtc counts at 78%" in one for one in found.assumed)


def test_what_is_left_out_is_said(path: Path) -> None:
    extract(
        path,
        ("a", "wbtc", "V3", "DAI", 100.0, 2.0),
        ("b", "wbtc", "V2", "DAI", 100.0, 2.0),
        ("c", "wbtc", "V3", "DAI", 100.0, 0.0),
        ("d", "wbtc", "V3", "FBTC", 1.0, 2.0),
    )
    found = read_loans(path, 60_000.0, PRICES)
    assert len(found.loans) == 1
    for said in (
        "1 v2 accounts left out",
        "1 v3 accounts without BTC collateral left out",
        "1 loans left out: what they owe has no price",
    ):
        assert any(one.startswith(said) for one in found.assumed)


def test_terms_may_be_given(path: Path) -> None:
    extract(path, ("a", "wbtc", "V3", "DAI", 100.0, 2.0))
    terms = Reserve(token="wbtc", threshold=0.7, bonus=1.1, protocol_fee=0.0, source="mine")  # noqa: S106
    loan = read_loans(path, 6e4, PRICES, terms={"wbtc": terms}).loans[0]
    assert (loan.collateral[0].threshold, loan.collateral[0].bonus) == (0.7, 1.1)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("a", "wbtc", "V3", "DAI", -1.0, 2.0), r"row 2: borrow_balance_tokens .*-1\.0"),
        (("a", "wbtc", "V3", "DAI", float("nan"), 2.0), r"row 2: borrow_balance_tokens .*nan"),
        (("a", "wbtc", "V3", "DAI", 1.0, float("inf")), r"row 2: btc_collateral_tokens .*inf"),
        (("a", "wbtc", "V3", "DAI", 1.0, None), r"row 2: btc_collateral_tokens"),
        (("a", "weth", "V3", "DAI", 1.0, 2.0), r"row 2: collateral_key 'weth' is none of"),
        (("a", "wbtc", "V4", "DAI", 1.0, 2.0), r"row 2: version 'V4' is none of V2, V3"),
    ],
)
def test_bad_rows_are_named(path: Path, row: tuple[Any, ...], said: str) -> None:
    extract(path, ("z", "wbtc", "V3", "DAI", 1.0, 2.0), row)
    with pytest.raises(InputError, match=said) as caught:
        read_loans(path, 60_000.0, PRICES)
    assert str(path) in str(caught.value)


def test_what_cannot_be_read(path: Path, tmp_path: Path) -> None:
    extract(path, ("d", "wbtc", "V3", "FBTC", 1.0, 2.0))
    with pytest.raises(InputError, match="no loan against BTC whose debt has a price"):
        read_loans(path, 60_000.0, PRICES)
    for bad in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="price of BTC"):
            read_loans(path, bad, PRICES)
    other = tmp_path / "other.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(other)
    with pytest.raises(InputError, match="lacks the columns"):
        read_loans(other, 60_000.0, PRICES)
    assert claims(frozenset(pl.read_parquet_schema(path)))
    assert not claims(frozenset({"a"}))


def test_the_last_price_of_each_token(tmp_path: Path) -> None:
    path = tmp_path / "prices.parquet"
    pl.DataFrame({
        "date": [2, 1, 1, 3], "symbol": ["A", "A", "B", "B"], "price_usd": [5.0, 4.0, 3.0, 0.0],
    }).write_parquet(path)  # fmt: skip
    assert daily_prices(path) == {"A": 5.0, "B": 3.0}


@pytest.mark.data
def test_the_recorded_extract(data_dir: Path) -> None:
    prices = daily_prices(data_dir / FOLDER / "price_history_daily.parquet")
    assert prices["WBTC"] == pytest.approx(63_988.68, abs=0.01)
    found = read_loans(data_dir / FOLDER / "open_positions.parquet", prices["WBTC"], prices)
    assert len(found.loans) == 2_388
    assert sum(one.collateral[0].amount for one in found.loans) == pytest.approx(64_287.9, abs=0.1)
    # Summed over rows the same collateral would be counted for every debt.
    assert sum(one.debt_value for one in found.loans) == pytest.approx(2.618e9, rel=1e-3)
