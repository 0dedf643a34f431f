"""Columns that are swapped are told by a price; good ones never are, whatever their prices."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.leverage.swapped_columns import refuse_swapped


def _columns(count: int, **more: Any) -> dict[str, Any]:
    return {
        "qty_raw": np.full(count, 0.5),
        "entry_price": np.full(count, 60_000.0),
        "liquidation_price": np.full(count, 55_000.0),
        "is_long": np.ones(count, dtype=np.bool_),
        "is_cross": np.zeros(count, dtype=np.bool_),
        **more,
    }


@pytest.mark.parametrize("mark", [61_000.0, np.full(6, 61_000.0), np.full(6, np.nan)])
def test_size_and_entry(mark: Any) -> None:
    good = _columns(6)
    refuse_swapped("s", good, mark)
    swapped = {**good, "qty_raw": good["entry_price"], "entry_price": good["qty_raw"]}
    with pytest.raises(InputError, match="s: size and entry_price look swapped"):
        refuse_swapped("s", swapped, mark)


def test_entry_and_liquidation_price_or_sides() -> None:
    good = _columns(6)
    for swapped in (
        {**good, "is_long": ~good["is_long"]},
        {**good, "entry_price": np.full(6, 55e3), "liquidation_price": np.full(6, 60e3)},
    ):
        with pytest.raises(InputError, match=r"of 6 isolated positions .* 6 would be liquidated"):
            refuse_swapped("s", swapped, np.nan)
    # Cross ones and a few may be past their entry by what the account or funding did.
    refuse_swapped("s", {**good, "is_long": ~good["is_long"], "is_cross": good["is_long"]}, np.nan)
    few = {name: column[:4] for name, column in good.items()}
    refuse_swapped("s", {**few, "is_long": ~few["is_long"]}, np.nan)


def test_without_a_price_nothing_can_be_told() -> None:
    good = _columns(6, liquidation_price=np.full(6, np.nan))
    swapped = {**good, "qty_raw": good["entry_price"], "entry_price": good["qty_raw"]}
    refuse_swapped("s", swapped, np.nan)
    refuse_swapped("s", _columns(6, liquidation_price=np.full(6, np.inf)), np.nan)


@given(
    st.lists(
        st.tuples(st.floats(-9, 9), st.floats(-0.5, 0.5), st.floats(0.02, 0.5), st.booleans()),
        min_size=1,
        max_size=40,
    ),
    st.floats(-9, 11),
)
def test_positions_that_are_right_are_never_refused(
    rows: list[tuple[float, float, float, bool]], level: float
) -> None:
    size, moved, margin, is_long = (np.array(column) for column in zip(*rows, strict=True))
    mark = float(np.exp(level))
    entry = mark * np.exp(moved)
    price = entry * np.where(is_long, 1 - margin, 1 + margin)
    columns = _columns(
        len(rows), qty_raw=np.exp(size), entry_price=entry, liquidation_price=price,
        is_long=is_long,
    )  # fmt: skip
    refuse_swapped("s", columns, mark)
    refuse_swapped("s", columns, np.nan)
