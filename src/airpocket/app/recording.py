"""``airpocket record``: live feeds onto daily tapes, and nothing else."""

from collections.abc import Sequence
from pathlib import Path

from airpocket.app import watching

__all__ = ["run"]


def run(
    symbols: Sequence[str],
    *,
    venues: Sequence[str],
    config: Path | None,
    quiet: bool,
    seconds: float | None = None,
) -> None:
    """Keep what live feeds say until Ctrl-C, SIGTERM or the end of ``seconds``.

    Raises
    ------
    InputError
        If the configuration, a symbol or a venue cannot be used.
    TapeError
        If another process records here, or the folder cannot be written.
    """
    watching.run(
        symbols, venues=venues, config=config, quiet=quiet, seconds=seconds, is_recording=True
    )
