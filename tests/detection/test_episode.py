"""Waves: laws of the split of any series of bins."""

from functools import cache
from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from airpocket.detection.episode import Wave, waves_of

WIDTH = 60

# Bins at any distance from each other, whole numbers so that sums are exact.
SERIES = st.lists(
    st.tuples(st.sampled_from([1, 1, 1, 1, 2, 3, 9]), st.integers(0, 40)), min_size=1, max_size=25
)


def placed(series: list[tuple[int, int]]) -> tuple[list[int], list[float]]:
    """Starts and values from distances and values."""
    starts, at = [], 0
    for distance, _ in series:
        at += distance * WIDTH
        starts.append(at)
    return starts, [float(value) for _, value in series]


def split(series: list[tuple[int, int]]) -> tuple[Wave, ...]:
    return waves_of(*placed(series), WIDTH)


@given(SERIES)
@example([(1, 0)])
def test_waves_are_in_order_and_do_not_overlap(series: list[tuple[int, int]]) -> None:
    waves = split(series)
    assert bool(waves) == any(value for _, value in series)
    for wave in waves:
        assert wave.from_ns <= wave.peak_ns < wave.to_ns
    for before, after in pairwise(waves):
        assert before.to_ns <= after.from_ns


@given(SERIES)
def test_totals_of_the_waves_are_the_total(series: list[tuple[int, int]]) -> None:
    """Nothing is lost at the seams, nor in the silence between bins."""
    starts, values = placed(series)
    waves = waves_of(starts, values, WIDTH)
    assert sum(wave.total for wave in waves) == sum(values)
    for wave in waves:
        inside = [v for s, v in zip(starts, values, strict=True) if wave.from_ns <= s < wave.to_ns]
        assert wave.total == sum(inside)
        assert wave.peak == max(inside)
        assert wave.peak == values[starts.index(wave.peak_ns)]


@given(SERIES)
def test_a_wave_is_half_of_the_largest_and_a_trough_half_of_the_smaller(
    series: list[tuple[int, int]],
) -> None:
    starts, values = placed(series)
    waves = waves_of(starts, values, WIDTH)
    flow = dict(zip(starts, values, strict=True))
    for wave in waves:
        assert wave.peak >= 0.5 * max(values)
    for before, after in pairwise(waves):
        between = range(before.peak_ns, after.peak_ns + 1, WIDTH)
        trough = min(flow.get(at, 0.0) for at in between)
        assert trough <= 0.5 * min(before.peak, after.peak)


@given(SERIES)
def test_no_split_that_the_rule_allows_is_missed(series: list[tuple[int, int]]) -> None:
    """The longest chain of maxima that the rule allows, by trying them all."""
    starts, values = placed(series)
    assume(max(values) > 0)
    at_all = range(starts[0], starts[-1] + 1, WIDTH)
    flow = dict(zip(starts, values, strict=True))
    dense = [flow.get(at, 0.0) for at in at_all]
    crests = [at for at, value in enumerate(dense) if value >= 0.5 * max(dense)]

    @cache
    def longest(first: int) -> int:
        after = [
            longest(then)
            for then in crests
            if then > first and min(dense[first : then + 1]) <= 0.5 * min(dense[first], dense[then])
        ]
        return 1 + max(after, default=0)

    assert len(split(series)) == max(longest(crest) for crest in crests)


@given(SERIES, st.sampled_from([0.5, 2.0, 1024.0]))
def test_waves_have_no_unit(series: list[tuple[int, int]], scale: float) -> None:
    starts, values = placed(series)
    scaled = waves_of(starts, [value * scale for value in values], WIDTH)
    told = waves_of(starts, values, WIDTH)
    assert [(w.from_ns, w.peak_ns, w.to_ns) for w in scaled] == [
        (w.from_ns, w.peak_ns, w.to_ns) for w in told
    ]
    assert [w.peak for w in scaled] == [w.peak * scale for w in told]


@given(SERIES, st.integers(-1000, 1000))
def test_waves_move_with_the_clock(series: list[tuple[int, int]], later: int) -> None:
    starts, values = placed(series)
    moved = waves_of([start + later * WIDTH for start in starts], values, WIDTH)
    assert [w.peak_ns - later * WIDTH for w in moved] == [w.peak_ns for w in split(series)]


@given(SERIES)
def test_time_mirrored_has_as_many_waves(series: list[tuple[int, int]]) -> None:
    starts, values = placed(series)
    mirrored = waves_of([-start for start in starts[::-1]], values[::-1], WIDTH)
    assert len(mirrored) == len(split(series))


@given(SERIES)
def test_bins_of_zero_may_be_left_out(series: list[tuple[int, int]]) -> None:
    starts, values = placed(series)
    kept = [(s, v) for s, v in zip(starts, values, strict=True) if v > 0.0]
    told = waves_of([s for s, _ in kept], [v for _, v in kept], WIDTH)
    assert [(w.peak_ns, w.total) for w in told] == [(w.peak_ns, w.total) for w in split(series)]


@pytest.mark.parametrize(
    ("values", "peaks"),
    [
        ([], []),
        ([0, 0], []),
        ([7], [0]),
        ([10, 5, 10], [0, 2]),  # the trough is half of the smaller
        ([10, 6, 10], [0]),  # it is not
        ([10, 0, 5], [0, 2]),  # half of the largest is a wave
        ([10, 0, 4], [0]),  # less is not
        ([5, 3, 10, 9, 10], [2]),
        ([5, 2, 10, 4, 8], [0, 2, 4]),
        ([8, 8, 8], [0]),
    ],
)
def test_by_hand(values: list[float], peaks: list[int]) -> None:
    told = waves_of(range(len(values)), values, 1)
    assert [wave.peak_ns for wave in told] == peaks


def test_hours_nine_apart_are_not_adjacent() -> None:
    """Two minutes that others took for neighbours (mercatura), because none lay between."""
    near, far = waves_of([0, 1], [10.0, 10.0], 1), waves_of([0, 9], [10.0, 10.0], 1)
    assert len(near) == 1
    assert [(wave.from_ns, wave.to_ns) for wave in far] == [(0, 2), (8, 10)]
    assert [wave.total for wave in far] == [10.0, 10.0]


def test_one_silent_bin_parts_two_waves_too() -> None:
    assert [wave.peak_ns for wave in waves_of([0, 2], [10.0, 10.0], 1)] == [0, 2]
