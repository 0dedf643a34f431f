"""Fixtures of the console."""

import pytest

from tests.app.console import Console


@pytest.fixture
def airpocket(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Console:
    """Run a command in this process: ``airpocket("parse", "okx", stdin=b"{}")``."""
    return Console(capsys, monkeypatch)
