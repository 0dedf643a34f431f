"""After a hole: the trades that the venue still serves, as frames of its own stream.

Liquidations are not served by anyone and never pretended. What cannot be had within the budget
stays a hole, and is said to be one.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, final

from msgspec import Struct

from airpocket.errors import InputError
from airpocket.live.rest import Rest
from airpocket.live.rest_client import RestError
from airpocket.live.trade_edges import TradeEdges
from airpocket.market.events import Gap, Trade
from airpocket.market.rest_rules import TradePage, TradeSpan

__all__ = ["BACKFILL_STREAM", "Backfill", "FillLimits", "Filled", "fetch_trades"]

BACKFILL_STREAM: Final = "backfill:trades"
"""Stream name of the frames that are made of past trades."""

_FRAMES_A_TURN: Final = 50
_TRADES_A_FRAME: Final = 100
_FIRST_TRADE_S: Final = 5.0
_WAITING_MOST: Final = 1_000


class FillLimits(Struct, frozen=True):
    """When a hole is given up: whichever is reached first."""

    requests: int = 120
    rows: int = 60_000
    seconds: float = 300.0


class Filled(Struct, frozen=True):
    """What became of one instrument's hole.

    ``from_ns``/``to_ns``
        The hole, by the venue's clock.
    ``unfilled``
        The stretches of it about which nothing is known; empty if it is filled.
    ``trades``, ``requests``
        How many trades were found and asked for with how many requests.
    ``reason``
        Why it ended where it did.
    ``trade_frames``
        The trades, as the venue's stream would have said them.
    """

    venue: str
    raw_symbol: str
    from_ns: int
    to_ns: int
    unfilled: tuple[tuple[int, int], ...]
    trades: int
    requests: int
    reason: str
    rejected: tuple[str, ...] = ()
    trade_frames: tuple[bytes, ...] = ()


async def fetch_trades(rest: Rest, span: TradeSpan, limits: FillLimits | None = None) -> Filled:
    """Ask for the trades of a span, page by page, until it is covered or a limit is reached.

    Never raises for what the venue does: a page that repeats the last one, an error or a limit end
    it, and the rest of the span is reported as unfilled.

    Parameters
    ----------
    rest
        The venue.
    span
        What is missing.
    limits
        When to stop.
    """
    most = FillLimits() if limits is None else limits
    pages: list[TradePage] = []
    found: list[Trade] = []
    seen: set[tuple[str | None, int | None]] = set()
    requests = rows = 0
    reason = "it is all there is"
    try:
        async with asyncio.timeout(most.seconds):
            while True:
                if requests >= most.requests or rows >= most.rows:
                    reason = f"the limit of {requests} requests and {rows} rows was reached"
                    break
                page = await rest.trades(span, pages[-1] if pages else None)
                if page is None:
                    break
                requests += 1
                rows += len(page.trades) + len(page.rejected)
                fresh = [one for one in page.trades if (one.trade_id, one.venue_ns) not in seen]
                pages.append(page)
                if not fresh and page.is_full:
                    # Its trades add nothing: without this, paging could go on for ever.
                    pages.pop()
                    reason = f"page {requests} brought nothing new"
                    break
                seen.update((one.trade_id, one.venue_ns) for one in fresh)
                found.extend(fresh)
    except TimeoutError:
        reason = f"it took longer than {most.seconds:g} s"
    except RestError as error:
        reason = str(error)
    return _filled(rest, span, pages, found, requests, reason)


def _filled(
    rest: Rest,
    span: TradeSpan,
    pages: list[TradePage],
    found: list[Trade],
    requests: int,
    reason: str,
) -> Filled:
    rules = rest.rules
    covered = rules.covered(span, pages)
    trades = rules.wanted(span, found)
    rejected = tuple(said for page in pages for said in page.rejected)
    unfilled: tuple[tuple[int, int], ...] = ((span.from_ns, span.to_ns),)
    if covered is not None:
        from_ns, to_ns = covered
        edges = ((span.from_ns, from_ns), (to_ns, span.to_ns))
        unfilled = tuple((start, end) for start, end in edges if start < end)
    if rejected:  # a row that cannot be read may be any trade of the span
        unfilled = ((span.from_ns, span.to_ns),)
    frames: list[bytes] = []
    try:
        for start in range(0, len(trades), _TRADES_A_FRAME):
            frames.extend(rules.trade_frames(trades[start : start + _TRADES_A_FRAME]))
    except InputError as error:
        unfilled, reason = ((span.from_ns, span.to_ns),), str(error)
    if unfilled and not requests and reason == "it is all there is":
        reason = f"{rest.venue} does not serve these trades"
    return Filled(
        rest.venue, span.raw_symbol, span.from_ns, span.to_ns, unfilled, len(trades), requests,
        reason, rejected[:20], tuple(frames),
    )  # fmt: skip


@final
class Backfill:
    """Fills the holes of one venue's trades, one after the other, beside the streams.

    Parameters
    ----------
    rest
        The venue.
    receive
        Takes ``(venue, BACKFILL_STREAM, frame)``, as :meth:`Receiver.receive` does.
    report
        Takes what became of each hole.
    limits
        When one hole is given up.
    """

    def __init__(
        self,
        rest: Rest,
        receive: Callable[[str, str, bytes], object],
        report: Callable[[Filled], None],
        limits: FillLimits | None = None,
    ) -> None:
        self._rest = rest
        self._receive = receive
        self._report = report
        self._limits = limits
        self._edges = TradeEdges()
        self._holes: deque[tuple[Gap, str]] = deque()
        self._wake = asyncio.Event()

    def hear(self, trade: Trade) -> None:
        """Note a trade that came over the stream (not one of ours)."""
        self._edges.hear(trade)

    def fill(self, gap: Gap, raw_symbols: Iterable[str]) -> None:
        """Ask for what a closed hole of the trades has swallowed; returns at once.

        Parameters
        ----------
        gap
            With its end.
        raw_symbols
            The instruments concerned: one, or all that are followed if the gap is of ``"*"``.
        """
        if gap.channel != "trades" or gap.to_ns is None:
            return
        for raw_symbol in raw_symbols:
            if len(self._holes) < _WAITING_MOST:
                self._holes.append((gap, raw_symbol))
            else:
                self._report(self._given_up(gap, raw_symbol))
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._wake.wait()
            while self._holes:
                await self._fill(*self._holes[0])
                self._holes.popleft()
            self._wake.clear()

    @property
    def is_idle(self) -> bool:
        """Whether no hole is waiting."""
        return not self._holes

    async def _fill(self, gap: Gap, raw_symbol: str) -> None:
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + _FIRST_TRADE_S
        span = self._edges.span(gap, raw_symbol)
        while span is not None and span.first is None and loop.time() < deadline_s:
            await asyncio.sleep(0.25)  # the first trade after it bounds it exactly
            span = self._edges.span(gap, raw_symbol)
        if span is None:
            return
        filled = await fetch_trades(self._rest, span, self._limits)
        for index, frame in enumerate(filled.trade_frames):
            if index % _FRAMES_A_TURN == _FRAMES_A_TURN - 1:
                await asyncio.sleep(0)  # live frames do not wait for old ones
            self._receive(filled.venue, BACKFILL_STREAM, frame)
        self._report(filled)

    def _given_up(self, gap: Gap, raw_symbol: str) -> Filled:
        to_ns = gap.from_ns if gap.to_ns is None else gap.to_ns
        reason = f"more than {_WAITING_MOST} holes are waiting"
        return Filled(
            self._rest.venue, raw_symbol, gap.from_ns, to_ns, ((gap.from_ns, to_ns),), 0, 0, reason
        )
