"""Every transition of DESIGN §6, its hysteresis, and what SETTLED takes."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.detection.config import DetectorConfig
from airpocket.detection.episode import Phase
from airpocket.detection.phases import Condition, PhaseMachine
from airpocket.units import SECOND_NS

CONFIG = DetectorConfig.for_width(SECOND_NS)
BIN = CONFIG.bin_ns
EXHAUSTED_BINS = CONFIG.exhausted_ns // BIN
SETTLED_BINS = CONFIG.settled_ns // BIN

LOUD: dict[str, Any] = {"opens": False, "readiness": 1.0}
QUIET: dict[str, Any] = {"opens": False, "readiness": 0.0, "quiet": True, "flow_back": True}
OPENS: dict[str, Any] = {"opens": True, "readiness": 1.5}
BLIND: dict[str, Any] = {"opens": False, "readiness": 0.0, "blind": True}


class Walk:
    """One machine, bin after bin."""

    def __init__(self, machine: PhaseMachine | None = None) -> None:
        self.machine = machine or PhaseMachine(CONFIG)
        self.bins = 0

    def go(self, condition: dict[str, Any], bins: int = 1) -> Phase:
        for _ in range(bins):
            self.bins += 1
            before = self.machine.phase
            said = self.machine.step(Condition(end_ns=self.bins * BIN, **condition))
            assert (said is None) == (self.machine.phase is before)
            assert said in {None, self.machine.phase}
        return self.machine.phase


def in_phase(phase: Phase) -> Walk:
    """A machine brought there by the shortest way."""
    walk = Walk()
    if phase is Phase.BUILDING:
        walk.go({"opens": False, "readiness": 0.6})
    elif phase is not Phase.CALM:
        walk.go(OPENS)
    if phase in {Phase.EXHAUSTED, Phase.SNAPBACK, Phase.SETTLED}:
        walk.go({**QUIET, "price_calm": False}, EXHAUSTED_BINS)
    if phase is Phase.SNAPBACK:
        walk.go({**QUIET, "price_calm": False, "regained": 0.5})
    if phase is Phase.SETTLED:
        walk.go(QUIET, SETTLED_BINS - EXHAUSTED_BINS)
    if phase is Phase.UNKNOWN:
        walk.go(BLIND)
    assert walk.machine.phase is phase
    return walk


@pytest.mark.parametrize(
    ("before", "condition", "after"),
    [
        (Phase.CALM, {"opens": False, "readiness": 0.49}, Phase.CALM),
        (Phase.CALM, {"opens": False, "readiness": 0.5}, Phase.BUILDING),
        (Phase.CALM, OPENS, Phase.CASCADE),
        (Phase.CALM, BLIND, Phase.UNKNOWN),
        (Phase.BUILDING, {"opens": False, "readiness": 0.25}, Phase.BUILDING),
        (Phase.BUILDING, {"opens": False, "readiness": 0.24}, Phase.CALM),
        (Phase.BUILDING, OPENS, Phase.CASCADE),
        (Phase.BUILDING, {"opens": False, "readiness": 9.0}, Phase.BUILDING),
        (Phase.BUILDING, BLIND, Phase.UNKNOWN),
        (Phase.CASCADE, LOUD, Phase.CASCADE),
        (Phase.CASCADE, QUIET, Phase.CASCADE),
        (Phase.CASCADE, {**QUIET, "regained": 1.0}, Phase.CASCADE),
        (Phase.CASCADE, BLIND, Phase.UNKNOWN),
        (Phase.EXHAUSTED, QUIET, Phase.EXHAUSTED),
        (Phase.EXHAUSTED, LOUD, Phase.EXHAUSTED),
        (Phase.EXHAUSTED, {**LOUD, "rekindles": True}, Phase.CASCADE),
        (Phase.EXHAUSTED, {**QUIET, "regained": 0.33}, Phase.EXHAUSTED),
        (Phase.EXHAUSTED, {**QUIET, "regained": 0.34}, Phase.SNAPBACK),
        (Phase.EXHAUSTED, BLIND, Phase.UNKNOWN),
        (Phase.SNAPBACK, {**QUIET, "regained": 0.0}, Phase.SNAPBACK),
        (Phase.SNAPBACK, {**LOUD, "rekindles": True}, Phase.CASCADE),
        (Phase.SNAPBACK, BLIND, Phase.UNKNOWN),
        (Phase.SETTLED, QUIET, Phase.CALM),
        (Phase.SETTLED, OPENS, Phase.CASCADE),
        (Phase.SETTLED, {"opens": False, "readiness": 0.6}, Phase.BUILDING),
        (Phase.SETTLED, BLIND, Phase.UNKNOWN),
        (Phase.UNKNOWN, LOUD, Phase.CASCADE),
        (Phase.UNKNOWN, QUIET, Phase.EXHAUSTED),
        (Phase.UNKNOWN, BLIND, Phase.UNKNOWN),
    ],
    ids=str,
)
def test_one_step(before: Phase, condition: dict[str, Any], after: Phase) -> None:
    assert in_phase(before).go(condition) is after


@pytest.mark.parametrize("phase", [Phase.EXHAUSTED, Phase.SNAPBACK])
def test_settled_comes_after_its_time_and_not_a_bin_before(phase: Phase) -> None:
    walk = in_phase(phase)
    walk.go(LOUD)
    assert walk.go(QUIET, SETTLED_BINS - 1) is phase
    assert walk.go(QUIET) is Phase.SETTLED
    assert not walk.machine.in_episode


def test_exhausted_comes_after_its_time_and_not_a_bin_before() -> None:
    walk = in_phase(Phase.CASCADE)
    assert walk.go(QUIET, EXHAUSTED_BINS - 1) is Phase.CASCADE
    assert walk.go(QUIET) is Phase.EXHAUSTED


@pytest.mark.parametrize(
    "objection", [{"flow_back": False}, {"price_calm": False}, {"depth_back": False}], ids=str
)
def test_each_of_flow_price_and_depth_can_object_to_an_end(objection: dict[str, Any]) -> None:
    walk = in_phase(Phase.EXHAUSTED)
    assert walk.go({**QUIET, **objection}, 20 * SETTLED_BINS) is Phase.EXHAUSTED
    assert walk.go(QUIET) is Phase.SETTLED


def test_what_is_not_observed_cannot_object() -> None:
    walk = in_phase(Phase.CASCADE)
    assert walk.go({**QUIET, "price_calm": None, "depth_back": None}, SETTLED_BINS) is Phase.SETTLED


def test_one_loud_bin_starts_the_waiting_again() -> None:
    walk = in_phase(Phase.EXHAUSTED)
    walk.go(LOUD)
    walk.go(QUIET, SETTLED_BINS - 1)
    walk.go(LOUD)
    assert walk.go(QUIET, SETTLED_BINS - 1) is Phase.EXHAUSTED
    assert walk.go(QUIET) is Phase.SETTLED


def test_a_hole_is_not_quiet() -> None:
    walk = in_phase(Phase.CASCADE)
    walk.go(QUIET, EXHAUSTED_BINS - 1)
    walk.go(BLIND, SETTLED_BINS)
    assert walk.machine.in_episode
    assert walk.go(LOUD) is Phase.CASCADE
    assert walk.go(QUIET, EXHAUSTED_BINS - 1) is Phase.CASCADE


def test_quiet_counts_from_the_end_of_a_hole() -> None:
    walk = in_phase(Phase.UNKNOWN)
    assert walk.go(QUIET, SETTLED_BINS - 1) is Phase.EXHAUSTED
    assert walk.go(QUIET) is Phase.SETTLED


def test_a_score_at_the_edge_does_not_flap() -> None:
    walk = Walk()
    phases = [
        walk.go({"opens": False, "readiness": 0.5 + (0.01 if bin_ % 2 else -0.01)})
        for bin_ in range(100)
    ]
    assert phases.count(Phase.BUILDING) == 99
    assert phases[0] is Phase.CALM


def test_a_flow_at_the_edge_of_quiet_does_not_flap() -> None:
    walk = in_phase(Phase.CASCADE)
    phases = {walk.go(QUIET if bin_ % 3 else LOUD) for bin_ in range(3000)}
    assert phases == {Phase.CASCADE}
    walk = in_phase(Phase.EXHAUSTED)
    phases = {walk.go(QUIET if bin_ % 3 else LOUD) for bin_ in range(3000)}
    assert phases == {Phase.EXHAUSTED}


def test_a_price_at_the_edge_of_its_snapback_does_not_flap() -> None:
    walk = in_phase(Phase.SNAPBACK)
    phases = {
        walk.go({**QUIET, "price_calm": False, "regained": 1 / 3 + (0.01 if bin_ % 2 else -0.01)})
        for bin_ in range(100)
    }
    assert phases == {Phase.SNAPBACK}


def test_a_next_wave_is_the_same_episode() -> None:
    walk = in_phase(Phase.EXHAUSTED)
    assert walk.go({**LOUD, "rekindles": True}) is Phase.CASCADE
    assert walk.machine.in_episode
    assert walk.go(QUIET, EXHAUSTED_BINS) is Phase.EXHAUSTED


@pytest.mark.parametrize("phase", list(Phase))
def test_a_feed_that_ended_is_never_an_all_clear(phase: Phase) -> None:
    walk = in_phase(phase)
    walk.machine.close()
    assert walk.machine.phase is Phase.UNKNOWN
    assert not walk.machine.in_episode
    assert walk.go(QUIET, 2 * SETTLED_BINS) is Phase.CALM


CONDITIONS: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    opens=st.sampled_from([False, False, True]),
    readiness=st.floats(0.0, 2.0),
    quiet=st.sampled_from([False, True, True, True, True]),
    flow_back=st.sampled_from([False, True, True]),
    rekindles=st.sampled_from([False, False, False, True]),
    regained=st.none() | st.floats(0.0, 1.0),
    price_calm=st.sampled_from([None, None, False, True]),
    depth_back=st.sampled_from([None, None, False, True]),
    blind=st.sampled_from([False, False, False, False, False, True]),
)
RUNS = st.lists(st.tuples(CONDITIONS, st.integers(1, 2 * SETTLED_BINS)), min_size=1, max_size=12)

REACHED = {
    Phase.CALM: {Phase.BUILDING, Phase.CASCADE, Phase.UNKNOWN},
    Phase.BUILDING: {Phase.CALM, Phase.CASCADE, Phase.UNKNOWN},
    Phase.CASCADE: {Phase.EXHAUSTED, Phase.UNKNOWN},
    Phase.EXHAUSTED: {Phase.CASCADE, Phase.SNAPBACK, Phase.SETTLED, Phase.UNKNOWN},
    Phase.SNAPBACK: {Phase.CASCADE, Phase.SETTLED, Phase.UNKNOWN},
    Phase.SETTLED: {Phase.CALM, Phase.BUILDING, Phase.CASCADE, Phase.UNKNOWN},
    Phase.UNKNOWN: {Phase.CALM, Phase.BUILDING, Phase.CASCADE, Phase.EXHAUSTED},
}


def check_laws(runs: list[tuple[dict[str, Any], int]], machine: PhaseMachine) -> None:
    """What must hold of any sequence of conditions."""
    walk = Walk(machine)
    past: list[dict[str, Any]] = []
    for condition, bins in runs:
        for _ in range(bins):
            before, episode = machine.phase, machine.in_episode
            past.append(condition)
            after = walk.go(condition)
            assert after is before or after in REACHED[before]
            assert (after is Phase.UNKNOWN) == condition["blind"]
            if after is Phase.SETTLED and before is not Phase.SETTLED:
                assert episode
                last = past[-SETTLED_BINS:]
                assert len(last) == SETTLED_BINS
                assert all(seen["quiet"] and not seen["blind"] for seen in last)
                assert condition["flow_back"]
                assert condition["price_calm"] is not False
                assert condition["depth_back"] is not False
            if episode and not machine.in_episode:
                assert after is Phase.SETTLED


@given(RUNS)
@settings(max_examples=100, deadline=None)
def test_laws_of_any_sequence(runs: list[tuple[dict[str, Any], int]]) -> None:
    check_laws(runs, PhaseMachine(CONFIG))


END: list[tuple[dict[str, Any], int]] = [
    ({**OPENS, "price_calm": None, "depth_back": None}, 1),
    ({**QUIET, "rekindles": False, "regained": None}, SETTLED_BINS + EXHAUSTED_BINS),
]


@pytest.mark.parametrize(
    ("planted", "run"),
    [
        ("settles without quiet", [END[0], (QUIET, EXHAUSTED_BINS), (LOUD, 5)]),
        ("a hole counts as quiet", [END[0], (QUIET, 500), (BLIND, 5), (QUIET, 130)]),
        ("ends without flow_back", [END[0], ({**QUIET, "flow_back": False}, SETTLED_BINS + 1)]),
    ],
)
def test_the_laws_find_planted_bugs(
    planted: str, run: list[tuple[dict[str, Any], int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = {"price_calm": None, "depth_back": None, "flow_back": True, "quiet": False}
    whole = [({**silent, "blind": False, **condition}, bins) for condition, bins in run]
    check_laws(whole, PhaseMachine(CONFIG))
    right, step = PhaseMachine._quiet_for, PhaseMachine._next_in_episode
    holes: list[int] = []

    def impatient(machine: PhaseMachine, now: Condition) -> int:
        return CONFIG.settled_ns if machine.phase is Phase.EXHAUSTED else right(machine, now)

    def bridging(machine: PhaseMachine, now: Condition) -> int:
        holes.append(now.end_ns)
        machine._quiet_since_ns = machine._quiet_since_ns or holes[0]
        return right(machine, now)

    def careless(machine: PhaseMachine, now: Condition) -> Phase:
        return step(
            machine, Condition(end_ns=now.end_ns, opens=now.opens, readiness=now.readiness,
                               quiet=now.quiet, flow_back=True),
        )  # fmt: skip

    if planted == "settles without quiet":
        monkeypatch.setattr(PhaseMachine, "_quiet_for", impatient)
    elif planted == "a hole counts as quiet":
        monkeypatch.setattr(PhaseMachine, "_quiet_for", bridging)
    else:
        monkeypatch.setattr(PhaseMachine, "_next_in_episode", careless)
    with pytest.raises(AssertionError):
        check_laws(whole, PhaseMachine(CONFIG))
