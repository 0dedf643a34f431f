"""Fake venues in a process of their own that misbehave on time: the other side of the soak.

Started with a plan in JSON (``every_s``, ``seed``). It says, one JSON line each, where it listens,
then every fault as it begins. It ends when its stdin is closed, with what was offended against.
"""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from tests.live.fake_venue import FakeVenue
from tests.live.loopback import Loopback, real_bench
from tests.live.rig import Rig
from tests.live.world import Rates

__all__ = ["FAULTS", "misbehave"]

Misdeed = Callable[[FakeVenue, float], object]


def _unavailable(venue: FakeVenue, span_s: float) -> None:
    venue.faults.refuse(503, retry_after_s=2.0, for_s=0.2 * span_s)
    venue.faults.close(1012)


def _lost_answers(venue: FakeVenue, span_s: float) -> None:
    del span_s
    venue.faults.drop_ack(3)
    venue.faults.close(1001)


def _cut_at_the_push(venue: FakeVenue, span_s: float) -> None:
    del span_s
    venue.faults.cut("push", times=3)


FAULTS: Final[dict[str, Misdeed]] = {
    "reset": lambda venue, _: venue.faults.reset(),
    "mute": lambda venue, span_s: venue.faults.mute(for_s=0.8 * span_s),
    "503": _unavailable,
    "corrupt": lambda venue, span_s: venue.faults.corrupt(20, for_s=0.5 * span_s),
    "close": lambda venue, _: venue.faults.close(1001),
    "hold": lambda venue, span_s: venue.faults.hold(0.3 * span_s),
    "twice": lambda venue, span_s: venue.faults.send_twice(for_s=0.5 * span_s),
    "hostile": lambda venue, span_s: venue.faults.hostile_numbers(20, for_s=0.5 * span_s),
    "black_hole": lambda venue, span_s: venue.faults.black_hole(for_s=0.5 * span_s),
    "no_answers": _lost_answers,
    "unknown": lambda venue, span_s: venue.faults.unknown_type(20, for_s=0.5 * span_s),
    "cut": _cut_at_the_push,
    "part_of_a_frame": lambda venue, _: venue.faults.reset(after_bytes=7),
}
"""What is done to one venue, and for how long at most (seconds between two faults)."""


def misbehave(rig: Rig, number: int, span_s: float) -> tuple[str, str]:
    """Do the next thing to the next venue; every fault comes to every venue in the end."""
    kinds, venues = list(FAULTS), list(rig.venues)
    kind = kinds[number % len(kinds)]
    venue = venues[(number + number // len(kinds)) % len(venues)]
    FAULTS[kind](rig.venues[venue], span_s)
    if number % 3 == 2:
        coins = sorted(rig.world.coins)
        rig.world.cascade(0.0, coin=coins[number % len(coins)], usd=20e6, seconds=8.0, count=20)
    return kind, venue


def _say(said: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


async def _serve(every_s: float, seed: int) -> None:
    bench = real_bench(seed=seed, start_ns=time.time_ns())
    rates = Rates(trades_per_s=5.0, liquidations_per_h=240.0, book_every_s=0.5)
    rig = Rig(bench, rates=rates, depth=True, keep=False)
    async with Loopback(rig.venues.values()) as loopback:
        hosts = {name: venue.dialect.hosts for name, venue in rig.venues.items()}
        _say({
            name: [
                loopback.url(f"wss://{own[0]}/").rstrip("/"),
                loopback.url(f"https://{own[-1]}/").rstrip("/"),
            ]
            for name, own in hosts.items()
        })  # fmt: skip
        closed = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        for number in itertools.count():
            done, _ = await asyncio.wait({closed}, timeout=every_s)
            if done:
                break
            kind, venue = misbehave(rig, number, every_s)
            _say({"fault": kind, "venue": venue})
        rig.world.stop()
    _say({"violations": rig.violations})


if __name__ == "__main__":
    _plan = json.loads(sys.argv[1])
    asyncio.run(_serve(_plan["every_s"], _plan["seed"]))
