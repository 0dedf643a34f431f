"""Whether the store can keep what is promised: folder, room, speed of the disk, state, locks."""

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Final

from airpocket.app.config import Settings
from airpocket.errors import AirpocketError
from airpocket.live.probes import Check, Verdict
from airpocket.store.file_lock import hold, lock_path
from airpocket.store.state import State

__all__ = ["RECORDER", "check_disk", "check_state"]

RECORDER: Final = "recorder.tape"
"""Whose lock the one that records into a folder holds (:mod:`airpocket.store.tapes`)."""

_GB: Final = 10**9
_ROOM_FAIL_GB: Final = 0.2
_SYNCS: Final = 20
_SYNC_WARN_MS: Final = 50.0
_BLOCK: Final = bytes(16 << 10)


def check_disk(settings: Settings) -> list[Check]:
    """Try the folder of the store: write, sync and measure; what was written is removed.

    Parameters
    ----------
    settings
        For the folder and how much may be kept in it.
    """
    folder = settings.folder
    was_there = folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".airpocket-check-", dir=folder) as place:
            sync_ms = sorted(_syncs_ms(Path(place) / "block"))
    except OSError as error:
        said = (
            f"{folder} cannot be written ({error.strerror or error}): choose another [store] folder"
        )
        return [Check("disk", "folder", Verdict.FAIL, said)]
    room = _room(settings)
    if not was_there:
        with contextlib.suppress(OSError):
            folder.rmdir()  # to look is not to begin
    found = [Check("disk", "folder", Verdict.OK, f"{folder} can be written"), room]
    median_ms, worst_ms = sync_ms[len(sync_ms) // 2], sync_ms[-1]
    is_slow = median_ms > max(_SYNC_WARN_MS, float(settings.store.commit_ms))
    said = (
        f"a write is safe on the disk after {median_ms:.1f} ms (worst of {_SYNCS}: {worst_ms:.1f})"
    )
    if is_slow:
        said += f": commits every {settings.store.commit_ms} ms will lag, use a faster disk"
    verdict = Verdict.WARN if is_slow else Verdict.OK
    return [*found, Check("disk", "sync", verdict, said)]


def _room(settings: Settings) -> Check:
    folder, wanted_gb = settings.folder, settings.store.retention_gb
    free_gb = shutil.disk_usage(folder).free / _GB
    used_gb = _size(folder) / _GB
    said = f"{free_gb:,.1f} GB free, {used_gb:,.1f} GB kept of {wanted_gb:,.10g} GB at most"
    if free_gb < _ROOM_FAIL_GB:
        return Check("disk", "room", Verdict.FAIL, f"{said}: free some, or nothing can be kept")
    if free_gb + used_gb < wanted_gb:
        said += ": the disk is full before retention_gb is reached, lower it"
        return Check("disk", "room", Verdict.WARN, said)
    return Check("disk", "room", Verdict.OK, said)


def _size(folder: Path) -> int:
    size = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # a tape that is rotated away meanwhile
            size += path.stat().st_size
    return size


def _syncs_ms(path: Path) -> list[float]:
    """Time some small durable writes."""
    took = []
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        for _ in range(_SYNCS):
            begun = time.perf_counter()
            os.write(descriptor, _BLOCK)
            os.fsync(descriptor)
            took.append((time.perf_counter() - begun) * 1e3)
    finally:
        os.close(descriptor)
    return took


def check_state(settings: Settings) -> list[Check]:
    """Open the state to look at it, and see who holds it.

    Parameters
    ----------
    settings
        For its file.
    """
    path = settings.state_file
    refusal = _refusal(path.parent)
    if refusal is not None:
        said = f"none can be kept: the folder {path.parent} cannot be made ({refusal})"
        return [Check("store", "state", Verdict.FAIL, said)]
    locks = [
        _holder(held)
        for held in (path, settings.tapes_folder / RECORDER)
        if lock_path(held).exists()  # to look is not to make one
    ]
    if not path.exists():
        said = f"none yet at {path}: the first run makes one"
        return [Check("store", "state", Verdict.OK, said), *locks]
    try:
        with State(path, read_only=True) as state:
            episodes, feeds = len(state.episodes()), len(state.health())
    except AirpocketError as error:
        return [Check("store", "state", Verdict.FAIL, str(error)), *locks]
    said = f"opens: {episodes:,} episodes and the health of {feeds:,} channels"
    return [Check("store", "state", Verdict.OK, said), *locks]


def _refusal(folder: Path) -> str | None:
    """Say why a folder cannot be made; ``None`` if it is there, or can be. Nothing is made."""
    try:
        known = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    except OSError as error:
        return error.strerror or str(error)
    if not known.is_dir():
        return f"{known} is a file"
    if known != folder.absolute() and not os.access(known, os.W_OK | os.X_OK):
        return f"{known} may not be written"
    return None


def _holder(path: Path) -> Check:
    name = "tapes lock" if path.name == RECORDER else "state lock"
    try:
        lock = hold(path)
    except OSError as error:
        return Check("store", name, Verdict.FAIL, f"{path}: {error.strerror}")
    except Exception as error:  # noqa: BLE001 - whatever SQLite says of the file beside
        return Check("store", name, Verdict.FAIL, f"the lock of {path} cannot be used ({error})")
    if lock is None:
        said = "in use by a running airpocket: a second one is refused until that one ends"
        return Check("store", name, Verdict.OK, said)
    lock.close()
    return Check("store", name, Verdict.OK, "free: nothing else uses the store")
