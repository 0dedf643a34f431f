"""Every numbered example runs, and prints what is committed beside it."""

import contextlib
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
NUMBERED = sorted(EXAMPLES.glob("[0-9][0-9]_*.py"))
# Those that read recordings are played where the recordings are known.
ALONE = [path for path in NUMBERED if "AIRPOCKET_DATA" not in path.read_text(encoding="utf-8")]


def _name(path: Path) -> str:
    return path.stem


def test_there_are_examples() -> None:
    assert {"01_one_position", "04_partial_and_full", "05_reverse_stress"} <= set(map(_name, ALONE))


@pytest.mark.parametrize("path", NUMBERED, ids=_name)
def test_what_it_prints_is_committed(path: Path) -> None:
    assert path.with_suffix(".md").read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("path", ALONE, ids=_name)
def test_it_prints_what_is_committed(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [str(path)])
    # An example may end by an exit code of 0; any other would leave the output short.
    with contextlib.suppress(SystemExit):
        runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out == path.with_suffix(".md").read_text(encoding="utf-8")
