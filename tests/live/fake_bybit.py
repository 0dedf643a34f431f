"""Bybit's v5 public streams as a client meets them.

What is kept to, and where it is read: one unknown topic, symbol or topic that is subscribed
already fails its whole request (ccxt#30284 for the last); 21,000 characters of topics on a
connection; 500 connections in 5 minutes, then 403; closed after 10 minutes in which neither side
said anything (*Connect*, v5). ``tickers`` begins with a snapshot and goes on with what changed,
``orderbook`` with numbered differences; ``allLiquidation`` comes every 500 ms (v5 public topics).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, final

import msgspec

from airpocket.market.events import BookChange, Event, Liquidation, Trade
from airpocket.market.fields import BAD_FRAME, as_json
from tests.live.fake_venue import FakeVenue, Gate, Refusal, RestReply, Said, Session
from tests.live.faults import Kind
from tests.live.ledger import Sent
from tests.live.rest_bybit import BybitRestDesk

__all__ = ["FakeBybit"]

_PATH: Final = re.compile(r"^/v5/public/(linear|inverse|spot|option)$")
_ARGS_BYTES_MOST: Final = 21_000
_CONNECTIONS: Final = (500, 300.0)
_IDLE_S: Final = 600.0
_DEPTHS: Final = ("1", "50", "200", "1000")
_POOLS: Final = {"linear": ("USDT", "USDC"), "inverse": ("inverse",)}
_read: Final = msgspec.json.Decoder(dict[str, Any]).decode


@final
class FakeBybit:
    """The dialect (see :class:`tests.live.fake_venue.Dialect`)."""

    hosts: Final = ("stream.bybit.com", "api.bybit.com")
    funding_with_mark: Final = False

    def __init__(self, venue: FakeVenue) -> None:
        self._venue = venue
        self._knocks = Gate(*_CONNECTIONS)
        self._waiting: dict[str, list[Said]] = {}
        self._rest = BybitRestDesk(venue)

    def route(self, host: str, path: str, query: str) -> str | None:
        """``linear`` or ``inverse``."""
        found = _PATH.match(path)
        return found[1] if found is not None and host == self.hosts[0] else None

    def knocked(self, now_s: float) -> Refusal | None:
        """Allow 500 connections in 5 minutes."""
        if self._knocks.passes(now_s):
            return None
        return Refusal(403, None, "more than 500 connections in 5 minutes")

    def opened(self, session: Session, path: str, query: str) -> None:
        """Say nothing: Bybit waits to be asked."""
        session.memory["id"] = f"{session.number:08x}-9a1b-4c2d-8e3f-1a2b3c4d5e6f"

    def received(self, session: Session, data: bytes) -> None:
        """Answer ``subscribe``, ``unsubscribe`` and ``ping``."""
        try:
            request = _read(data)
        except BAD_FRAME:
            self._answer(session, "", None, "error:invalid request")
            return
        action, number, args = request.get("op"), request.get("req_id", ""), request.get("args")
        if action == "ping":
            pong = {"success": True, "ret_msg": "pong", "conn_id": session.memory["id"]}
            session.send(as_json({**pong, "req_id": number, "op": "ping"}), Kind.PONG)
        elif action not in {"subscribe", "unsubscribe"}:
            self._answer(session, number, action, "error:invalid op")
        elif not isinstance(args, list) or not all(isinstance(one, str) for one in args):
            self._answer(session, number, action, "error:invalid args")
        elif action == "unsubscribe":
            for topic in args:
                self._venue.unsubscribe(session, topic)
            self._answer(session, number, action, None)
        else:
            self._subscribe(session, number, args)

    def keep(self, session: Session, now_s: float) -> float:
        """Close what nobody speaks on."""
        idle_s = max(session.last_client_s, session.last_push_s) + _IDLE_S
        if now_s >= idle_s - 1e-6:
            session.close(None, "nothing was said for 10 minutes")
        return idle_s

    def publish(self, said: Sequence[Said]) -> None:
        """Write what happened as the topics that say it."""
        event = said[0][0]
        name = event.raw_symbol
        if isinstance(event, Liquidation):
            self._wait(said[0])
        elif isinstance(event, Trade):
            self._push(f"publicTrade.{name}", said)
        elif isinstance(event, BookChange):
            for depth in _DEPTHS:
                self._book(f"orderbook.{depth}.{name}", said)
        else:
            self._push(f"tickers.{name}", said)

    def replay(self, topic: str, count: int) -> list[tuple[bytes, tuple[Sent, ...]]]:
        """The latest trades or liquidations of a topic."""
        kind, _, name = topic.partition(".")
        market = self._venue.world.markets.get(("bybit", name))
        if market is None or kind not in {"publicTrade", "allLiquidation"}:
            return []
        past = market.forced if kind == "allLiquidation" else market.trades
        waiting = {one[1].serial for said in self._waiting.values() for one in said}
        said_before = [sent for sent in past if sent.serial not in waiting]
        return [(self._venue.encode([sent.event])[0], (sent,)) for sent in said_before[-count:]]

    def listing_changed(self, raw_symbol: str) -> None:
        """Nothing is said of it to who is connected."""

    def heartbeat(self) -> bytes:
        """A pong."""
        return b'{"success":true,"ret_msg":"pong","conn_id":"0","req_id":"","op":"ping"}'

    def join(self, frames: Sequence[bytes]) -> bytes:
        """Put the rows of several frames into the first; what has no rows stays apart."""
        wholes = [msgspec.json.decode(frame) for frame in frames]
        rows = [row for whole in wholes if isinstance(whole["data"], list) for row in whole["data"]]
        return as_json({**wholes[0], "data": rows}) if rows else frames[-1]

    def rest(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> RestReply:
        """See :mod:`tests.live.rest_bybit`."""
        return self._rest.answer(method, path, query)

    # --- Requests ---

    def _subscribe(self, session: Session, number: object, args: list[str]) -> None:
        used = sum(map(len, session.topics)) + sum(map(len, args))
        if used > _ARGS_BYTES_MOST:
            self._venue.violate("args_bytes", f"{used:,} characters of topics", session)
            return
        for topic in args:
            wrong = self._wrong(session, topic)
            if wrong is not None:
                self._answer(session, number, "subscribe", wrong)
                return
        self._answer(session, number, "subscribe", None)
        for topic in dict.fromkeys(args):
            self._venue.subscribe(session, topic)
            self._begin(session, topic)
            self._venue.faults.subscribed(session, topic)

    def _wrong(self, session: Session, topic: str) -> str | None:
        """Say why a topic cannot be had."""
        if topic in session.topics:
            return f"error:already subscribed,topic:{topic}"
        kind, *rest = topic.split(".", 1)
        name = rest[0] if rest else ""
        if kind == "orderbook":
            depth, _, name = name.partition(".")
            kind = "orderbook" if depth in _DEPTHS else ""
        if self._venue.faults.refuses(topic):
            return f"error:handler not found,topic:{topic}"
        if kind in {"adlAlert", "insurance"}:
            return None if name in _POOLS[session.route] else f"Invalid symbol :[{topic}]"
        if kind not in {"allLiquidation", "publicTrade", "tickers", "orderbook", "liquidation"}:
            return f"error:handler not found,topic:{topic}"
        market = self._venue.world.markets.get(("bybit", name))
        is_here = market is not None and market.is_listed
        if not is_here or (market is not None and market.is_inverse) != (
            session.route == "inverse"
        ):
            return f"Invalid symbol :[{topic}]"
        return None

    def _begin(self, session: Session, topic: str) -> None:
        """Send the snapshot that a topic begins with."""
        kind, _, name = topic.rpartition(".")
        now_ns = self._venue.world.now_ns()
        if kind == "tickers":
            session.send(self._ticker(name, now_ns), Kind.PUSH, topic=topic)
        elif kind.startswith("orderbook."):
            levels = min(25, int(kind.partition(".")[2]))
            whole = self._venue.world.market("bybit", name).book_snapshot(now_ns, levels)
            frame = _renamed(self._venue.encode([whole])[0], name, topic)
            session.send(frame, Kind.PUSH, topic=topic)

    def _answer(
        self, session: Session, number: object, action: str | None, wrong: str | None
    ) -> None:
        said = {
            "success": wrong is None,
            "ret_msg": wrong or "",
            "conn_id": session.memory["id"],
            "req_id": number,
            "op": action or "",
        }
        session.send(as_json(said), Kind.ACK)

    # --- Topics ---

    def _push(self, topic: str, said: Sequence[Said]) -> None:
        if self._venue.hears(topic):
            for frame in self._venue.encode([event for event, _ in said]):
                self._venue.push(topic, frame, said)

    def _book(self, topic: str, said: Sequence[Said]) -> None:
        if self._venue.hears(topic):
            frame = self._venue.encode([said[0][0]])[0]
            self._venue.push(topic, _renamed(frame, said[0][0].raw_symbol, topic), said)

    def _wait(self, said: Said) -> None:
        """Gather liquidations for half a second."""
        name = said[0].raw_symbol
        if name not in self._waiting:
            left_ms = 500 - self._venue.world.now_ns() // 1_000_000 % 500
            self._venue.world.after(left_ms / 1_000, lambda: self._flush(name))
        self._waiting.setdefault(name, []).append(said)

    def _flush(self, name: str) -> None:
        self._push(f"allLiquidation.{name}", self._waiting.pop(name))

    def _ticker(self, name: str, now_ns: int) -> bytes:
        """Write all that a ticker says."""
        market = self._venue.world.market("bybit", name)
        funding = market.funding(now_ns, is_new=False)
        held: Event = market.open_interest(now_ns, is_new=False)
        figures = msgspec.json.decode(self._venue.encode([held])[0])["data"]
        price = format(market.price, ".12g")
        data = {
            "symbol": name, "tickDirection": "ZeroMinusTick", "price24hPcnt": "0.01",
            "lastPrice": price, "prevPrice24h": price, "highPrice24h": price,
            "lowPrice24h": price, "prevPrice1h": price, "markPrice": price,
            "indexPrice": format(market.coin.price, ".9g"), **figures,
            "turnover24h": "1000000", "volume24h": "1000",
            "nextFundingTime": str((funding.due_ns or 0) // 1_000_000),
            "fundingRate": format(funding.rate, ".8f"), "fundingIntervalHour": "8",
            "bid1Price": price, "bid1Size": "1", "ask1Price": price, "ask1Size": "1",
        }  # fmt: skip
        head = {"topic": f"tickers.{name}", "type": "snapshot", "data": data}
        return as_json({**head, "cs": 1, "ts": now_ns // 1_000_000})


def _renamed(frame: bytes, name: str, topic: str) -> bytes:
    """Name the depth that was asked for; the wire always writes 200."""
    return frame.replace(as_json(f"orderbook.200.{name}"), as_json(topic), 1)
