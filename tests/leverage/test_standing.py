"""Equity against requirement, alone and in an account."""

import pytest

from airpocket.errors import InputError
from airpocket.leverage.position import Account, MarginMode
from airpocket.leverage.standing import behind_of, legs_of, maintenance_at, stand
from airpocket.market.instrument import Kind
from tests.leverage.contracts import contract, flat, held

BTC = contract("okx")
ETH = contract("okx", "ETH/USDT:USDT")
LONG = held(BTC, 1, 2.0, 100.0, mode=MarginMode.CROSS)
OTHER = held(ETH, -1, 3.0, 10.0, mode=MarginMode.CROSS)
ACCOUNT = Account(
    wallet=50.0, positions=((LONG, 1.0), (OTHER, 12.0)),
    tables=(flat(0.02), flat(0.1, symbol="ETH/USDT:USDT")),
)  # fmt: skip


def test_an_isolated_position_stands_alone() -> None:
    one = held(BTC, 1, 2.0, 100.0, margin=20.0)
    standing = stand(one, 95.0, flat(0.02), ACCOUNT)
    assert standing.equity == standing.spare == 10.0
    assert standing.maintenance == pytest.approx(3.8)
    assert standing.ratio == pytest.approx(0.38)
    assert not standing.is_liquidatable
    assert stand(one, 90.0, flat(0.02)).is_bankrupt
    assert stand(one, 90.0, flat(0.02)).ratio == float("inf")


def test_a_cross_position_stands_on_the_account() -> None:
    # The other short has lost 6 and holds 3.6.
    assert behind_of(LONG, ACCOUNT) == pytest.approx(50 - 6 - 3.6)
    standing = stand(LONG, 90.0, flat(0.02), ACCOUNT)
    assert standing.equity == pytest.approx(50 - 20 - 6)
    assert standing.maintenance == pytest.approx(3.6 + 3.6)
    assert standing.spare == pytest.approx(24 - 3.6)


def test_a_fee_in_the_requirement_is_held_for_all() -> None:
    plain, charged = (stand(LONG, 90.0, flat(0.02), ACCOUNT, fee) for fee in (0.0, 0.001))
    assert charged.maintenance - plain.maintenance == pytest.approx(0.001 * (180 + 36))
    held_there, tier = maintenance_at(LONG, 90.0, flat(0.02), 0.001)
    assert held_there == pytest.approx(3.78)
    assert tier == 0


def test_the_other_leg_of_a_hedge_has_the_same_mark() -> None:
    short = held(BTC, -1, 1.0, 110.0, mode=MarginMode.CROSS)
    account = Account(wallet=50.0, positions=((LONG, 1.0), (short, 1.0)))
    assert len(legs_of(LONG, flat(0.02), account)) == 2
    assert stand(LONG, 90.0, flat(0.02), account).equity == pytest.approx(50 - 20 + 20)
    assert behind_of(LONG, account) == 50.0


def test_isolated_positions_of_an_account_share_nothing() -> None:
    isolated = held(ETH, 1, 1.0, 10.0, margin=5.0)
    account = Account(wallet=50.0, positions=((isolated, 1.0),))
    assert behind_of(LONG, account) == 50.0


def test_what_cannot_share_is_refused() -> None:
    second = held(BTC, 1, 1.0, 90.0, mode=MarginMode.CROSS)
    with pytest.raises(InputError, match="another long of it"):
        legs_of(LONG, flat(0.02), Account(wallet=1.0, positions=((second, 1.0),)))
    coin = held(contract("okx", "ETH/USD:ETH", Kind.INVERSE), 1, 1.0, 1.0, mode=MarginMode.CROSS)
    with pytest.raises(InputError, match="share no margin"):
        behind_of(LONG, Account(wallet=1.0, positions=((coin, 1.0),)))
    with pytest.raises(InputError, match="needs the account"):
        behind_of(LONG)
    with pytest.raises(InputError, match="no tiers of ETH"):
        behind_of(LONG, Account(wallet=1.0, positions=((OTHER, 1.0),)))
