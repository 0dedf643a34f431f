import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from airpocket.cascade.partial import (
    FULL,
    Partial,
    closed_in_parts,
    levels_of_parts,
    prices_under,
)
from airpocket.errors import InputError
from airpocket.leverage.position import Position
from airpocket.leverage.tiers import Tier, TierTable, TierUnit, deductions
from airpocket.market.events import Side
from airpocket.market.instrument import Instrument, Kind
from airpocket.venues.bybit.rules import rules_at as bybit_rules
from airpocket.venues.hyperliquid.rules import PARTIAL_ABOVE_USDC, PARTIAL_SHARE
from airpocket.venues.hyperliquid.rules import rules_at as hyperliquid_rules
from airpocket.venues.okx.rules import rules_at as okx_rules

HYPERLIQUID = Partial(share=PARTIAL_SHARE, above_usd=PARTIAL_ABOVE_USDC)


def _instrument(venue: str, kind: Kind = Kind.LINEAR) -> Instrument:
    settle = "BTC" if kind is Kind.INVERSE else "USDT"
    quote = "USD" if kind is Kind.INVERSE else "USDT"
    return Instrument(
        venue=venue, raw_symbol="BTC", symbol=f"BTC/{quote}:{settle}", kind=kind,
        base="BTC", quote=quote, settle=settle, contract_value=1.0,
    )  # fmt: skip


def _tiers(instrument: Instrument, scale: float = 1.0) -> TierTable:
    floors, rates = [0.0, 3e5 * scale, 2e6 * scale, 1e7 * scale], [0.005, 0.01, 0.025, 0.05]
    cuts = deductions(floors, rates)
    highs = [*floors[1:], 1e12]
    rows = zip(floors, highs, rates, cuts, [100, 50, 20, 10], strict=True)
    return TierTable(instrument.symbol, TierUnit.NOTIONAL, tuple(Tier(*row) for row in rows), "-")


def _price(position: Position, rules: object, tiers: TierTable) -> float | None:
    found = rules.liquidation_price(position, tiers)  # type: ignore[attr-defined]
    assert found.price is None or isinstance(found.price, float)
    return found.price


_SIDES = st.sampled_from([Side.LONG, Side.SHORT])
_QTY = st.floats(0.01, 500)
_LEVERAGE = st.floats(1.5, 9)


@given(_SIDES, _QTY, _LEVERAGE)
@settings(deadline=None, max_examples=60)
def test_hyperliquid_a_fifth_then_the_rest_where_its_own_rules_take_it(
    side: Side, qty: float, leverage: float
) -> None:
    instrument, rules = _instrument("hyperliquid"), hyperliquid_rules("perp")
    tiers = _tiers(instrument)
    held = Position(
        instrument=instrument, side=side, qty_raw=qty, entry_price=60_000.0, leverage=leverage
    )
    first = _price(held, rules, tiers)
    assume(first is not None)
    assert first is not None
    long = np.array([side is Side.LONG])
    parts = closed_in_parts(
        instrument, tiers, long, np.array([qty]), np.array([first]), HYPERLIQUID
    )
    lost = held.sign * 1e-9 * first
    steps = rules.closing(held, first - lost, tiers).steps
    assert parts.qty_raw[0] / qty == pytest.approx(steps[0].share)
    assert parts.price[0] == first
    assert parts.bankruptcy_price[0] == pytest.approx(rules.bankruptcy_price(held), rel=1e-9)
    if len(steps) == 1:
        assert parts.step.tolist() == [0]
        return
    # The rest is the same position, smaller, entered where the first order was filled.
    margin = rules.maintenance_margin(held, first, tiers).amount
    rest = Position(
        instrument=instrument, side=side, qty_raw=qty * 0.8, entry_price=first, margin=margin
    )
    expected = _price(rest, rules, tiers)
    assert expected is not None
    assert parts.price[1] == pytest.approx(expected, rel=1e-12)
    assert parts.qty_raw.sum() == pytest.approx(qty)
    assert parts.bankruptcy_price[1] == pytest.approx(rules.bankruptcy_price(rest), rel=1e-9)
    assert (first - parts.price[1]) * held.sign > 0


@given(_SIDES, st.floats(1, 500), _LEVERAGE)
@settings(deadline=None, max_examples=40)
def test_tier_by_tier_the_first_cut_is_that_of_bybits_rules(
    side: Side, qty: float, leverage: float
) -> None:
    instrument, rules = _instrument("bybit"), bybit_rules("linear")
    tiers = _tiers(instrument)
    held = Position(
        instrument=instrument, side=side, qty_raw=qty, entry_price=60_000.0, leverage=leverage
    )
    first = _price(held, rules, tiers)
    assume(first is not None)
    assert first is not None
    step = rules.closing(held, first * (1 - held.sign * 1e-9), tiers).steps[0]
    parts = closed_in_parts(
        instrument, tiers, np.array([side is Side.LONG]), np.array([qty]), np.array([first]),
        Partial(tiers_down=1),
    )  # fmt: skip
    assert parts.qty_raw[0] / qty == pytest.approx(step.share, rel=1e-6)
    assert parts.qty_raw.sum() == pytest.approx(qty)
    assert parts.step.size <= len(tiers.tiers)
    away = (parts.price[:-1] - parts.price[1:]) * held.sign
    assert (away >= 0).all()


def test_two_tiers_by_contracts_as_okx_cuts() -> None:
    instrument = _instrument("okx")
    rows = tuple(Tier(k * 10.0, (k + 1) * 10.0, 0.004 * (k + 1), 0.0, 50) for k in range(5))
    tiers = TierTable(instrument.symbol, TierUnit.CONTRACTS, rows, "made up")
    rules = okx_rules("linear")
    for contracts in (5.0, 25.0, 45.0):
        parts = closed_in_parts(
            instrument, tiers, np.array([True]), np.array([contracts]), np.array([60_000.0]),
            Partial(tiers_down=2),
        )  # fmt: skip
        cut = rules.cut(contracts, tiers)
        assert parts.qty_raw[0] == pytest.approx(cut or contracts)
        assert parts.qty_raw.sum() == pytest.approx(contracts)
    assert parts.step.tolist() == [0, 1, 2]  # 45 → 30 → 10 → 0


@given(_SIDES, st.floats(1e4, 5e7))
@settings(deadline=None, max_examples=40)
def test_an_inverse_contract_is_its_dual_linear_one(side: Side, dollars: float) -> None:
    """A long inverse contract is a short linear one along 1 / price."""
    inverse, price = _instrument("bybit", Kind.INVERSE), 50_000.0
    coins = _tiers(inverse, scale=1 / 50_000)
    parts = closed_in_parts(
        inverse, coins, np.array([side is Side.LONG]), np.array([dollars]), np.array([price]),
        Partial(tiers_down=1),
    )  # fmt: skip
    dual = closed_in_parts(
        _instrument("bybit"), coins, np.array([side is Side.SHORT]), np.array([dollars]),
        np.array([1 / price]), Partial(tiers_down=1),
    )  # fmt: skip
    assert parts.qty_raw == pytest.approx(dual.qty_raw)
    assert parts.price == pytest.approx(1 / dual.price)


@given(
    st.lists(st.tuples(st.booleans(), _QTY, st.floats(20_000, 90_000)), min_size=1, max_size=20),
    st.sampled_from([FULL, HYPERLIQUID, Partial(tiers_down=1), Partial(tiers_down=2)]),
    st.floats(0, 0.002),
)
@settings(deadline=None, max_examples=60)
def test_nothing_is_lost_or_closed_twice(
    rows: list[tuple[bool, float, float]], partial: Partial, fee_rate: float
) -> None:
    instrument = _instrument("bybit")
    is_long = np.array([row[0] for row in rows])
    qty = np.array([row[1] for row in rows])
    price = np.array([row[2] for row in rows])
    tiers = _tiers(instrument)
    parts = closed_in_parts(instrument, tiers, is_long, qty, price, partial, fee_rate=fee_rate)
    closed = np.bincount(parts.position, parts.qty_raw, minlength=len(rows))
    # Only a rest that no price above 0 takes stays open, which these margins do not allow.
    assert closed == pytest.approx(qty)
    first = parts.rows(parts.step == 0)
    assert first.price.tolist() == price.tolist()
    longs = levels_of_parts(instrument, parts, is_long, Side.LONG)
    shorts = levels_of_parts(instrument, parts, is_long, Side.SHORT)
    assert longs.qty_base.sum() + shorts.qty_base.sum() == pytest.approx(qty.sum())
    assert longs.count is not None
    assert shorts.count is not None
    assert longs.count.sum() + shorts.count.sum() == parts.step.size
    assert (np.diff(longs.price) <= 0).all()
    assert (np.diff(shorts.price) >= 0).all()


def test_whole_is_one_part_each_and_what_is_never_reached_has_none() -> None:
    instrument = _instrument("bybit")
    price = np.array([50_000.0, np.nan, 70_000.0])
    parts = closed_in_parts(
        instrument, _tiers(instrument), np.array([True, True, False]), np.array([1.0, 2.0, 3.0]),
        price,
    )  # fmt: skip
    assert parts.position.tolist() == [0, 2]
    assert parts.step.tolist() == [0, 0]
    none = closed_in_parts(
        instrument, _tiers(instrument), np.array([True]), np.array([1.0]), np.array([np.nan])
    )
    assert none.position.size == 0
    assert levels_of_parts(instrument, none, np.array([True]), Side.LONG).size == 0


def test_a_fee_brings_the_rest_nearer() -> None:
    instrument = _instrument("hyperliquid")
    given_rows = (np.array([True]), np.array([100.0]), np.array([50_000.0]))
    tiers = _tiers(instrument)
    free = closed_in_parts(instrument, tiers, *given_rows, HYPERLIQUID)
    paid = closed_in_parts(instrument, tiers, *given_rows, HYPERLIQUID, fee_rate=0.005)
    drained = closed_in_parts(instrument, tiers, *given_rows, HYPERLIQUID, fee_rate=0.5)
    assert free.price[1] < paid.price[1] < 50_000
    assert drained.price[1] == 50_000  # its rest does not meet the requirement: at once


@pytest.mark.parametrize(
    ("figures", "named"),
    [
        ({"share": 0.0}, "share"),
        ({"share": 1.5}, "share"),
        ({"share": float("nan")}, "share"),
        ({"above_usd": -1.0}, "above_usd"),
        ({"above_usd": float("nan")}, "above_usd"),
        ({"tiers_down": -1}, "tiers_down"),
        ({"tiers_down": 64}, "tiers_down"),
        ({"tiers_down": 1, "share": 0.5}, "not both"),
    ],
)
def test_a_parameter_out_of_bounds_is_refused(figures: dict[str, float], named: str) -> None:
    with pytest.raises(InputError, match=named):
        Partial(**figures)  # type: ignore[arg-type]


def test_bad_columns_are_refused() -> None:
    instrument = _instrument("bybit")
    tiers, one = _tiers(instrument), np.array([1.0])
    with pytest.raises(InputError, match="differ in length"):
        closed_in_parts(instrument, tiers, np.array([True, False]), one, one)
    with pytest.raises(InputError, match="qty_raw"):
        closed_in_parts(instrument, tiers, np.array([True]), -one, one)
    with pytest.raises(InputError, match="price"):
        closed_in_parts(instrument, tiers, np.array([True]), one, one * 0)
    with pytest.raises(InputError, match="beyond the last tier"):
        closed_in_parts(instrument, tiers, np.array([True]), one * 1e12, one * 1e5)
    quanto = Instrument(
        venue="x", raw_symbol="X", symbol="X", kind=Kind.QUANTO, base="X", quote="Y", settle="Z"
    )
    with pytest.raises(InputError, match="not linear or inverse"):
        closed_in_parts(quanto, tiers, np.array([True]), one, one)


@given(
    st.lists(st.tuples(st.booleans(), _QTY, _LEVERAGE), min_size=1, max_size=15),
    st.floats(0.3, 3.0),
)
@settings(deadline=None, max_examples=40)
def test_prices_under_other_tiers_are_those_of_their_rules(
    rows: list[tuple[bool, float, float]], factor: float
) -> None:
    """From the present price alone, without entry or margin, the other tiers' price follows."""
    instrument, rules = _instrument("hyperliquid"), hyperliquid_rules("perp")
    present = _tiers(instrument)
    other = replace(
        present,
        tiers=tuple(
            replace(tier, rate=tier.rate * factor, deduction=tier.deduction * factor)
            for tier in present.tiers
        ),
    )
    held = [
        Position(
            instrument=instrument, side=Side.LONG if long else Side.SHORT, qty_raw=qty,
            entry_price=60_000.0, leverage=leverage,
        )
        for long, qty, leverage in rows
    ]  # fmt: skip
    now = [_price(one, rules, present) for one in held]
    then = [_price(one, rules, other) for one in held]
    assume(None not in now)
    assume(None not in then)
    found = prices_under(
        instrument, present, other, np.array([row[0] for row in rows]),
        np.array([row[1] for row in rows]), np.array(now, dtype=np.float64),
    )  # fmt: skip
    assert found == pytest.approx(np.array(then, dtype=np.float64), rel=1e-9)
    none = prices_under(
        instrument, present, other, np.array([True]), np.array([1.0]), np.array([np.nan])
    )
    assert np.isnan(none).all()
