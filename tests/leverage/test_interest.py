"""Bars of open interest are refused where they cannot be followed."""

from typing import Any

import numpy as np
import pytest

from airpocket.errors import InputError
from airpocket.leverage.interest import InterestBars


def _bars(**changed: Any) -> InterestBars:
    columns: dict[str, Any] = {
        "at_ns": np.array([1, 2, 3]), "open_interest": np.array([10.0, 11.0, 12.0]),
        "high": np.array([101.0, 102.0, 103.0]), "low": np.array([99.0, 98.0, 97.0]),
        "close": np.array([100.0, 100.0, 100.0]),
    }  # fmt: skip
    return InterestBars(**(columns | changed))


def test_sound_bars_pass() -> None:
    bars = _bars(vwap=np.array([99.5, 100.5, 100.0]), taker_buy_share=np.array([0.0, 0.5, 1.0]))
    assert bars.at_ns.size == 3


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"open_interest": np.array([10.0, np.nan, 12.0])}, "open_interest nan in row 1"),
        ({"open_interest": np.array([10.0, 0.0, 12.0])}, "open_interest 0.0 in row 1"),
        ({"open_interest": np.array([10.0, 11.0])}, "shape"),
        ({"high": np.array([101.0, np.inf, 103.0])}, "high inf in row 1"),
        ({"close": np.array([100.0, 100.0, 104.0])}, "close 104.0 in row 2 is not between"),
        ({"vwap": np.array([98.0, 100.0, 100.0])}, "vwap 98.0 in row 0"),
        ({"taker_buy_share": np.array([0.5, 1.1, 0.5])}, "taker_buy_share 1.1 in row 1"),
        ({"at_ns": np.array([1, 1, 3])}, "at_ns 1 in row 1 is not after"),
        ({"low": np.array([99.0, 98.0, 101.0])}, "close 100.0 in row 2"),
    ],
)
def test_a_bad_row_is_named(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        _bars(**changed)
    assert said in str(caught.value)


def test_one_bar_shows_no_change() -> None:
    one = np.array([1.0])
    with pytest.raises(InputError, match="at least 2"):
        InterestBars(at_ns=np.array([1]), open_interest=one, high=one, low=one, close=one)
