"""Fields come as numbers above 0 or as words that mean something; a bad one is named."""

import narwhals as nw
import numpy as np
import polars as pl
import pytest

from airpocket.errors import InputError
from airpocket.leverage.position_fields import PositionFields

NAMES = {"size": "q", "side": "s", "margin": "m"}


def _fields(**columns: object) -> PositionFields:
    table = nw.from_native(pl.DataFrame(columns), eager_only=True)
    return PositionFields("made up", table, NAMES, np.array([7, 9]))


def test_numbers() -> None:
    fields = _fields(q=[1, 2], m=[None, 2.0])
    assert fields.numbers("size").tolist() == [1.0, 2.0]
    np.testing.assert_array_equal(fields.numbers("margin", may_lack=True), [np.nan, 2.0])
    assert fields.has("margin")
    assert not fields.has("side")
    assert np.isnan(_fields(q=[1, 2]).numbers("margin", may_lack=True)).all()
    empty = _fields(m=[None, None]).numbers("margin", may_lack=True)
    assert np.isnan(empty).all()


@pytest.mark.parametrize("bad", [0.0, -1.0, float("inf"), 1e18, None])
def test_what_is_no_number_above_0(bad: float | None) -> None:
    with pytest.raises(InputError, match=r"made up: row 9: q .* is not a number above 0"):
        _fields(q=[1.0, bad]).numbers("size")


def test_words() -> None:
    meant = {"long": True, "short": False}
    assert _fields(s=[" Long", "SHORT"]).words("side", meant).tolist() == [True, False]
    with pytest.raises(InputError, match="row 9: s 'up' is none of long, short"):
        _fields(s=["long", "up"]).words("side", meant)
    with pytest.raises(InputError, match="row 7: s None is empty"):
        _fields(s=[None, "long"]).words("side", meant)


def test_columns_of_another_kind() -> None:
    with pytest.raises(InputError, match="q holds String, not numbers"):
        _fields(q=["1", "2"]).numbers("size")
    with pytest.raises(InputError, match="s holds Int64, not words"):
        _fields(s=[1, 2]).words("side", {})
