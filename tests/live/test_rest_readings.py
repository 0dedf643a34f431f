"""ccxt's figures are checked like a venue's."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.live.rest_readings import read_funding, read_listing, read_tiers
from airpocket.units import HOUR_NS

MARKET: dict[str, Any] = {
    "id": "BTCUSDT", "symbol": "BTC/USDT:USDT", "base": "BTC", "quote": "USDT", "settle": "USDT",
    "type": "swap", "linear": True, "inverse": False, "contractSize": 1.0, "active": True,
    "precision": {"amount": 0.001, "price": 0.1}, "info": {},
}  # fmt: skip


def test_a_market_becomes_an_instrument() -> None:
    (row,) = read_listing("binance", [MARKET]).instruments
    assert (row.raw_symbol, row.symbol, row.kind.value, row.tick, row.lot) == (
        "BTCUSDT", "BTC/USDT:USDT", "linear", 0.1, 0.001,
    )  # fmt: skip
    assert row.valid_from_ns is None
    assert "REST" in row.source


@pytest.mark.parametrize(
    "wrong",
    [{"contractSize": value} for value in (None, 0.0, -1.0, float("nan"), float("inf"), 1e300, "1")]
    + [{"precision": {"amount": value}} for value in (0.0, -0.1, float("nan"), 1e16)]
    + [
        {"linear": False},
        {"inverse": True},
        {"linear": None},
        {"id": 7},
        {"id": ""},
        {"id": "*"},
        {"id": "A\x1b[2J"},
        {"base": "\n"},
        {"symbol": "B*/USDT:USDT"},
        {"settle": None},
    ],
)
def test_a_market_that_cannot_be_is_rejected_alone(wrong: dict[str, Any]) -> None:
    other = MARKET | {"id": "ETHUSDT", "symbol": "ETH/USDT:USDT", "base": "ETH"}
    listing = read_listing("binance", [MARKET | wrong, other])
    assert [row.raw_symbol for row in listing.instruments] == ["ETHUSDT"]
    assert len(listing.rejected) == 1
    assert "\n" not in listing.rejected[0]
    assert "\x1b" not in listing.rejected[0]


def test_bybits_inverse_contract_is_one_dollar_whatever_its_least_order() -> None:
    market = MARKET | {"linear": False, "inverse": True, "contractSize": 10.0}
    assert read_listing("bybit", [market]).instruments[0].contract_value == 1.0
    assert read_listing("binance", [market]).instruments[0].contract_value == 10.0


def test_hyperliquid_is_named_by_its_coin_and_has_no_tick() -> None:
    market = MARKET | {"id": "12", "baseName": "kPEPE", "symbol": "KPEPE/USDC:USDC"}
    (row,) = read_listing("hyperliquid", [market]).instruments
    assert (row.raw_symbol, row.symbol, row.tick) == ("kPEPE", "KPEPE/USDC:USDC", None)


def test_spot_options_and_twins() -> None:
    rows = [MARKET | {"type": "spot"}, MARKET | {"type": "option"}, MARKET, MARKET, 7, None]
    listing = read_listing("binance", rows)
    assert len(listing.instruments) == 1
    assert listing.rejected == ("binance lists 'BTCUSDT' twice",)


def test_a_list_without_end_is_cut() -> None:
    listing = read_listing("binance", (MARKET | {"id": f"S{n}"} for n in range(10**9)))
    assert len(listing.instruments) == 20_000
    assert "more than 20000" in listing.rejected[-1]


@given(
    st.dictionaries(
        st.sampled_from(sorted(MARKET)),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=80),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
            ),
            max_leaves=5,
        ),
    ),
    st.sampled_from(["binance", "bybit", "okx", "hyperliquid"]),
)
def test_whatever_a_market_holds_it_is_read_or_rejected(wrong: dict[str, Any], venue: str) -> None:
    listing = read_listing(venue, [MARKET | {"baseName": "BTC"} | wrong])
    for row in listing.instruments:
        assert 0 < row.contract_value < 1e18
        assert "*" not in row.raw_symbol
        assert row.raw_symbol.isprintable()


def test_funding_of_what_is_listed() -> None:
    rates: list[Any] = [
        {"symbol": "BTC/USDT:USDT", "fundingRate": 0.0001, "fundingTimestamp": 1793548800000,
         "interval": "8h"},
        {"symbol": "ETH/USDT:USDT", "fundingRate": float("nan")},
        {"symbol": "XXX/USDT:USDT", "fundingRate": 0.1},
        {"symbol": "SOL/USDT:USDT", "fundingRate": 50.0},
        {"symbol": "XRP/USDT:USDT", "fundingRate": -0.002, "fundingTimestamp": None, "interval": "?"},
        None,
        7,
    ]  # fmt: skip
    names = {f"{coin}/USDT:USDT": f"{coin}USDT" for coin in ("BTC", "ETH", "SOL", "XRP")}
    said = read_funding("bybit", names, rates, 5)
    assert [(one.raw_symbol, one.rate, one.interval_ns, one.local_ns) for one in said] == [
        ("BTCUSDT", 0.0001, 8 * HOUR_NS, 5), ("XRPUSDT", -0.002, None, 5),
    ]  # fmt: skip
    assert said[0].due_ns == 1793548800000 * 10**6
    assert (said[1].due_ns, said[0].venue_ns) == (None, None)


def test_tiers_in_contracts_or_money() -> None:
    rows = [
        {
            "minNotional": 1000.0,
            "maxNotional": None,
            "maintenanceMarginRate": 0.01,
            "maxLeverage": 20,
        },
        {
            "minNotional": 0.0,
            "maxNotional": 1000.0,
            "maintenanceMarginRate": 0.005,
            "maxLeverage": 50,
        },
    ]
    tiers = read_tiers("okx", rows)
    assert [(one.above, one.upto, one.unit) for one in tiers] == [
        (0.0, 1000.0, "contracts"), (1000.0, None, "contracts"),
    ]  # fmt: skip
    assert read_tiers("bybit", rows)[0].unit == "quote"


@pytest.mark.parametrize(
    "row",
    [{}, {"maintenanceMarginRate": 2.0}, {"maintenanceMarginRate": 0.1, "maxLeverage": -1},
     {"maintenanceMarginRate": 0.1, "minNotional": float("inf")}],
)  # fmt: skip
def test_tiers_that_cannot_be(row: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_tiers("okx", [row])
    whole = {"maintenanceMarginRate": 0.1, "maxNotional": 5.0}
    with pytest.raises(ValueError, match="follow"):
        read_tiers("okx", [whole, whole])
