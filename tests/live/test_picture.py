"""The view of a watcher: what is shown is what was noted."""

import asyncio

from airpocket.live.delivery import ChannelCounts
from airpocket.live.metrics import Metrics
from airpocket.live.picture import Picture
from airpocket.live.rest_readings import Offset
from airpocket.live.view import Overall, WatchView, overall
from airpocket.live.watcher import WatcherEvents
from airpocket.market.events import Coverage, HealthState
from airpocket.units import SECOND_NS
from tests.live.watch_rig import Watch, watch


def _seen(seconds: float, cascade_at_s: float | None = None) -> tuple[WatchView, Metrics, Watch]:
    views: list[WatchView] = []
    metrics = Metrics(["binance"], ["log"])

    async def script(whole: Watch) -> None:
        picture = Picture(whole.bench.clock, metrics, "tapes", {"binance": Coverage.THROTTLED})
        whole.watcher._events = WatcherEvents(
            said=picture.note_said, alert=picture.note_alert, health=picture.note_health,
            gap=picture.note_gap, offset=picture.note_offset,
        )  # fmt: skip
        if cascade_at_s is not None:
            whole.rig.world.cascade(cascade_at_s)
        picture.note_offset("binance", Offset(2 * SECOND_NS, 1))
        while whole.bench.elapsed_s() < seconds:
            picture.view(whole.watcher)
            await asyncio.sleep(1)
        counts = ChannelCounts(delivered=3, last_reason="429")
        views.append(
            picture.view(
                whole.watcher,
                pending_bytes=7,
                size_bytes=9,
                outbox={"log": 2},
                sent={"log": counts},
            )
        )

    whole, _ = watch(script)
    return views[0], metrics, whole


def test_a_calm_market_is_shown_calm_with_its_feeds_alive() -> None:
    view, metrics, _ = _seen(60)
    (venue,) = view.venues
    assert {one.channel: one.state for one in venue.channels} == {
        "funding": HealthState.LIVE, "liquidations": HealthState.THROTTLED,
        "mark": HealthState.LIVE, "trades": HealthState.LIVE,
    }  # fmt: skip
    assert venue.skew_s == 2.0
    assert venue.frames_per_s is not None
    assert venue.frames_per_s > 1
    assert {scope.phase for scope in view.scopes} <= {"calm", "building"}
    assert view.episodes == ()
    assert overall(view) is Overall.DEGRADED  # a delivery channel fails
    assert (view.outbox.pending, view.outbox.delivered) == (2, 3)
    assert view.outbox.failing == (("log", "429"),)
    assert (view.tape.pending_bytes, view.tape.size_bytes) == (7, 9)
    page = metrics.rendered().decode()
    assert 'airpocket_frames_total{channel="*",venue="binance"}' in page or (
        'venue="binance"} ' in page
    )


def test_a_cascade_is_shown_with_its_figures_and_its_alerts() -> None:
    view, _, whole = _seen(700, cascade_at_s=500)
    shown = {scope.symbol: scope for scope in view.scopes if scope.kind == "cascade"}
    loud = [scope for scope in shown.values() if scope.phase not in {"calm", "building"}]
    assert loud
    assert loud[0].at_least
    assert loud[0].usd is not None
    assert view.episodes
    assert len(view.alerts) == min(20, len(whole.alerts) or len(view.alerts))
    assert view.alerts[0].time_ns >= view.alerts[-1].time_ns
