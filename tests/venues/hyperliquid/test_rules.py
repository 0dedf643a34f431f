"""Hyperliquid's margin rules: its vectors, its laws, its real positions."""

import csv
import gzip
import json
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.leverage.margin import MarginRules, Taker
from airpocket.leverage.position import Account, MarginMode, Position
from airpocket.leverage.tiers import TierTable, TierTables, deductions
from airpocket.market.events import Side
from airpocket.market.instrument import Instrument, Kind
from airpocket.units import ns_from_iso
from airpocket.venues.hyperliquid import rules
from airpocket.venues.hyperliquid.funding import ImpactPrices, funding_rate, premium

TOML: Final = Path(rules.__file__).with_name("venue.toml")
PERP: Final = rules.rules_at("perp")
BTC_TIERS: Final = rules.tier_table("BTC/USDC:USDC", [0, 150e6], [40, 20], "margin-tiers")


def instrument(coin: str = "BTC") -> Instrument:
    return Instrument(
        venue="hyperliquid", raw_symbol=coin, symbol=f"{coin.replace(':', '-').upper()}/USDC:USDC",
        kind=Kind.LINEAR, base=coin, quote="USDC", settle="USDC",
    )  # fmt: skip


def long(qty: float = 1.0, entry: float = 100_000.0, **more: Any) -> Position:
    coin = more.pop("coin", "BTC")
    side = more.pop("side", Side.LONG)
    if more.get("mode") is not MarginMode.CROSS and "leverage" not in more:
        more.setdefault("margin", qty * entry / 10)
    return Position(instrument=instrument(coin), side=side, qty_raw=qty, entry_price=entry, **more)


def short(qty: float = 1.0, entry: float = 100_000.0, **more: Any) -> Position:
    return long(qty, entry, side=Side.SHORT, **more)


def single(coin: str, leverage: float) -> TierTable:
    return rules.tier_table(instrument(coin).symbol, [0], [leverage], "one tier")


def price_of_margin(inputs: dict[str, Any], coin: str = "BTC") -> float | None:
    side = Side.LONG if inputs["side"] > 0 else Side.SHORT
    position = long(
        inputs["size"], inputs["entry"], margin=inputs["collateral"], side=side, coin=coin
    )
    book = rules.rules_at("hip3-isolated") if ":" in coin else PERP
    return book.liquidation_price(position, single(coin, inputs["max_lev"])).price


def answer(vector: dict[str, Any]) -> Any:  # noqa: PLR0911 - one line a kind
    """What the rules say of a vector, by its kind."""
    inputs, kind = vector["inputs"], vector["formula"]
    if kind == "hl_liq_margin":
        coin = vector["note"].removeprefix("symbol ").replace("XYZ-", "xyz:")
        return price_of_margin(inputs, coin)
    if kind == "hl_liq_rawusd":
        table = single("ETH", inputs["max_lev"])
        return rules.price_from_raw(inputs["szi"], inputs["raw_usd"], table)
    if vector["kind"] == "tier_deductions":
        table = rules.tier_table("X", inputs["floors"], inputs["max_lev"], "vector")
        return [tier.deduction for tier in table.tiers]
    if vector["kind"] == "maintenance_margin":
        position = long(inputs["notional"] / 100_000.0)
        return PERP.maintenance_margin(position, 100_000.0, BTC_TIERS).amount
    if vector["kind"] == "funding_rate":
        value = premium(ImpactPrices(**inputs))
        rate = funding_rate(value)
        return {"premium": value, "rate_8h": rate.rate_8h, "hourly": rate.hourly}
    if vector["kind"] == "partial_liquidation":
        return [value * rules.order_share(value, since) for value, since in inputs["cases"]]
    if vector["kind"] == "backstop_trigger":
        kept = inputs["maintenance"]
        return [rules.stage_of(equity, kept).value for equity in inputs["equity"]]
    assert vector["kind"] == "adl_rank", vector["kind"]
    return rules.adl_index(
        inputs["mark"], inputs["entry"], inputs["notional"], inputs["account_value"]
    )


def approved(given: Any, vector: dict[str, Any]) -> Any:
    limit = vector["tolerance"]
    if limit.get("exact"):
        return vector["expected"]
    return pytest.approx(vector["expected"], rel=limit.get("rel", 0.0), abs=limit.get("abs", 0.0))


def test_every_vector_within_its_tolerance(data_dir: Path) -> None:
    vectors = json.loads((data_dir / "venue_vectors.json").read_text(encoding="utf-8"))
    ours = [vector for vector in vectors if vector["venue"] == "hyperliquid"]
    assert len(ours) == 23
    for vector in ours:
        found = answer(vector)
        assert found == approved(found, vector), vector["id"]


@pytest.mark.parametrize(
    ("size", "raw_usd", "leverage", "price", "within"),
    [
        (0.2259, -475.23904, 50, 2125.00856238, 1e-5),  # captured, ccxt 4.5.90
        (0.0335, -95.059824, 50, 2866.26936529, 2e-5),  # docs example
    ],
)
def test_price_of_raw_dollars(
    size: float, raw_usd: float, leverage: float, price: float, within: float
) -> None:
    assert rules.price_from_raw(size, raw_usd, single("ETH", leverage)) == pytest.approx(
        price, abs=within
    )


@pytest.mark.parametrize(
    ("inputs", "coin", "price"),
    [
        ({"entry": 68139, "size": 0.00145, "collateral": 19.72573, "max_lev": 50, "side": -1}, "BTC", 80933.61590987),
        ({"entry": 2459.5, "size": 0.0199, "collateral": 24.454895, "max_lev": 50, "side": 1}, "ETH", 1243.0411908),
        ({"entry": 250, "size": 0.5, "collateral": 25, "max_lev": 10, "side": 1}, "xyz:AAPL", 210.5263157894737),
        ({"entry": 190, "size": 0.5, "collateral": 9.5, "max_lev": 10, "side": -1}, "xyz:GOOGL", 199.04761904761904),
    ],
)  # fmt: skip
def test_prices_captured_from_the_venue(inputs: dict[str, Any], coin: str, price: float) -> None:
    assert price_of_margin(inputs, coin) == pytest.approx(price, rel=1.1e-4)


def test_shipped_tiers_are_those_of_the_page() -> None:
    tables = TierTables.load(TOML)
    for coin, bound, first, second in [
        ("BTC", 150e6, 40, 20), ("ETH", 100e6, 25, 15), ("SOL", 70e6, 20, 10),
        ("XRP", 40e6, 20, 10), ("HYPE", 20e6, 10, 5), ("XPL", 3e6, 10, 5),
    ]:  # fmt: skip
        table = tables.find(f"{coin}/USDC:USDC")
        made = rules.tier_table(table.symbol, [0, bound], [first, second], "")
        for tier, other in zip(table.tiers, made.tiers, strict=True):
            assert tier.above == other.above
            assert tier.up_to == other.up_to
            assert tier.leverage_most == other.leverage_most
            assert tier.rate == pytest.approx(other.rate, rel=1e-12)
            assert tier.deduction == pytest.approx(other.deduction, rel=1e-9)
    assert len(list(tables)) == 36


def test_shipped_tiers_are_continuous() -> None:
    for table in TierTables.load(TOML):
        rates = [tier.rate for tier in table.tiers]
        expected = deductions([tier.above for tier in table.tiers], rates)
        assert [tier.deduction for tier in table.tiers] == pytest.approx(expected, rel=1e-9)
        assert rates == pytest.approx([1 / (2 * tier.leverage_most) for tier in table.tiers])


def test_a_coin_without_tiers_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="MORPHO/USDC:USDC"):
        TierTables.load(TOML).find("MORPHO/USDC:USDC")


def test_margin_table_of_the_data_agrees(data_dir: Path) -> None:
    given_tiers = json.loads((data_dir / "venue_tiers.json").read_text(encoding="utf-8"))
    tables = TierTables.load(TOML)
    for coin, rows in given_tiers["hyperliquid"]["tiers"].items():
        shipped = tables.find(f"{coin}/USDC:USDC")
        assert [(t.above, t.leverage_most) for t in shipped.tiers] == [(r[0], r[2]) for r in rows]


def test_real_isolated_positions_are_taken_where_the_venue_says(data_dir: Path) -> None:
    """Those of coins with shipped tiers: margin and profit in, liquidation price out."""
    tables = {table.symbol: table for table in TierTables.load(TOML)}
    path = next((data_dir / "hl_positions").glob("*.csv.gz"))
    checked, off = 0, []
    with gzip.open(path, "rt") as file:
        for row in csv.DictReader(file):
            table = tables.get(f"{row['coin'].upper()}/USDC:USDC")
            if table is None or row["leverage_type"] != "isolated" or not row["liquidation_price"]:
                continue
            size, gained = float(row["size"]), float(row["unrealized_pnl"])
            side = Side.LONG if row["direction"] == "LONG" else Side.SHORT
            # The file rounds entries to four digits; value and profit give them whole.
            paid = float(row["position_value"]) - gained * (1 if side is Side.LONG else -1)
            position = long(
                size, paid / size, margin=float(row["margin_used"]) - gained, side=side,
                coin=row["coin"],
            )  # fmt: skip
            price = PERP.liquidation_price(position, table).price
            checked += 1
            if price != pytest.approx(float(row["liquidation_price"]), rel=1e-5):
                off.append((row["coin"], price, row["liquidation_price"]))
    assert checked == 2_337
    assert off == []


sizes = st.floats(1e-3, 5e3)
sides = st.sampled_from([Side.LONG, Side.SHORT])


@given(qty=sizes, entry=st.floats(1.0, 2e5), leverage=st.integers(2, 40), side=sides)
def test_at_the_liquidation_price_equity_is_maintenance(
    qty: float, entry: float, leverage: int, side: Side
) -> None:
    position = long(qty, entry, margin=qty * entry / leverage, side=side)
    price = PERP.liquidation_price(position, BTC_TIERS).price
    assume(price is not None)
    assert price is not None
    equity = qty * entry / leverage + position.sign * qty * (price - entry)
    kept = PERP.maintenance_margin(position, price, BTC_TIERS).amount
    assert equity == pytest.approx(kept, abs=qty * entry * 1e-9)
    tick = price * 1e-5  # five significant figures
    assert PERP.closing(position, price - position.sign * tick, BTC_TIERS).is_liquidatable
    assert not PERP.closing(position, price + position.sign * tick, BTC_TIERS).is_liquidatable


@given(
    wallet=st.floats(1e3, 1e8), qty=st.floats(0.01, 3e3), other=st.floats(0.01, 1e5),
    mark=st.floats(1_000.0, 5_000.0), side=sides, other_side=sides,
)  # fmt: skip
def test_cross_equity_is_maintenance_of_all_at_the_price(
    wallet: float, qty: float, other: float, mark: float, side: Side, other_side: Side
) -> None:
    eth_tiers = rules.tier_table("ETH/USDC:USDC", [0, 100e6], [25, 15], "margin-tiers")
    position = long(qty, 100_000.0, mode=MarginMode.CROSS, side=side)
    second = long(other, 3_000.0, mode=MarginMode.CROSS, side=other_side, coin="ETH")
    account = Account(
        wallet=wallet, positions=((position, 1.0), (second, mark)), tables=(BTC_TIERS, eth_tiers)
    )
    price = PERP.liquidation_price(position, BTC_TIERS, account).price
    assume(price is not None)
    assert price is not None
    equity = (
        wallet + position.sign * qty * (price - 100_000.0) + second.sign * other * (mark - 3_000.0)
    )
    kept = (
        PERP.maintenance_margin(position, price, BTC_TIERS).amount
        + PERP.maintenance_margin(second, mark, eth_tiers).amount
    )
    assert equity == pytest.approx(kept, abs=max(wallet, qty * 1e5, other * 5e3) * 1e-9)


@given(qty=st.floats(0.01, 5e3), side=sides, low=st.integers(2, 39))
def test_raw_dollars_say_the_same_as_margin_and_entry(qty: float, side: Side, low: int) -> None:
    position = long(qty, 1e5, margin=qty * 1e5 / low, side=side)
    raw = qty * 1e5 / low - position.sign * qty * 1e5
    price = PERP.liquidation_price(position, BTC_TIERS).price
    found = rules.price_from_raw(position.sign * qty, raw, BTC_TIERS)
    assert found == (None if price is None else pytest.approx(price, rel=1e-9))


@given(qty=st.floats(0.01, 5e3), side=sides, low=st.integers(2, 39))
def test_more_leverage_and_less_margin_are_taken_sooner(qty: float, side: Side, low: int) -> None:
    prices = [
        PERP.liquidation_price(
            long(qty, 1e5, margin=qty * 1e5 / leverage, side=side), BTC_TIERS
        ).price
        for leverage in (low, low + 1)
    ]
    distances = [1e5 if price is None else abs(price - 1e5) for price in prices]
    assert distances[1] <= distances[0]


def test_maintenance_is_continuous_at_the_edge_and_steeper_beyond() -> None:
    edge = long(1_500.0)
    at = PERP.maintenance_margin(edge, 100_000.0, BTC_TIERS)
    beyond = PERP.maintenance_margin(edge, 100_000.01, BTC_TIERS)
    assert (at.amount, at.tier, beyond.tier) == (1_875_000.0, 0, 1)
    assert beyond.amount - at.amount == pytest.approx(1_500 * 0.01 * 0.025)


def test_the_tier_is_that_of_the_value_at_the_liquidation_price() -> None:
    position = long(2_000.0, 80_000.0, margin=30e6)  # 160 million at entry, below 150 when taken
    found = PERP.liquidation_price(position, BTC_TIERS)
    assert found.tier == 0
    assert found.price == pytest.approx((160e6 - 30e6) / 2_000 / (1 - 0.0125))
    held = short(1_800.0, 80_000.0, margin=30e6)  # 144 million at entry, above 150 when taken
    assert PERP.liquidation_price(held, BTC_TIERS).tier == 1


def test_initial_margin_and_the_cap() -> None:
    found = PERP.initial_margin(long(1.0, leverage=25.0), BTC_TIERS)
    assert (found.amount, found.coin, found.tier) == (4_000.0, "USDC", 0)
    with pytest.raises(InputError, match=r"leverage 41 is not a whole number from 1 to 40"):
        PERP.initial_margin(long(1.0, leverage=41.0), BTC_TIERS)
    with pytest.raises(InputError, match="1 to 20"):
        PERP.initial_margin(long(2_000.0, leverage=25.0), BTC_TIERS)
    with pytest.raises(InputError, match="whole number"):
        PERP.initial_margin(long(1.0, leverage=2.5), BTC_TIERS)
    with pytest.raises(InputError, match="needs the leverage"):
        PERP.initial_margin(long(1.0), BTC_TIERS)


def test_the_procedure_step_by_step() -> None:
    # 10 coins at 100,000 with 10 %: maintenance at a mark of 91,000 is 11,375, equity 10,000.
    position = long(10.0)
    first = PERP.closing(position, 91_000.0, BTC_TIERS)
    assert [(step.taker, step.share, step.price) for step in first.steps] == [
        (Taker.BOOK, 0.2, None),
        (Taker.BOOK, 1.0, None),
    ]
    assert [step.fee for step in first.steps] == [0.0, 0.0]
    again = PERP.closing(position, 91_000.0, BTC_TIERS, since_partial_s=10.0)
    assert [step.share for step in again.steps] == [1.0]
    later = PERP.closing(position, 91_000.0, BTC_TIERS, since_partial_s=30.0)
    assert [step.share for step in later.steps] == [0.2, 1.0]
    small = PERP.closing(long(1.0, margin=10_000.0), 91_000.0, BTC_TIERS)
    assert [step.share for step in small.steps] == [1.0]
    taken = PERP.closing(position, 90_700.0, BTC_TIERS)  # 7,000 of 11,337.5: below two thirds
    (step,) = taken.steps
    assert (step.taker, step.share) == (Taker.FUND, 1.0)
    assert step.price == pytest.approx(90_000.0)  # where nothing is left
    assert taken.is_liquidatable
    assert not taken.is_bankrupt
    broke = PERP.closing(position, 89_000.0, BTC_TIERS)
    (step,) = broke.steps
    assert (step.taker, step.price) == (Taker.COUNTERPARTY, 89_000.0)
    assert broke.is_bankrupt
    assert PERP.closing(position, 92_000.0, BTC_TIERS).steps == ()


def test_the_edges_of_the_stages_are_strict() -> None:
    assert rules.stage_of(1_500.0, 1_500.0) is rules.Stage.NONE
    assert rules.stage_of(1_000.0, 1_500.0) is rules.Stage.BOOK
    assert rules.stage_of(0.0, 1_500.0) is rules.Stage.BACKSTOP
    assert rules.stage_of(-0.01, 1_500.0) is rules.Stage.ADL
    assert rules.stage_of(1.0, 1_500.0, has_backstop=False) is rules.Stage.BOOK
    assert rules.order_share(100_000.0) == 1.0
    assert rules.order_share(100_000.01) == 0.2


def test_a_cross_account_is_taken_whole() -> None:
    eth_tiers = rules.tier_table("ETH/USDC:USDC", [0, 100e6], [25, 15], "margin-tiers")
    position = long(10.0, mode=MarginMode.CROSS)
    second = long(1.0, 3_000.0, mode=MarginMode.CROSS, coin="ETH")
    account = Account(
        wallet=100_000.0, positions=((position, 1.0), (second, 3_000.0)),
        tables=(BTC_TIERS, eth_tiers),
    )  # fmt: skip
    (step,) = PERP.closing(position, 90_500.0, BTC_TIERS, account).steps
    assert (step.taker, step.price) == (Taker.FUND, None)
    assert PERP.bankruptcy_price(position, account) == pytest.approx(90_000.0)
    fallen = Account(wallet=100_000.0, positions=((position, 1.0), (second, 2_000.0)))
    assert PERP.bankruptcy_price(position, fallen) == pytest.approx(90_100.0)
    assert PERP.bankruptcy_price(position) is None
    with pytest.raises(InputError, match="needs the account"):
        PERP.liquidation_price(position, BTC_TIERS)
    both = Account(
        wallet=1e5, positions=((position, 1e5), (short(1.0, mode=MarginMode.CROSS), 1e5))
    )
    with pytest.raises(InputError, match="nets them"):
        PERP.liquidation_price(position, BTC_TIERS, both)


def test_markets_of_builders_have_a_backstop_only_since_and_with_cross_margin() -> None:
    before = rules.rules_at("hip3", ns_from_iso("2026-08-21"))
    since = rules.rules_at("hip3", ns_from_iso("2026-08-22"))
    alone = rules.rules_at("hip3-isolated")
    table = single("xyz:TSLA", 10)
    position = long(1.0, 350.0, margin=50.0, coin="xyz:TSLA")
    taker = [book.closing(position, 305.0, table).steps[0].taker for book in (before, since, alone)]
    assert taker == [Taker.BOOK, Taker.FUND, Taker.BOOK]
    with pytest.raises(InputError, match="no cross margin"):
        alone.liquidation_price(
            long(1.0, 350.0, coin="xyz:TSLA", mode=MarginMode.CROSS), table, Account(wallet=1.0)
        )
    with pytest.raises(InputError, match="not of this product"):
        PERP.bankruptcy_price(position)
    with pytest.raises(InputError, match="'spot' has no margin rules"):
        rules.rules_at("spot")


def test_deleveraging_takes_winners_by_gain_and_leverage_on_both_sides() -> None:
    winner, more = short(10.0), short(10.0, 110_000.0)
    assert PERP.adl_score(more, 90_000.0, None) > 0
    rich, poor = short(10.0, margin=500_000.0), short(10.0, margin=50_000.0)
    assert PERP.adl_score(poor, 90_000.0, None) > PERP.adl_score(rich, 90_000.0, None)
    assert PERP.adl_score(winner, 80_000.0, None) > 0
    assert PERP.adl_score(long(10.0), 95_000.0, None) == 0.0  # solvent, but it lost
    up = PERP.adl_score(long(1.0, margin=1e5), 110_000.0, None)
    assert up == pytest.approx(rules.adl_index(110_000.0, 100_000.0, 110_000.0, 110_000.0))
    cross = long(1.0, mode=MarginMode.CROSS)
    account = Account(wallet=1e5, positions=((cross, 1.0),))
    assert PERP.adl_score(cross, 110_000.0, account) == pytest.approx(up)
    with pytest.raises(InputError, match="needs its account"):
        PERP.adl_score(cross, 110_000.0, None)


@given(gain=st.floats(1.0, 4e4), extra=st.floats(1.0, 1e4), margin=st.floats(1e4, 1e6))
def test_of_two_shorts_alike_the_one_that_won_more_comes_first(
    gain: float, extra: float, margin: float
) -> None:
    """At the same value at the mark and the same equity; so the printed factor is turned round."""
    mark = 50_000.0
    near, far = (short(1.0, mark + won, margin=margin - won) for won in (gain, gain + extra))
    assert PERP.adl_score(far, mark, None) > PERP.adl_score(near, mark, None)


def test_the_books_are_margin_rules() -> None:
    books: tuple[MarginRules, ...] = rules.rule_books()
    assert len({book.rule_id for book in books}) == len(books)
    assert all("2026" in book.source for book in books)
