"""One fault: what the venue does, what is expected beyond the oracle, and the bug it must catch."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec import Struct, field

from airpocket.venues.register import LIVE
from tests.faults.oracle import Leave, judge
from tests.live.fake_venue import FakeVenue
from tests.live.rig import SYMBOLS
from tests.live.watch_rig import Watch, watch

__all__ = ["ELSEWHERE", "FAULTS", "GROUPS", "Case", "Script", "case", "elsewhere", "run"]

Script = Callable[[Watch, FakeVenue], Awaitable[None]]
Check = Callable[[Watch, FakeVenue], None]
Plant = Callable[[pytest.MonkeyPatch], None]


class Case(Struct, frozen=True, kw_only=True):
    """A fault as a test.

    ``script`` lets the watcher run, switches the fault on (and off) and waits for the recovery;
    ``expect`` checks what the table says beyond O1 to O7; ``plant`` breaks airpocket in a way that
    this fault must show; ``not_for`` says why a venue cannot meet it; ``options`` (or a function
    that gives them for a venue) go to :func:`tests.live.watch_rig.watch`.
    """

    number: str
    title: str
    script: Script
    expect: Check
    plant: Plant
    leave: Leave = Leave()
    not_for: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] | Callable[[str], Mapping[str, Any]] = field(default_factory=dict)

    @property
    def venues(self) -> tuple[str, ...]:
        """Venues that can meet it."""
        return tuple(venue for venue in LIVE if venue not in self.not_for)


GROUPS: Final = tuple(
    path.stem
    for path in sorted(Path(__file__).parent.glob("*.py"))
    if path.stem not in {"__init__", "__main__", "case", "oracle"}
    and not path.stem.startswith("test")
)
"""Modules that register faults."""

FAULTS: Final[dict[str, Case]] = {}
"""All faults that are played against the fake venues, by number."""


ELSEWHERE: Final[dict[str, tuple[str, str, str]]] = {}
"""Faults of a disk, a process or a delivery: title, the tests that play them, and why there."""


def elsewhere(number: str, title: str, tests: str, why: str) -> None:
    """Say where a fault is tested that no venue can cause."""
    assert number not in ELSEWHERE, f"{number} is there twice"
    ELSEWHERE[number] = (title, tests, why)


def case(one: Case) -> Case:
    """Register a fault."""
    assert one.number not in FAULTS, f"{one.number} is there twice"
    FAULTS[one.number] = one
    return one


def run(one: Case, venue: str, seed: int = 1) -> Watch:
    """Play a fault on a venue and hold the run against the oracle.

    Raises
    ------
    AssertionError
        Naming what does not hold; also if the fault never fired.
    """

    async def script(whole: Watch) -> None:
        await one.script(whole, whole.rig[venue])

    own = one.options(venue) if callable(one.options) else one.options
    options = {"symbols": {venue: SYMBOLS[venue]}, **own}
    whole, _ = watch(script, seed=seed, **options)
    fake = whole.rig[venue]
    idle = [fault.name for fault in fake.faults.all if not fault.fired]
    assert not idle, f"never fired: {idle}"
    assert not whole.rig.violations, f"limits: {whole.rig.violations[:3]}"
    judge(whole, venue, one.leave)
    one.expect(whole, fake)
    return whole
