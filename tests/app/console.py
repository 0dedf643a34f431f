"""The console entry, called as a shell would call it."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from airpocket.app.cli import main

ROOT = Path(__file__).resolve().parents[2]


class Said(NamedTuple):
    """What a command gave back."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Its JSON, which has one object in each line and nothing else."""
        lines = self.out.split("\n")
        assert lines.pop() == ""
        assert self.out.splitlines() == lines, "a value breaks the line"
        rows = [json.loads(line, parse_constant=_no_constant) for line in lines]
        assert all(isinstance(row, dict) and "type" in row for row in rows)
        return rows

    @property
    def sentence(self) -> str:
        """The one sentence of a refusal: nothing on stdout, no traceback, exit code 2."""
        assert self.code == 2
        assert self.out == ""
        (line,) = self.err.splitlines()
        assert line.startswith("airpocket: ")
        return line.removeprefix("airpocket: ")


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


class Console:
    """Runs commands in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._patch = patch

    def __call__(self, *words: str | Path, stdin: bytes = b"") -> Said:
        self._patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        self._capsys.readouterr()
        code = 0
        try:
            main([str(word) for word in words])
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 0 if left.code is None else 1
        return Said(code, *self._capsys.readouterr())


def process(words: Sequence[str | Path], **more: Any) -> subprocess.CompletedProcess[bytes]:
    """Run a command as a process of its own."""
    command = [sys.executable, "-c", "from airpocket.app.cli import main; main()", *map(str, words)]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **more.pop("env", {})}
    return subprocess.run(  # noqa: S603 — our own command
        command, capture_output=True, check=False, timeout=60, env=env, **more
    )
