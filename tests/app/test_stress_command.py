import subprocess
import sys
from dataclasses import fields

from airpocket.app.stress_command import StressOptions
from tests.app.console import Console

HEAVY = {"matplotlib", "msgspec", "narwhals", "numba", "numpy", "polars"}


def test_help_names_every_option(airpocket: Console) -> None:
    said = airpocket("stress", "--help").out
    for one in fields(StressOptions):
        assert f"--{one.name.replace('_', '-')}" in said
    for word in ("--depth", "--daily-volume", "--symbol", "--move", "--out", "--json"):
        assert word in said


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom airpocket.app.cli import main\n"
        f"main(['stress', '--help'])\nprint({HEAVY} & set(sys.modules))"
    )
    done = subprocess.run(  # noqa: S603 — our own code
        [sys.executable, "-c", code], capture_output=True, check=False, timeout=60
    )
    assert done.stdout.decode().rstrip().endswith("set()")


def test_two_files_are_compared(airpocket: Console) -> None:
    assert "--compare" in airpocket("stress", "p.csv", "--compare", "A.toml").sentence
