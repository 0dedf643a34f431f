"""A whole watcher on fake venues; single faults are in tests/faults."""

import asyncio

import msgspec
import pytest

from airpocket.alerts.alert import Signal, Stage
from airpocket.live.feed import VenueFeed
from airpocket.live.pipeline import Pipeline
from tests.live.watch_rig import Watch, watch


def test_a_quiet_quarter_says_nothing_and_keeps_everything() -> None:
    whole, _ = watch(lambda _: asyncio.sleep(900))
    assert whole.alerts == []
    assert whole.rig.violations == []
    assert whole.final.gaps == []
    assert len(whole.final.events) > 3_000


def test_a_cascade_is_told_to_its_end_under_one_id() -> None:
    async def script(whole: Watch) -> None:
        await asyncio.sleep(900)
        whole.rig.world.cascade(0.0)
        await asyncio.sleep(1800)

    whole, _ = watch(script)
    alerts = whole.market_alerts()
    assert alerts, "no alert"
    for alert_id in {one.alert_id for one in alerts}:
        stages = [one.stage for one in alerts if one.alert_id == alert_id]
        assert stages[0] is Stage.OPEN
        assert stages.count(Stage.OPEN) == 1
        assert stages.count(Stage.UPDATE) <= 5
    assert any(one.stage is Stage.ALL_CLEAR for one in alerts)
    assert whole.notices() == []


def test_what_was_said_live_is_what_the_tape_says_byte_for_byte() -> None:
    async def script(whole: Watch) -> None:
        await asyncio.sleep(600)
        whole.rig.world.cascade(0.0)
        await asyncio.sleep(120)
        whole.rig["binance"].sessions[-1].close(1006, "planted")
        await asyncio.sleep(600)

    whole, _ = watch(script)
    live, again = (
        [msgspec.json.encode(one) for one in said] for said in (whole.said, whole.final.said)
    )
    assert len(live) > 5
    assert live == again


def test_a_part_that_breaks_is_said_and_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = iter([True])
    run = VenueFeed.run

    async def breaks_once(self: VenueFeed) -> None:
        if next(broken, False):
            await asyncio.sleep(5)
            raise ZeroDivisionError("planted")
        await run(self)

    monkeypatch.setattr(VenueFeed, "run", breaks_once)
    whole, _ = watch(lambda _: asyncio.sleep(60))
    assert [one.state.value for one in whole.healths if one.channel == "*"] == ["dead"]
    assert len(whole.final.events) > 100


def test_a_stop_keeps_and_files_what_came() -> None:
    async def script(whole: Watch) -> int:
        await asyncio.sleep(30.3)
        return len(whole.rig.world.sent)

    whole, sent = watch(script, commit_s=10.0)
    assert whole.tapes.acknowledged is not None
    assert len(whole.final.events) >= sent - 5


def test_a_pipeline_that_breaks_is_not_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    async def breaks(self: Pipeline) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(Pipeline, "run", breaks)
    whole, _ = watch(lambda _: asyncio.sleep(60))
    assert any(one.channel == "*" and one.venue == "airpocket" for one in whole.healths)
    assert [one.signal for one in whole.alerts] == [Signal.FEED_HEALTH]
