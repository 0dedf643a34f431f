"""Every fault on every venue that can meet it: seed 1 here, twenty seeds in the slow tests.

The planted bugs that the oracle must find are among the slow ones too; CI plays some of both.
"""

import importlib

import pytest

from tests.faults.case import FAULTS, GROUPS, run

for group in GROUPS:
    importlib.import_module(f"tests.faults.{group}")

PAIRS = [(number, venue) for number in sorted(FAULTS) for venue in FAULTS[number].venues]


@pytest.mark.parametrize(("number", "venue"), PAIRS)
def test_fault(number: str, venue: str) -> None:
    run(FAULTS[number], venue)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 22))
@pytest.mark.parametrize(("number", "venue"), PAIRS)
def test_fault_with_other_seeds(number: str, venue: str, seed: int) -> None:
    run(FAULTS[number], venue, seed)


@pytest.mark.slow
@pytest.mark.parametrize("number", sorted(FAULTS))
def test_planted_bug_is_caught(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one = FAULTS[number]
    one.plant(monkeypatch)
    with pytest.raises(AssertionError):
        run(one, one.venues[0])
