"""A made-up hour of two venues as readings, for what follows a market without any socket."""

import math
import random
from collections.abc import Iterable, Sequence

import msgspec

from airpocket.alerts.alert import InformationalAlert
from airpocket.alerts.saying import Said
from airpocket.live.following import Follower
from airpocket.live.receiver import Reading
from airpocket.market.events import (
    Coverage,
    Event,
    Gap,
    GapCause,
    Liquidation,
    Mark,
    Method,
    Side,
    Taker,
    Trade,
)
from airpocket.market.wire import Decoded
from airpocket.units import MILLISECOND_NS, SECOND_NS, ns_from_iso

__all__ = [
    "ONSET_S", "START_NS", "alerts", "feed", "follow", "gap", "market", "readings_of", "watched",
    "written",
]  # fmt: skip

START_NS = ns_from_iso("2026-03-02T09:00:00Z")
ONSET_S = 1500
_SYMBOL = "BTC/USDT:USDT"


def market(
    *, seconds: int = 1800, cascade: bool = True, seed: int = 1, venues: Sequence[str] = ("bybit",)
) -> list[Event]:
    """Events in order of time: trades and marks each second, and from ``ONSET_S`` on a cascade."""
    rng = random.Random(seed)
    noise = 0.0
    events: list[Event] = []
    for second in range(seconds):
        after = second - ONSET_S
        fall = 0.03 * min(max(after, 0), 60) / 60 if cascade else 0.0
        noise = 0.95 * noise + rng.gauss(0.0, 5e-5)
        price = round(80_000.0 * (1.0 - fall) * math.exp(noise), 1)
        busy = cascade and 0 <= after < 60
        for venue in venues:
            events += _second(venue, second, price, rng, busy=busy)
    return sorted(events, key=lambda event: event.venue_ns or 0)


def _second(
    venue: str, second: int, price: float, rng: random.Random, *, busy: bool
) -> Iterable[Event]:
    def at_ns() -> int:
        return START_NS + second * SECOND_NS + rng.randrange(1000) * MILLISECOND_NS

    for number in range(3):
        yield Trade(
            venue=venue, symbol=_SYMBOL, raw_symbol="BTCUSDT", venue_ns=at_ns(), price=price,
            qty_raw=0.1, qty_base=0.1, notional_usd=0.1 * price,
            taker=rng.choice([Taker.BUY, Taker.SELL]), trade_id=f"{second}.{number}",
        )  # fmt: skip
    yield Mark(
        venue=venue, symbol=_SYMBOL, raw_symbol="BTCUSDT", venue_ns=at_ns(), mark_price=price
    )
    for _ in range(2 if busy else rng.random() < 0.02):
        qty = round(3.0 + rng.random(), 3) if busy else 0.05
        side = Side.LONG if busy or rng.random() < 0.5 else Side.SHORT
        yield Liquidation(
            venue=venue, symbol=_SYMBOL, raw_symbol="BTCUSDT", venue_ns=at_ns(), liquidated=side,
            fill_price=price, qty_raw=qty, qty_base=qty, notional_usd=qty * price,
            method=Method.UNKNOWN, coverage=Coverage.CENSUS, rule_id="made",
        )  # fmt: skip


def readings_of(events: Iterable[Event], *, delay_ns: int = 80 * MILLISECOND_NS) -> list[Reading]:
    """One reading for each event, received a moment after it happened."""
    return [feed(event, (event.venue_ns or 0) + delay_ns) for event in events]


def feed(event: Event, local_ns: int) -> Reading:
    """One event, received at a time."""
    received = msgspec.structs.replace(event, local_ns=local_ns)
    return Reading(local_ns, (received,), Decoded([received]))


def gap(
    venue: str, from_s: float, to_s: float | None = None, *, channel: str = "liquidations",
    cause: GapCause = GapCause.DISCONNECT, symbol: str = "*",
) -> Gap:  # fmt: skip
    """Make a hole, in seconds from the start."""
    return Gap(
        venue=venue, symbol=symbol, raw_symbol="*" if symbol == "*" else "BTCUSDT",
        channel=channel, from_ns=START_NS + round(from_s * SECOND_NS),
        to_ns=None if to_s is None else START_NS + round(to_s * SECOND_NS),
        cause=cause, proven_by="made",
    )  # fmt: skip


def follow(items: Iterable[Reading | Gap], follower: Follower | None = None) -> list[Said]:
    """Everything that is said of some readings, to the end."""
    following = follower or Follower()
    said: list[Said] = []
    for item in items:
        said += following.take_gap(item) if isinstance(item, Gap) else following.take(item)
    return said + following.finish()


def watched(items: Iterable[Reading | Gap], follower: Follower | None = None) -> list[Said]:
    """Everything that is said of some readings, and of the quiet that follows; nothing ends."""
    following = follower or Follower()
    said: list[Said] = []
    for item in items:
        said += following.take_gap(item) if isinstance(item, Gap) else following.take(item)
    for second in range(1810, 2400):
        said += following.take(Reading(START_NS + second * SECOND_NS, (), Decoded()))
    return said


def written(said: Iterable[Said]) -> bytes:
    """What was said, byte by byte."""
    return b"\n".join(msgspec.json.encode(one) for one in said)


def alerts(said: Iterable[Said]) -> list[InformationalAlert]:
    """Only the alerts."""
    return [one for one in said if isinstance(one, InformationalAlert)]
