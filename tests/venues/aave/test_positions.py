"""A lending ladder holds each call that the rules allow, at the price where they allow it."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.leverage.ladder import Forced, Provenance
from airpocket.leverage.lending import Collateral, Debt, Loan
from airpocket.venues.aave.open_loans import Loans, daily_prices, read_loans
from airpocket.venues.aave.positions import lending_ladder
from airpocket.venues.aave.rules import rules_at

PRICE = 60_000.0


def _loan(btc: float, *owed: tuple[str, float, float]) -> Loan:
    behind = Collateral(
        asset="BTC", amount=btc, price=PRICE, threshold=0.78, bonus=1.05, protocol_fee=0.1
    )
    return Loan(
        collateral=(behind,),
        debts=tuple(Debt(asset=name, amount=much, price=at) for name, much, at in owed),
    )


def _ladder(*loans: Loan) -> list[tuple[float, float, float]]:
    found = lending_ladder(Loans(loans, ("said",), "made up"), PRICE, at_ns=3)
    layer = found.layers[0]
    assert (found.venue, found.symbol, found.mark_price, found.at_ns) == (
        "aave", "BTC/USD", PRICE, 3,
    )  # fmt: skip
    assert (layer.forced, layer.provenance) == (Forced.LIQUIDATION, Provenance.MEASURED)
    assert layer.shorts.size == 0
    assert layer.assumed[0] == "said"
    longs = layer.longs
    columns = (longs.price.tolist(), longs.notional_usd.tolist(), longs.qty_base.tolist())
    return list(zip(*columns, strict=True))


def test_half_of_a_debt_first_by_hand() -> None:
    rows = _ladder(_loan(10.0, ("USDC", 400_000.0, 1.0)))
    edge = 400_000 / (10 * 0.78)
    price, usd, coins = rows[0]
    assert price == pytest.approx(edge)
    assert usd == pytest.approx(200_000 * 1.05)  # half, and the bonus
    assert coins == pytest.approx(200_000 * 1.05 / edge, rel=1e-6)
    # What is left waits lower: 200,000 of debt on what was not taken.
    left = 10.0 - coins
    assert rows[1][0] == pytest.approx(200_000 / (left * 0.78), rel=1e-6)
    assert rows[1][1] == pytest.approx(100_000 * 1.05, rel=1e-6)


def test_a_small_loan_goes_at_once() -> None:
    rows = _ladder(_loan(0.05, ("USDC", 1_900.0, 1.0)))
    assert len(rows) == 1
    assert rows[0][1] == pytest.approx(1_900 * 1.05)


def test_a_debt_in_btc_falls_with_its_collateral() -> None:
    rows = _ladder(_loan(10.0, ("BTC", 2.0, PRICE), ("USDC", 200_000.0, 1.0)))
    edge = 200_000 / (10 * 0.78 - 2)
    assert rows[0][0] == pytest.approx(edge)
    # The close factor is of the whole debt, at that price.
    assert rows[0][1] == pytest.approx((200_000 + 2 * edge) / 2 * 1.05, rel=1e-6)
    assert _ladder(_loan(10.0, ("BTC", 2.0, PRICE))) == []


def test_loans_that_would_be_past_have_other_collateral() -> None:
    found = lending_ladder(Loans((_loan(1.0, ("USDC", 50_000.0, 1.0)),), (), "made up"), PRICE)
    assert found.layers[0].longs.size == 0
    said = "1 loans on $60k of BTC left out: with BTC alone they would be past liquidation"
    assert any(one.startswith(said) for one in found.layers[0].assumed)


@settings(max_examples=40)
@given(
    st.floats(0.01, 1e4),
    st.lists(
        st.tuples(st.sampled_from(["USDC", "WETH", "DAI"]), st.floats(0.001, 0.25)),
        min_size=1, max_size=3, unique_by=lambda row: row[0],
    ),
)  # fmt: skip
def test_calls_go_down_and_never_take_more_than_there_is(
    btc: float, shares: list[tuple[str, float]]
) -> None:
    loan = _loan(btc, *((name, share * btc * PRICE, 1.0) for name, share in shares))
    rows = _ladder(loan)
    prices = np.array([row[0] for row in rows])
    assert (np.diff(prices) < 0).all()
    assert (prices < PRICE).all()
    assert sum(row[2] for row in rows) <= btc * (1 + 1e-9)
    if rows:
        edge = rules_at().liquidation_price(loan, "BTC").price
        assert edge is not None
        assert prices[0] == pytest.approx(edge)
        assert sum(row[1] for row in rows) <= loan.debt_value * 1.05 * (1 + 1e-8)


@pytest.mark.data
def test_the_recorded_loans_as_a_ladder(data_dir: Path) -> None:
    folder = data_dir / "aave_wbtc_liquidations"
    prices = daily_prices(folder / "price_history_daily.parquet")
    bitcoin = prices["WBTC"]
    loans = read_loans(folder / "open_positions.parquet", bitcoin, prices)
    layer = lending_ladder(loans, bitcoin).layers[0]
    reached = {
        fall: float(layer.longs.notional_usd[layer.longs.price >= bitcoin * (1 - fall)].sum())
        for fall in (0.1, 0.2, 0.5)
    }
    assert reached[0.1] == pytest.approx(72.4e6, rel=1e-3)
    assert reached[0.2] == pytest.approx(249.4e6, rel=1e-3)
    assert reached[0.5] == pytest.approx(1_376.4e6, rel=1e-3)
    assert any("721 loans on $566.2M of BTC left out" in one for one in layer.assumed)
    assert any("eMode" in one for one in layer.assumed)
    assert any("78%" in one for one in layer.assumed)
