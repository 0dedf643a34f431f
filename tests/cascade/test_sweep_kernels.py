import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.cascade.sweep_kernels import bin_starts, settle_scenarios


@given(
    st.lists(st.floats(-0.1, 3), max_size=60), st.integers(1, 40), st.floats(0.0, 50.0)
)  # fmt: skip
@settings(deadline=None)
def test_bins_begin_where_counting_says(values: list[float], bins: int, per_unit: float) -> None:
    value = np.sort(np.array(values))
    start = np.empty(bins + 1, np.int32)
    bin_starts(value, per_unit, start)
    for number in range(bins):
        assert start[number] == int((value * per_unit < number).sum())
    assert start[bins] == value.size


def _plain(
    ladder: np.ndarray, usd: list[float], fall: list[float], begin: float, order: float,
    kept: float, factor: float,
) -> tuple[float, int, int]:  # fmt: skip
    """Walk a table of steps, as it is written down."""

    def impact(amount: float) -> float:
        if amount <= 0:
            return 0.0
        rows = [row for row, held in enumerate(usd) if held * factor >= amount]
        return fall[rows[0]] if rows else fall[-1]

    x, waves, before = min(begin + impact(order), 1.0), 0, -1
    while True:
        level = int((ladder[:-1, 0] <= x).sum())
        if level == before:
            return x, level, waves
        target = min(begin + impact(kept * ladder[level, 1] + order), 1.0)
        if target <= x:
            return x, level, waves
        x, before, waves = target, level, waves + 1


@given(
    st.lists(st.floats(0.001, 0.9), min_size=1, max_size=30, unique=True),
    st.lists(
        st.tuples(st.floats(0, 0.5), st.floats(0, 5), st.floats(0.1, 1), st.floats(0.1, 2)),
        min_size=1,
        max_size=150,
    ),
    st.integers(1, 300),
)
@settings(deadline=None, max_examples=60)
def test_waves_side_by_side_are_those_of_one_after_the_other(
    falls: list[float], scenarios: list[tuple[float, float, float, float]], bins: int
) -> None:
    distance = np.sort(np.array(falls))
    ladder = np.empty((distance.size + 1, 2))
    ladder[:-1, 0], ladder[-1, 0] = distance, np.inf
    ladder[:, 1] = np.arange(distance.size + 1)
    usd, curve = [2.0, 5.0, 9.0, 20.0], [0.01, 0.03, 0.1, 0.4]
    starts = []
    for value in (distance, np.array(usd)):
        per_unit = bins / value[-1]
        start = np.empty(bins + 1, np.int32)
        bin_starts(value, per_unit, start)
        starts.append((start, per_unit))
    begin, order, kept, factor = (np.ascontiguousarray(row) for row in np.array(scenarios).T)
    count = begin.size
    end, passed, waves = np.empty(count), np.empty(count, np.int64), np.empty(count, np.int64)
    at_rest = np.empty(count, np.bool_)
    settle_scenarios(
        ladder, *starts[0], np.array(usd), np.array(curve), np.zeros(3), *starts[1],
        begin, order, kept, factor, 1.0, 10_000, end, passed, waves, at_rest,
    )  # fmt: skip
    assert at_rest.all()
    for at, row in enumerate(scenarios):
        expected = _plain(ladder, usd, curve, *row)
        assert (end[at], passed[at], waves[at]) == expected
