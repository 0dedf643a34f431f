"""Hyperliquid's stream as a client meets it: one topic a request, limits of an address.

What is kept to, and where it is read (dzmbs/hyperliquid-docs, mirror of 2026-08-22): 10
connections, 30 new ones a minute, 1000 topics, 2000 messages a minute, all of one address; a
connection on which nothing was sent for 60 s is closed. Sentences of errors: nktkas/hyperliquid#78,
gemwalletcom/wallet#462. A subscription to trades begins with the latest ones. There is no public
stream of liquidations: forced orders are trades like others.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, final

import msgspec

from airpocket.market.events import BookChange, Event, Funding, Mark, OpenInterest, Trade
from airpocket.market.fields import BAD_FRAME, as_json
from tests.live.fake_venue import FakeVenue, Gate, Refusal, RestReply, Said, Session
from tests.live.faults import Kind
from tests.live.ledger import Sent
from tests.live.rest_hyperliquid import HyperliquidRestDesk

__all__ = ["FakeHyperliquid", "topic_of"]

_CONNECTIONS_MOST: Final = 10
_CONNECTIONS: Final = (30, 60.0)
_TOPICS_MOST: Final = 1_000
_MESSAGES: Final = (2_000, 60.0)
_IDLE_S: Final = 60.0
_KINDS: Final = ("trades", "activeAssetCtx", "l2Book")
_TRADES_AT_FIRST: Final = 10
_LEVELS: Final = 20
_GREETING: Final = b"Websocket connection established."
_COIN: Final = re.compile(r'"coin":"([^"]*)"')
_read: Final = msgspec.json.Decoder(dict[str, Any]).decode


def topic_of(kind: str, coin: str) -> str:
    """Write a topic as the venue repeats it.

    Examples
    --------
    >>> topic_of("trades", "BTC")
    '{"type":"trades","coin":"BTC"}'
    """
    return as_json({"type": kind, "coin": coin}).decode()


@final
class FakeHyperliquid:
    """The dialect (see :class:`tests.live.fake_venue.Dialect`)."""

    hosts: Final = ("api.hyperliquid.xyz",)
    funding_with_mark: Final = False

    def __init__(self, venue: FakeVenue) -> None:
        self._venue = venue
        self._knocks = Gate(*_CONNECTIONS)
        self._messages = Gate(*_MESSAGES)
        self._last: dict[tuple[str, type[Event]], Said] = {}
        self._rest = HyperliquidRestDesk(venue)

    def route(self, host: str, path: str, query: str) -> str | None:
        """``ws``."""
        return "ws" if path == "/ws" else None

    def knocked(self, now_s: float) -> Refusal | None:
        """Allow 30 new connections a minute, 10 at a time."""
        if not self._knocks.passes(now_s):
            return Refusal(429, None, "more than 30 new connections a minute")
        if len(self._venue.live) >= _CONNECTIONS_MOST:
            return Refusal(429, None, "more than 10 connections")
        return None

    def opened(self, session: Session, path: str, query: str) -> None:
        """Greet."""
        session.send(_GREETING)

    def received(self, session: Session, data: bytes) -> None:
        """Answer ``subscribe``, ``unsubscribe`` and ``ping``."""
        if not self._messages.passes(self._venue.loop.time()):
            self._error(session, "Cannot send more than 2000 messages per minute.")
            self._venue.violate("messages", "more than 2000 messages a minute", session)
            return
        try:
            request = _read(data)
            action = request["method"]
            asked = request.get("subscription")
        except (*BAD_FRAME, KeyError):
            said = data[:200].decode("utf-8", "replace")
            self._error(session, f"Error parsing JSON into valid websocket request: {said}")
            return
        if action == "ping":
            session.send(b'{"channel":"pong"}', Kind.PONG)
        elif action not in {"subscribe", "unsubscribe"} or not isinstance(asked, dict):
            said = data[:200].decode("utf-8", "replace")
            self._error(session, f"Error parsing JSON into valid websocket request: {said}")
        elif action == "subscribe":
            self._subscribe(session, asked)
        else:
            self._unsubscribe(session, asked)

    def keep(self, session: Session, now_s: float) -> float:
        """Close a connection on which nothing was sent for a minute."""
        idle_s = session.last_put_s + _IDLE_S
        if now_s >= idle_s - 1e-6:
            session.close(1000, "Inactive")
        return idle_s

    def publish(self, said: Sequence[Said]) -> None:
        """Write what happened as the topic that says it."""
        event = said[0][0]
        name = event.raw_symbol
        if isinstance(event, Trade):
            self._push(topic_of("trades", name), said)
        elif isinstance(event, BookChange):
            topic = topic_of("l2Book", name)
            if self._venue.hears(topic):
                market = self._venue.world.market("hyperliquid", name)
                whole = market.book_snapshot(event.venue_ns or 0, _LEVELS)
                frame = self._venue.encode([whole])[0]
                self._venue.push(topic, frame, [(said[0][1].event, said[0][1])])
        elif isinstance(event, Funding | OpenInterest):
            self._last[name, type(event)] = said[0]
        elif isinstance(event, Mark):
            others = (self._last.get((name, kind)) for kind in (Funding, OpenInterest))
            whole_said = [said[0], *(one for one in others if one is not None)]
            self._push(topic_of("activeAssetCtx", name), whole_said)

    def replay(self, topic: str, count: int) -> list[tuple[bytes, tuple[Sent, ...]]]:
        """The latest trades of a coin, each in a frame of its own."""
        if not topic.startswith('{"type":"trades"'):
            return []
        found = _COIN.search(topic)
        market = self._venue.world.market("hyperliquid", found[1] if found else "")
        past = list(market.trades)[-count:]
        return [(self._venue.encode([sent.event])[0], (sent,)) for sent in past]

    def listing_changed(self, raw_symbol: str) -> None:
        """Nothing is said of it to who is connected."""

    def heartbeat(self) -> bytes:
        """A pong."""
        return b'{"channel":"pong"}'

    def join(self, frames: Sequence[bytes]) -> bytes:
        """Put the trades of several frames into the first; other topics say their last state."""
        wholes = [msgspec.json.decode(frame) for frame in frames]
        rows = [row for whole in wholes if isinstance(whole["data"], list) for row in whole["data"]]
        return as_json({**wholes[0], "data": rows}) if rows else frames[-1]

    def rest(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> RestReply:
        """See :mod:`tests.live.rest_hyperliquid`."""
        return self._rest.answer(method, path, body)

    # --- Requests ---

    def _subscribe(self, session: Session, asked: dict[str, Any]) -> None:
        kind, coin = asked.get("type"), asked.get("coin")
        topic = topic_of(str(kind), str(coin))
        market = self._venue.world.markets.get(("hyperliquid", str(coin)))
        is_good = kind in _KINDS and market is not None and market.is_listed
        if not is_good or self._venue.faults.refuses(topic):
            self._error(session, f"Invalid subscription {as_json(asked).decode()}")
            return
        if topic in session.topics:
            self._error(session, f"Already subscribed: {as_json(asked).decode()}")
            return
        if sum(len(one.topics) for one in self._venue.live) >= _TOPICS_MOST:
            self._venue.violate("topics", "more than 1000 topics")
            self._error(session, "Cannot subscribe to more than 1000 channels.")
            return
        self._answer(session, "subscribe", asked)
        self._venue.subscribe(session, topic)
        self._begin(session, topic, str(kind), str(coin))
        self._venue.faults.subscribed(session, topic)

    def _unsubscribe(self, session: Session, asked: dict[str, Any]) -> None:
        if self._venue.unsubscribe(session, topic_of(str(asked.get("type")), str(asked["coin"]))):
            self._answer(session, "unsubscribe", asked)
        else:
            self._error(session, f"Already unsubscribed: {as_json(asked).decode()}")

    def _begin(self, session: Session, topic: str, kind: str, coin: str) -> None:
        """Send the latest trades in one frame, or the state."""
        market = self._venue.world.market("hyperliquid", coin)
        now_ns = self._venue.world.now_ns()
        past: list[Sent] = []
        if kind == "trades":
            past = list(market.trades)[-_TRADES_AT_FIRST:]
            state: list[Event] = [sent.event for sent in past]
        elif kind == "l2Book":
            state = [market.book_snapshot(now_ns, _LEVELS)]
        else:
            state = [
                market.mark(now_ns, is_new=False),
                market.funding(now_ns, is_new=False),
                market.open_interest(now_ns, is_new=False),
            ]
        for frame in self._venue.encode(state):
            session.send(frame, Kind.PUSH, topic=topic, events=tuple(past), replayed=True)

    def _answer(self, session: Session, action: str, asked: dict[str, Any]) -> None:
        more = {"nSigFigs": None, "mantissa": None} if asked.get("type") == "l2Book" else {}
        data = {"method": action, "subscription": {**asked, **more}}
        session.send(as_json({"channel": "subscriptionResponse", "data": data}), Kind.ACK)

    def _error(self, session: Session, said: str) -> None:
        session.send(as_json({"channel": "error", "data": said}), Kind.ACK)

    def _push(self, topic: str, said: Sequence[Said]) -> None:
        if self._venue.hears(topic):
            for frame in self._venue.encode([event for event, _ in said]):
                self._venue.push(topic, frame, said)
