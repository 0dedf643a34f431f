"""The whole live path over real sockets: from a venue's bytes to durable frames and filed alerts.

The venues are a process of their own (``live_venues``), the watcher is that of ``airpocket watch``
(``live_rig``), its tapes and its outbox are on a disk (``TMPDIR``), synchronous. Four questions:

load
    10,000 events a second for 30 s over four venues, one event a frame, then a burst of 25,000 in
    one second. A frame counts as kept if it is on the tape, byte for byte, in the order of its
    connection. Latency runs from the receipt of a frame to the return of the commit that holds it,
    and is given from the venue's own time too, so that what waits in a socket is not left out.
breadth
    600 made-up symbols on four venues whose markets live (marks each second, trades, open
    interest), all in this one process.
alerts
    In the same run, one coin after the other is liquidated in a chain. Measured is the time from
    the receipt of the frame that let the follower say an alert to the commit of the outbox, for
    every alert of every cascade. Four calm minutes of these coins are on the tapes before. The two
    seconds in which a bin waits for late connections (``REORDER_NS``) lie before that frame.
receiving
    Processor time a frame from a socket to bytes in our hand: aiohttp as the feeds use it, beside
    picows and websockets, in turn in one process.
"""

import asyncio
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from airpocket.live.collecting import rare_collections
from airpocket.venues import register
from benchmarks.live_receive import receiving
from benchmarks.live_rig import (
    Bench,
    Leading,
    delays_ms,
    load,
    lost,
    rss_mb,
    to_follow,
    venues_of,
    write_history,
)
from benchmarks.live_venues import struck

VENUES = ("binance", "bybit", "okx", "hyperliquid")
RATE, SECONDS = 10_000, 30
CALM, CALM_S = 200, 4
BURST, BURST_S = 25_000, 1
AFTER_S = 6
STUCK_S = 10.0
HISTORY_S = 240
DURABLE_MS = 250.0
DRAINED_S = 5.0
ALERT_MS = 1_000.0
BREADTH = {
    "made_up": 600, "calm_s": 8.0, "every_s": 2.0, "cascades": 20, "cascade_s": 12.0,
    "usd": 20e6, "count": 40, "seconds": 60.0,
    "rates": {
        "trades_per_s": 0.3, "mark_every_s": 1.0, "open_interest_every_s": 15.0,
        "funding_every_s": 60.0, "liquidations_per_h": 2.0,
    },
}  # fmt: skip


def percentile(values: list[float], part: float) -> float:
    """Return a percentile; of nothing there is none."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def tail(values: list[float]) -> str:
    """Say the middle, the 99th percentile and the worst."""
    return f"p50 {statistics.median(values):.0f} ms, p99 {percentile(values, 0.99):.0f} ms, most {max(values):.0f} ms"


def verdict(*, met: bool, goal: str) -> str:
    """Say whether a goal is met."""
    return f"(goal {goal}: {'met' if met else 'MISSED'})"


def common_symbols() -> dict[str, list[str]]:
    """Find the coins that all four venues list, by the venue's name of them."""
    now_ns = time.time_ns()
    listed = {
        venue: {
            row.base: row.raw_symbol
            for row in register.catalogue_of(venue)
            if row.kind == "linear" and row.holds_at(now_ns)
        }
        for venue in VENUES
    }
    coins = sorted(set.intersection(*(set(one) for one in listed.values())))
    return {venue: [names[coin] for coin in coins] for venue, names in listed.items()}


async def watched(folder: Path, plan: dict[str, Any], play: Any) -> Any:
    """Run a watcher beside the venues of a plan; ``play`` measures."""
    async with venues_of(plan) as child:
        opened = await child.line()
        hosts = {"binance": "fstream.binance.com", "bybit": "stream.bybit.com"}
        hosts |= {"okx": "ws.okx.com", "hyperliquid": "api.hyperliquid.xyz"}
        transport = Leading({hosts[venue]: port for venue, port in opened["ports"].items()})
        count = plan.get("made_up", 0)
        bench = Bench(folder, to_follow(plan["symbols"], count), transport)
        for venue in plan["symbols"] if count else ():
            bench.learn(venue, count)
        task = asyncio.create_task(bench.watcher.run())
        try:
            return await play(bench, child, opened["begin_ns"])
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await transport.close()
            bench.real.close()
            bench.state.close()


async def until(wall_ns: int) -> None:
    """Wait for a moment of the wall clock."""
    await asyncio.sleep(max(0.0, (wall_ns - time.time_ns()) / 1e9))


async def drained(bench: Bench, said: dict[str, Any]) -> None:
    """Wait until all that was sent is received, durable and followed, or nothing moves any more."""
    total = sum(one[1] for one in said["links"])
    last, since_s = (-1, -1), time.perf_counter()
    while bench.received < total or bench.watcher.pipeline.waiting:
        now = bench.received, bench.watcher.pipeline.waiting
        if now != last:
            last, since_s = now, time.perf_counter()
        if time.perf_counter() - since_s > STUCK_S:
            return
        await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)


async def _load(folder: Path) -> list[str]:
    plan = {
        "symbols": common_symbols(),
        "phases": [
            {"rate": RATE, "seconds": SECONDS}, {"rate": CALM, "seconds": CALM_S},
            {"rate": BURST, "seconds": BURST_S}, {"rate": CALM, "seconds": AFTER_S},
        ],
    }  # fmt: skip
    figures: dict[str, Any] = {}

    async def play(bench: Bench, child: Any, begin_ns: int) -> Any:
        await until(begin_ns)
        wall, used, before = time.perf_counter(), time.process_time(), bench.events
        figures["load"] = load()
        await until(begin_ns + int(SECONDS * 1e9))
        figures["cpu"] = (time.process_time() - used) / (time.perf_counter() - wall)
        figures["events"] = bench.events - before
        figures["cpu_us"] = (time.process_time() - used) / figures["events"] * 1e6
        burst_ns = begin_ns + int((SECONDS + CALM_S) * 1e9)
        await until(burst_ns + int(BURST_S * 1e9))
        while bench.watcher.pipeline.waiting > CALM:  # noqa: ASYNC110 - what a calm second brings
            await asyncio.sleep(0.02)
        figures["followed_s"] = (time.time_ns() - burst_ns) / 1e9
        said = await child.line()
        await drained(bench, said)
        figures["rss"] = rss_mb()
        return said, bench.tapes, begin_ns

    said, tapes, begin_ns = await watched(folder, plan, play)
    sent, gone, same = lost(said["links"], folder / "tapes")
    return [
        *_load_lines(figures, said, sent, gone, same=same),
        *_delay_lines(folder, tapes, begin_ns, figures["followed_s"]),
    ]


def _load_lines(
    figures: dict[str, Any], said: dict[str, Any], sent: int, gone: int, *, same: bool
) -> list[str]:
    assert not said["violations"], said["violations"]
    assert not said["unheard"], f"{said['unheard']} frames had no subscriber"
    p50, p99 = said["late_ms"]
    return [
        (
            f"machine: {figures['load']}; venues sent late by p50 {p50:.0f}, p99 {p99:.0f},"
            f" most {said['late_most_ms']:.0f} ms"
        ),
        (
            f"{RATE:,} events/s for {SECONDS} s, then {BURST:,} in {BURST_S} s: {sent:,} frames sent,"
            f" {gone} lost, {'equal to the byte' if same else 'NOT EQUAL'}"
            f" {verdict(met=gone == 0 and same, goal='0 lost')}"
        ),
        (
            f"sustained: {figures['events'] / SECONDS:,.0f} events/s, {figures['cpu_us']:.0f} µs of"
            f" processor an event ({figures['cpu']:.0%} of a core), RSS {figures['rss']:.0f} MB at the"
            " end"
        ),
    ]


def _delay_lines(folder: Path, tapes: Any, begin_ns: int, followed_s: float) -> list[str]:
    steady_ns = begin_ns + int(SECONDS * 1e9)
    burst_ns = steady_ns + int(CALM_S * 1e9)
    received, happened = delays_ms(folder / "tapes", tapes.safe_ns)
    steady = [one for at, one in received if at < steady_ns]
    since = [one for at, one in happened if at < steady_ns]
    burst = [(at, one) for at, one in happened if burst_ns <= at < burst_ns + int(BURST_S * 1e9)]
    drained_s = max(at + int(one * 1e6) - burst_ns for at, one in burst) / 1e9
    commits = [1e3 * one for one in tapes.commit_s]
    return [
        (
            f"received to durable: {tail(steady)}"
            f" {verdict(met=percentile(steady, 0.99) <= DURABLE_MS, goal='p99 <= 250 ms')}"
        ),
        f"venue's own time to durable (sockets and the venue's lateness included): {tail(since)}",
        f"commits: {tail(commits)}",
        (
            f"burst: {len(burst):,} events durable {drained_s:.2f} s after it began, followed after"
            f" {followed_s:.2f} s"
            f" {verdict(met=max(drained_s, followed_s) <= DRAINED_S, goal='5 s')}"
        ),
    ]


async def _breadth(folder: Path) -> list[str]:
    symbols = {"binance": ["BTCUSDT"], "bybit": ["BTCUSDT"], "okx": ["BTC-USDT-SWAP"],
               "hyperliquid": ["BTC"]}  # fmt: skip
    plan = {"symbols": symbols, **BREADTH}
    figures: dict[str, Any] = {}
    coins = [struck(number) for number in range(BREADTH["cascades"])]
    write_history(folder, BREADTH["made_up"], coins, HISTORY_S)

    async def play(bench: Bench, child: Any, begin_ns: int) -> Any:
        await until(begin_ns + 2_000_000_000)
        wall, used = time.perf_counter(), time.process_time()
        frames, events = bench.received, bench.events
        figures["load"] = load()
        waiting = []
        until_s = wall + BREADTH["seconds"] - 4.0
        while time.perf_counter() < until_s:
            await asyncio.sleep(0.5)
            waiting.append(bench.watcher.pipeline.waiting)
        took = time.perf_counter() - wall
        figures["cpu"] = (time.process_time() - used) / took
        figures["frames"] = (bench.received - frames) / took
        figures["events"] = (bench.events - events) / took
        figures["waiting"] = max(waiting)
        burst_ns = begin_ns + int((SECONDS + CALM_S) * 1e9)
        await until(burst_ns + int(BURST_S * 1e9))
        while bench.watcher.pipeline.waiting > CALM:  # noqa: ASYNC110 - what a calm second brings
            await asyncio.sleep(0.02)
        figures["followed_s"] = (time.time_ns() - burst_ns) / 1e9
        said = await child.line()
        await drained(bench, said)
        figures["rss"] = rss_mb()
        figures["topics"] = sum(
            len(line.subscriptions)
            for feed in bench.watcher.feeds.values()
            for line, _ in feed.statuses
        )
        figures["lines"] = sum(len(feed.statuses) for feed in bench.watcher.feeds.values())
        return said, bench

    said, bench = await watched(folder, plan, play)
    assert not said["violations"], said["violations"]
    sent, gone, same = lost(said["links"], folder / "tapes")
    received, _ = delays_ms(folder / "tapes", bench.tapes.safe_ns, skip=bench.history)
    taken = [(one.filed_ns - one.needed_ns) / 1e6 for one in bench.filed]
    p50, p99 = said["late_ms"]
    lines = [
        f"machine: {figures['load']}; venues acted late by p50 {p50:.0f}, p99 {p99:.0f} ms",
        (
            f"{BREADTH['made_up']} symbols on {len(symbols)} venues, {figures['topics']:,} topics on"
            f" {figures['lines']} connections: {figures['frames']:,.0f} frames/s,"
            f" {figures['events']:,.0f} events/s, {figures['cpu']:.0%} of a core,"
            f" RSS {figures['rss']:.0f} MB, {figures['waiting']:,} waiting at most"
        ),
        (
            f"{sent:,} frames sent, {gone} lost, {'equal to the byte' if same else 'NOT EQUAL'}"
            f" {verdict(met=gone == 0 and same, goal='0 lost')};"
            f" received to durable: {tail([one for _, one in received])}"
        ),
    ]
    if not taken:
        return [*lines, "alerts: none was filed (goal 20 cascades: MISSED)"]
    opened = {scope for scope in bench.opened() if scope.startswith("C")}
    return [
        *lines,
        (
            f"alerts: {len(opened)} of {BREADTH['cascades']} coins opened, {len(taken)} alerts filed;"
            f" last needed frame to outbox commit: {tail(taken)}"
            f" {verdict(met=percentile(taken, 0.99) <= ALERT_MS, goal='p99 <= 1 s')}"
        ),
    ]


def run() -> list[str]:
    """Return the lines of this benchmark."""
    lines: list[str] = []
    for part in (_load, _breadth):
        with TemporaryDirectory() as name, rare_collections():  # as `airpocket watch` does
            lines += asyncio.run(part(Path(name)))
    return [*lines, *receiving()]
