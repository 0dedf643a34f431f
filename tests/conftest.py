"""What every test may ask for."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A loaded machine is slow, not wrong: properties are not timed. `make slow` plays more examples.
settings.register_profile(
    "airpocket", deadline=None, max_examples=int(os.environ.get("AIRPOCKET_EXAMPLES", "50"))
)
settings.load_profile("airpocket")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the real recordings (`AIRPOCKET_DATA`); the test is skipped without it."""
    named = os.environ.get("AIRPOCKET_DATA", "../shared/data")
    folder = Path(named)
    if not folder.is_absolute():
        folder = Path(__file__).resolve().parent.parent / folder
    if not (folder / "README.md").is_file():
        if os.environ.get("AIRPOCKET_DATA_REQUIRED"):
            pytest.fail(f"recordings are required here and not found at {named!r}")
        pytest.skip(f"recordings not found at {named!r}: set AIRPOCKET_DATA to their folder")
    return folder
