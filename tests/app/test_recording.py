"""Recording is watching without telling."""

from pathlib import Path
from typing import Any

import pytest

from airpocket.app import recording, watching


def test_it_tells_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    monkeypatch.setattr(watching, "run", lambda *words, **more: asked.append((words, more)))
    recording.run(["BTC"], venues=("okx",), config=tmp_path / "a.toml", quiet=True, seconds=2.0)
    ((words, more),) = asked
    assert words == (["BTC"],)
    assert more["is_recording"] is True
    assert more["venues"] == ("okx",)
