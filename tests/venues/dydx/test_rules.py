"""dYdX v4's margin rules: equity meets maintenance, a tenth a block, nobody is ranked."""

from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.leverage.margin import MarginRules, Taker
from airpocket.leverage.position import Account, MarginMode, Position
from airpocket.leverage.standing import stand
from airpocket.leverage.tiers import TierTable, TierTables, table_of
from airpocket.market.events import Side
from airpocket.units import ns_from_iso
from airpocket.venues import register
from airpocket.venues.dydx import rules

BOOK: Final = rules.rules_at()
CATALOGUE: Final = register.catalogue_of("dydx")
TABLES: Final = TierTables.load(Path(rules.__file__).with_name("venue.toml"))
BTC_TIERS: Final = TABLES.find("BTC/USD:USDC")
SOL_TIERS: Final = TABLES.find("SOL/USD:USDC")


def position(qty: float, entry: float = 50_000.0, coin: str = "BTC", **more: Any) -> Position:
    instrument = CATALOGUE.find(f"{coin}-USD")
    assert instrument is not None
    more.setdefault("side", Side.LONG)
    return Position(instrument=instrument, qty_raw=qty, entry_price=entry, **more)


def rate(maintenance: float) -> TierTable:
    return table_of("BTC/USD:USDC", [(0, 1e15, maintenance, 0, 5)], "test")


def test_shipped_margins() -> None:
    assert [(t.rate, t.leverage_most) for t in BTC_TIERS.tiers] == [(0.012, 50)]
    assert [(t.rate, t.leverage_most) for t in SOL_TIERS.tiers] == [(0.03, 20)]
    with pytest.raises(InputError, match="DOGE/USD:USDC"):
        TABLES.find("DOGE/USD:USDC")


@given(
    qty=st.floats(1e-3, 1e3), entry=st.floats(1.0, 1e5), leverage=st.floats(1.2, 50.0),
    side=st.sampled_from(Side),
)  # fmt: skip
def test_at_the_liquidation_price_equity_is_maintenance(
    qty: float, entry: float, leverage: float, side: Side
) -> None:
    held = position(qty, entry, side=side, margin=qty * entry / leverage)
    price = BOOK.liquidation_price(held, BTC_TIERS).price
    assume(price is not None)
    assert price is not None
    equity = qty * entry / leverage + held.sign * qty * (price - entry)
    assert equity == pytest.approx(
        BOOK.maintenance_margin(held, price, BTC_TIERS).amount, abs=qty * entry * 1e-9
    )
    step = price * 1e-6
    assert BOOK.closing(held, price - held.sign * step, BTC_TIERS).is_liquidatable
    assert not BOOK.closing(held, price + held.sign * step, BTC_TIERS).is_liquidatable


@given(
    wallet=st.floats(1.0, 1e7), qty=st.floats(0.01, 300.0), other=st.floats(0.1, 1e5),
    oracle=st.floats(50.0, 300.0), sides=st.tuples(st.sampled_from(Side), st.sampled_from(Side)),
)  # fmt: skip
def test_cross_equity_is_maintenance_of_all(
    wallet: float, qty: float, other: float, oracle: float, sides: tuple[Side, Side]
) -> None:
    first = position(qty, side=sides[0], mode=MarginMode.CROSS)
    second = position(other, 150.0, "SOL", side=sides[1], mode=MarginMode.CROSS)
    account = Account(
        wallet=wallet, positions=((first, 1.0), (second, oracle)), tables=(BTC_TIERS, SOL_TIERS)
    )
    price = BOOK.liquidation_price(first, BTC_TIERS, account).price
    assume(price is not None)
    assert price is not None
    equity = wallet + first.sign * qty * (price - 50_000) + second.sign * other * (oracle - 150)
    kept = 0.012 * qty * price + 0.03 * other * oracle
    assert equity == pytest.approx(kept, abs=max(wallet, qty * 5e4, other * 300) * 1e-9)


def test_one_block_of_a_small_and_of_a_large_position() -> None:
    # 1 BTC at 50,000 with 500 USDC left at the oracle price: TNC 500 < TMMR 600.
    closing = BOOK.closing(position(1.0, margin=500.0), 50_000.0, BTC_TIERS)
    (step,) = closing.steps
    assert (step.taker, step.price) == (Taker.BOOK, None)
    assert step.share == pytest.approx(0.1)
    # ABR 1/6 of 1.5 x 600 = 150 below the oracle; the bankruptcy price is 500 below.
    assert step.limit_price == pytest.approx(49_850.0)
    assert step.fee == pytest.approx(0.1 * (49_850.0 - 49_500.0))  # less than 1.5 % of the fill
    assert not closing.is_bankrupt
    assert "fund pays" not in step.said
    (large,) = BOOK.closing(position(100.0, margin=50_000.0), 50_000.0, BTC_TIERS).steps
    assert large.share == pytest.approx(100_000 / 5_000_000)


def test_below_nothing_the_rest_is_deleveraged_at_the_bankruptcy_price() -> None:
    closing = BOOK.closing(position(1.0, margin=-1_000.0), 50_000.0, BTC_TIERS)
    order, offset = closing.steps
    assert order.limit_price == pytest.approx(49_100.0)  # 1.8 % below the oracle, never lower
    assert order.fee == 0.0
    assert "fund pays" in order.said
    assert (offset.taker, offset.share, offset.price) == (Taker.COUNTERPARTY, 1.0, 51_000.0)
    assert closing.is_bankrupt
    short = BOOK.closing(position(1.0, margin=-1_000.0, side=Side.SHORT), 50_000.0, BTC_TIERS)
    assert [short.steps[0].limit_price, short.steps[1].price] == pytest.approx([50_900.0, 49_000.0])


def test_a_short_pays_the_same_fee_as_a_long() -> None:
    closings = [
        BOOK.closing(position(1.0, margin=500.0, side=side), 50_000.0, BTC_TIERS) for side in Side
    ]
    long, short = (closing.steps[0] for closing in closings)
    assert short.limit_price == pytest.approx(50_150.0)
    assert short.fee == pytest.approx(long.fee)
    assert "fund pays" not in short.said


def test_how_much_one_block_closes() -> None:
    assert rules.order_share(1_000.0) == 1.0
    assert rules.order_share(5_000.0) == pytest.approx(0.2)  # the least is 1,000 USDC
    assert rules.order_share(50_000.0) == pytest.approx(0.1)
    assert rules.order_share(2_000_000.0) == pytest.approx(0.05)
    assert rules.order_share(500_000.0, closed_in_block=75_000.0) == pytest.approx(0.05)
    assert rules.order_share(500_000.0, closed_in_block=100_000.0) == 0.0


def test_the_share_of_collateral_is_that_of_maintenance() -> None:
    """The chain's case of two longs: 0.004 BTC and 0.1 ETH, -490 USDC, maintenance 10 %."""
    ten = table_of("ETH/USD:USDC", [(0, 1e15, 0.1, 0, 5)], "test")
    btc = position(0.004, mode=MarginMode.CROSS)
    eth = position(0.1, 3_000.0, "ETH", mode=MarginMode.CROSS)
    account = Account(
        wallet=10.0, positions=((btc, 50_000.0), (eth, 3_000.0)), tables=(rate(0.1), ten)
    )
    closing = BOOK.closing(eth, 3_000.0, ten, account)
    (step,) = closing.steps  # TNC 10 < TMMR 50
    assert step.limit_price == pytest.approx((300 - 0.8 * 1.5 * 30) / 0.1)
    assert step.fee == 0.0  # 2,640 is below the bankruptcy price
    # -DNNV - TNC x DMMR / TMMR = 300 - 6 = 294 USDC for 0.1 ETH
    standing = stand(eth, 3_000.0, ten, account)
    assert rules.bankruptcy_price_at(eth, 3_000.0, standing, 30.0) == pytest.approx(2_940.0)


def test_equality_is_safe_and_the_bound_is_strict() -> None:
    # The chain's cases: 5,000 of BTC at 10 %; USDC -4,500 leaves 500 = 500.
    tiers = rate(0.1)
    assert not BOOK.closing(position(0.1, margin=500.0), 50_000.0, tiers).is_liquidatable
    assert BOOK.closing(position(0.1, margin=499.0), 50_000.0, tiers).is_liquidatable


def test_initial_margin_and_the_cap() -> None:
    assert BOOK.initial_margin(position(1.0, margin=1.0), BTC_TIERS).amount == 1_000.0
    assert BOOK.initial_margin(position(1.0, leverage=10.0), BTC_TIERS).amount == 5_000.0
    with pytest.raises(InputError, match="leverage 51 is above the 50"):
        BOOK.initial_margin(position(1.0, leverage=51.0), BTC_TIERS)


def test_open_interest_raises_the_initial_rate_only() -> None:
    assert rules.initial_rate(0.02, 50e6, 50e6, 100e6) == 0.02
    assert rules.initial_rate(0.02, 51e6, 50e6, 100e6) == pytest.approx(0.02 + 0.02 * 0.98)
    assert rules.initial_rate(0.02, 100e6, 50e6, 100e6) == 1.0
    assert rules.initial_rate(0.02, 9e9, 0.0, 0.0) == 0.02


def test_bankruptcy_price_alone_and_in_an_account() -> None:
    assert BOOK.bankruptcy_price(position(2.0, margin=10_000.0)) == pytest.approx(45_000.0)
    cross = position(2.0, mode=MarginMode.CROSS)
    account = Account(wallet=10_000.0, positions=((cross, 1.0),))
    assert BOOK.bankruptcy_price(cross, account) == pytest.approx(45_000.0)
    sol = position(100.0, 150.0, "SOL", mode=MarginMode.CROSS)
    with_loss = Account(wallet=10_000.0, positions=((cross, 1.0), (sol, 100.0)))
    assert BOOK.bankruptcy_price(cross, with_loss) == pytest.approx(47_500.0)
    assert BOOK.bankruptcy_price(cross) is None


@given(side=st.sampled_from(Side), margin=st.floats(100.0, 4e4), more=st.floats(1.0, 1e4))
def test_more_margin_is_taken_later(side: Side, margin: float, more: float) -> None:
    distances = []
    for behind in (margin, margin + more):
        price = BOOK.liquidation_price(position(1.0, side=side, margin=behind), BTC_TIERS).price
        assert price is not None
        distances.append((price - 50_000.0) * (-1 if side is Side.LONG else 1))
    assert distances[1] > distances[0]


def test_nobody_is_ranked() -> None:
    rich, poor = position(1.0, 10_000.0, margin=1e6), position(1.0, 49_999.0, margin=1.0)
    assert BOOK.adl_score(rich, 50_000.0, None) == BOOK.adl_score(poor, 50_000.0, None)


def test_refusals() -> None:
    with pytest.raises(InputError, match="no rules are known for 2023-01-01"):
        rules.rules_at("perp", ns_from_iso("2023-01-01"))
    other = register.catalogue_of("okx").find("BTC-USDT-SWAP")
    assert other is not None
    foreign = Position(instrument=other, side=Side.LONG, qty_raw=1.0, entry_price=1.0, margin=1.0)
    with pytest.raises(InputError, match="not of dYdX v4"):
        BOOK.liquidation_price(foreign, BTC_TIERS)
    cross = position(1.0, mode=MarginMode.CROSS)
    against = position(1.0, mode=MarginMode.CROSS, side=Side.SHORT)
    with pytest.raises(InputError, match="nets"):
        BOOK.liquidation_price(
            cross, BTC_TIERS, Account(wallet=1.0, positions=((cross, 1.0), (against, 1.0)))
        )


def test_the_books_are_margin_rules() -> None:
    books: tuple[MarginRules, ...] = rules.rule_books()
    assert [book.rule_id for book in books] == ["dydx-v4-genesis"]
