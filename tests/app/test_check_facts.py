"""Facts of one position are those of the venue's rules, with their units in the names."""

from dataclasses import replace
from typing import Any

import pytest

from airpocket.app.check_command import Asked
from airpocket.app.check_facts import Facts, facts_json, facts_of
from airpocket.app.check_words import market_of
from airpocket.errors import InputError
from airpocket.leverage.margin import Taker

LONG = Asked(
    venue="binance", symbol="BTC", side="long", size=1.5, entry=100_000.0, leverage=20.0,
)  # fmt: skip


def facts(asked: Asked, **more: Any) -> Facts:
    return facts_of(asked, market_of(asked), **more)


def test_a_long_of_the_first_tier() -> None:
    """(100,000 - 5,000) / (1 - 0.004), of 1.5 BTC with a twentieth behind it."""
    found = facts(LONG)
    assert found.liquidation.price == pytest.approx(95_000 / 0.996)
    assert found.bankruptcy_price == pytest.approx(95_000.0)
    assert found.initial is not None
    assert (found.initial.amount, found.maintenance.amount) == (7_500.0, 600.0)
    assert (found.tier, found.is_liquidatable) == (0, False)
    assert found.distance == pytest.approx(1 - 0.95 / 0.996)
    assert found.distance_ticks == pytest.approx((100_000 - 95_000 / 0.996) / 0.1)
    assert (found.distance_sigmas, found.funding, found.survival) == (None, None, None)
    assert found.closing is not None
    assert [step.taker for step in found.closing.steps] == [
        Taker.BOOK, Taker.FUND, Taker.COUNTERPARTY,
    ]  # fmt: skip


def test_sigmas_and_funding_follow_from_what_is_given() -> None:
    asked = replace(LONG, daily_volatility="2%", funding_rate="0.01%")
    found = facts(asked)
    assert found.distance is not None
    assert found.distance_sigmas == pytest.approx(found.distance / 0.02)
    assert found.funding is not None
    assert found.funding.interval_h == 8.0
    assert found.funding.cost == pytest.approx(15.0)
    short = facts(replace(asked, side="short"))
    assert short.funding is not None
    assert short.funding.cost == pytest.approx(-15.0)
    hourly = facts(replace(asked, funding_hours=4.0))
    assert hourly.funding is not None
    assert hourly.funding.interval_h == 4.0
    assert not any("funding" in said for said in hourly.assumed)


def test_hyperliquid_pays_by_the_hour() -> None:
    found = facts(replace(LONG, venue="hyperliquid", funding_rate="-0.001%"))
    assert found.funding is not None
    assert found.funding.interval_h == 1.0
    assert found.funding.cost == pytest.approx(-1.5)


def test_the_entry_may_be_the_mark_and_says_so() -> None:
    found = facts(replace(LONG, entry=None, mark=90_000.0))
    assert (found.position.entry_price, found.mark_price) == (90_000.0, 90_000.0)
    assert "no --entry: the mark is taken for it" in found.assumed
    seen = facts(replace(LONG, entry=None), seen_mark=91_000.0)
    assert seen.mark_price == seen.position.entry_price == 91_000.0
    assert any("91,000, the mark of the ladder" in said for said in seen.assumed)
    own = facts(replace(LONG, mark=99_000.0), seen_mark=91_000.0)
    assert own.mark_price == 99_000.0


def test_a_mark_beyond_the_liquidation_price_is_said() -> None:
    found = facts(replace(LONG, mark=95_000.0))
    assert found.is_liquidatable
    assert found.distance is not None
    assert found.distance < 0


def test_cross_is_held_by_the_wallet() -> None:
    asked = replace(LONG, margin_mode="cross", wallet=30_000.0, leverage=None)
    found = facts(asked)
    assert found.liquidation.price == pytest.approx((150_000 - 30_000) / 1.5 / 0.996)
    assert found.bankruptcy_price == pytest.approx(80_000.0)
    assert (found.margin, found.initial) == (None, None)
    assert "the wallet holds no other cross position" in found.assumed


def test_a_margin_may_be_given_instead_of_a_leverage() -> None:
    found = facts(replace(LONG, leverage=None, margin=15_000.0))
    assert found.bankruptcy_price == pytest.approx(90_000.0)
    assert found.initial is None


def test_contracts_are_of_the_venue_s_own_unit() -> None:
    found = facts(replace(LONG, venue="okx", symbol="ETH", size=None, contracts=100.0))
    assert found.size_base == pytest.approx(10.0)  # 0.1 ETH each
    assert found.position.qty_raw == 100.0


def test_surviving_is_of_the_mark_and_truly_holds() -> None:
    found = facts(replace(LONG, mark=110_000.0, survive="-8%"))
    assert found.survival is not None
    assert found.survival.price == pytest.approx(101_200.0)
    assert found.survival.holds
    again = facts(replace(LONG, survive="-8%"))
    assert again.survival is not None
    most = again.survival.leverage_most
    assert most == 11.95
    held = facts(replace(LONG, leverage=most)).liquidation.price
    over = facts(replace(LONG, leverage=most + 0.01)).liquidation.price
    assert held is not None
    assert over is not None
    assert held < 92_000.0 <= over


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"size": -1.0}, "--size is -1"),
        ({"size": 0.0}, "--size is 0"),
        ({"size": float("nan")}, "--size is nan"),
        ({"size": None}, "--size, in coins, or --contracts"),
        ({"contracts": 3.0}, "either --size"),
        ({"entry": 0.0}, "--entry is 0"),
        ({"entry": float("inf")}, "--entry is inf"),
        ({"entry": None}, "--entry is missing"),
        ({"mark": -5.0}, "--mark is -5"),
        ({"leverage": None}, "--leverage is missing"),
        ({"leverage": 0.0}, "--leverage is 0"),
        ({"leverage": 151.0}, "from 1 to 150 is allowed in tier 1"),
        ({"side": None}, "--side is missing"),
        ({"margin": float("nan")}, "--margin is nan"),
        ({"wallet": 5.0}, "--wallet is of a cross position"),
        ({"margin_mode": "cross"}, "--wallet is missing"),
        ({"margin_mode": "cross", "wallet": 1e4, "margin": 5.0}, "--margin is of an isolated"),
        ({"margin_mode": "both"}, "--margin-mode is"),
        ({"survive": "8%"}, "a fall, such as -8%"),
        ({"daily_volatility": "-2%"}, "--daily-volatility"),
        ({"daily_volatility": "0"}, "--daily-volatility"),
        ({"funding_rate": "much"}, "--funding-rate"),
        ({"funding_hours": 4.0}, "give --funding-rate with it"),
        ({"funding_rate": "0.01%", "funding_hours": 0.0}, "--funding-hours is 0"),
        ({"size": 1e6}, "is not within 0 to"),
        ({"venue": "hyperliquid", "leverage": 2.5}, "not a whole number"),
    ],
)
def test_what_cannot_be_said_is_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        facts(replace(LONG, **changed))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_json_names_units_and_counts_tiers_from_one() -> None:
    told = facts_json(facts(replace(LONG, size=5.0, survive="-8%", daily_volatility="2%")))
    assert told["type"] == "check"
    assert (told["tier"], told["tiers"], told["tier_above"], told["tier_up_to"]) == (
        2, 12, 300_000.0, 800_000.0,
    )  # fmt: skip
    assert (told["rule"], told["rule_date"]) == ("binance-usdm-2025-09", "2025-09-18")
    assert (told["tier_date"], told["margin_coin"]) == ("2026-09-01", "USDT")
    assert told["distance_bps"] == pytest.approx(told["distance"] * 1e4)
    assert told["maintenance_margin"] == pytest.approx(500_000 * 0.005 - 300)
    assert told["survive_move"] == -0.08
    assert told["survive_holds"] is False
    assert {
        "liquidation_price", "bankruptcy_price", "initial_margin", "distance_ticks",
        "distance_daily_sigmas", "funding_cost", "survive_leverage_most", "survive_margin_least",
    } <= told.keys()  # fmt: skip
    # Facts only: nothing that tells what to do.
    banned = {"stop", "target", "advice", "recommend", "signal", "take_profit"}
    assert not any(word in key for key in told for word in banned)
