"""Delays with misses censored: a published example, laws, and what leaving misses out would do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.evidence.delays import Survival, delays_of, recall_within
from airpocket.evidence.matching import Outcome, Rule, match
from airpocket.units import SECOND_NS
from tests.evidence.made import onset, watch

# Freireich et al. 1963, 6-MP arm: the example of every textbook (Kalbfleisch and Prentice, 1.1).
WEEKS = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
RELAPSED = [True] * 9 + [False] * 12


def outcomes(delays_s: list[float | None], looked_s: float = 120) -> list[Outcome]:
    return [
        Outcome(
            onset=onset(1000 * n),
            delay_ns=None if delay_s is None else round(delay_s * SECOND_NS),
            looked_ns=round(looked_s * SECOND_NS),
        )
        for n, delay_s in enumerate(delays_s)
    ]


def test_kaplan_and_meier_as_published() -> None:
    found = Survival.of(WEEKS, RELAPSED)
    assert found.at_s.tolist() == [6, 7, 10, 13, 16, 22, 23]
    published = [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]
    assert found.not_yet == pytest.approx(published, abs=6e-4)
    assert found.quantile(0.5) == 23.0
    assert found.quantile(0.9) is None


DELAYS = st.lists(st.none() | st.integers(0, 119), min_size=1, max_size=30)


@settings(deadline=None, max_examples=80)
@given(DELAYS, st.sampled_from([0.1, 0.5, 0.9]))
def test_misses_of_one_window_count_as_beyond_it(delays_s: list[int | None], share: float) -> None:
    waited = [120 if delay_s is None else delay_s for delay_s in delays_s]
    told = [delay_s is not None for delay_s in delays_s]
    found = Survival.of(waited, told).quantile(share)
    rank = int(np.ceil(share * len(waited) - 1e-9)) - 1  # the empirical quantile, beyond is beyond
    expected = sorted(float("inf") if d is None else float(d) for d in delays_s)[rank]
    assert found == (None if expected == float("inf") else expected)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 120), st.booleans(), st.integers(0, 3)), min_size=1),
    st.randoms(use_true_random=False),
)
def test_weights_repeat_and_order_makes_no_difference(
    rows: list[tuple[int, bool, int]], random: object
) -> None:
    waited, told, weights = zip(*rows, strict=True)
    repeated = [row[:2] for row in rows for _ in range(row[2])]
    random.shuffle(repeated)  # type: ignore[attr-defined]
    weighted = Survival.of(waited, told, weights)
    plain = Survival.of([row[0] for row in repeated], [row[1] for row in repeated])
    assert weighted.at_s.tolist() == plain.at_s.tolist()
    assert weighted.not_yet.tolist() == plain.not_yet.tolist()


@settings(deadline=None, max_examples=60)
@given(DELAYS, st.data())
def test_a_miss_never_makes_a_detector_quicker(
    delays_s: list[float | None], data: st.DataObject
) -> None:
    which = data.draw(st.integers(0, len(delays_s) - 1))
    missed = [None if n == which else delay_s for n, delay_s in enumerate(delays_s)]
    assert is_no_quicker(missed, delays_s)


def is_no_quicker(missed: list[float | None], full: list[float | None]) -> bool:
    first, second = (delays_of(outcomes(delays_s)).median_s for delays_s in (missed, full))
    beyond = float("inf")
    return (beyond if first is None else first) >= (beyond if second is None else second)


def test_leaving_misses_out_would_be_noticed() -> None:
    delays_s: list[float | None] = [1.0, 2.0, 90.0, 100.0, 110.0]
    missed: list[float | None] = [1.0, 2.0, None, None, None]
    assert is_no_quicker(missed, delays_s)
    assert delays_of(outcomes(missed)).median_s is None
    # The same with misses dropped: a detector that misses most is told to be the quickest.
    assert delays_of(outcomes([d for d in missed if d is not None])).median_s == 1.0


def test_figures_say_how_many() -> None:
    found = delays_of(outcomes([3.0, 5.0, None, 9.0]))
    assert (found.events, found.misses) == (4, 1)
    assert (found.median_s, found.p90_s, found.waited_most_s) == (5.0, None, 120.0)
    nothing = delays_of([])
    assert (nothing.events, nothing.median_s, nothing.waited_most_s) == (0, None, None)


def test_recall_asks_only_where_an_alarm_could_have_been_seen() -> None:
    # The second event begins 50 s before the end of the tape: too late for recall within 60 s,
    # though it was told of; within 30 s it counts.
    one = match(watch([100, 950], [105, 960], to_s=1000), Rule())
    (first, second) = one.outcomes
    assert second.looked_ns == 50 * SECOND_NS
    within_60, within_30 = (recall_within(one.outcomes, s) for s in (60, 30))
    assert (within_60.hits, within_60.events, within_60.share) == (1, 1, 1.0)
    assert (within_30.hits, within_30.events) == (2, 2)
    unknown = recall_within((), 60)
    assert (unknown.share, unknown.interval.low, unknown.interval.high) == (None, 0.0, 1.0)
    assert first.delay_ns == 5 * SECOND_NS


@settings(deadline=None, max_examples=60)
@given(DELAYS)
def test_recall_grows_with_the_time_allowed(delays_s: list[float | None]) -> None:
    shares = [recall_within(outcomes(delays_s), s).hits for s in (10, 30, 60, 120)]
    assert shares == sorted(shares)
    assert shares[-1] == sum(delay_s is not None for delay_s in delays_s)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="differ in length"):
        Survival.of([1.0], [True, False])
    with pytest.raises(InputError, match="no number"):
        Survival.of([-1.0], [True])
    with pytest.raises(InputError, match="no number"):
        Survival.of([float("nan")], [True])
    with pytest.raises(InputError, match="quantile"):
        Survival.of([1.0], [True]).quantile(1.0)
    with pytest.raises(InputError, match="recall within 0"):
        recall_within((), 0)
