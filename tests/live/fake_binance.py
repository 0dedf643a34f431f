"""Binance futures as a client meets it: routes, requests, limits, pings; both products.

What is kept to, and where it is read: 10 incoming messages a second, 24 h, a ping every 3 minutes
and the end after 10 without a pong (*Websocket Market Streams*, USD-M); 200 topics a connection
(the lower of two documented figures); 300 connections in 5 minutes (stated for spot); requests
of more than 4,096 bytes get no answer (altangent/ccxws#161). Routes since 2026-04-23: a topic on
the wrong one, or on none, is acknowledged and never sent, but books and prints still come over the
old address (binance/binance-public-data#472). A symbol that does not exist is acknowledged too
(JKorf/Binance.Net#620). Since 2026-06-30 ``!forceOrder@arr`` holds both products, on both hosts.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, final
from urllib.parse import unquote

import msgspec

from airpocket.market.events import (
    BookChange,
    Event,
    Liquidation,
    Mark,
    Trade,
)
from airpocket.market.fields import BAD_FRAME, as_json
from airpocket.units import ns_from_iso
from airpocket.venues.binance.listing import COIN_M, product_of
from tests.live.fake_venue import FakeVenue, Gate, Refusal, RestReply, Said, Session
from tests.live.faults import Kind
from tests.live.ledger import Sent
from tests.live.rest_binance import BinanceRestDesk

__all__ = ["FakeBinance"]

ROUTED_NS: Final = ns_from_iso("2026-04-23")
MERGED_NS: Final = ns_from_iso("2026-06-30")

_PATH: Final = re.compile(r"^/(?:(market|public|private)/)?(ws|stream)(?:/(.*))?$")
_TOPICS_MOST: Final = 200
_REQUEST_BYTES_MOST: Final = 4_096
_MESSAGES_PER_S: Final = 10
_CONNECTIONS: Final = (300, 300.0)
_PING_EVERY_S: Final = 180.0
_PONG_WITHIN_S: Final = 600.0
_LIFETIME_S: Final = 86_400.0
_METHODS: Final = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_PUBLIC: Final = ("depth", "rpiDepth", "bookTicker", "trade")  # ccxt: get_future_ws_category
_read: Final = msgspec.json.Decoder(dict[str, Any]).decode


def is_public(stream: str) -> bool:
    """Tell whether a stream belongs to the route of books and prints."""
    channel = stream.partition("@")[2] if not stream.startswith("!") else stream[1:]
    return channel.startswith(_PUBLIC)


@final
class FakeBinance:
    """The dialect (see :class:`tests.live.fake_venue.Dialect`)."""

    hosts: Final = (
        "fstream.binance.com", "dstream.binance.com", "fapi.binance.com", "dapi.binance.com",
    )  # fmt: skip
    funding_with_mark: Final = True

    def __init__(self, venue: FakeVenue) -> None:
        self.lifetime_s = _LIFETIME_S
        self._venue = venue
        self._knocks = Gate(*_CONNECTIONS)
        self._waiting: dict[str, Said] = {}  # latest forced order of each symbol in this second
        self._marks: list[tuple[bytes, list[Said]]] = []
        self._rest = BinanceRestDesk(venue)

    def route(self, host: str, path: str, query: str) -> str | None:
        """``market``, ``public``, ``private``, ``legacy`` (no route) or ``coinm``."""
        found = _PATH.match(path)
        if found is None or host not in self.hosts[:2]:
            return None
        if host == "dstream.binance.com":
            return "coinm"
        return found[1] or "legacy"

    def knocked(self, now_s: float) -> Refusal | None:
        """Allow 300 connections in 5 minutes."""
        if self._knocks.passes(now_s):
            return None
        return Refusal(429, None, "more than 300 connections in 5 minutes")

    def opened(self, session: Session, path: str, query: str) -> None:
        """Subscribe what the address asks for; ``/stream`` wraps each message."""
        found = _PATH.match(path)
        mode, named = (found[2], found[3] or "") if found else ("stream", "")
        session.memory["is_combined"] = mode == "stream"
        session.memory["asked"] = {}
        session.memory["gate"] = Gate(_MESSAGES_PER_S, 1.0)
        for part in query.split("&"):
            name, _, value = part.partition("=")
            if name == "streams":
                named = value
        self._ask(session, [unquote(stream) for stream in named.split("/") if stream])

    def received(self, session: Session, data: bytes) -> None:
        """Answer ``SUBSCRIBE`` and its kin; what is malformed is refused by code."""
        if not session.memory["gate"].passes(self._venue.loop.time()):
            self._venue.violate("messages", "more than 10 messages a second", session)
            return
        if len(data) > _REQUEST_BYTES_MOST:
            self._venue.violate("request_bytes", f"a request of {len(data):,} bytes", None)
            return
        try:
            request = _read(data)
        except BAD_FRAME as error:
            self._refuse(session, None, 3, f"Invalid JSON: {error}")
            return
        number = request.get("id")
        unknown = set(request) - {"method", "params", "id"}
        if unknown:
            self._refuse(session, number, 0, f"Unknown property {min(unknown)}")
        elif request.get("method") not in _METHODS:
            said = f"Invalid request: unknown variant {request.get('method')!r}"
            self._refuse(session, number, 2, said)
        else:
            self._act(session, request)

    def keep(self, session: Session, now_s: float) -> float:
        """Ping each 3 minutes, close after 10 without a pong, and after 24 h."""
        ends_s = session.opened_s + self.lifetime_s
        if now_s >= ends_s - 1e-6:
            session.close(1001, "24 hours are over")
            return now_s
        lost_s = session.last_pong_s + _PONG_WITHIN_S
        if now_s >= lost_s - 1e-6:
            session.close(1008, "Pong timeout")
            return now_s
        due_s = session.last_ping_s + _PING_EVERY_S
        if now_s >= due_s - 1e-6:
            session.last_ping_s = now_s
            session.memory["gate"].passes(now_s)  # its pong is a message
            session.link.ping()
            due_s = now_s + _PING_EVERY_S
        return min(due_s, ends_s, lost_s)

    def publish(self, said: Sequence[Said]) -> None:
        """Write what happened as the streams that say it."""
        event = said[0][0]
        name = event.raw_symbol.lower()
        if isinstance(event, Mark):
            self._mark(name, said)
        elif isinstance(event, Trade):
            self._push(f"{name}@trade", said)
            if self._venue.hears(f"{name}@aggTrade"):
                self._send(f"{name}@aggTrade", _aggregate(event, self._product(event)), said)
        elif isinstance(event, Liquidation):
            self._wait(said[0])
        elif isinstance(event, BookChange):
            self._book(name, said)

    def replay(self, topic: str, count: int) -> list[tuple[bytes, tuple[Sent, ...]]]:
        """The latest trades or forced orders of a topic."""
        name, _, channel = topic.partition("@")
        frames: list[tuple[bytes, tuple[Sent, ...]]] = []
        for market in self._venue.world.of_venue("binance"):
            if market.instrument.raw_symbol.lower() != name:
                continue
            past = market.forced if channel == "forceOrder" else market.trades
            if channel not in {"forceOrder", "aggTrade", "trade"}:
                return []
            waiting = {said[1].serial for said in self._waiting.values()}  # not said yet
            for sent in [one for one in past if one.serial not in waiting][-count:]:
                if channel == "aggTrade":
                    data = as_json(_aggregate(sent.event, self._product(sent.event)))
                else:
                    data = self._data(self._venue.encode([sent.event])[0])
                frames.append((_wrapped(topic, data), (sent,)))
        return frames

    def listing_changed(self, raw_symbol: str) -> None:
        """Nothing is said of it to who is connected; its streams begin or fall silent."""

    def heartbeat(self) -> bytes:
        """An answer that holds no data."""
        return b'{"result":null,"id":0}'

    def join(self, frames: Sequence[bytes]) -> bytes:
        """Write a list, as ``!markPrice@arr`` does."""
        wholes = [msgspec.json.decode(frame) for frame in frames]
        if all("stream" in whole for whole in wholes):
            return as_json({**wholes[0], "data": [whole["data"] for whole in wholes]})
        return as_json(wholes)

    def rest(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> RestReply:
        """See :mod:`tests.live.rest_binance`."""
        return self._rest.answer(method, path, query)

    # --- Requests ---

    def _act(self, session: Session, request: dict[str, Any]) -> None:
        number, params = request.get("id"), request.get("params")
        if request["method"] == "LIST_SUBSCRIPTIONS":
            asked = list(session.memory["asked"])
            session.send(as_json({"result": asked, "id": number}), Kind.ACK)
            return
        if request["method"] == "SET_PROPERTY" and isinstance(params, list) and len(params) == 2:
            session.memory["is_combined"] = params[1] is True
            session.send(as_json({"result": None, "id": number}), Kind.ACK)
            return
        if not isinstance(params, list) or not all(isinstance(one, str) for one in params):
            said = "Invalid request: params must be a list of streams"
            self._refuse(session, number, 2, said)
            return
        refused = [one for one in params if self._venue.faults.refuses(one)]
        if refused:
            self._refuse(session, number, 2, f"Invalid request: unknown stream {refused[0]}")
            return
        if request["method"] == "UNSUBSCRIBE":
            for stream in params:
                session.memory["asked"].pop(stream, None)
                self._venue.unsubscribe(session, stream)
            session.send(as_json({"result": None, "id": number}), Kind.ACK)
            return
        if len(set(session.memory["asked"]) | set(params)) > _TOPICS_MOST:
            said = f"more than {_TOPICS_MOST} streams on one connection"
            self._venue.violate("topics", said, session)
            return
        session.send(as_json({"result": None, "id": number}), Kind.ACK)
        self._ask(session, params)

    def _ask(self, session: Session, streams: Sequence[str]) -> None:
        for stream in streams:
            session.memory["asked"][stream] = None
            if self._serves(session.route, stream):
                self._venue.subscribe(session, stream)
                self._venue.faults.subscribed(session, stream)

    def _serves(self, route: str, stream: str) -> bool:
        """Tell whether a route sends a stream today; all routes acknowledge all streams."""
        now_ns = self._venue.world.now_ns()
        if route == "legacy" and now_ns < ROUTED_NS:
            return True
        if route == "coinm":
            return now_ns < MERGED_NS or stream.startswith("!") or "usd_" in stream
        return is_public(stream) if route in {"public", "legacy"} else not is_public(stream)

    def _refuse(self, session: Session, number: object, code: int, said: str) -> None:
        error = {"error": {"code": code, "msg": said}, "id": number}
        session.send(as_json(error), Kind.ACK)

    # --- Streams ---

    def _push(self, topic: str, said: Sequence[Said]) -> None:
        """Send events, as the wire writes them."""
        if self._venue.hears(topic):
            frame = self._venue.encode([event for event, _ in said])[0]
            self._emit(topic, self._data(frame), said)

    def _send(self, topic: str, data: object, said: Sequence[Said]) -> None:
        if self._venue.hears(topic):
            self._emit(topic, as_json(data), said)

    def _emit(self, topic: str, data: bytes, said: Sequence[Said]) -> None:
        """Send to combined connections with the stream's name around it, to others without."""
        sents = tuple(sent for _, sent in said)
        altered = any(event is not sent.event for event, sent in said)
        wrapped = _wrapped(topic, data)
        for session in self._venue.listeners(topic):
            frame = wrapped if session.memory["is_combined"] else data
            session.send(frame, Kind.PUSH, topic=topic, events=sents, altered=altered)

    def _mark(self, name: str, said: Sequence[Said]) -> None:
        self._push(f"{name}@markPrice@1s", said)
        event = said[0][0]
        if (event.venue_ns or 0) // 1_000_000_000 % 3 == 0:
            self._push(f"{name}@markPrice", said)
        arrays = ("!markPrice@arr@1s", "!markPrice@arr")
        if product_of(event.raw_symbol) != COIN_M and any(map(self._venue.hears, arrays)):
            if not self._marks:
                self._venue.world.after(0.002, self._flush_marks)
            frame = self._venue.encode([one for one, _ in said])[0]
            self._marks.append((self._data(frame), list(said)))

    def _flush_marks(self) -> None:
        said = [one for _, members in self._marks for one in members]
        data = b"[" + b",".join(part for part, _ in self._marks) + b"]"
        self._marks.clear()
        self._emit("!markPrice@arr@1s", data, said)
        if (said[0][0].venue_ns or 0) // 1_000_000_000 % 3 == 0:
            self._emit("!markPrice@arr", data, said)

    def _wait(self, said: Said) -> None:
        """Hold a forced order until its second is over: the latest one of a symbol is pushed."""
        raw_symbol = said[0].raw_symbol
        if raw_symbol not in self._waiting:
            left_ms = 1_000 - self._venue.world.now_ns() // 1_000_000 % 1_000
            self._venue.world.after(left_ms / 1_000, lambda: self._order(raw_symbol))
        self._waiting[raw_symbol] = said

    def _order(self, raw_symbol: str) -> None:
        said = [self._waiting.pop(raw_symbol)]
        self._push(f"{raw_symbol.lower()}@forceOrder", said)
        self._push("!forceOrder@arr", said)

    def _book(self, name: str, said: Sequence[Said]) -> None:
        for speed in ("@500ms", "@100ms", ""):
            self._push(f"{name}@depth{speed}", said)
            for levels in (5, 10, 20):
                topic = f"{name}@depth{levels}{speed}"
                if self._venue.hears(topic):
                    self._push(topic, [(self._top(said[0], levels), said[0][1])])

    def _top(self, said: Said, levels: int) -> Event:
        """Cut the book down to its top; numbered as the change that made it so."""
        event = said[0]
        whole = self._venue.world.market("binance", event.raw_symbol)
        top = whole.book_snapshot(event.venue_ns or 0, levels)
        return msgspec.structs.replace(event, bids=top.bids, asks=top.asks)

    def _data(self, frame: bytes) -> bytes:
        """Take the message out of the wire's envelope."""
        return bytes(msgspec.json.decode(frame, type=dict[str, msgspec.Raw])["data"])

    def _product(self, event: Event) -> int:
        return product_of(event.raw_symbol)


def _wrapped(topic: str, data: bytes) -> bytes:
    return b'{"stream":' + as_json(topic) + b',"data":' + data + b"}"


def _aggregate(event: Event, product: int) -> dict[str, object]:
    """Write one print as an aggregate of its own, under the same number."""
    assert isinstance(event, Trade)
    time_ms = (event.venue_ns or 0) // 1_000_000
    number = int(event.trade_id or 0)
    return {
        "e": "aggTrade", "E": time_ms, "a": number, "s": event.raw_symbol,
        "p": format(event.price, ".12g"), "q": format(event.qty_raw, ".12g"),
        "f": number, "l": number, "T": time_ms, "m": event.taker == "sell", "st": product,
    }  # fmt: skip
