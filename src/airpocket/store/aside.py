"""Writing a file or folder that is either whole or not there, and never in place of another."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airpocket.errors import InputError

__all__ = ["aside", "require_free", "sync"]


@contextmanager
def aside(out: Path) -> Iterator[Path]:
    """Give a place beside OUT to write to, which takes its name when it is whole and on the disk.

    Whatever happens before, nothing is left of it. It lies in a folder of its own, so that what a
    writer puts beside its file goes with it.

    Parameters
    ----------
    out
        File or folder to be written.

    Raises
    ------
    InputError
        If it exists, or the folder that it would lie in does not.
    """
    require_free(out)
    folder = Path(tempfile.mkdtemp(prefix=".airpocket-", suffix=".part", dir=out.parent))
    try:
        yield folder / out.name
        sync(folder / out.name)
        require_free(out)
        (folder / out.name).rename(out)
        sync(out.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def require_free(out: Path) -> None:
    """Refuse a name that is taken, or that lies in no folder.

    Raises
    ------
    InputError
        Naming what is in the way.
    """
    if out.exists() or out.is_symlink():
        raise InputError(f"{out} exists: name another OUT, nothing is ever overwritten")
    if not out.parent.is_dir():
        raise InputError(f"{out.parent}: there is no such folder to write to")


def sync(path: Path) -> None:
    """Have what was written of a file or folder on the disk before going on."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
