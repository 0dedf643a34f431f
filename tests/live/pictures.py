"""Pictures of a watcher made by hand, and strategies that make any."""

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from airpocket.live.view import (
    AlertView,
    ChannelView,
    EpisodeView,
    OutboxView,
    ScopeView,
    TapeView,
    VenueView,
    WatchView,
)
from airpocket.market.events import Coverage, HealthState
from airpocket.units import HOUR_NS, MINUTE_NS, SECOND_NS, ns_from_iso

# A view is a large thing to draw at random.
SOME = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
NOW = ns_from_iso("2026-02-05T21:15:03Z")
START = NOW - 3 * HOUR_NS
COVERAGE = {
    "binance": Coverage.THROTTLED,
    "bybit": Coverage.CENSUS,
    "okx": Coverage.THROTTLED,
    "hyperliquid": Coverage.SAMPLED,
}
NAMES = ("liquidations", "trades", "mark", "funding", "open_interest")
SYMBOLS = ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "AVAX", "LINK", "SUI", "HYPE", "1000PEPE")


def channel(venue: str, name: str, state: str | None = None, **more: Any) -> ChannelView:
    coverage = COVERAGE[venue] if name == "liquidations" else None
    usual = "throttled" if coverage is Coverage.THROTTLED else "live"
    parts: dict[str, Any] = {
        "state": HealthState(state or usual),
        "reason": "alive",
        "since_ns": START,
        "events_per_s": 0.4 if coverage else 87.5,
        "last_event_ns": NOW - 200_000_000,
    }
    return ChannelView(channel=name, coverage=coverage, **{**parts, **more})


def venue(name: str, **changed: ChannelView) -> VenueView:
    return VenueView(
        venue=name,
        channels=tuple(changed.get(one, channel(name, one)) for one in NAMES),
        frames_per_s=412.3,
        last_frame_ns=NOW - 100_000_000,
        gaps_open=sum(one.gaps_open for one in changed.values()),
        skew_s=0.012,
    )


def scope(base: str, phase: str = "calm", **more: Any) -> ScopeView:
    return ScopeView(symbol=f"{base}/USDT:USDT", phase=phase, history_ns=3 * HOUR_NS, **more)


def calm(**more: Any) -> WatchView:
    parts: dict[str, Any] = {
        "now_ns": NOW,
        "started_ns": START,
        "version": "0.1.0",
        "venues": tuple(venue(name) for name in COVERAGE),
        "scopes": (
            ScopeView(symbol="*", phase="calm", history_ns=3 * HOUR_NS),
            *(scope(base) for base in SYMBOLS),
        ),
        "tape": TapeView(
            path="tape", size_bytes=1_234_567_890, pending_bytes=812, committed_ns=NOW - 20_000_000
        ),
        "outbox": OutboxView(delivered=12),
        "history_needed_ns": 30 * MINUTE_NS,
        "lag_s": 2.1,
    }
    return WatchView(**{**parts, **more})


def cascade() -> WatchView:
    onset = NOW - 4 * MINUTE_NS
    btc = scope(
        "BTC", "cascade", side="longs", since_ns=onset, usd=134.3e6, multiple=61.2, move=-0.0824,
        waves=2,
    )  # fmt: skip
    eth = scope(
        "ETH", "building", side="longs", since_ns=NOW - 20 * SECOND_NS, usd=4.1e6, multiple=7.0,
        move=-0.012,
    )  # fmt: skip
    return calm(
        scopes=(btc, eth, *(scope(base) for base in SYMBOLS[2:])),
        episodes=(
            EpisodeView(
                symbol="BTC/USDT:USDT", side="longs", onset_ns=onset, ending="open", usd=134.3e6,
                multiple=61.2, move=-0.0824, waves=2,
            ),
        ),
        alerts=(
            AlertView(
                time_ns=NOW - 3 * MINUTE_NS, signal="LIQUIDATION_CASCADE", stage="open",
                headline="Real liquidations: BTC longs, at least $41.2M in 60 s (binance, bybit, "
                "okx), since 21:11:03 UTC. 61 × its normal. Price −5.1 %. No data from "
                "hyperliquid. lc-20260205T211103-0ea5e1e8",
            ),
        ),
    )  # fmt: skip


def dead() -> WatchView:
    out = {
        name: channel(
            "okx", name, "dead", reason="no connection (HTTP 503)", since_ns=NOW - 12 * MINUTE_NS,
            events_per_s=0.0, last_event_ns=NOW - 12 * MINUTE_NS, gaps_open=1,
        )
        for name in NAMES
    }  # fmt: skip
    doubt = channel(
        "binance", "liquidations", "suspect", reason="acknowledged, but silent for 60 s",
        since_ns=NOW - 40 * SECOND_NS, events_per_s=0.0, last_event_ns=NOW - 100 * SECOND_NS,
        gaps_open=1,
    )  # fmt: skip
    okx = VenueView(
        venue="okx", channels=tuple(out.values()), frames_per_s=0.0, gaps_open=5,
        last_frame_ns=NOW - 12 * MINUTE_NS,
    )  # fmt: skip
    blocked = channel(
        "bybit", "trades", "blocked", reason="HTTP 451", since_ns=START, last_event_ns=None,
        events_per_s=None, gaps_open=1,
    )  # fmt: skip
    return calm(
        venues=(
            venue("binance", liquidations=doubt),
            venue("bybit", trades=blocked),
            okx,
            venue("hyperliquid"),
        ),
        alerts=(
            AlertView(
                time_ns=NOW - 11 * MINUTE_NS, signal="FEED_HEALTH", stage="open",
                headline="Feed health: okx (all channels) dead since 21:03:03 UTC: the venue is "
                "not available (HTTP 5xx). What happens there is not seen. Live: bybit. "
                "fh-20260205T210303-46c857da",
            ),
        ),
        outbox=OutboxView(
            pending=3, delivered=9, oldest_ns=NOW - 95 * SECOND_NS,
            failing=(("my_phone", "HTTP 429"),),
        ),
    )  # fmt: skip


def all_clear() -> WatchView:
    onset, end = NOW - 42 * MINUTE_NS, NOW - 2 * MINUTE_NS
    return calm(
        scopes=(
            scope("BTC", "settled", side="longs", since_ns=onset, usd=311.0e6, move=-0.091),
            *(scope(base) for base in SYMBOLS[1:]),
        ),
        episodes=(
            EpisodeView(
                symbol="BTC/USDT:USDT", side="longs", onset_ns=onset, end_ns=end, ending="settled",
                usd=311.0e6, multiple=61.2, move=-0.091, waves=3,
            ),
            EpisodeView(
                symbol="ETH/USDT:USDT", side="longs", onset_ns=onset, end_ns=end - MINUTE_NS,
                ending="feed_ended", usd=88.0e6, multiple=22.0, move=-0.07, waves=1,
            ),
        ),
        alerts=(
            AlertView(
                time_ns=end, signal="LIQUIDATION_CASCADE", stage="all_clear",
                headline="All clear: BTC longs, cascade of 20:33:03 UTC over after 40 min. At "
                "least $311.0M liquidated in 3 waves. Back to normal: forced flow, price range "
                "(later events show it). Price −9.1 %. lc-20260205T203303-0ea5e1e8",
            ),
        ),
    )  # fmt: skip


def first() -> WatchView:
    """The first seconds: nothing has come yet."""
    return calm(
        started_ns=NOW - 4 * SECOND_NS,
        venues=tuple(
            VenueView(venue=name, channels=tuple(ChannelView(channel=one) for one in NAMES))
            for name in COVERAGE
        ),
        scopes=tuple(
            ScopeView(symbol=f"{base}/USDT:USDT", phase="calm", history_ns=0) for base in SYMBOLS
        ),
        tape=TapeView(path="tape"),
        outbox=OutboxView(),
    )


HOSTILE = (
    "<script>alert(1)</script>", "a\n\x1b[2J\x1b[31mb", "[red]x[/] [/nonsense]", "\u202eDLOG",
    "币安人生/USDT:USDT", "=HYPERLINK(1)", "A" * 500, "", "\ud800", "e\u0301" * 300, "👩‍👩‍👧‍👦" * 20, "\t",
)  # fmt: skip
_TEXTS = st.sampled_from(HOSTILE) | st.text(max_size=30)
_TIMES = st.none() | st.integers(-(2**63), 2**63) | st.integers(START, NOW)
_MOMENTS = st.integers(-(2**63), 2**63) | st.integers(START, NOW)
_FIGURES = st.none() | st.floats() | st.floats(0, 1e9)
_COUNTS = st.integers(-5, 10**20)


def _of(made: Any, /, **more: Any) -> st.SearchStrategy[Any]:
    return st.builds(made, **more)


_CHANNELS = _of(
    ChannelView, channel=_TEXTS | st.sampled_from(NAMES), reason=_TEXTS,
    state=st.none() | st.sampled_from(HealthState), since_ns=_TIMES, events_per_s=_FIGURES,
    coverage=st.none() | st.sampled_from(Coverage), last_event_ns=_TIMES, gaps_open=_COUNTS,
)  # fmt: skip
_VENUES = _of(
    VenueView, venue=_TEXTS | st.sampled_from(sorted(COVERAGE)), frames_per_s=_FIGURES,
    channels=st.lists(_CHANNELS, max_size=3).map(tuple), last_frame_ns=_TIMES, gaps_open=_COUNTS,
    reconnects=_COUNTS, skew_s=_FIGURES,
)  # fmt: skip
_PHASES = ("calm", "building", "cascade", "exhausted", "snapback", "settled", "unknown")
_SIDES = st.none() | st.sampled_from(["longs", "shorts"]) | _TEXTS
_SCOPES = _of(
    ScopeView, symbol=_TEXTS | st.sampled_from(["*", "BTC/USDT:USDT"]), usd=_FIGURES, side=_SIDES,
    phase=st.sampled_from(_PHASES) | _TEXTS, kind=st.sampled_from(["cascade", "shock"]) | _TEXTS,
    since_ns=_TIMES, at_least=st.booleans(), multiple=_FIGURES, move=_FIGURES, history_ns=_TIMES,
    waves=st.none() | _COUNTS, seen=st.booleans(),
)  # fmt: skip
_EPISODES = _of(
    EpisodeView, symbol=_TEXTS, onset_ns=_MOMENTS, side=_SIDES, usd=_FIGURES, end_ns=_TIMES,
    ending=st.sampled_from(["open", "settled", "feed_ended"]) | _TEXTS, kind=_TEXTS, move=_FIGURES,
    multiple=_FIGURES, waves=st.none() | _COUNTS, at_least=st.booleans(),
)  # fmt: skip
_ALERTS = _of(AlertView, time_ns=_MOMENTS, signal=_TEXTS, stage=_TEXTS, headline=_TEXTS)
_TAPES = _of(
    TapeView, path=_TEXTS, size_bytes=st.none() | _COUNTS, pending_bytes=_COUNTS,
    committed_ns=_TIMES, fault=st.none() | _TEXTS,
)  # fmt: skip
_OUTBOXES = _of(
    OutboxView, pending=_COUNTS, delivered=_COUNTS, oldest_ns=_TIMES,
    failing=st.lists(st.tuples(_TEXTS, _TEXTS), max_size=3).map(tuple), fault=st.none() | _TEXTS,
)  # fmt: skip
VIEWS: st.SearchStrategy[WatchView] = _of(
    WatchView, now_ns=_MOMENTS, started_ns=_MOMENTS, version=_TEXTS,
    venues=st.lists(_VENUES, max_size=3).map(tuple), history_needed_ns=_TIMES, lag_s=_FIGURES,
    scopes=st.lists(_SCOPES, max_size=6).map(tuple), tape=_TAPES, outbox=_OUTBOXES,
    episodes=st.lists(_EPISODES, max_size=3).map(tuple), notes=st.lists(_TEXTS, max_size=3).map(tuple),
    alerts=st.lists(_ALERTS, max_size=3).map(tuple),
)  # fmt: skip
