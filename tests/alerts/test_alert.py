import copy
import importlib
import pickle
import typing
from enum import Enum
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import force_setattr

from airpocket.alerts.alert import (
    PHASES,
    InformationalAlert,
    PlanAlert,
    Signal,
    Stage,
    alert_id,
    rechecked,
)
from airpocket.alerts.banned import KEYS, WORDS
from airpocket.alerts.fact import Fact, FactName, fact
from airpocket.alerts.folding import words_of_key
from airpocket.alerts.licence import PlanSignal
from airpocket.alerts.linter import violations
from airpocket.alerts.names import is_instrument
from airpocket.errors import FactsOnlyError, InputError
from tests.alerts.made import (
    ADVICE,
    DETECTOR,
    HOUR,
    SOURCE,
    SYMBOLS,
    TIMES,
    UNHURRIED,
    alert,
    alerts,
    disguised,
    full,
    observed,
)

HOSTILE = st.sampled_from(ADVICE) | disguised(st.sampled_from(ADVICE)) | st.text()
REFUSALS = (InputError, msgspec.MsgspecError, UnicodeEncodeError)


def _names_of(kind: Any, seen: set[Any]) -> set[str]:
    """Every attribute, field and member name that a type and the types of its fields have."""
    if kind in seen:
        return set()
    seen.add(kind)
    names = set()
    if isinstance(kind, type):
        names |= {name for name in dir(kind) if not name.startswith("_")}
        if issubclass(kind, Enum):
            return set(kind.__members__) | {
                member.value for member in kind
            }  # not str's own methods
        if kind.__module__ == "builtins":
            return set()
    hints = typing.get_type_hints(kind) if hasattr(kind, "__struct_fields__") else {}
    for part in (*hints.values(), *typing.get_args(kind)):
        names |= _names_of(part, seen)
    return names


def test_a_cascade_has_no_attribute_for_a_plan() -> None:
    names = _names_of(InformationalAlert, set())
    assert {"facts", "side", "observed_usd", "usd", "LIQUIDATION_CASCADE"} <= names  # it was walked
    banned = {name for name in names if set(words_of_key(name)) & (KEYS | set(WORDS))}
    assert banned == set()
    planted = _names_of(PlanAlert, set())
    assert {"entry_price", "stop_price", "target_price"} <= planted  # the search would find them


def test_a_plan_cannot_name_a_cascade() -> None:
    assert typing.get_type_hints(PlanAlert)["signal"] is PlanSignal
    assert Signal.LIQUIDATION_CASCADE.name not in PlanSignal.__members__
    assert Signal.LIQUIDATION_CASCADE.value not in {signal.value for signal in PlanSignal}


@pytest.mark.parametrize("signal", [*Signal, "LIQUIDATION_CASCADE", "SHOCK", None])
def test_no_plan_without_a_licence(signal: Any) -> None:
    with pytest.raises(FactsOnlyError):
        PlanAlert(
            signal=signal, symbol="BTC/USDT:USDT", licence=None,  # type: ignore[arg-type]
            entry_price=1.0, stop_price=0.9, target_price=1.3,
        )  # fmt: skip


def test_phases_are_those_of_the_detector() -> None:
    episode = importlib.import_module("airpocket.detection.episode")
    assert {phase.value for phase in episode.Phase} == PHASES


@UNHURRIED
@given(scope=SYMBOLS, onset_ns=TIMES, salt=st.lists(st.text()), signal=st.sampled_from(Signal))
def test_ids_are_stable_and_harmless(
    scope: str, onset_ns: int, salt: list[str], signal: Signal
) -> None:
    name = alert_id(signal, scope, onset_ns, *salt)
    assert name == alert_id(signal, scope, onset_ns, *salt)
    assert (
        len(
            {
                name,
                alert_id(signal, scope, onset_ns, *salt, ""),
                alert_id(signal, "*", onset_ns, *salt),
            }
        )
        == 3
    )
    assert violations(name) == ()
    assert alert(alert_id=name, signal=signal).alert_id == name


def test_ids_keep_their_parts_apart() -> None:
    ids = {
        alert_id(Signal.SHOCK, "*", HOUR[0], *salt) for salt in (["ab"], ["a", "b"], ["b", "a"], [])
    }
    assert len(ids) == 4


@UNHURRIED
@given(alerts())
def test_alerts_survive_a_round_trip(one: InformationalAlert) -> None:
    assert msgspec.json.decode(msgspec.json.encode(one), type=InformationalAlert) == one
    assert copy.deepcopy(one) == rechecked(one) == one
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301 (our own bytes, just written)


@UNHURRIED
@given(key=st.sampled_from(["alert_id", "phase", "scope", "side", "signal", "stage"]), text=HOSTILE)
def test_no_field_takes_free_text(key: str, text: str) -> None:
    if key == "scope" and (text == "*" or is_instrument(text)):
        return
    good = alert(*full())
    made = {**{name: getattr(good, name) for name in good.__struct_fields__}, key: text}
    with pytest.raises(REFUSALS):
        InformationalAlert(**made)
    with pytest.raises(REFUSALS):
        msgspec.structs.replace(good, **{key: text})
    with pytest.raises(REFUSALS):
        msgspec.convert(made, InformationalAlert)
    with pytest.raises(REFUSALS):
        msgspec.json.decode(msgspec.json.encode(made), type=InformationalAlert)
    force_setattr(good, key, text)
    with pytest.raises(REFUSALS):
        rechecked(good)


@pytest.mark.parametrize("key", ["target", "entry", "stop", "size", "direction", "note", "text"])
def test_no_field_can_be_added(key: str) -> None:
    good = alert(*full())
    with pytest.raises(TypeError):
        InformationalAlert(**{**msgspec.structs.asdict(good), key: 1.0})
    with pytest.raises(AttributeError):
        setattr(good, key, 1.0)
    with pytest.raises(TypeError, match="final"):
        msgspec.defstruct("Advice", [(key, float)], bases=(InformationalAlert,))
    decoded = msgspec.convert({**msgspec.to_builtins(good), key: 1.0}, InformationalAlert)
    assert decoded == good  # an unknown key is dropped, never carried


def test_facts_are_facts() -> None:
    class Lookalike:
        name, value, scope = FactName.WAVES, "buy now", None

    for parts in ((Lookalike(),), [observed()], ("buy now",), ({"target": 1},), None):
        with pytest.raises(InputError):
            alert(facts=parts)
    with pytest.raises(InputError, match="twice"):
        alert(observed(), observed(1.0))
    good = alert(observed())
    force_setattr(good.facts[0], "source", "buy now")
    with pytest.raises(InputError):
        rechecked(good)
    with pytest.raises(FactsOnlyError):
        rechecked(Lookalike())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "parts",
    [
        {"time_ns": HOUR[0] - 1},
        {"time_ns": 5},
        {"time_ns": True},
        {"onset_ns": 1.5},
        {"sequence": -1},
        {"sequence": 1_000},
        {"sequence": None},
        {"phase": "panic"},
        {"side": "long"},
        {"alert_id": alert_id(Signal.SHOCK, "*", HOUR[0])},
        {"scope": "BUY/USDT:USDT"},
    ],
)
def test_a_bad_head_is_refused(parts: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        msgspec.structs.replace(alert(), **parts)


def test_sums_are_lower_bounds_unless_every_event_is_shown() -> None:
    exact = fact(FactName.OBSERVED_USD, 46.2e6, source="aave:lending_calls")
    for coverage in ("throttled", "sampled", "inferred", None):
        with pytest.raises(InputError, match="lower bound"):
            alert(exact, fact(FactName.COVERAGE, coverage, source=SOURCE))
    with pytest.raises(InputError, match="lower bound"):
        alert(exact)
    assert (
        alert(exact, fact(FactName.COVERAGE, "census", source=SOURCE)).value(FactName.OBSERVED_USD)
        == 46.2e6
    )


def test_an_end_is_proven_or_said_to_be_unknown() -> None:
    for signal in (Signal.LIQUIDATION_CASCADE, Signal.SHOCK):
        for proof in (None, ()):
            with pytest.raises(InputError, match="proof"):
                alert(
                    fact(FactName.ALL_CLEAR_PROOF, proof, source=DETECTOR),
                    signal=signal,
                    stage=Stage.ALL_CLEAR,
                )
        with pytest.raises(InputError, match="gap"):
            alert(fact(FactName.FEED_GAP, None), signal=signal, stage=Stage.FEED_ENDED)
    for phase in PHASES - {"settled", "calm"}:
        with pytest.raises(InputError, match="all-clear"):
            alert(stage=Stage.ALL_CLEAR, phase=phase)
    for phase in PHASES - {"unknown"}:
        with pytest.raises(InputError, match="ended"):
            alert(stage=Stage.FEED_ENDED, phase=phase)


def test_a_shock_claims_no_liquidations() -> None:
    with pytest.raises(InputError, match="SHOCK"):
        alert(signal=Signal.SHOCK, side="longs")
    for name in (FactName.OBSERVED_USD, FactName.OBSERVED_COUNT, FactName.ADL_USD):
        with pytest.raises(InputError, match="SHOCK"):
            alert(fact(name, 1, source=SOURCE, at_least=True), signal=Signal.SHOCK)
        assert alert(fact(name, None), signal=Signal.SHOCK).value(name) is None


def test_the_side_is_said_once() -> None:
    shorts = fact(FactName.LIQUIDATED_SIDE, "shorts", source=SOURCE)
    assert alert(shorts, side="shorts").side == "shorts"
    for side in ("longs", None):
        with pytest.raises(InputError, match="side"):
            alert(shorts, side=side)


def test_a_cascade_is_told_in_every_regime() -> None:
    for phase, side, stage in product(sorted(PHASES), ("longs", "shorts", None), Stage):
        if stage in {Stage.OPEN, Stage.UPDATE}:
            told = alert(*full(), phase=phase, side=side, stage=stage)
            assert (told.phase, told.side) == (phase, side)


def test_a_fact_is_found_by_name_and_scope() -> None:
    other = fact(FactName.PRICE_LEG, -0.5, source=SOURCE, scope="ETH/USDT:USDT")
    told = alert(other)
    assert told.find(FactName.PRICE_LEG) is None
    own: Fact = fact(FactName.PRICE_LEG, -0.1, source=SOURCE)
    assert alert(other, own).value(FactName.PRICE_LEG) == -0.1
