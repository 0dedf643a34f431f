"""``make faults``: every fault of the catalogue on every venue, a line each.

``F02 whole socket mute, pings answered … ok 4/4``; a failure names venue and reason, a fault that a
venue cannot meet says why, one that no venue can cause names the tests that play it.
"""

import argparse
import importlib
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from airpocket.venues.register import LIVE
from tests.faults.case import ELSEWHERE, FAULTS, GROUPS, run

_ROOT = Path(__file__).resolve().parent.parent.parent
_CATALOGUE = tuple(f"F{number:02d}" for number in range(1, 51))


def played(number: str, venue: str, seed: int) -> str:
    """Play one fault on one venue; an empty text if it holds, else why not."""
    _load()
    try:
        with redirect_stdout(StringIO()):  # what the watcher logs is no line of ours
            run(FAULTS[number], venue, seed)
    except AssertionError as error:
        return str(error).splitlines()[0][:160] if str(error) else "does not hold"
    except Exception as error:  # noqa: BLE001 - said as a failure of this fault
        return repr(error)[:160]
    return ""


def caught(number: str) -> str:
    """Plant the bug of a fault; an empty text if the fault shows it, else that it got away."""
    _load()
    one = FAULTS[number]
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()):
        one.plant(patch)
        try:
            run(one, one.venues[0])
        except AssertionError:
            return ""
    return "the planted bug got away"


def elsewhere(tests: str) -> str:
    """Run the tests that play a fault; an empty text if they pass."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-m", "not slow", *tests.split()]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    return "" if done.returncode == 0 else done.stdout.strip().splitlines()[-1][:160]


def _load() -> None:
    for group in GROUPS:
        importlib.import_module(f"tests.faults.{group}")


def _line(number: str, title: str, outcomes: dict[str, str], notes: Sequence[str]) -> str:
    good = sum(not said for said in outcomes.values())
    verdict = "ok" if good == len(outcomes) else "FAILED"
    told = f"{number} {title} … {verdict} {good}/{len(outcomes)}"
    bad = [f"{where}: {said}" for where, said in outcomes.items() if said]
    return "\n      ".join([told, *bad, *notes])


def _jobs(pool: ProcessPoolExecutor, wanted: Sequence[str], seed: int, *, planted: bool) -> Iterator[
    tuple[str, str, dict[str, "Future[str]"], list[str]]
]:  # fmt: skip
    """Hand out the work, and give it back in the order of the catalogue."""
    for number in wanted:
        if number in FAULTS:
            one = FAULTS[number]
            work = {venue: pool.submit(played, number, venue, seed) for venue in one.venues}
            if planted:
                work["planted bug"] = pool.submit(caught, number)
            notes = [f"not for {venue}: {why}" for venue, why in one.not_for.items()]
            yield number, one.title, work, notes
        if number in ELSEWHERE:
            title, tests, why = ELSEWHERE[number]
            yield number, title, {"tests": pool.submit(elsewhere, tests)}, [f"{why}: {tests}"]


def main() -> int:
    """Play what is asked for; 1 if anything fails or is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("faults", nargs="*", help="F01 …; all if left out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--planted", action="store_true", help="plant each fault's bug too")
    parser.add_argument("--jobs", type=int, default=None)
    asked = parser.parse_args()
    _load()
    known = sorted({*FAULTS, *ELSEWHERE})
    wanted = asked.faults or known
    missing = [number for number in asked.faults or _CATALOGUE if number not in known]
    begun, failed = time.monotonic(), list(missing)
    with ProcessPoolExecutor(asked.jobs) as pool:
        for number, title, work, notes in list(
            _jobs(pool, wanted, asked.seed, planted=asked.planted)
        ):
            outcomes = {where: future.result() for where, future in work.items()}
            failed += [number] if any(outcomes.values()) else []
            print(_line(number, title, outcomes, notes), flush=True)  # noqa: T201
    for number in missing:
        print(f"{number} is not played")  # noqa: T201
    took_s = time.monotonic() - begun
    verdict = f"failed: {', '.join(failed)}" if failed else "all hold"
    print(f"{len(wanted)} faults, {len(LIVE)} venues, {took_s:.0f} s: {verdict}")  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
