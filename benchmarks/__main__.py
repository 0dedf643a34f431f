"""Run the benchmarks beside this file, all or those named: ``python -m benchmarks tape``.

A benchmark is a module ``bench_<name>.py`` with ``def run() -> list[str]``, whose lines state
ratios of one run: peer and ours alternating, median of n. Where its peer is not installed it
returns a line that says so, or lets the ``ImportError`` out, which is then said here.
"""

import importlib
import sys
from pathlib import Path


def names() -> list[str]:
    """Return the names of all benchmarks, sorted."""
    found = Path(__file__).parent.glob("bench_*.py")
    return sorted(path.stem.removeprefix("bench_") for path in found)


def lines_of(name: str) -> list[str]:
    """Run one benchmark; a peer that is not installed is a line, not a failure."""
    try:
        lines: list[str] = importlib.import_module(f"benchmarks.bench_{name}").run()
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in {"airpocket", "benchmarks"}:
            raise
        return [f"not measured: {error.name} is not installed"]
    return lines


def main(wanted: list[str]) -> int:
    """Print the lines of the wanted benchmarks as they come."""
    known = names()
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    for name in wanted or known:
        print(f"\n{name}", flush=True)
        for line in lines_of(name):
            print(f"  {line}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
