"""Bytes to the detector's state, and what an event costs the detector in bulk.

A frame: ``Wire.decode``, ``FlowBinner.add``, and ``Detector.update`` of the bins that its second
closes, beside what the peers need to decode it and nothing more. In bulk: ``Columns`` through
``FlowBinner.add_columns`` and all bins through the detector, beside polars summing the same events
into the same bins (and not detecting anything), and beside our own way one event at a time.

Both at 10,000 events a second, as in a cascade on all venues, and at 100: the detector's work is a
bin's, not an event's, so it weighs a hundred times more when little happens.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

import numpy as np
import polars as pl

from airpocket.detection.config import DetectorConfig
from airpocket.detection.detector import Detector
from airpocket.market.columns import Columns
from airpocket.market.events import Coverage, Liquidation, Method, Side
from airpocket.market.flow import FlowBinner
from airpocket.units import SECOND_NS
from airpocket.venues.binance.wire import open_wire
from benchmarks import frames, peers
from benchmarks.frames import COINS
from benchmarks.side_by_side import side_by_side, verdict

CONFIG = DetectorConfig.for_width(SECOND_NS)
DENSITIES = {10_000: 40_000, 100: 4_000}  # events a second -> frames
PEER_FRAMES = 1_000
BULK_S = {10_000: 120, 100: 1_000}  # events a second -> seconds
GOAL_NS = 20.0
OF_CCXT = 1 / 8
OF_CRYPTOFEED = 1 / 2


def from_bytes(data: list[bytes]) -> Detector:
    """Follow frames as a service would: each second's bins go to the detector when it is over."""
    decode = open_wire().decode
    binner, detector = FlowBinner(SECOND_NS), Detector(CONFIG)
    add = binner.add
    ends_ns = 0
    for frame in data:
        for event in decode(frame).events:
            assert isinstance(event, Liquidation)
            add(event)
            if event.venue_ns is not None and event.venue_ns >= ends_ns:
                ends_ns = (event.venue_ns // SECOND_NS + 1) * SECOND_NS
                for record in binner.take():
                    detector.update(record)
    return detector


def beside_a_peer(
    rate: int,
    open_peer: Callable[[], AbstractContextManager[peers.Peer]],
    goal: float,
    *,
    combined: bool,
) -> str:
    """Compare our whole way with a peer's decoding."""
    data = frames.force_orders(DENSITIES[rate], combined=combined, rate=rate).frames
    texts = [frame.decode() for frame in data[:PEER_FRAMES]]
    with open_peer() as peer:
        timing = side_by_side(
            {"ours": partial(from_bytes, data), "peer": partial(peer.feed, texts)}
        )
        ours_us, peer_us = timing.ns("ours", len(data)) / 1e3, timing.ns("peer", len(texts)) / 1e3
        ratio = timing.ratio("ours", "peer") / len(data) * len(texts)
        text = (
            f"bytes to detector, {rate:,} a second: 1/{1 / ratio:.1f} of what {peer.name} needs to"
            f" decode; {ours_us:.2f} against {peer_us:.2f} µs a frame"
        )
        return verdict(ratio, goal, text=text)


def burst(rate: int, seconds: int) -> Columns[Liquidation]:
    """Liquidations of five symbols and both sides, spread evenly over time."""
    draws = np.random.default_rng(5)
    count = rate * seconds
    qty, price = draws.random(count) * 9, draws.random(count) * 100 + 50
    coin = draws.integers(0, len(COINS), count).astype(np.int32)
    since = draws.integers(0, seconds * SECOND_NS, count)
    return Columns(
        Liquidation,
        count,
        {
            "venue": "binance",
            "raw_symbol": (coin, tuple(f"{name}USDT" for name in COINS)),
            "symbol": (coin, tuple(f"{name}/USDT:USDT" for name in COINS)),
            "venue_ns": 1_760_127_900 * SECOND_NS + np.sort(since),
            "liquidated": (draws.integers(0, 2, count).astype(np.int32), tuple(map(str, Side))),
            "fill_price": price,
            "qty_raw": qty,
            "qty_base": qty,
            "notional_usd": qty * price,
            "method": Method.BOOK,
            "coverage": Coverage.THROTTLED,
            "rule_id": "a-rule",
        },
    )


def in_bulk(columns: Columns[Liquidation]) -> float:
    """Bin in bulk and detect; the seconds that the detector took."""
    binner, detector = FlowBinner(SECOND_NS), Detector(CONFIG)
    binner.add_columns(columns)
    records = list(binner.finish())
    began = time.process_time()
    for record in records:
        detector.update(record)
    detector.finish()
    return time.process_time() - began


def one_by_one(events: list[Liquidation]) -> None:
    """Do the same with events one at a time."""
    binner, detector = FlowBinner(SECOND_NS), Detector(CONFIG)
    for event in events:
        binner.add(event)
    for record in binner.finish():
        detector.update(record)
    detector.finish()


def by_polars(table: pl.DataFrame) -> pl.DataFrame:
    """Sum events into the bins that the detector eats."""
    usd = pl.col("usd")
    return (
        table.group_by(pl.col("at") // SECOND_NS, "coin", "side")
        .agg(
            pl.len().alias("count"),
            usd.sum().alias("total"),
            (usd * usd).sum().alias("squares"),
            pl.col("at").min().alias("first"),
            pl.col("at").max().alias("last"),
        )
        .sort("at", "coin", "side")
    )


def bulk(rate: int) -> Iterator[str]:
    """Measure the detector in bulk at one density."""
    columns = burst(rate, BULK_S[rate])
    events = list(columns.take(slice(0, 20_000)).events())
    table = pl.DataFrame(
        {
            "at": columns["venue_ns"],
            "coin": columns["symbol"],
            "side": columns["liquidated"],
            "usd": columns["notional_usd"],
        }
    )
    count = len(columns)
    binner = FlowBinner(SECOND_NS)
    binner.add_columns(columns)
    assert sum(1 for _ in binner.finish()) == by_polars(table).height
    detecting: list[float] = []
    timing = side_by_side(
        {
            "ours": lambda: detecting.append(in_bulk(columns)),
            "polars": lambda: by_polars(table),
            "single": lambda: one_by_one(events),
        }
    )
    ours_ns, of_detector_ns = timing.ns("ours", count), float(np.median(detecting)) / count * 1e9
    text = (
        f"in bulk, {rate:,} a second: {ours_ns:.1f} ns an event, {of_detector_ns:.1f} of them the"
        f" detector ({of_detector_ns * rate / 1e3:,.0f} µs a second of data)"
    )
    yield verdict(ours_ns, GOAL_NS, text=text)
    single = timing.ratio("single", "ours") / len(events) * count
    yield (
        f"  {timing.ratio('ours', 'polars'):.2f} of the processor time in which polars only groups and sums;"
        f" one event at a time takes {single:.1f} times as long"
    )


def run() -> list[str]:
    """Measure beside each peer that is installed, then in bulk."""
    lines: list[str] = []
    for name, goal, open_peer in (
        ("ccxt", OF_CCXT, partial(peers.ccxt, peers.BINANCE)),
        ("cryptofeed", OF_CRYPTOFEED, partial(peers.cryptofeed, "liquidations")),
    ):
        try:
            lines += [
                beside_a_peer(rate, open_peer, goal, combined=name == "cryptofeed")
                for rate in DENSITIES
            ]
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            lines.append(f"not measured: {name} is not installed")
    return [*lines, *(line for rate in BULK_S for line in bulk(rate))]
