"""Hyperliquid's stream and node files, both ways.

There is no public stream of all liquidations. What each source can show (docs mirror
dzmbs/hyperliquid-docs of 2026-08-22, captured rows of 2025-10-10 to 2026-08-18):

=================== ========================== ========================= ======== ==============
source              liquidated side            price                     size     coverage
=================== ========================== ========================= ======== ==============
``node_fills`` line ``dir``, else whose leg it ``px`` fill, ``markPx``   coins    census
                    is (``liquidatedUser``)    mark
``userFills``,      the same; without an       the same                  coins    sampled: known
``user`` rows       account from ``crossed``                                      accounts only
``trades``          none: no mark for forced   ``px``; ``side`` is the   coins    no liquidations
                    trades exists              taker's (A sold)
``l2Book``          —                          always a whole book       coins    —
``activeAssetCtx``  —                          ``markPx``, ``oraclePx``  coins    —
=================== ========================== ========================= ======== ==============

- ``liquidation.method``: ``market`` is BOOK, ``backstop`` (the liquidator vault takes over) is
  BACKSTOP; ``dir`` "Auto-Deleveraging" is ADL although its ``method`` says ``backstop``. In an ADL
  both accounts are closed; ``liquidated`` and ``account`` are the underwater one's.
- Both legs of a trade are printed: one event comes of them, at the place of the first leg.
- Contracts are quanto (USDT price, USDC margin): both count as a dollar, so notional = sz · px.
- Times are milliseconds; node lines carry the block's nanoseconds, which are used if they agree.
- A forced fill becomes a ``Liquidation`` only, any other fill a ``Trade``, once for its trade id.
"""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final, final

from msgspec.structs import replace

from airpocket.errors import InputError
from airpocket.market.events import Event, Liquidation, Method, RawRef, Taker
from airpocket.market.feed_rule import FeedRules
from airpocket.market.fields import BAD_FRAME, why
from airpocket.market.instrument import Catalogue
from airpocket.market.wire import Decoded, refuse
from airpocket.units import MILLISECOND_NS, is_plausible_ns, ns_from_iso
from airpocket.venues.hyperliquid import messages as msg
from airpocket.venues.hyperliquid.encoding import encode_frames
from airpocket.venues.hyperliquid.fills import (
    ADL_DIR,
    Fill,
    Recent,
    TradeKey,
    complete,
    is_forced,
    liquidated_side,
    trade_key,
)
from airpocket.venues.hyperliquid.reading import read, salvage
from airpocket.venues.hyperliquid.receipt import VENUE, Receipt

__all__ = ["HyperliquidWire", "open_wire"]

_ADL: Final = Method.ADL  # reached once: 0.3 us by name on Python 3.11
_MEMORY: Final = 1 << 15  # trades; both legs come in one block, repeats within seconds
_NODE: Final = "node_fills"
_USER: Final = "user_fills"
_TAKERS: Final = {"A": Taker.SELL, "B": Taker.BUY}
_OTHERS: Final = {"A": Taker.BUY, "B": Taker.SELL}
_GREETING: Final = b"Websocket connection established."  # plain text; some servers say it


def open_wire(catalogue: Catalogue | None = None) -> "HyperliquidWire":
    """Make a wire that knows the shipped instruments and feed rules.

    Parameters
    ----------
    catalogue
        Instruments instead of the shipped ones.
    """
    toml = Path(__file__).with_name("venue.toml")
    known = Catalogue.load(toml) if catalogue is None else catalogue
    return HyperliquidWire(known, FeedRules.load(toml))


@final
class HyperliquidWire:
    """Memory of one connection (or one file) of Hyperliquid; see the module's table.

    Parameters
    ----------
    catalogue
        Instruments; a coin that is not listed has no notional.
    rules
        Rules of the channels ``node_fills`` and ``user_fills``.

    Examples
    --------
    >>> wire = open_wire()
    >>> row = (b'{"coin":"SOL","px":"67.5499","sz":"28.33","side":"B","time":1770337193454,'
    ...        b'"dir":"Liquidated Cross Long","liquidation":{"method":"backstop"}}')
    >>> said = wire.decode(row).events[0]
    >>> said.liquidated, said.method, round(said.notional_usd)
    (<Side.LONG: 'long'>, <Method.BACKSTOP: 'backstop'>, 1914)
    """

    def __init__(self, catalogue: Catalogue, rules: FeedRules) -> None:
        self._catalogue = catalogue
        self._rules = rules
        self._traded = Recent(_MEMORY)
        self._forced = Recent(_MEMORY)
        self._deleveraged = Recent(_MEMORY)

    @property
    def venue(self) -> str:
        """Venue id."""
        return VENUE

    def encode(self, events: Iterable[Event]) -> list[bytes]:
        """Write events as Hyperliquid would send them (:func:`.encoding.encode_frames`)."""
        return encode_frames(events)

    def decode(
        self, data: bytes, *, local_ns: int | None = None, raw_ref: RawRef | None = None
    ) -> Decoded:
        """Read one stream message, one line of a node file, or one fill (or list of fills).

        ``local_ns`` of a node line that is read without one is the ``local_time`` in it.
        """
        at = Receipt(self._catalogue, local_ns, raw_ref)
        try:
            return self._tell(read(data), at)
        except BAD_FRAME as error:
            if data.strip() == _GREETING:
                return Decoded(control="greeting")
            said, rejected = salvage(data, why(error))
        if said is None:
            return Decoded(rejected=rejected)
        return replace(self._tell(said, at), rejected=rejected)

    def _tell(self, said: msg.Said, at: Receipt) -> Decoded:
        if isinstance(said, msg.NodeBlock):
            return self._block(said, at)
        if isinstance(said, msg.Trades):
            return self._trades(said.data, at)
        if isinstance(said, msg.UserFills):
            if said.data.is_snapshot:
                at.notes.append("snapshot: fills from before the subscription")
            return self._account_fills(said.data.fills, said.data.user, at)
        if isinstance(said, msg.UserEvents) and said.data.fills is not None:
            return self._account_fills(said.data.fills, None, at)
        if isinstance(said, msg.AssetContext):
            return at.done(at.figures(said.data))
        return at.done([at.book(said.data)]) if isinstance(said, msg.Book) else _control(said)

    def _account_fills(self, fills: list[Fill], user: str | None, at: Receipt) -> Decoded:
        return self._fills([(user, fill) for fill in fills], _USER, None, at)

    def _block(self, block: msg.NodeBlock, at: Receipt) -> Decoded:
        if at.local_ns is None:
            at.local_ns = _node_ns(block.local_time)
        return self._fills(block.events, _NODE, _node_ns(block.block_time), at)

    def _trades(self, prints: Iterable[msg.Print], at: Receipt) -> Decoded:
        events: list[Event] = []
        repeats = 0
        for row in prints:
            if self._traded.is_new((row.coin, row.tid, row.time)):
                events.append(at.trade(row, row.time * MILLISECOND_NS, _TAKERS[row.side]))
            else:
                repeats += 1
        if repeats:
            at.notes.append(f"{repeats} trades had come before")
        return at.done(events)

    def _fills(
        self,
        legs: Iterable[tuple[str | None, Fill]],
        channel: str,
        block_ns: int | None,
        at: Receipt,
    ) -> Decoded:
        events: list[Event] = []
        places: dict[TradeKey, tuple[int, Liquidation]] = {}  # forced trades of this frame
        for user, fill in legs:
            venue_ns = fill.time * MILLISECOND_NS
            if block_ns is not None and block_ns // MILLISECOND_NS == fill.time:
                venue_ns = block_ns
            key = trade_key(fill)
            if not is_forced(fill):
                if key is None or self._traded.is_new(key):
                    events.append(at.trade(fill, venue_ns, _taker(fill)))
                continue
            if key is None:
                events.append(self._liquidation(fill, user, channel, venue_ns, at))
                continue
            begun = places.get(key)
            if begun is not None:
                place, forced = begun
                events[place] = forced = complete(forced, fill, user)
            elif self._forced.is_new(key):
                place, forced = len(events), self._liquidation(fill, user, channel, venue_ns, at)
                events.append(forced)
            else:
                self._late_leg(fill, key, at)
                continue
            places[key] = place, forced
            if forced.method is _ADL:
                self._deleveraged.is_new(key)
        return at.done(events)

    def _liquidation(
        self, fill: Fill, user: str | None, channel: str, venue_ns: int, at: Receipt
    ) -> Liquidation:
        rule = self._rules.at(channel, venue_ns)
        return at.liquidation(fill, liquidated_side(fill, user), venue_ns, rule)

    def _late_leg(self, fill: Fill, key: TradeKey, at: Receipt) -> None:
        """Drop the second leg of a trade whose first came in another frame."""
        if fill.dir == ADL_DIR and self._deleveraged.is_new(key):
            at.notes.append(
                f"trade {fill.tid} was an auto-deleveraging: an earlier frame held its other leg "
                "only, so it was said as a backstop takeover"
            )


def _taker(fill: Fill) -> Taker | None:
    if fill.crossed is None:
        return _TAKERS[fill.side] if fill.users else None
    return (_TAKERS if fill.crossed else _OTHERS)[fill.side]


def _control(said: msg.Said) -> Decoded:
    """Tell of frames that hold no event."""
    if isinstance(said, msg.ErrorMessage):
        return refuse(f"the venue refused a request: {str(said.data)[:200]!r}")
    if isinstance(said, msg.Ack):
        return Decoded(control="ack")
    if isinstance(said, msg.Pong):
        return Decoded(control="heartbeat")
    return _account_news(said.data) if isinstance(said, msg.UserEvents) else refuse("no event")


def _account_news(news: msg.AccountEvents) -> Decoded:
    if news.liquidation is not None:
        user, usd = news.liquidation.liquidated_user[:64], news.liquidation.liquidated_ntl_pos
        note = f"account {user!r} was liquidated over {usd:,.0f} USD of all its coins: no event"
        return Decoded(control="account", notes=(note,))
    if not news.funding and not news.non_user_cancel:
        return refuse("unknown message: none of the kinds of user events")
    return Decoded(control="account")


@lru_cache(maxsize=64)
def _second_ns(text: str) -> int:
    return ns_from_iso(text)


def _node_ns(text: str | None) -> int | None:
    """Read a node's time ("2026-06-28T08:43:53.257028820"); ``None`` if it is not one."""
    if text is None:
        return None
    digits = text[20:]
    try:
        if len(text) == 29 and text[19] == "." and digits.isdecimal() and digits.isascii():
            time_ns = _second_ns(text[:19]) + int(digits)  # as nodes write it, known by heart
        else:
            time_ns = ns_from_iso(text)
    except InputError:
        return None
    return time_ns if is_plausible_ns(time_ns) else None
