"""Opening margin and whose rules are asked."""

import pytest

from airpocket.errors import InputError
from airpocket.leverage.opening import initial_margin_of, refuse_others
from airpocket.leverage.tiers import Tier, TierTable, TierUnit
from airpocket.market.instrument import Kind
from tests.leverage.contracts import contract, held

SWAP = contract("okx", value=0.1)
TABLE = TierTable(
    "BTC/USDT:USDT", TierUnit.CONTRACTS,
    (Tier(0, 10, 0.01, 0, 50), Tier(10, 20, 0.02, 0, 25)), "made up",
)  # fmt: skip


def test_the_cap_is_that_of_the_tier() -> None:
    need = initial_margin_of(held(SWAP, 1, 10.0, 100.0, leverage=50), TABLE, "rules")
    assert (need.amount, need.coin, need.tier) == (2.0, "USDT", 0)
    assert initial_margin_of(held(SWAP, 1, 11.0, 100.0, leverage=25), TABLE, "rules").tier == 1
    for qty, leverage in ((11.0, 26), (10.0, 0.5)):
        with pytest.raises(InputError, match="rules: a leverage of"):
            initial_margin_of(held(SWAP, 1, qty, 100.0, leverage=leverage), TABLE, "rules")


def test_a_size_beyond_the_tiers_is_refused() -> None:
    with pytest.raises(InputError, match="made up"):
        initial_margin_of(held(SWAP, 1, 21.0, 100.0, leverage=2), TABLE, "rules")


def test_positions_of_others_are_refused() -> None:
    one = held(SWAP, 1, 1.0, 100.0, leverage=2)
    refuse_others(one, "okx", Kind.LINEAR, "rules", "page")
    for venue, kind in (("bybit", Kind.LINEAR), ("okx", Kind.INVERSE)):
        with pytest.raises(InputError, match=r"rules: okx BTC.*page"):
            refuse_others(one, venue, kind, "rules", "page")
