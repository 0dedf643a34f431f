"""What cannot be written is refused in one sentence; neighbours share a frame."""

from typing import Any

import msgspec
import pytest

from airpocket.errors import InputError
from airpocket.market.events import (
    AdlWarning,
    BookChange,
    Coverage,
    Event,
    Funding,
    Liquidation,
    Mark,
    Method,
    OpenInterest,
    Side,
    Taker,
    Trade,
)
from airpocket.units import HOUR_NS
from airpocket.venues.hyperliquid.encoding import LIQUIDATOR_VAULT, encode_frames

COMMON: dict[str, Any] = {"venue": "hyperliquid", "symbol": None, "raw_symbol": "BTC"}
NS = 1_782_636_233_257_028_820
TRADE = Trade(**COMMON, price=5.0, qty_raw=1.0, taker=Taker.SELL, trade_id="7", venue_ns=NS)
FORCED = Liquidation(
    **COMMON,
    venue_ns=NS,
    liquidated=Side.LONG,
    fill_price=0.00001,
    qty_raw=1e15 / 2,
    method=Method.BACKSTOP,
    coverage=Coverage.CENSUS,
    rule_id="x",
    account="0xab",
    event_id="9",
)


def _but(event: Any, **fields: Any) -> Any:
    return msgspec.structs.replace(event, **fields)


def test_trades_of_one_coin_share_a_frame_and_closes_of_one_block_a_line() -> None:
    other = _but(TRADE, raw_symbol="ETH")
    assert len(encode_frames([TRADE, TRADE, other, TRADE])) == 3
    assert len(encode_frames([FORCED, FORCED, _but(FORCED, venue_ns=NS + 1)])) == 2
    sampled = _but(FORCED, coverage=Coverage.SAMPLED)
    assert len(encode_frames([sampled, sampled])) == 2


def test_a_takeover_has_two_legs_that_both_name_the_side() -> None:
    (line,) = encode_frames([FORCED])
    block = msgspec.json.decode(line)
    assert block["block_time"] == "2026-06-28T08:43:53.257028820"
    (user, own), (vault, other) = block["events"]
    assert (user, vault) == ("0xab", LIQUIDATOR_VAULT)
    assert own["dir"] == other["dir"] == "Liquidated Cross Long"
    assert (own["side"], other["side"]) == ("A", "B")
    assert own["px"] == "0.00001"  # plain digits, no exponent
    assert own["sz"] == "500000000000000.0"


def test_figures_that_would_overwrite_one_another_come_apart() -> None:
    mark = Mark(**COMMON, mark_price=5.0)
    rate = Funding(**COMMON, rate=-0.0001)
    held = OpenInterest(**COMMON, qty_base=0.0, notional_usd=None)
    assert len(encode_frames([mark, rate, held])) == 1
    assert len(encode_frames([mark, mark, rate, mark, held])) == 3


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (_but(TRADE, taker=None), "a Trade of BTC needs taker to be written"),
        (_but(TRADE, trade_id=None), "needs trade_id"),
        (_but(TRADE, trade_id="a1"), "'a1' of BTC is not a number"),
        (_but(TRADE, trade_id="9" * 30), "is not a number, as tid must be"),
        (_but(TRADE, venue_ns=None), "needs venue_ns"),
        (_but(TRADE, price=float("nan")), "nan cannot be written for BTC"),
        (_but(TRADE, qty_raw=0.0), "0.0 cannot be written for BTC"),
        (_but(FORCED, liquidated=None), "a Liquidation of BTC needs liquidated"),
        (_but(FORCED, account=None), "needs account"),
        (_but(FORCED, fill_price=None), "needs fill_price"),
        (_but(FORCED, method=Method.UNKNOWN), "names no method 'unknown'"),
        (_but(FORCED, coverage=Coverage.THROTTLED), "no throttled feed of liquidations"),
        (BookChange(**COMMON, bids=[], asks=[], is_snapshot=False, venue_ns=NS), "whole books"),
        (BookChange(**COMMON, bids=[(5.0, 0.0)], asks=[], is_snapshot=True, venue_ns=NS), "0.0"),
        (OpenInterest(**COMMON, qty_base=None, notional_usd=5.0), "needs qty_base"),
        (Funding(**COMMON, rate=0.1, interval_ns=8 * HOUR_NS), "pays funding every hour"),
        (AdlWarning(**COMMON, state="x"), "no channel for AdlWarning"),
    ],
)  # fmt: skip
def test_says_what_cannot_be_written(event: Event, said: str) -> None:
    with pytest.raises(InputError, match=said):
        encode_frames([event])
