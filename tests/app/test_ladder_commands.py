import subprocess
import sys
from dataclasses import fields

import pytest

from airpocket.app.ladder_commands import DepthOptions, LadderOptions, ShockOptions
from tests.app.console import Console, process


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("map", (LadderOptions, DepthOptions)),
        ("shock", (LadderOptions, DepthOptions, ShockOptions)),
    ],
)
def test_help_names_every_option(
    airpocket: Console, command: str, options: tuple[type, ...]
) -> None:
    told = airpocket(command, "--help").out
    for group in options:
        for field in fields(group):
            assert f"--{field.name.replace('_', '-')}" in told
    assert "--out" in told
    assert "--json" in told


@pytest.mark.parametrize("command", ["map", "shock"])
def test_help_loads_nothing_heavy(command: str) -> None:
    code = (
        "import sys\nfrom airpocket.app.cli import main\n"
        f"main([{command!r}, '--help'])\n"
        "print(sorted({'numpy', 'numba', 'polars', 'matplotlib', 'narwhals'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)  # noqa: S603
    assert said.stdout.splitlines()[-1] == "[]"


def test_a_command_of_its_own_process_refuses_with_2() -> None:
    ended = process(["shock", "nowhere.csv", "--move", "-3%"])
    assert ended.returncode == 2
    assert ended.stdout == b""
    assert ended.stderr.count(b"\n") == 1
