"""OKX's v5 public stream as a client meets it.

What is kept to, and where it is read (websocket overview and public channels, copies of 2026-07):
3 connections a second; 480 requests an hour and connection; 64 KB of channels, in a request and in
all; closed (4004) after 30 s in which neither the client said anything nor data was pushed. Each
topic of a request has its own answer; one that does not exist is refused with 60018. The first
push of ``liquidation-orders`` after subscribing repeats an old liquidation.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, final

import msgspec

from airpocket.market.events import (
    BookChange,
    Event,
    Funding,
    Liquidation,
    Mark,
    OpenInterest,
    Trade,
)
from airpocket.market.fields import BAD_FRAME, as_json
from tests.live.fake_venue import FakeVenue, Gate, Refusal, RestReply, Said, Session
from tests.live.faults import Kind
from tests.live.ledger import Sent
from tests.live.market import Market
from tests.live.rest_okx import OkxRestDesk

__all__ = ["FakeOkx", "topic_of"]

_REQUESTS: Final = (480, 3_600.0)
_CONNECTIONS: Final = (3, 1.0)
_BYTES_MOST: Final = 64 << 10
_IDLE_S: Final = 30.0
_BY_TYPE: Final = ("liquidation-orders", "adl-warning")
_BY_ID: Final = ("trades", "mark-price", "funding-rate", "open-interest", "books")
_SAID_BY: Final[dict[type[Event], str]] = {
    Trade: "trades", Mark: "mark-price", Funding: "funding-rate",
    OpenInterest: "open-interest", BookChange: "books",
}  # fmt: skip
_FUTURE: Final = re.compile(r"-\d{6}$")
_read: Final = msgspec.json.Decoder(dict[str, Any]).decode


def topic_of(channel: str, **names: str) -> str:
    """Write a topic as OKX repeats it.

    Examples
    --------
    >>> topic_of("trades", instId="BTC-USDT-SWAP")
    '{"channel":"trades","instId":"BTC-USDT-SWAP"}'
    """
    return as_json({"channel": channel, **names}).decode()


@final
class FakeOkx:
    """The dialect (see :class:`tests.live.fake_venue.Dialect`)."""

    hosts: Final = ("ws.okx.com", "www.okx.com")
    funding_with_mark: Final = False

    def __init__(self, venue: FakeVenue) -> None:
        self._venue = venue
        self._knocks = Gate(*_CONNECTIONS)
        self._rest = OkxRestDesk(venue)

    def route(self, host: str, path: str, query: str) -> str | None:
        """``public`` only."""
        return "public" if host == self.hosts[0] and path == "/ws/v5/public" else None

    def knocked(self, now_s: float) -> Refusal | None:
        """Allow 3 connections a second."""
        if self._knocks.passes(now_s):
            return None
        return Refusal(429, None, "more than 3 connections a second")

    def opened(self, session: Session, path: str, query: str) -> None:
        """Say nothing: OKX waits to be asked."""
        session.memory["id"] = f"{0xA4D3AE00 + session.number:08x}"
        session.memory["gate"] = Gate(*_REQUESTS)

    def received(self, session: Session, data: bytes) -> None:
        """Answer ``subscribe``, ``unsubscribe`` and the text ``ping``."""
        if data == b"ping":
            session.send(b"pong", Kind.PONG)
            return
        if len(data) > _BYTES_MOST:
            self._venue.violate("request_bytes", f"a request of {len(data):,} bytes", session)
            return
        if not session.memory["gate"].passes(self._venue.loop.time()):
            self._error(session, None, "60014", "Requests too frequent")
            self._venue.violate("requests", "more than 480 requests an hour", session)
            return
        try:
            request = _read(data)
            args = request["args"]
        except (*BAD_FRAME, KeyError):
            said = f"Illegal request: {data[:200].decode('utf-8', 'replace')}"
            self._error(session, None, "60012", said)
            return
        number, action = request.get("id"), request.get("op")
        if action not in {"subscribe", "unsubscribe"}:
            self._error(session, number, "60012", f"Invalid op: {action}")
        elif not isinstance(args, list) or not all(isinstance(arg, dict) for arg in args):
            self._error(session, number, "60013", "Invalid args")
        else:
            self._act(session, number, action, args)

    def keep(self, session: Session, now_s: float) -> float:
        """Close what neither the client nor we said anything on for 30 s."""
        idle_s = max(session.last_client_s, session.last_push_s) + _IDLE_S
        if now_s >= idle_s - 1e-6:
            session.close(4004, "No data received in 30s.")
        return idle_s

    def publish(self, said: Sequence[Said]) -> None:
        """Write what happened as the channel that says it."""
        event = said[0][0]
        if isinstance(event, Liquidation):
            topic = topic_of("liquidation-orders", instType=_type_of(event.raw_symbol))
        else:
            topic = topic_of(_SAID_BY[type(event)], instId=event.raw_symbol)
        if self._venue.hears(topic):
            for frame in self._venue.encode([one for one, _ in said]):
                self._venue.push(topic, frame, said)

    def replay(self, topic: str, count: int) -> list[tuple[bytes, tuple[Sent, ...]]]:
        """The latest trades or liquidations of a topic."""
        arg = _read(topic)
        if arg["channel"] == "liquidation-orders":
            past = self._forced(arg["instType"])
        elif arg["channel"] == "trades":
            past = list(self._venue.world.market("okx", arg["instId"]).trades)
        else:
            return []
        return [(self._venue.encode([sent.event])[0], (sent,)) for sent in past[-count:]]

    def listing_changed(self, raw_symbol: str) -> None:
        """Nothing is said of it to who is connected."""

    def heartbeat(self) -> bytes:
        """A pong."""
        return b"pong"

    def join(self, frames: Sequence[bytes]) -> bytes:
        """Put the rows of several frames into the first."""
        wholes = [msgspec.json.decode(frame) for frame in frames]
        return as_json({**wholes[0], "data": [row for whole in wholes for row in whole["data"]]})

    def rest(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> RestReply:
        """See :mod:`tests.live.rest_okx`."""
        return self._rest.answer(method, path, query)

    # --- Requests ---

    def _act(self, session: Session, number: object, action: str, args: list[Any]) -> None:
        for arg in args:
            channel = arg.get("channel")
            names = {name: arg[name] for name in ("instType", "instId") if name in arg}
            topic = topic_of(str(channel), **names)
            wrong = self._wrong(topic, channel, names)
            if wrong is not None:
                self._error(session, number, "60018", wrong)
                continue
            if action == "subscribe":
                used = sum(map(len, session.topics)) + len(topic)
                if used > _BYTES_MOST:
                    self._venue.violate("args_bytes", f"{used:,} bytes of channels", session)
                    return
            reply = {"event": action, "arg": {"channel": channel, **names}}
            head = {} if number is None else {"id": number}
            session.send(as_json({**head, **reply, "connId": session.memory["id"]}), Kind.ACK)
            if action == "unsubscribe":
                self._venue.unsubscribe(session, topic)
                continue
            self._venue.subscribe(session, topic)
            self._begin(session, topic, channel, names)
            self._venue.faults.subscribed(session, topic)

    def _wrong(self, topic: str, channel: object, names: Mapping[str, str]) -> str | None:
        """Say why a topic cannot be had."""
        market = self._venue.world.markets.get(("okx", names.get("instId", "")))
        is_good = (channel in _BY_TYPE and names.get("instType") in {"SWAP", "FUTURES"}) or (
            channel in _BY_ID and market is not None and market.is_listed
        )
        if is_good and not self._venue.faults.refuses(topic):
            return None
        said = ",".join([f"channel:{channel}", *(f"{k}:{v}" for k, v in names.items())])
        return (
            f"Wrong URL or {said} doesn't exist. Please use the correct URL, channel and "
            "parameters referring to API document."
        )

    def _begin(self, session: Session, topic: str, channel: str, names: Mapping[str, str]) -> None:
        """Send what a topic begins with: its state, or an old liquidation."""
        now_ns = self._venue.world.now_ns()
        if channel == "liquidation-orders":
            past = self._forced(names["instType"])[-1:]
            for sent in past:
                frame = self._venue.encode([sent.event])[0]
                session.send(frame, Kind.PUSH, topic=topic, events=(sent,), replayed=True)
            return
        if channel not in _BY_ID or channel == "trades":
            return
        market = self._venue.world.market("okx", names["instId"])
        frame = self._venue.encode([_state(market, channel, now_ns)])[0]
        session.send(frame, Kind.PUSH, topic=topic)

    def _error(self, session: Session, number: object, code: str, said: str) -> None:
        head = {} if number is None else {"id": number}
        error = {"event": "error", "msg": said, "code": code, "connId": session.memory["id"]}
        session.send(as_json({**head, **error}), Kind.ACK)

    def _forced(self, inst_type: str) -> list[Sent]:
        past = [
            sent
            for (venue, name), market in self._venue.world.markets.items()
            if venue == "okx" and _type_of(name) == inst_type
            for sent in market.forced
        ]
        return sorted(past, key=lambda sent: sent.serial)


def _type_of(raw_symbol: str) -> str:
    return "FUTURES" if _FUTURE.search(raw_symbol) else "SWAP"


def _state(market: Market, channel: str, now_ns: int) -> Event:
    """Say what a channel says of a market at rest, drawing nothing."""
    if channel == "books":
        return market.book_snapshot(now_ns)
    if channel == "funding-rate":
        return market.funding(now_ns, is_new=False)
    if channel == "open-interest":
        return market.open_interest(now_ns, is_new=False)
    return market.mark(now_ns, is_new=False)
