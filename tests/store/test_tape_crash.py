"""No acknowledged frame is lost when the writer is killed, the power fails, or fsync fails.

A death by SIGKILL proves little about a disk (the kernel still writes what it was given), so
power loss is modelled: the system calls of a writer are recorded by strace, and the files are
rebuilt from what had been synced at some moment, with any part of what had not been
(``Disk``). Each oracle also has to find planted bugs.
"""

import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from airpocket.errors import AirpocketError
from airpocket.store.tape import TapeReader, TapeWriter
from tests.store import dying_writer
from tests.store.dying_writer import content

NO_BUG = "none"


def broken_promise(path: Path, acknowledged: int) -> str | None:
    """Say what a tape has lost, or None if all that was acknowledged is there and whole."""
    if acknowledged < 0 and not path.exists():
        return None
    try:
        with TapeReader(path) as reader:
            reader.check()
            stored = [frame.data for frame in reader.frames()]
    except AirpocketError as error:
        if acknowledged < 0 and "is empty" in str(error):
            return None
        return str(error)
    if len(stored) <= acknowledged:
        return f"{acknowledged + 1} frames were acknowledged, {len(stored)} are there"
    for ordinal, data in enumerate(stored):
        if data != content(ordinal):
            return f"frame {ordinal} is not what was appended"
    return None


class Killer:
    """Starts writers and kills each at a random moment."""

    def __init__(self, seed: int) -> None:
        self.draws = random.Random(seed)
        self.server = subprocess.Popen(  # noqa: S603 - our own interpreter and script
            [sys.executable, dying_writer.__file__, "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        self.orders, self.answers = self.server.stdin, self.server.stdout
        self.unread = b""

    def close(self) -> None:
        self.orders.close()
        self.answers.close()
        self.server.wait()

    def kill_one(self, path: Path, bug: str, longest_s: float) -> int:
        """Return the last ordinal that the writer called safe before it died, or −1."""
        self.orders.write(f"{path}\t{self.draws.randrange(1 << 30)}\t{bug}\n".encode())
        self.orders.flush()
        said: dict[str, int] = {}
        deadline: float | None = None
        while "dead" not in said:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([self.answers], [], [], left)
            if ready:
                self.read(said)
            if "pid" in said and deadline is None:
                deadline = time.monotonic() + self.draws.uniform(0, longest_s)
            if deadline is not None and time.monotonic() >= deadline and "killed" not in said:
                os.kill(said["pid"], signal.SIGKILL)
                said["killed"] = 1
                deadline = deadline + 60
        assert said["dead"] == -signal.SIGKILL
        return said.get("ack", -1)

    def read(self, said: dict[str, int]) -> None:
        *lines, self.unread = (self.unread + os.read(self.answers.fileno(), 65536)).split(b"\n")
        for line in lines:
            word, number = line.decode().split()
            said[word] = int(number)


@pytest.fixture
def killer(request: pytest.FixtureRequest) -> Iterator[Killer]:
    killer = Killer(seed=20251010)
    yield killer
    killer.close()


def kill_many(killer: Killer, folder: Path, kills: int) -> tuple[int, int]:
    """Kill writers of tapes that each live through ten deaths; count deaths after an ack."""
    telling, midway = 0, 0
    for kill in range(kills):
        path = folder / f"{kill // 10}.tape"
        acknowledged = killer.kill_one(path, NO_BUG, longest_s=0.15)
        assert broken_promise(path, acknowledged) is None, f"kill {kill}"
        telling += acknowledged >= 0
        midway += path.with_name(path.name + "-wal").exists()
    for path in folder.glob("*.tape"):  # and each can be written again, even if none lived to begin
        with TapeWriter(path, "crash") as writer:
            writer.append("okx", "0", None, content(writer.next_ordinal))
        assert broken_promise(path, 0) is None
    return telling, midway


def test_fifty_kills_lose_nothing(killer: Killer, tmp_path: Path) -> None:
    telling, midway = kill_many(killer, tmp_path, 50)
    assert telling > 20
    assert midway > 20


@pytest.mark.slow
def test_a_thousand_kills_lose_nothing(killer: Killer, tmp_path: Path) -> None:
    telling, midway = kill_many(killer, tmp_path, 1_000)
    assert telling > 400
    assert midway > 400


def test_kills_find_a_writer_that_acknowledges_too_early(killer: Killer, tmp_path: Path) -> None:
    for kill in range(100):
        path = tmp_path / f"{kill}.tape"
        acknowledged = killer.kill_one(path, "early", longest_s=0.15)
        broken = broken_promise(path, acknowledged)
        if broken is not None:
            assert "frames were acknowledged" in broken or "there is no tape" in broken
            return
    pytest.fail("acknowledging before the commit went unnoticed in 100 kills")


CALL = re.compile(
    r"^(?:\d+ +)?(?P<call>\w+)\((?P<fd>\d+<(?P<on>[^>]*)>)?,? ?(?:\"(?P<data>[^\"]*)\")?"
    r"(?:, )?(?P<numbers>[\d, ]*)\) += (?P<result>-?\d+)"
)


def plain(escaped: str) -> bytes:
    """Read the text that strace -xx writes."""
    return bytes.fromhex(escaped.replace("\\x", ""))


@dataclass
class Disk:
    """What a disk would hold of one folder if the power failed now.

    ``synced`` are the bytes of each file as of its last fsync; ``unsynced`` what was written
    since, of which a power failure keeps any part, in sectors of 512 bytes. A failed fsync loses
    what it was for (Linux marks those pages clean). That a file was made or removed is taken as
    lasting.
    """

    folder: str
    synced: dict[str, bytearray] = field(default_factory=dict)
    unsynced: dict[str, list[tuple[int, bytes | None]]] = field(default_factory=dict)
    acknowledged: int = -1
    refused: int = 0
    syncs_failed: int = 0

    def see(self, line: str) -> bool:
        """Follow one system call; tell whether it mattered."""
        found = CALL.match(line)
        assert found is not None, line[:200]
        call, result = found["call"], int(found["result"])
        data = plain(found["data"]) if found["data"] else b""
        if call == "write" and data[:3] == b"ack":
            self.acknowledged = int(data.split()[1])
            return True
        if call == "write" and data[:7] == b"refused":
            self.refused += 1
        path = data.decode() if call == "unlink" else plain(found["on"] or "").decode()
        if str(Path(path).parent) != self.folder or path.endswith(("-shm", "-lock")):
            return False
        if call in {"fsync", "fdatasync"}:
            self.sync(path, is_done=result == 0)
        elif result < 0:
            return False
        elif call == "unlink":
            self.synced.pop(path, None)
            self.unsynced.pop(path, None)
        else:
            numbers = [int(number) for number in found["numbers"].split(", ")]
            change = (numbers[0], None) if call == "ftruncate" else (numbers[-1], data)
            self.synced.setdefault(path, bytearray())
            self.unsynced.setdefault(path, []).append(change)
        return True

    def sync(self, path: str, *, is_done: bool) -> None:
        changes = self.unsynced.pop(path, [])
        self.syncs_failed += not is_done
        for at, data in changes if is_done else ():
            apply(self.synced[path], at, data)

    def rebuild(self, folder: Path, draws: random.Random, share: float) -> Path:
        """Write the files as found after the failure, with a share of what was not synced."""
        for old in folder.iterdir():
            old.unlink()
        for path, synced in self.synced.items():
            found = bytearray(synced)
            for at, data in self.unsynced.get(path, ()):
                if data is None:
                    if draws.random() < share:
                        apply(found, at, None)
                    continue
                for sector in range(0, len(data), 512):
                    if draws.random() < share:
                        apply(found, at + sector, data[sector : sector + 512])
            (folder / Path(path).name).write_bytes(found)
        return folder / "a.tape"


def apply(content: bytearray, at: int, data: bytes | None) -> None:
    """Write or, without data, truncate."""
    length = at if data is None else at + len(data)
    if data is None:
        del content[at:]
    if len(content) < length:
        content.extend(bytes(length - len(content)))
    if data is not None:
        content[at:length] = data


@pytest.fixture(scope="session")
def strace(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Path of strace, if it can trace here."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("strace is not installed: power loss is not modelled")
    tried = subprocess.run(  # noqa: S603 - found on the path
        [found, "-o", "/dev/null", "true"], capture_output=True, text=True, check=False
    )
    if tried.returncode != 0:
        pytest.skip(f"strace cannot trace here ({tried.stderr.strip()}): no power loss is modelled")
    return found


def record(strace: str, folder: Path, seed: int, bug: str, *inject: str) -> list[str]:
    """Run a writer in a fresh folder and return the system calls that reached its files."""
    folder.mkdir()
    calls = "trace=pwrite64,write,fdatasync,fsync,ftruncate,unlink"
    trace = folder.with_suffix(".trace")
    options = ["-f", "-xx", "-y", "-s", "100000000", "-e", calls, "-e", "signal=none", *inject]
    writer = [
        sys.executable,
        dying_writer.__file__,
        "write",
        str(folder / "a.tape"),
        str(seed),
        bug,
    ]
    subprocess.run([strace, *options, "-o", str(trace), *writer], check=True, capture_output=True)  # noqa: S603
    return [line for line in trace.read_text().splitlines() if "+++" not in line]


def fail_power(lines: list[str], folder: Path, cuts: int, seed: int) -> tuple[Disk, list[str]]:
    """Cut the power at random moments of a recorded run; return what was lost, if anything."""
    draws = random.Random(seed)
    moments = set(draws.sample(range(len(lines)), min(cuts, len(lines))))
    disk, broken = Disk(str(folder)), []
    after = folder.with_suffix(".after")
    after.mkdir(exist_ok=True)
    for moment, line in enumerate(lines):
        disk.see(line)
        if moment in moments or moment == len(lines) - 1:
            path = disk.rebuild(after, draws, share=draws.choice((0.0, 0.0, 0.5, 1.0)))
            lost = broken_promise(path, disk.acknowledged)
            if lost is not None:
                broken.append(f"after call {moment} of {len(lines)}: {lost}")
    return disk, broken


def fail_power_often(strace: str, folder: Path, runs: int, cuts: int) -> None:
    for run in range(runs):
        lines = record(strace, folder / str(run), run, NO_BUG)
        disk, broken = fail_power(lines, folder / str(run), cuts, run)
        assert broken == []
        assert disk.acknowledged > 0


def test_a_few_power_failures_lose_nothing(strace: str, tmp_path: Path) -> None:
    fail_power_often(strace, tmp_path, runs=3, cuts=40)


@pytest.mark.slow
def test_two_hundred_writers_lose_nothing_in_power_failures(strace: str, tmp_path: Path) -> None:
    fail_power_often(strace, tmp_path, runs=200, cuts=20)


@pytest.mark.parametrize("bug", ["synchronous=OFF", "synchronous=NORMAL", "early"])
def test_power_failures_find_planted_bugs(strace: str, tmp_path: Path, bug: str) -> None:
    lines = record(strace, tmp_path / "a", 1, bug)
    _, broken = fail_power(lines, tmp_path / "a", 60, 1)
    assert broken, f"{bug} went unnoticed"


def fail_syncs(
    strace: str, folder: Path, first: int, step: int, bug: str = NO_BUG
) -> tuple[Disk, list[str]]:
    """Fail every so many fdatasync with EIO, and the power besides; return what was lost."""
    inject = f"inject=fdatasync:error=EIO:when={first}+{step}"
    seed = first * 10 + step
    lines = record(strace, folder / str(seed), seed, bug, "-e", inject)
    return fail_power(lines, folder / str(seed), 40, seed)


def test_what_a_failed_fsync_was_for_is_not_acknowledged(strace: str, tmp_path: Path) -> None:
    disk, broken = fail_syncs(strace, tmp_path, first=8, step=3)
    assert broken == []
    assert disk.syncs_failed > 3
    assert disk.refused > 0
    assert disk.acknowledged > 0


def test_failed_fsyncs_find_a_log_that_is_continued(strace: str, tmp_path: Path) -> None:
    found = (fail_syncs(strace, tmp_path, first, 2, "continued log") for first in range(8, 20))
    assert any(broken for _, broken in found)


@pytest.mark.slow
def test_many_failed_fsyncs_lose_nothing(strace: str, tmp_path: Path) -> None:
    outcomes = [
        fail_syncs(strace, tmp_path, first, step)
        for first in range(7, 17)
        for step in (2, 3, 4, 5, 7)
    ]
    assert [broken for _, broken in outcomes if broken] == []
    disks = [disk for disk, _ in outcomes]
    assert sum(disk.refused for disk in disks) > 50
    assert sum(disk.acknowledged > 0 for disk in disks) > 25
