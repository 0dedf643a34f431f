"""Alerts through a receiver that fails half of the time, sent by a process that is killed.

The oracle: every alert arrived, in its channel's order, and never under a second id. Planted bugs
show that it sees.
"""

import asyncio
import os
import random
import signal
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from airpocket.alerts.linter import violations
from tests.live.alert_receiver import AlertReceiver, Answer, Request
from tests.live.outgoing import numbered
from tests.live.sending_process import Orders, names

ROOT = Path(__file__).resolve().parents[2]
BAD = (
    Answer(429, {"Retry-After": "0"}), Answer(500), Answer(503), Answer(hang=True),
    Answer(reset=True), Answer(cut=True),
)  # fmt: skip


class Half:
    """Accepts half of what it is sent; some of what it accepts it does not say so."""

    def __init__(self, seed: int, share: float = 0.5) -> None:
        self._rng = random.Random(seed)
        self._share = share
        self.accepted: list[Request] = []
        self.failed = 0

    def __call__(self, request: Request) -> Answer:
        if self._rng.random() >= self._share:
            self.accepted.append(request)
            return Answer(204, body=b"")
        self.failed += 1
        answer = self._rng.choice(BAD)
        # F49: taken, and the answer is lost on its way, or cut after its head.
        if answer.cut or ((answer.reset or answer.hang) and self._rng.random() < 0.5):
            self.accepted.append(request)
        return answer


class Sender:
    """The process that forks senders."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def start(self, orders: Orders) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(orders) + b"\n")
        await self._process.stdin.drain()
        return int(await self._line())

    async def ended(self) -> int:
        return int((await self._line()).removeprefix("ended "))

    async def _line(self) -> str:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        assert line, "the sending process is gone"
        return line.decode().strip()


@asynccontextmanager
async def sending() -> AsyncIterator[Sender]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.live.sending_process", cwd=ROOT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Sender(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        if process.returncode is None:
            await process.wait()


def wrongs(orders: Orders, accepted: list[Request]) -> list[str]:
    """What the oracle says against a run."""
    found: list[str] = []
    ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    firsts: dict[str, list[str]] = defaultdict(list)
    meanings: dict[str, set[tuple[str, bytes]]] = defaultdict(set)
    for request in accepted:
        channel, told = request.path.strip("/"), request.json()
        key = (channel, told["id"])
        if not ids[key]:
            firsts[channel].append(told["id"])
        ids[key].add(request.headers["webhook-id"])
        meanings[request.headers["webhook-id"]].add((channel, request.body))
        if violations(told):
            found.append(f"{told['id']} says more than facts")
    found += [f"{key} under {len(under)} ids" for key, under in ids.items() if len(under) != 1]
    found += [
        f"id {one} for {len(all_)} messages" for one, all_ in meanings.items() if len(all_) != 1
    ]
    for place, channel in enumerate(names(orders)):
        filed = [numbered(n).alert_id for n in range(place, orders.alerts, orders.channels)]
        lost = set(filed) - set(firsts[channel])
        found += [f"{channel}: {len(lost)} never arrived"] if lost else []
        came = [one for one in filed if one in set(firsts[channel])]
        found += [f"{channel}: out of order"] if firsts[channel] != came else []
    return found


def under_fire(
    tmp_path: Path, *, alerts: int, kills: int, channels: int = 8, bug: str = "", seed: int = 7
) -> dict[str, Any]:
    """Send, kill, send again, until all is noted; say what went wrong and what it took."""

    async def go() -> dict[str, Any]:
        rng = random.Random(seed)
        half = Half(seed)
        async with AlertReceiver(half) as receiver, sending() as sender:
            orders = Orders(
                str(tmp_path / "state.db"),
                receiver.port,
                alerts,
                channels,
                seed,
                file=True,
                bug=bug,
            )
            killed = 0
            while True:
                pid = await sender.start(orders)
                orders = msgspec.structs.replace(orders, file=False, seed=orders.seed + 1)
                ending = asyncio.create_task(sender.ended())
                if killed < kills:
                    await _progress(half, (killed + 1) * alerts // (kills + 1), ending)
                    await asyncio.wait({ending}, timeout=rng.uniform(0.0, 0.05))
                    if not ending.done():
                        os.kill(pid, signal.SIGKILL)
                        killed += 1
                status = await ending
                assert status in {0, signal.SIGKILL}
                if status == 0:
                    break
        repeats = len(half.accepted) - alerts
        return {
            "wrong": wrongs(orders, half.accepted),
            "killed": killed, "failed": half.failed, "repeats": repeats,
        }  # fmt: skip

    begun = time.monotonic()
    result = asyncio.run(go())
    return result | {"seconds": round(time.monotonic() - begun, 1)}


async def _progress(half: Half, accepted: int, ending: "asyncio.Task[int]") -> None:
    while len(half.accepted) < accepted and not ending.done():  # noqa: ASYNC110 - it counts
        await asyncio.sleep(0.002)


def test_a_thousand_alerts_through_a_bad_receiver_and_ten_kills(tmp_path: Path) -> None:
    result = under_fire(tmp_path, alerts=1_000, kills=10)
    assert result["wrong"] == []
    assert result["killed"] == 10
    assert result["failed"] > 600  # it did fail half of the time


@pytest.mark.slow
def test_ten_thousand_alerts_through_a_bad_receiver_and_a_hundred_kills(tmp_path: Path) -> None:
    result = under_fire(tmp_path, alerts=10_000, kills=100, channels=16)
    assert result["wrong"] == []
    assert result["killed"] == 100
    assert result["failed"] > 8_000


@pytest.mark.parametrize(("bug", "said"), [("new_id", "ids"), ("ack_first", "never arrived")])
def test_the_oracle_sees_planted_bugs(tmp_path: Path, bug: str, said: str) -> None:
    result = under_fire(tmp_path, alerts=60, kills=3, bug=bug)
    assert any(said in one for one in result["wrong"])


@pytest.mark.parametrize("die_at", ["filed", "sending", "sent", "noted"])
def test_killed_at_each_step_nothing_is_lost(tmp_path: Path, die_at: str) -> None:
    """F50: between detection and arrival a process may die anywhere."""

    async def go() -> None:
        half = Half(1, share=0.0)
        async with AlertReceiver(half) as receiver, sending() as sender:
            orders = Orders(
                str(tmp_path / "state.db"), receiver.port, 6, 2, file=True, die_at=die_at
            )
            await sender.start(orders)
            assert await sender.ended() == signal.SIGKILL
            await sender.start(msgspec.structs.replace(orders, file=False, die_at=""))
            assert await sender.ended() == 0
        assert wrongs(orders, half.accepted) == []
        most = orders.channels if die_at in {"sent", "noted"} else 0  # what was under way
        assert len(half.accepted) - orders.alerts <= most

    asyncio.run(go())
