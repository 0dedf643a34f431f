"""How a fault is watched from outside: topics by what they say, holes, notices, requests."""

from collections.abc import Iterable
from typing import Final

import msgspec

from airpocket.alerts.alert import InformationalAlert, Stage
from airpocket.market.events import Gap, Health, HealthState
from airpocket.market.stream import Line
from airpocket.units import SECOND_NS
from tests.live.fake_venue import FakeVenue, Session
from tests.live.watch_rig import Watch

__all__ = [
    "TOPICS",
    "asked",
    "healths",
    "holes",
    "lines_of",
    "main_channel",
    "notices",
    "opened_between",
    "seconds",
    "topic",
    "whole_feed_is_up",
]

TOPICS: Final = {
    "binance": {
        "liquidations": "*@forceOrder",
        "trades": "*@aggTrade",
        "mark": "*@markPrice*",
    },
    "bybit": {
        "liquidations": "allLiquidation.*",
        "trades": "publicTrade.*",
        "mark": "tickers.*",
    },
    "okx": {
        "liquidations": '{"channel":"liquidation-orders"*',
        "trades": '{"channel":"trades"*',
        "mark": '{"channel":"mark-price"*',
    },
    "hyperliquid": {"trades": '{"type":"trades"*', "mark": '{"type":"activeAssetCtx"*'},
}
"""Patterns of topics, by venue and by what they say."""

_OF_ONE: Final = {
    "binance": "{}@aggTrade",
    "bybit": "publicTrade.{}",
    "okx": '{{"channel":"trades","instId":"{}"}}',
    "hyperliquid": '{{"type":"trades","coin":"{}"}}',
}
_ASKING: Final = {"subscribe", "SUBSCRIBE"}
_UP: Final = {HealthState.LIVE, HealthState.THROTTLED}
_read: Final = msgspec.json.Decoder().decode


def topic(venue: str, raw_symbol: str) -> str:
    """Name the topic of a symbol's trades."""
    name = raw_symbol.lower() if venue == "binance" else raw_symbol
    return _OF_ONE[venue].format(name)


def main_channel(venue: str) -> str:
    """Name what a venue is followed for: Hyperliquid has no stream of liquidations."""
    return "trades" if venue == "hyperliquid" else "liquidations"


def seconds(ns: int) -> float:
    """Give nanoseconds as seconds."""
    return ns / SECOND_NS


def holes(whole: Watch, venue: str, channel: str | None = None) -> list[Gap]:
    """List the holes on the tape, each once, as it was told last."""
    last: dict[tuple[str, str, int], Gap] = {}
    for gap in whole.final.gaps:
        if gap.venue == venue and channel in {None, gap.channel}:
            last[gap.channel, gap.raw_symbol, gap.from_ns] = gap
    return list(last.values())


def lines_of(whole: Watch, venue: FakeVenue) -> list[Line]:
    """List the connections that are planned."""
    return [line for line, _ in whole.watcher.feeds[venue.name].statuses]


def healths(whole: Watch, venue: str, channel: str) -> list[Health]:
    """List what was said of a channel, in order."""
    return [one for one in whole.healths if (one.venue, one.channel) == (venue, channel)]


def notices(whole: Watch, stage: Stage = Stage.OPEN) -> list[InformationalAlert]:
    """List the notices of a stage."""
    return [one for one in whole.notices() if one.stage is stage]


def opened_between(venue: FakeVenue, from_s: float, to_s: float) -> list[float]:
    """List when somebody knocked, let in or not."""
    return [at_s for at_s, _, _ in venue.knocks if from_s <= at_s < to_s]


def whole_feed_is_up(whole: Watch, venue: str) -> bool:
    """Tell whether all channels of a venue are said to be alive now."""
    return all(state in _UP for state, _ in whole.watcher.feeds[venue].health().values())


def asked(session: Session) -> list[str]:
    """List the topics that a connection was asked for, as often as it was."""
    return [name for _, data in session.received for name in _topics(data)]


def _topics(data: bytes) -> Iterable[str]:
    if not data.startswith(b"{"):
        return []
    request = _read(data)
    if request.get("method") in _ASKING and "params" in request:
        return list(request["params"])
    if request.get("op") in _ASKING:
        return [one if isinstance(one, str) else _written(one) for one in request["args"]]
    if request.get("method") in _ASKING:
        return [_written(request["subscription"])]
    return []


def _written(value: object) -> str:
    return msgspec.json.encode(value).decode()
