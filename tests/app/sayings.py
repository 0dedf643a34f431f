"""Sayings made by hand."""

from typing import Any

from airpocket.detection.episode import (
    Ending,
    Episode,
    Kind,
    Leg,
    Phase,
    Reading,
    Transition,
    Wave,
)
from airpocket.market.events import Coverage, Side
from airpocket.units import MINUTE_NS, SECOND_NS, ns_from_iso

AT_NS = ns_from_iso("2026-03-02T09:00:00Z")

READING = Reading(
    score=50.0, threshold=12.0, window_ns=8 * SECOND_NS, multiple=61.0, move=-0.02,
    move_threshold=0.005, history_ns=40 * MINUTE_NS,
)  # fmt: skip


def leg(symbol: str = "BTC/USDT:USDT", fraction: float = -0.03, venue: str = "binance") -> Leg:
    return Leg(
        venue=venue, symbol=symbol, reference=100.0, extreme=100.0 * (1.0 + fraction),
        extreme_ns=AT_NS, fraction=fraction, regained=0.4,
    )  # fmt: skip


def episode(**changed: Any) -> Episode:
    values: dict[str, Any] = {
        "scope": "BTC/USDT:USDT", "kind": Kind.CASCADE, "side": Side.LONG, "side_inferred": False,
        "onset_ns": AT_NS, "said_ns": AT_NS + SECOND_NS, "end_ns": None, "ending": Ending.OPEN,
        "confirmed": True, "provisional": False, "history_ns": 40 * MINUTE_NS, "unit": "usd",
        "bin_ns": SECOND_NS, "baseline_per_bin": 100.0, "usd": 5e6, "count": 70,
        "adl_count": None, "adl_usd": None, "adl_first_ns": None, "peak_ns": AT_NS, "peak": 4e6,
        "peak_width_ns": MINUTE_NS, "multiple": 900.0, "severity": 27.0,
        "waves": (
            Wave(from_ns=AT_NS, peak_ns=AT_NS, to_ns=AT_NS + MINUTE_NS, peak=7.0, total=9.0),
        ),
        "legs": (leg(),), "leg": -0.03, "snapback": 0.4, "depth_share": None,
        "oi_change_coins": None, "oi_change_usd": None, "funding_before": None,
        "venues": (("binance", Coverage.THROTTLED),), "gaps": (),
    }  # fmt: skip
    return Episode(**(values | changed))


def transition(
    after: Phase, *, before: Phase = Phase.CALM, at_ns: int = AT_NS + SECOND_NS, **changed: Any
) -> Transition:
    values: dict[str, Any] = {
        "scope": "BTC/USDT:USDT", "kind": Kind.CASCADE, "before": before, "after": after,
        "at_ns": at_ns, "said_ns": at_ns, "reading": READING, "episode": None,
    }  # fmt: skip
    if changed.get("episode") is not None:
        values |= {"scope": changed["episode"].scope, "kind": changed["episode"].kind}
    return Transition(**(values | changed))
