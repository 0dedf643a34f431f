"""What a printed liquidation of Lighter says about its maintenance."""

from pathlib import Path

import pytest

from airpocket.errors import InputError
from airpocket.market.events import Side
from airpocket.venues.lighter.rules import observed_fraction
from tests.venues.vectors import near, vectors_of


def test_the_vector_is_met(data_dir: Path) -> None:
    (vector,) = vectors_of(data_dir, "lighter").values()
    given = vector["inputs"]
    side = Side.SHORT if given["side"] < 0 else Side.LONG
    found = observed_fraction(
        side, given["size"], given["price"], given["entry_quote"], given["allocated_margin"]
    )
    assert found == near(vector)


def test_a_long_loses_as_a_short_gains() -> None:
    assert observed_fraction(Side.SHORT, 1.0, 101.0, 100.0, 2.0) == pytest.approx(1 / 101)
    assert observed_fraction(Side.LONG, 1.0, 101.0, 100.0, 2.0) == pytest.approx(3 / 101)
    with pytest.raises(InputError, match="a fill of"):
        observed_fraction(Side.LONG, 0.0, 101.0, 100.0, 2.0)
