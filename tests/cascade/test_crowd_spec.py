"""What a crowd is drawn from: what is refused, and what the presets hold."""

from collections.abc import Callable

import numpy as np
import pytest

from airpocket.cascade.crowd_spec import (
    HYPERLIQUID_CROWD,
    MIXES,
    CrowdMix,
    CrowdSpec,
    LogNormalEntries,
    OrderHabits,
    PathEntries,
    Weighting,
    leverage_around,
)
from airpocket.errors import InputError

_NAN = float("nan")


def _mix(**changed: float) -> CrowdMix:
    kernel = leverage_around(5.0)
    weighting = Weighting.COUNT
    return CrowdMix(name="m", leverage=kernel, weighting=weighting, source="made up", **changed)  # type: ignore[arg-type]


def _spec(positions: int = 10, usd: float = 1e6, fee_rate: float = 0.0) -> CrowdSpec:
    return CrowdSpec(
        mix=HYPERLIQUID_CROWD, positions=positions, open_interest_usd=usd, fee_rate=fee_rate
    )


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: _mix(size_sigma=-0.1), "size_sigma of -0.1: give one within 0 and 4"),
        (lambda: _mix(size_sigma=_NAN), "size_sigma of nan"),
        (lambda: _mix(long_share=1.0), "long_share of 1.0: give one strictly between 0 and 1"),
        (lambda: _mix(size_leverage_correlation=-1.1), "size_leverage_correlation of -1.1"),
        (lambda: LogNormalEntries(1.5), "spread of 1.5"),
        (lambda: PathEntries(np.array([])), "at least one"),
        (lambda: PathEntries(np.array([1.0, _NAN])), "row 2 of the past path is nan"),
        (lambda: PathEntries(np.array([1.0, 0.0])), "row 2 of the past path is 0.0"),
        (lambda: PathEntries(np.ones(3), 0.0), "half_life of 0.0"),
        (lambda: OrderHabits(stop_share=1.2), "stop_share of 1.2: give one within 0 and 1"),
        (lambda: OrderHabits(round_share=_NAN), "round_share of nan"),
        (lambda: OrderHabits(distance=0.0), "distance of 0.0"),
        (lambda: OrderHabits(round_ticks=1), "round_ticks of 1"),
        (lambda: _spec(positions=1), "positions of 1"),
        (lambda: _spec(usd=0.0), "open_interest_usd of 0.0"),
        (lambda: _spec(usd=_NAN), "open_interest_usd of nan"),
        (lambda: _spec(fee_rate=0.5), "fee_rate of 0.5"),
        (lambda: leverage_around(0.5), "leverage of 0.5"),
        (lambda: leverage_around(5.0, 0.9), "factor of 0.9"),
    ],
)
def test_what_cannot_be_is_refused_with_key_value_and_range(
    make: Callable[[], object], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        make()


def test_presets_are_found_by_name_and_say_their_source() -> None:
    assert sorted(MIXES) == ["bitmex", "hyperliquid", "retail"]
    assert [mix.weighting.value for mix in MIXES.values()] == ["notional", "count", "notional"]
    for mix in MIXES.values():
        assert "2026-02" in mix.source
        # The log-normal's exponent of the tail between P95 and P99, as measured.
        assert 0.93 <= np.log(5) / (mix.size_sigma * (2.326348 - 1.644854)) <= 1.31


def test_there_is_a_position_on_either_side() -> None:
    assert _spec(positions=2).longs == 1
    assert _spec(positions=1000).longs == 560


@pytest.mark.parametrize(
    ("mark", "spacing"), [(614_000, 5000), (100_000, 1000), (23_456, 200), (150, 2), (1, 2)]
)
def test_round_numbers_have_one_digit_that_is_not_0(mark: int, spacing: int) -> None:
    assert OrderHabits().spacing(mark) == spacing
    assert OrderHabits(round_ticks=250).spacing(mark) == 250


def test_concentrated_and_dispersed_leverage_lie_about_the_same_one() -> None:
    assert leverage_around(20.0).ranges == ((20.0, 20.0, 1.0),)
    assert leverage_around(20.0, 4.0).ranges == ((5.0, 80.0, 1.0),)
    assert leverage_around(2.0, 4.0).ranges == ((1.0, 8.0, 1.0),)
