import copy
import math
import pickle
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.alerts.fact import KINDS, Fact, FactName, Unit, fact
from airpocket.alerts.linter import violations
from airpocket.alerts.names import is_instrument, is_source, is_venue
from airpocket.errors import InputError
from airpocket.market.events import Coverage
from tests.alerts.made import ADVICE, DETECTOR, HOUR, SOURCE, UNHURRIED, disguised, facts

HOSTILE = st.sampled_from(ADVICE) | disguised(st.sampled_from(ADVICE)) | st.text()
REFUSALS = (InputError, msgspec.MsgspecError, UnicodeEncodeError)


class SlyText(str):
    """Reads well and prints advice."""

    __slots__ = ()

    def __str__(self) -> str:
        return "buy now"

    def __format__(self, _: str) -> str:
        return "buy now"


@pytest.mark.parametrize("name", FactName)
def test_every_name_has_a_kind_and_says_no_advice(name: FactName) -> None:
    kind = KINDS[name]
    said = {name.value: kind.label, "words": sorted(kind.words), "units": list(kind.units)}
    assert violations(said) == ()
    assert bool(kind.words) == bool({Unit.WORD, Unit.WORDS} & set(kind.units))


@pytest.mark.parametrize("name", FactName)
def test_what_was_not_measured_stays_none(name: FactName) -> None:
    assert fact(name, None).value is None
    assert fact(name, None).source is None


@UNHURRIED
@given(facts())
def test_facts_survive_a_round_trip(one: Fact) -> None:
    assert msgspec.json.decode(msgspec.json.encode(one), type=Fact) == one
    assert msgspec.convert(msgspec.to_builtins(one), Fact) == one
    assert copy.deepcopy(one) == one
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301 (our own bytes, just written)
    assert type(one.value) in {bool, int, float, str, tuple, type(None)}


@UNHURRIED
@given(name=st.sampled_from(FactName), text=HOSTILE)
def test_no_value_takes_free_text(name: FactName, text: str) -> None:
    kind = KINDS[name]
    if text in kind.words:
        return
    for unit in kind.units:
        for value in (text, (text,), [text], {text: text}, text.encode("utf-8", "replace")):
            if unit in {Unit.SYMBOLS, Unit.VENUES} and (is_instrument(text) or is_venue(text)):
                continue
            made = {"name": name, "value": value, "unit": unit, "source": DETECTOR}
            _refused(made)


@UNHURRIED
@given(
    name=st.sampled_from(FactName),
    text=HOSTILE,
    key=st.sampled_from(["source", "scope", "unit", "name"]),
)
def test_no_other_field_takes_free_text(name: FactName, text: str, key: str) -> None:
    harmless = {
        "source": is_source(text),
        "scope": text == "*" or is_instrument(text) or is_venue(text),
    }
    if harmless.get(key) or text in {*FactName, *Unit}:
        return
    made = {"name": name, "value": None, "unit": KINDS[name].units[0], "source": None, key: text}
    _refused(made)


def _refused(made: dict[str, Any]) -> None:
    """A fact of these parts can be made in no way."""
    good = fact(FactName.WAVES, 2, source=DETECTOR)
    with pytest.raises(REFUSALS):
        Fact(**made)
    with pytest.raises(REFUSALS):
        msgspec.structs.replace(good, **made)
    with pytest.raises(REFUSALS):
        msgspec.convert(made, Fact)
    with pytest.raises(REFUSALS):
        msgspec.json.decode(msgspec.json.encode(made), type=Fact)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (FactName.OBSERVED_USD, math.nan),
        (FactName.OBSERVED_USD, math.inf),
        (FactName.OBSERVED_USD, -1.0),
        (FactName.OBSERVED_USD, 1e18),
        (FactName.REWARD_TO_RISK, 3.0),
        (FactName.OBSERVED_USD, True),
        (FactName.OBSERVED_COUNT, 1.5),
        (FactName.OBSERVED_COUNT, -1),
        (FactName.OBSERVED_COUNT, True),
        (FactName.OBSERVED_COUNT, 2**63),
        (FactName.ONSET, 1_760_130_903_127),  # milliseconds
        (FactName.ONSET, 0),
        (FactName.PRICE_REFERENCE, 0.0),
        (FactName.PROVISIONAL, 1),
        (FactName.PROVISIONAL, "yes"),
        (FactName.VENUES_LIVE, "binance"),
        (FactName.VENUES_LIVE, ("okx", "okx")),
        (FactName.VENUES_LIVE, ("BTC/USDT:USDT",)),
        (FactName.SYMBOLS_IN_MOVE, ("okx",)),
        (FactName.SYMBOLS_IN_MOVE, {"BTC/USDT:USDT"}),
        (FactName.LIQUIDATED_SIDE, "long"),
        (FactName.COVERAGE, "complete"),
        (FactName.QUALITY, ("nonsense",)),
    ],
)
def test_values_out_of_kind_are_refused(name: FactName, value: object) -> None:
    with pytest.raises(InputError, match=name.value):
        fact(name, value, source=DETECTOR)


@pytest.mark.parametrize(
    "window", [(HOUR[1], HOUR[0]), (1, 2), HOUR[0], (HOUR[0],), list(HOUR), ("a", "b")]
)
def test_windows_are_two_times_in_order(window: Any) -> None:
    with pytest.raises(InputError):
        fact(FactName.OBSERVED_USD, 1.0, source=SOURCE, window_ns=window)


def test_a_figure_needs_a_source_and_a_bound_is_a_bool() -> None:
    with pytest.raises(InputError, match="source"):
        fact(FactName.WAVES, 2)
    with pytest.raises(InputError, match="at_least"):
        fact(FactName.WAVES, 2, source=DETECTOR, at_least="yes")  # type: ignore[arg-type]


def test_units_are_those_of_the_name() -> None:
    coins = fact(FactName.OPEN_INTEREST_CHANGE_COINS, -12.5, source=SOURCE, unit=Unit.COINS)
    assert coins.unit is Unit.COINS
    with pytest.raises(InputError, match="unit"):
        fact(FactName.OBSERVED_USD, 1.0, source=SOURCE, unit=Unit.COINS)


def test_values_become_plain() -> None:
    assert type(fact(FactName.OBSERVED_USD, np.float64(3.0), source=SOURCE).value) is float
    assert type(fact(FactName.OBSERVED_COUNT, np.int64(3), source=SOURCE).value) is int
    assert type(fact(FactName.COVERAGE, Coverage.CENSUS, source=SOURCE).value) is str
    assert str(fact(FactName.PRICE_LEG, -0.0, source=SOURCE).value) == "0.0"
    assert fact(FactName.VENUES_LIVE, ["okx"], source=SOURCE).value == ("okx",)


def test_a_text_that_prints_something_else_is_taken_at_its_letters() -> None:
    one = fact(
        FactName.LIQUIDATED_SIDE, SlyText("longs"), source=SlyText(SOURCE), scope=SlyText("okx")
    )
    assert all(type(part) is str for part in (one.value, one.source, one.scope))
    assert (one.value, one.source, one.scope) == ("longs", SOURCE, "okx")


def test_fact_is_final() -> None:
    with pytest.raises(TypeError, match="final"):
        type("Advice", (Fact,), {})
    with pytest.raises(TypeError, match="final"):
        msgspec.defstruct("Advice", [("target", float, 1.0)], bases=(Fact,))
    with pytest.raises(AttributeError):
        fact(FactName.WAVES, 2, source=DETECTOR).value = 3  # type: ignore[misc]
    with pytest.raises(AttributeError):
        fact(FactName.WAVES, 2, source=DETECTOR).target = 3  # type: ignore[attr-defined]
