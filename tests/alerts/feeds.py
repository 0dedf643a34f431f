"""Records of feeds' health made by hand, and strategies that make any."""

from typing import Any

from hypothesis import strategies as st

from airpocket.market.events import Health, HealthState
from airpocket.units import SECOND_NS, ns_from_iso

DNS = "wss://x.example: its name is not known (DNS)"
START = ns_from_iso("2026-02-05T20:00:00Z")


def at(seconds: float) -> int:
    return START + round(seconds * SECOND_NS)


def health(state: str, seconds: float, channel: str = "trades", **more: Any) -> Health:
    parts: dict[str, Any] = {
        "venue": "okx",
        "symbol": "*",
        "raw_symbol": "*",
        "local_ns": at(seconds),
        "reason": "closed with 1006",
        **more,
    }
    return Health(channel=channel, state=HealthState(state), **parts)


@st.composite
def healths(draw: st.DrawFn) -> list[Health]:
    """Any story of two venues, in order of time."""
    now, told = 0.0, []
    for _ in range(draw(st.integers(0, 40))):
        now += draw(st.sampled_from([0.0, 0.5, 3.0, 9.0, 11.0, 29.0, 61.0, 700.0]))
        raw = draw(st.sampled_from(["*", "*", "BTC-USDT-SWAP", "<b>\x1b[2J"]))
        told.append(
            health(
                draw(st.sampled_from(HealthState)).value,
                now,
                draw(st.sampled_from(["trades", "liquidations", "mark", "<script>"])),
                venue=draw(st.sampled_from(["okx", "bybit", "airpocket"])),
                symbol={"*": "*", "BTC-USDT-SWAP": "BTC/USDT:USDT"}.get(raw),
                raw_symbol=raw,
                reason=draw(st.sampled_from(["HTTP 451", DNS, "silent", "go long now", ""])),
            )
        )
    return told


@st.composite
def whole_venues(draw: st.DrawFn) -> list[Health]:
    """Any story of three venues of which each goes out and comes back as a whole, mostly by DNS."""
    now, told = 0.0, []
    for _ in range(draw(st.integers(0, 25))):
        now += draw(st.sampled_from([0.0, 0.5, 3.0, 9.0, 11.0, 29.0, 61.0, 700.0]))
        venue = draw(st.sampled_from(["okx", "bybit", "binance"]))
        state = draw(st.sampled_from(["dead", "dead", "live"]))
        reason = draw(st.sampled_from([DNS, DNS, DNS, "HTTP 451"]))
        told += [
            health(state, now, name, venue=venue, reason=reason) for name in ("trades", "mark")
        ]
    return told
