"""Alerts reach the outbox in order, whatever the disk does."""

import asyncio
from collections.abc import Awaitable, Callable

from airpocket.alerts.alert import InformationalAlert
from airpocket.errors import StateError
from airpocket.live.filing import Filing
from tests.alerts.made import alert
from tests.live import virtual


class Box:
    """An outbox whose disk fails at times."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.filed: list[tuple[str, int, tuple[str, ...]]] = []

    def file(
        self,
        alert: InformationalAlert,
        channels: tuple[str, ...],
        *,
        at_ns: int,
        episode: bytes | None = None,
        episode_key: str | None = None,
    ) -> bool:
        if self.failures:
            self.failures -= 1
            raise StateError("the disk is full")
        row = (alert.alert_id, alert.sequence, channels)
        if row in self.filed:
            return False
        self.filed.append(row)
        return True


def _play(
    box: Box, script: Callable[[Filing], Awaitable[None]]
) -> tuple[list[tuple[str, ...]], list[str | None]]:
    async def main(bench: virtual.Bench) -> tuple[list[tuple[str, ...]], list[str | None]]:
        told: list[tuple[str, ...]] = []
        troubles: list[str | None] = []
        filing = Filing(
            box, lambda _: ("a", "b"), bench.clock,
            filed=lambda _alert, channels: told.append(channels), trouble=troubles.append,
        )  # fmt: skip
        task = asyncio.create_task(filing.run())
        await script(filing)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return told, troubles

    return virtual.run(main)


def test_alerts_are_filed_in_order_and_told_with_their_channels() -> None:
    box = Box()

    async def script(filing: Filing) -> None:
        for number in range(5):
            filing.add(alert(sequence=number))
        await asyncio.sleep(1)
        assert filing.waiting == 0

    told, troubles = _play(box, script)
    assert [sequence for _, sequence, _ in box.filed] == [0, 1, 2, 3, 4]
    assert told == [("a", "b")] * 5
    assert troubles == []


def test_a_disk_that_fails_is_told_once_and_loses_nothing() -> None:
    box = Box(failures=7)

    async def script(filing: Filing) -> None:
        for number in range(3):
            filing.add(alert(sequence=number))
        await asyncio.sleep(30)

    told, troubles = _play(box, script)
    assert [sequence for _, sequence, _ in box.filed] == [0, 1, 2]
    assert len(told) == 3
    assert troubles == ["the disk is full", None]


def test_what_was_filed_before_is_not_told_again() -> None:
    async def script(filing: Filing) -> None:
        filing.add(alert(sequence=0))
        filing.add(alert(sequence=0))
        await asyncio.sleep(1)

    told, _ = _play(Box(), script)
    assert told == [("a", "b")]


def test_the_end_files_what_waits() -> None:
    box = Box()

    async def script(filing: Filing) -> None:
        filing.add(alert(sequence=0))
        assert await filing.finish()

    _play(box, script)
    assert len(box.filed) == 1
