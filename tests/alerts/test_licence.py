import copy
import pickle
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import force_setattr

from airpocket.alerts.alert import PlanAlert, Signal
from airpocket.alerts.licence import (
    EdgeMethod,
    EdgeReport,
    Licence,
    LicenceStore,
    PlanSignal,
    StopFloor,
    minimum_stop,
    shipped_licences,
)
from airpocket.alerts.linter import violations
from airpocket.errors import FactsOnlyError, InputError, LimitError
from tests.alerts.made import HOUR, UNHURRIED

SYMBOL = "BTC/USDT:USDT"
PRICES = {"entry_price": 100.0, "stop_price": 99.0, "target_price": 103.0}


def report(**parts: Any) -> EdgeReport:
    """Make a report that earns a licence, but for the parts given. No such edge is known."""
    made = EdgeReport(**{
        "signal": PlanSignal.SHOCK, "symbol": SYMBOL, "method": EdgeMethod.FROZEN_HOLDOUT,
        "from_ns": HOUR[0], "to_ns": HOUR[1], "n": 400, "mean_net_bps": 12.0, "low_bps": 3.0,
        "high_bps": 21.0, "confidence": 0.95, "cost_bps": 12.0, "reward_bps": 120.0,
        "atr_bps": 40.0, "spread_bps": 2.0, "fee_bps": 10.0, "data_sha256": "0" * 64, **parts,
    })  # fmt: skip
    return msgspec.structs.replace(made, report_sha256=made.digest())


def store(folder: Path, *reports: EdgeReport) -> LicenceStore:
    path = folder / "licences.json"
    path.write_bytes(msgspec.json.encode({"reports": reports}))
    return LicenceStore(path)


def test_the_shipped_store_is_empty() -> None:
    shipped = shipped_licences()
    assert shipped.reports == ()
    for signal in PlanSignal:
        for symbol in (SYMBOL, "ETH/USDT:USDT", "*"):
            with pytest.raises(FactsOnlyError, match="no plan"):
                shipped.issue(signal, symbol)


def test_a_plan_needs_the_very_licence(tmp_path: Path) -> None:
    licence = store(tmp_path, report()).issue(PlanSignal.SHOCK, SYMBOL)
    plan = PlanAlert(signal=PlanSignal.SHOCK, symbol=SYMBOL, licence=licence, **PRICES)
    assert plan.licence.report == report()
    with pytest.raises(FactsOnlyError):
        PlanAlert(signal=PlanSignal.SHOCK, symbol="ETH/USDT:USDT", licence=licence, **PRICES)
    for signal in (*Signal, "LIQUIDATION_CASCADE"):
        with pytest.raises(FactsOnlyError, match="facts only"):
            PlanAlert(signal=signal, symbol=SYMBOL, licence=licence, **PRICES)
    for price in (float("nan"), 0.0, -1.0, 100, "100"):
        with pytest.raises(InputError, match="price"):
            msgspec.structs.replace(plan, target_price=price)
    with pytest.raises(TypeError, match="final"):
        msgspec.defstruct("Bolder", [("x", int)], bases=(PlanAlert,))
    assert violations(plan)  # and no linter lets it out


def test_no_licence_can_be_made_by_hand(tmp_path: Path) -> None:
    genuine = store(tmp_path, report()).issue(PlanSignal.SHOCK, SYMBOL)
    for make in (
        Licence,
        lambda: Licence(report()),
        lambda: Licence(_report=report()),
        lambda: copy.copy(genuine),
        lambda: copy.deepcopy(genuine),
        lambda: pickle.dumps(genuine),
        lambda: setattr(genuine, "_report", report(n=1)),
        lambda: msgspec.convert({"_report": report()}, Licence),
        lambda: msgspec.json.decode(b'{"_report": {}}', type=Licence),
        lambda: msgspec.structs.replace(genuine, _report=report()),  # type: ignore[type-var]
        lambda: type("Forged", (Licence,), {}),
    ):
        with pytest.raises((FactsOnlyError, TypeError, msgspec.ValidationError)):
            make()


def test_a_forged_licence_makes_no_plan(tmp_path: Path) -> None:
    genuine = store(tmp_path, report()).issue(PlanSignal.SHOCK, SYMBOL)
    plan = PlanAlert(signal=PlanSignal.SHOCK, symbol=SYMBOL, licence=genuine, **PRICES)

    forged = object.__new__(Licence)
    object.__setattr__(forged, "_report", genuine.report)

    class Lookalike:
        report = genuine.report

        def is_genuine(self) -> bool:
            return True

    for bad in (forged, Lookalike(), genuine.report, None, "licence", object()):
        made: dict[str, Any] = {
            "signal": PlanSignal.SHOCK,
            "symbol": SYMBOL,
            "licence": bad,
            **PRICES,
        }
        with pytest.raises(FactsOnlyError):
            PlanAlert(**made)
        with pytest.raises(FactsOnlyError):
            msgspec.structs.replace(plan, licence=bad)
        with pytest.raises((FactsOnlyError, msgspec.ValidationError)):
            msgspec.convert(made, PlanAlert)
    with pytest.raises((FactsOnlyError, TypeError)):
        pickle.dumps(plan)
    with pytest.raises((FactsOnlyError, TypeError, msgspec.MsgspecError)):
        msgspec.json.decode(msgspec.json.encode(plan), type=PlanAlert)


def test_a_licence_whose_report_was_changed_is_void(tmp_path: Path) -> None:
    licence = store(tmp_path, report()).issue(PlanSignal.SHOCK, SYMBOL)
    force_setattr(licence.report, "symbol", "ETH/USDT:USDT")
    assert not licence.is_genuine()
    with pytest.raises(FactsOnlyError):
        PlanAlert(signal=PlanSignal.SHOCK, symbol="ETH/USDT:USDT", licence=licence, **PRICES)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"low_bps": 0.0}, "not above 0"),
        ({"low_bps": -3.0}, "not above 0"),
        ({"method": EdgeMethod.IN_SAMPLE}, "in-sample"),
        ({"confidence": 0.9}, "below 0.95"),
        ({"cost_bps": 11.9}, "costs"),
        ({"cost_bps": 0.0, "spread_bps": 0.0, "fee_bps": 0.0}, "costs"),
        ({"n": 99}, "fewer than 100"),
        ({"reward_bps": 89.9}, "below 90 bp"),  # 1.5 x max(1.5 x 40, 4 x 12)
        ({"atr_bps": 400.0}, "max(1.5 × ATR, 4 × (spread + fees))"),
    ],
)
def test_reports_that_earn_nothing_say_why(
    tmp_path: Path, parts: dict[str, Any], reason: str
) -> None:
    poor = store(tmp_path, report(**parts))
    with pytest.raises(FactsOnlyError) as caught:
        poor.issue(PlanSignal.SHOCK, SYMBOL)
    assert reason in str(caught.value)
    assert poor.reasons_against(report()) == ()


@UNHURRIED
@given(
    low=st.floats(-50, 12), n=st.integers(1, 500), reward=st.floats(0, 300), atr=st.floats(0, 300)
)
def test_only_a_whole_edge_earns_a_licence(low: float, n: int, reward: float, atr: float) -> None:
    floor = StopFloor()
    claim = report(low_bps=low, n=n, reward_bps=reward, atr_bps=atr)
    stop_bps = minimum_stop(atr, 2.0, 10.0, k=floor.k, c=floor.c)
    earns = low > 0 and n >= 100 and reward >= 1.5 * stop_bps
    assert (shipped_licences().reasons_against(claim) == ()) == earns


@pytest.mark.parametrize(
    "parts",
    [
        {"report_sha256": "0" * 64},
        {"data_sha256": ""},
        {"mean_net_bps": 99.0},
        {"to_ns": HOUR[0]},
        {"from_ns": 0},
        {"fee_bps": -1.0},
        {"confidence": 1.0},
    ],
)
def test_impossible_reports_are_not_read(tmp_path: Path, parts: dict[str, Any]) -> None:
    bad = msgspec.structs.replace(report(), **parts)
    if "report_sha256" not in parts:
        bad = msgspec.structs.replace(bad, report_sha256=bad.digest())
    with pytest.raises(InputError, match="report for"):
        store(tmp_path, bad)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"reports": [{}]}', '{"reports": [], "x": 1}', "[" * 50_000, "{nan"]
)
def test_a_broken_store_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "licences.json"
    path.write_text(text)
    with pytest.raises(InputError):
        LicenceStore(path)
    with pytest.raises(InputError):
        LicenceStore(tmp_path / "none.json")


def test_a_huge_store_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "licences.json"
    path.write_bytes(b" " * 1_000_001)
    with pytest.raises(LimitError):
        LicenceStore(path)


def test_the_floor_is_printed_and_checked() -> None:
    assert str(StopFloor(k=2.0)) == (
        "minimum stop = max(2 × ATR, 4 × (spread + fees)), reward at least 1.5 × that, at least 100 trades"
    )
    for parts in ({"k": 0.0}, {"c": -1.0}, {"reward_to_risk_min": float("nan")}, {"n_min": 0}):
        with pytest.raises(InputError):
            StopFloor(**parts)


@UNHURRIED
@given(st.floats(0, 1e4), st.floats(0, 1e4), st.floats(0, 1e4))
def test_the_minimum_stop_covers_noise_and_costs(atr: float, spread: float, fees: float) -> None:
    stop = minimum_stop(atr, spread, fees, k=1.5, c=4.0)
    assert stop >= 1.5 * atr
    assert stop >= 4.0 * (spread + fees)
    assert stop in {1.5 * atr, 4.0 * (spread + fees)}
