"""Thresholds that fit together, at every width."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.detection.config import DetectorConfig
from airpocket.errors import InputError
from airpocket.units import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS

WIDTHS = st.sampled_from([SECOND_NS, 5 * SECOND_NS, 10 * SECOND_NS, 11 * SECOND_NS, MINUTE_NS]) | (
    st.integers(1, DAY_NS).map(lambda width: max(width, SECOND_NS // 10))
)


@given(WIDTHS)
def test_thresholds_fit_together(width_ns: int) -> None:
    config = DetectorConfig.for_width(width_ns)
    assert config.bin_ns == width_ns
    assert config.windows[0] == 1
    assert all(a < b for a, b in pairwise(config.windows))
    # A market needs less of each symbol than one symbol alone; without a price it needs most.
    assert config.score_together < config.score_alone <= config.score_unconfirmed
    assert config.score_alone < config.score_shock
    # Hysteresis: what ends is far from what begins again.
    assert config.rekindled_multiple > config.exhausted_multiple > 1.0
    assert config.rekindled_share > config.exhausted_share > 0.0
    assert config.settled_ns > config.exhausted_ns
    assert config.thaw_ns > config.settled_ns
    assert config.least_usd_unconfirmed >= config.least_usd > 0.0
    assert config.provisional_ns > config.guard_ns
    assert config.wave_ns >= width_ns


@given(WIDTHS)
def test_the_end_of_a_wave_is_seen_in_whole_bins(width_ns: int) -> None:
    """Half a bin cannot be quiet: every span of an end rule holds at least one bin."""
    config = DetectorConfig.for_width(width_ns)
    for span_ns in (config.recent_ns, config.exhausted_ns, config.horizon_ns, config.together_ns):
        assert span_ns >= width_ns
    assert config.bins(config.recent_ns) >= 1
    assert config.bins(1) == 1


@pytest.mark.parametrize(
    ("width_ns", "longest_ns"),
    [
        (SECOND_NS, 256 * SECOND_NS),
        (10 * SECOND_NS, 160 * SECOND_NS),
        (10 * MINUTE_NS, 320 * MINUTE_NS),
        (HOUR_NS, 4 * HOUR_NS),
        (4 * HOUR_NS, 16 * HOUR_NS),
    ],
)
def test_windows_are_powers_of_two_up_to_their_reach(width_ns: int, longest_ns: int) -> None:
    config = DetectorConfig.for_width(width_ns)
    assert config.windows[-1] * width_ns == longest_ns
    assert all(b == 2 * a for a, b in pairwise(config.windows))


@pytest.mark.parametrize("width_ns", [0, -1])
def test_a_width_of_nothing_is_refused(width_ns: int) -> None:
    with pytest.raises(InputError, match=f"{width_ns} ns"):
        DetectorConfig.for_width(width_ns)


def test_the_numbers_of_the_design() -> None:
    """DESIGN §6 and science.md §2.7: what a reader is told is what runs."""
    config = DetectorConfig.for_width(SECOND_NS)
    assert (config.exhausted_multiple, config.exhausted_ns) == (2.0, 120 * SECOND_NS)
    assert (config.move_least, config.move_sigmas, config.horizon_ns) == (0.005, 4.0, MINUTE_NS)
    assert (config.together_least, config.together_ns) == (5, 10 * SECOND_NS)
    assert config.guard_ns == 130 * SECOND_NS
    assert config.mean_half_life_ns == 30 * MINUTE_NS
    assert config.spread_half_life_ns == 2 * HOUR_NS
