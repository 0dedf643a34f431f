"""Faults without end: memory, descriptors, threads and tasks stay where they were (F41).

The long test runs the whole of ``airpocket watch`` in this process for ten minutes of real time,
against venues of another process that misbehave once a minute; ``AIRPOCKET_SOAK_S`` makes it
shorter or longer. The short one runs days in virtual time and counts what Python holds.
"""

import asyncio
import gc
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from airpocket.app import config as configuration
from airpocket.app.channels import channel_specs
from airpocket.app.journal import Journal
from airpocket.app.plans import plan
from airpocket.app.watching import Running
from airpocket.live.clock import SystemClock
from airpocket.live.sockets import AiohttpTransport
from tests.live.rig import SYMBOLS
from tests.live.soak_venues import FAULTS, misbehave
from tests.live.watch_rig import Watch, watch
from tests.live.world import Rates

SOAK_S = float(os.environ.get("AIRPOCKET_SOAK_S", "600"))
EVERY_S = 60.0 if SOAK_S >= 600 else 10.0
WARM_UP = 0.4  # of the time: caches, threads and the ten minutes of remembered events fill up
_ROOT = Path(__file__).parents[2]
_PAGE_BYTES = resource.getpagesize()
_OURS = ("part_broke", "exception", "Traceback", "never retrieved", "never awaited")


class Look(NamedTuple):
    """What the process held at one moment."""

    at_s: float
    rss_mb: float
    descriptors: int
    threads: int
    tasks: int


def _look(begin_s: float) -> Look:
    rss = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES / 1e6
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - it names what is gone meanwhile
    return Look(
        time.monotonic() - begin_s, rss, descriptors, threading.active_count(),
        len(asyncio.all_tasks()),
    )  # fmt: skip


class Log(StringIO):
    """A journal's stream that counts instead of keeping."""

    def __init__(self) -> None:
        super().__init__()
        self.events: Counter[str] = Counter()
        self.faults: list[str] = []

    def write(self, text: str) -> int:
        for line in text.splitlines():
            if line.startswith("{"):
                self.events[json.loads(line).get("event", "")[:60]] += 1
            if any(word in line for word in _OURS) and len(self.faults) < 20:
                self.faults.append(line[:2_000])
        return len(text)


class Venues:
    """The process that misbehaves."""

    def __init__(self, process: "subprocess.Popen[str]", urls: dict[str, list[str]]) -> None:
        self._process = process
        self.urls = urls
        self.said: dict[str, Any] = {}

    def end(self) -> list[dict[str, Any]]:
        """Stop it; gives every fault that it caused, then what was offended against."""
        told, _ = self._process.communicate()
        return [json.loads(line) for line in told.splitlines()]


@contextmanager
def _venues() -> Iterator[Venues]:
    words = json.dumps({"every_s": EVERY_S, "seed": 11})
    with subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "tests.live.soak_venues", words], cwd=_ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            yield Venues(process, json.loads(process.stdout.readline()))
        finally:
            if process.poll() is None:
                process.kill()


def _config(folder: Path, urls: dict[str, list[str]]) -> Path:
    path = folder / "airpocket.toml"
    sections = [
        f'[venues.{venue}]\nws_url = "{ws}"\nrest_url = "{rest}"'
        for venue, (ws, rest) in urls.items()
    ]
    path.write_text(
        "\n".join([
            f'[store]\nfolder = "{folder / "data"}"', *sections, "[server]\nenabled = false",
            f'[channels.file]\nkind = "jsonl"\npath = "{folder / "alerts.jsonl"}"',
            f'[channels.feeds]\nkind = "jsonl"\npath = "{folder / "feeds.jsonl"}"\nhealth = true',
        ]),
        encoding="utf-8",
    )  # fmt: skip
    return path


async def _soak(folder: Path, venues: Venues, unhandled: list[str]) -> tuple[list[Look], int]:
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: unhandled.append(repr(context)[:2_000])
    )
    settings = configuration.load(_config(folder, venues.urls), environ={})
    clock, rng = SystemClock(), random.Random(5)
    chosen = plan(settings, ["BTC", "ETH"], list(venues.urls), clock=clock, rng=rng)
    running = Running(
        settings, channel_specs(settings), chosen, clock=clock, rng=rng,
        transport=AiohttpTransport(),
    )  # fmt: skip
    looks: list[Look] = []
    begin_s = time.monotonic()
    async with running.opened() as watcher:
        task = asyncio.create_task(watcher.run())
        while time.monotonic() - begin_s < SOAK_S:
            await asyncio.sleep(1.0)
            assert not task.done(), task
            running.view()
            looks.append(_look(begin_s))
        frames = sum(one.frames for one in watcher.pipeline.tally.values())
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0.1)
    left = [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]
    assert not left, left
    return looks, frames


def _growth(looks: list[Look], name: str) -> float:
    """By how much the least of a stretch grew between the second and the last part of a run.

    The least: connections come and go with the faults, what leaks never goes.
    """
    third = len(looks) // 3
    begin, end = looks[:third], looks[-third:]
    return float(min(getattr(one, name) for one in end) - min(getattr(one, name) for one in begin))


def _slope_mb_h(looks: list[Look]) -> float:
    """Memory that a run gains in an hour, by a line through all looks."""
    line = statistics.linear_regression([one.at_s for one in looks], [one.rss_mb for one in looks])
    return line.slope * 3_600


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's /proc")
def test_minutes_of_faults_leave_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, unhandled = Log(), list[str]()
    with _venues() as venues:
        settings = configuration.load(_config(tmp_path, venues.urls), environ={})
        with Journal(settings.log, stream=log):
            looks, frames = asyncio.run(_soak(tmp_path, venues, unhandled))
        *faults, end = venues.end()
    steady = [one for one in looks if one.at_s >= WARM_UP * SOAK_S]
    slope = _slope_mb_h(steady)
    growth = {name: _growth(steady, name) for name in ("rss_mb", "descriptors", "threads", "tasks")}
    with capsys.disabled():
        sys.stdout.write(
            f"\nsoak of {SOAK_S:.0f} s, {len(faults)} faults, {frames:,} frames: RSS"
            f" {steady[0].rss_mb:.0f} to {steady[-1].rss_mb:.0f} MB ({slope:+.1f} MB/h), grown by"
            f" {growth}; told {dict(log.events.most_common(6))}\n"
        )
    assert not log.faults, log.faults
    assert not unhandled, unhandled
    assert not end["violations"], end["violations"][:3]
    assert len(faults) >= SOAK_S / EVERY_S - 2
    assert frames > 20 * SOAK_S
    assert growth["descriptors"] <= 2, growth
    assert growth["tasks"] <= 2, growth
    assert growth["threads"] <= 1, growth
    assert growth["rss_mb"] < 16, growth
    assert steady[-1].rss_mb - steady[0].rss_mb < 64


# -- days in virtual time --------------------------------------------------------------------------


def _tidy(whole: Watch) -> None:
    """Forget what the fakes and the test keep for themselves."""
    for venue in whole.rig.venues.values():
        venue.sessions[:] = venue.live
        venue.knocks.clear()
        venue.asked.clear()
        faults = venue.faults
        faults.all = [one for one in faults.all if one.is_on]
        lists: tuple[Any, ...] = (
            faults._refusals, faults._handshakes, faults._topics, faults._replays,
        )  # fmt: skip
        for kept in lists:
            kept[:] = [one for one in kept if one[0].is_on]
        for market in whole.rig.world.of_venue(venue.name):
            market._said.clear()
            while len(market.trades) > 200:
                market.trades.popleft()
    transport = whole.rig.transport
    transport.tried.clear()
    transport.connections[:] = transport.live
    for kept_here in (whole.said, whole.alerts, whole.healths, whole.filled):
        kept_here.clear()


def _held(whole: Watch) -> int:
    _tidy(whole)
    gc.collect()
    return sys.getallocatedblocks()


def _hours(hours: int, leak: list[bytes] | None = None) -> list[tuple[int, int, int]]:
    """Run a watcher for hours with a fault every five minutes: blocks, sockets and tasks hourly."""
    held: list[tuple[int, int, int]] = []

    async def script(whole: Watch) -> None:
        for number in range(12 * hours):
            await asyncio.sleep(300)
            whole.rig.world.ledger.frames = 0
            kind, _ = misbehave(whole.rig, number, 60.0)
            assert kind in FAULTS
            if leak is not None:
                leak.extend(b"%d" % (1_000 + one) for one in range(400))
            if number % 12 == 11:
                await asyncio.sleep(200)
                whole.look()
                held.append((_held(whole), whole.open_sockets, whole.tasks))

    rates = Rates(
        trades_per_s=0.05, mark_every_s=10.0, open_interest_every_s=60.0, funding_every_s=None,
        liquidations_per_h=12.0,
    )  # fmt: skip
    symbols = {"bybit": SYMBOLS["bybit"][:1], "okx": SYMBOLS["okx"][:1]}
    watch(script, symbols=symbols, rates=rates, keep=False, commit_s=10.0)
    return held


def _is_flat(held: list[tuple[int, int, int]], per_hour: int) -> bool:
    (first, sockets, tasks), (last, sockets_last, tasks_last) = held[1], held[-1]
    grown = (last - first) / (len(held) - 2)
    return grown < per_hour and sockets_last <= sockets and tasks_last <= tasks


BLOCKS_AN_HOUR = 3_000  # of Python's allocator, of about a million


def test_hours_of_faults_leave_nothing_behind() -> None:
    held = _hours(4)
    assert _is_flat(held, BLOCKS_AN_HOUR), held


@pytest.mark.slow
def test_a_leak_of_a_few_kilobytes_a_fault_would_be_seen() -> None:
    held = _hours(4, leak=[])
    assert not _is_flat(held, BLOCKS_AN_HOUR), held


@pytest.mark.slow
def test_days_of_faults_leave_nothing_behind() -> None:
    held = _hours(72)
    assert _is_flat(held, BLOCKS_AN_HOUR // 10), held[::12]
