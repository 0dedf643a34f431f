"""``airpocket --help`` beside ``python -c pass``: what a user waits for before anything happens.

The peers are the interpreter alone and an empty app of the same command-line framework. The
installed console script is run, all three in turn; processor time of the processes counts, which
on an idle machine is what one waits for. As on a user's second start, all modules are compiled:
bytecode is kept in a folder of this run's own, whatever the environment says of it.
"""

import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.side_by_side import side_by_side, verdict

GOAL = 12.0
HEAVY = frozenset(
    [
        "aiohttp",
        "apprise",
        "ccxt",
        "llvmlite",
        "matplotlib",
        "msgspec",
        "narwhals",
        "numba",
        "numpy",
        "polars",
        "prometheus_client",
        "pydantic",
        "sqlalchemy",
        "stamina",
        "structlog",
    ]
)
_EMPTY_APP = (
    "import cyclopts; app = cyclopts.App(name='empty', help_format='plaintext'); app(['--help'])"
)
_MODULES = (
    "import sys; from airpocket.app.cli import main; main(['--help']);"
    " print(*sorted(sys.modules), file=sys.stderr)"
)


def _run(command: list[str], environment: Mapping[str, str]) -> str:
    done = subprocess.run(  # noqa: S603 - commands of our own
        command, check=True, capture_output=True, text=True, env=environment
    )
    return done.stderr


def _of_children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _environment(folder: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return kept | {"PYTHONPYCACHEPREFIX": folder}


def _imports(environment: Mapping[str, str]) -> list[str]:
    """Say what ``--help`` imports, and whether any of it is heavy."""
    modules = _run([sys.executable, "-c", _MODULES], environment).split()
    ours = [name for name in modules if name.partition(".")[0] == "airpocket"]
    roots = {name.partition(".")[0] for name in modules if not name.startswith("_")}
    others = sorted(roots - set(sys.stdlib_module_names) - {"airpocket"})
    heavy = sorted(roots & HEAVY)
    judged = "MISSED: " + ", ".join(heavy) if heavy else "met"
    return [
        f"it imports {', '.join(ours)}; of others {', '.join(others)}",
        f"none of these among them: {', '.join(sorted(HEAVY))} (goal: {judged})",
    ]


def run() -> list[str]:
    """Measure start-up and name what is imported."""
    script = Path(sys.executable).with_name("airpocket")
    if not script.exists():
        return ["not measured: the console script is not installed beside this Python"]
    commands = {
        "help": [str(script), "--help"],
        "bare": [sys.executable, "-c", "pass"],
        "empty": [sys.executable, "-c", _EMPTY_APP],
    }
    with TemporaryDirectory() as folder:
        environment = _environment(folder)
        timing = side_by_side(
            {
                name: lambda command=command: _run(command, environment)
                for name, command in commands.items()
            },
            windows=21,
            clock=_of_children_s,
        )
        ratio = timing.ratio("help", "bare")
        help_ms, bare_ms = (timing.ns(name, 1) / 1e6 for name in ("help", "bare"))
        text = (
            f"airpocket --help: {ratio:.1f} times python -c pass ({help_ms:.0f} against"
            f" {bare_ms:.0f} ms); {timing.ratio('help', 'empty'):.2f} times an empty cyclopts app"
        )
        return [verdict(ratio, GOAL, text=text), *_imports(environment)]
