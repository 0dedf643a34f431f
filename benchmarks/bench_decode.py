"""Bytes to event, beside ccxt.pro and cryptofeed.

Ours is the public call, ``Wire.decode``: it also tells the side of the position, the dollars, the
dated coverage rule, and checks every number, which the peers do not. The peers' paths are in
``peers.py``; each gets the frame as its own connection would, and we get the same one. Processor
time of one process, peer and ours in turn, median of the windows' ratios. The last event of each
must have the same price and size.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

from airpocket.market.events import Liquidation, Trade
from airpocket.market.wire import Wire
from airpocket.venues.binance.wire import open_wire as open_binance
from airpocket.venues.bybit.wire import open_wire as open_bybit
from airpocket.venues.okx.wire import open_wire as open_okx
from benchmarks import frames, peers
from benchmarks.frames import Sample
from benchmarks.side_by_side import side_by_side, verdict

FRAMES = 1_000
PASSES = 5  # of ours in a window, so that it is long enough to time
OF_CCXT = 1 / 8
OF_CRYPTOFEED = 1 / 2


def _check(wire: Wire, sample: Sample, peer: peers.Peer) -> None:
    decoded = wire.decode(sample.frames[-1])
    assert not decoded.rejected, decoded.rejected
    assert not decoded.notes, decoded.notes
    assert len(decoded.events) == sample.events_each
    event = decoded.events[-1]
    assert event.notional_usd is not None
    seen = peer.seen()
    assert seen.count > 0
    assert seen.qty == event.qty_raw, (seen, event)
    if isinstance(event, Liquidation):
        prices = {event.order_price, event.fill_price, event.bankruptcy_price}
    else:
        assert isinstance(event, Trade)
        prices = {event.price}
    assert seen.price in prices, (seen, event)


def beside(
    sample: Sample,
    open_wire: Callable[[], Wire],
    open_peer: Callable[[], AbstractContextManager[peers.Peer]],
    goal: float,
) -> str:
    """Compare on one stream."""
    wire = open_wire()
    decode, data = wire.decode, sample.frames
    texts = [frame.decode() for frame in data]

    def ours() -> None:
        for _ in range(PASSES):
            for frame in data:
                decode(frame)

    with open_peer() as peer:
        timing = side_by_side({"ours": ours, "peer": partial(peer.feed, texts)})
        _check(wire, sample, peer)
        ratio = timing.ratio("ours", "peer") / PASSES
        ours_us = timing.ns("ours", PASSES * len(data)) / 1e3
        peer_us = timing.ns("peer", len(data)) / 1e3
        text = (
            f"{sample.name}: 1/{1 / ratio:.1f} of {peer.name}; {ours_us:.2f} against"
            f" {peer_us:.2f} µs a frame"
        )
        return verdict(ratio, goal, text=text)


def _ccxt_lines() -> Iterator[str]:
    cases = (
        (frames.force_orders(FRAMES, combined=False), open_binance, peers.BINANCE),
        (frames.agg_trades(FRAMES, combined=False), open_binance, peers.BINANCE),
        (frames.all_liquidations(FRAMES, 1), open_bybit, peers.BYBIT),
        (frames.all_liquidations(FRAMES // 10, 10), open_bybit, peers.BYBIT),
        (frames.liquidation_orders(FRAMES), open_okx, peers.OKX),
    )
    for sample, open_wire, venue in cases:
        yield beside(sample, open_wire, partial(peers.ccxt, venue), OF_CCXT)


def _cryptofeed_lines() -> Iterator[str]:
    cases = (
        (frames.force_orders(FRAMES, combined=True), "liquidations"),
        (frames.agg_trades(FRAMES, combined=True), "trades"),
    )
    for sample, channel in cases:
        yield beside(sample, open_binance, partial(peers.cryptofeed, channel), OF_CRYPTOFEED)
    yield (
        "cryptofeed has no reader for Bybit's allLiquidation and polls OKX's liquidations by REST:"
        " no ratio there"
    )


def run() -> list[str]:
    """Measure beside each peer that is installed."""
    lines: list[str] = []
    for name, said in (("ccxt", _ccxt_lines), ("cryptofeed", _cryptofeed_lines)):
        try:
            lines += said()
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            lines.append(f"not measured: {name} is not installed")
    return lines
