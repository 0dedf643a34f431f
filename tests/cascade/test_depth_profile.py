"""Two power laws against the depth that was published."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.cascade.depth_profile import (
    PUBLISHED_ASK_USD,
    PUBLISHED_BANDS,
    PUBLISHED_BID_USD,
    DepthProfile,
    SideProfile,
)
from airpocket.errors import InputError


def test_the_published_depth_is_met() -> None:
    """Bids within 2 %; asks bend too much between 0.2 and 2 % for one exponent: 16 %."""
    profile = DepthProfile.published()
    for side, usd, tolerance in (
        (profile.bid, PUBLISHED_BID_USD, 0.02),
        (profile.ask, PUBLISHED_ASK_USD, 0.16),
    ):
        for band, there in zip(PUBLISHED_BANDS, usd, strict=True):
            assert side.usd_within(band) == pytest.approx(there, rel=tolerance)
        assert 1.1 <= side.near <= 1.3
        assert 0.15 <= side.beyond <= 0.4
        assert 0.015 <= side.knee <= 0.03


@settings(max_examples=10, database=None, deadline=None)
@given(
    st.floats(0.012, 0.035), st.floats(1e3, 1e10), st.floats(0.6, 2.0), st.floats(0.1, 0.5)
)  # fmt: skip
def test_what_follows_the_law_is_found(knee: float, usd: float, near: float, beyond: float) -> None:
    law = SideProfile(knee, usd, near, beyond)
    bands = (0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05)
    found = SideProfile.fitted(bands, tuple(law.usd_within(x) for x in bands))
    for band in bands:
        assert found.usd_within(band) == pytest.approx(law.usd_within(band), rel=0.01)


def test_a_fault_of_a_tenth_is_noticed() -> None:
    wrong = DepthProfile.published().scaled(1.1)
    assert wrong.bid.usd_within(0.01) != pytest.approx(PUBLISHED_BID_USD[1], rel=0.02)
    assert wrong.table()[0, 1] == pytest.approx(1.1 * DepthProfile.published().bid.usd)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("field", ["knee", "usd", "near", "beyond"])
def test_what_is_no_profile_is_refused(field: str, bad: float) -> None:
    figures = {"knee": 0.02, "usd": 1e6, "near": 1.2, "beyond": 0.3}
    with pytest.raises(InputError, match=field):
        SideProfile(**{**figures, field: bad})


@pytest.mark.parametrize(
    ("bands", "usd"),
    [
        ((0.01, 0.02, 0.03), (1.0, 2.0, 3.0)),
        ((0.01, 0.02, 0.03, 0.04), (1.0, 2.0, 3.0)),
        ((0.01, 0.03, 0.02, 0.04), (1.0, 2.0, 3.0, 4.0)),
        ((0.01, 0.02, 0.03, 0.04), (1.0, 2.0, 2.0, 4.0)),
        ((0.0, 0.02, 0.03, 0.04), (1.0, 2.0, 3.0, 4.0)),
        ((0.01, 0.02, 0.03, math.nan), (1.0, 2.0, 3.0, 4.0)),
    ],
)
def test_what_cannot_be_fitted_is_refused(bands: tuple[float, ...], usd: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="depth"):
        SideProfile.fitted(bands, usd)


def test_a_knee_of_the_whole_price_is_refused() -> None:
    with pytest.raises(InputError, match="knee"):
        SideProfile(1.0, 1e6, 1.0, 1.0)
