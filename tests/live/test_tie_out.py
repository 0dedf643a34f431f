"""Acknowledged but silent: what else is seen proves that liquidations are missing."""

from typing import Any

from airpocket.live.tie_out import TieOut
from airpocket.market.events import Coverage, Event, Liquidation, Method, OpenInterest, Side, Trade
from airpocket.units import MINUTE_NS, SECOND_NS

VENUES = ("binance", "bybit", "okx")


def _head(venue: str, at_ns: int) -> dict[str, Any]:
    return {"venue": venue, "symbol": "BTC/USDT:USDT", "raw_symbol": "BTCUSDT", "local_ns": at_ns}


def _forced(venue: str, at_ns: int) -> Event:
    return Liquidation(
        **_head(venue, at_ns), liquidated=Side.LONG, qty_raw=1.0, method=Method.UNKNOWN,
        coverage=Coverage.CENSUS, rule_id="x",
    )  # fmt: skip


def _tied(*events: Event) -> TieOut:
    tied = TieOut(VENUES, 0)
    for event in events:
        tied.see(event)
    return tied


def test_quiet_everywhere_is_quiet() -> None:
    assert _tied().verdicts(600 * MINUTE_NS) == []


def test_a_venue_that_is_silent_in_a_cascade_is_not_believed() -> None:
    tied = TieOut(VENUES, 0)
    for number in range(2_000):
        for venue in ("binance", "bybit"):
            tied.see(_forced(venue, number * SECOND_NS // 20))
    verdicts = tied.verdicts(101 * SECOND_NS)
    assert [(verdict.venue, verdict.since_ns) for verdict in verdicts] == [("okx", 0)]
    assert "while other venues showed 4000" in verdicts[0].said


def test_a_few_elsewhere_prove_nothing() -> None:
    tied = _tied(*(_forced("binance", number * SECOND_NS) for number in range(100)))
    assert tied.verdicts(101 * SECOND_NS) == []


def test_a_venue_known_to_show_much_is_doubted_sooner() -> None:
    tied = TieOut(VENUES, 0)
    for number in range(600):
        for venue in VENUES:
            tied.see(_forced(venue, number * SECOND_NS))
    later_ns = 600 * SECOND_NS
    for number in range(400):
        for venue in ("binance", "bybit"):
            tied.see(_forced(venue, later_ns + number * SECOND_NS // 4))
    assert [verdict.venue for verdict in tied.verdicts(later_ns + 101 * SECOND_NS)] == ["okx"]


def test_one_liquidation_ends_the_doubt() -> None:
    tied = TieOut(VENUES, 0)
    for number in range(2_000):
        tied.see(_forced("binance", number * SECOND_NS // 20))
        tied.see(_forced("bybit", number * SECOND_NS // 20))
    tied.see(_forced("okx", 100 * SECOND_NS))
    assert tied.verdicts(101 * SECOND_NS) == []


def test_interest_that_falls_while_the_price_runs_is_a_liquidation_unseen() -> None:
    tied = TieOut(VENUES, 0)
    for second in range(300):
        at_ns = second * SECOND_NS
        tied.see(OpenInterest(**_head("okx", at_ns), qty_base=1000 - second / 6, notional_usd=None))
        price = 100.0 - second / 100
        tied.see(Trade(**_head("okx", at_ns), price=price, qty_raw=1.0))
    verdicts = tied.verdicts(300 * SECOND_NS)
    assert [verdict.venue for verdict in verdicts] == ["okx"]
    assert "open interest of BTCUSDT fell by" in verdicts[0].said


def test_interest_that_falls_in_a_calm_price_is_nothing() -> None:
    tied = TieOut(VENUES, 0)
    for second in range(300):
        at_ns = second * SECOND_NS
        tied.see(OpenInterest(**_head("okx", at_ns), qty_base=1000 - second / 6, notional_usd=None))
        tied.see(Trade(**_head("okx", at_ns), price=100.0, qty_raw=1.0))
    assert tied.verdicts(300 * SECOND_NS) == []


def test_memory_is_bounded() -> None:
    tied = TieOut(("okx",), 0)
    for minute in range(5_000):
        tied.see(_forced("okx", minute * MINUTE_NS))
        tied.see(Trade(**_head("okx", minute * MINUTE_NS), price=1.0, qty_raw=1.0))
    seen = tied._seen["okx"]
    assert len(seen.buckets) < 30
    assert all(len(series) < 30 for series in seen.prices.values())


def _interest(at_ns: int, coins: float) -> OpenInterest:
    return OpenInterest(**_head("hyperliquid", at_ns), qty_base=coins, notional_usd=None)


def _trade(at_ns: int) -> Trade:
    return Trade(**_head("hyperliquid", at_ns), price=100.0, qty_raw=1.0, trade_id=str(at_ns))


def _stepping(steps: int, every_ns: int = 3 * SECOND_NS) -> TieOut:
    tied = TieOut((), 0, also=("hyperliquid",))
    for number in range(steps + 1):
        tied.see(_interest(number * every_ns, 1000.0 + number))
    return tied


def test_open_interest_does_not_change_without_trades() -> None:
    (verdict,) = _stepping(20).verdicts(61 * SECOND_NS)
    assert (verdict.channel, verdict.raw_symbol) == ("trades", "BTCUSDT")
    assert "changed 20 times" in verdict.said


def test_trades_that_are_shown_explain_it() -> None:
    tied = _stepping(20)
    tied.see(_trade(60 * SECOND_NS))
    assert tied.verdicts(61 * SECOND_NS) == []


def test_what_was_polled_now_and_then_proves_no_trades() -> None:
    assert _stepping(20, 60 * SECOND_NS).verdicts(1_300 * SECOND_NS) == []


def test_what_happened_in_a_hole_proves_nothing() -> None:
    tied = _stepping(20)
    assert tied.verdicts(61 * SECOND_NS, lambda *_: None) == []
    assert tied.verdicts(62 * SECOND_NS, lambda *_: 60 * SECOND_NS) == []


def test_a_doubt_stands_until_the_venue_is_heard_again() -> None:
    tied = TieOut(VENUES, 0)
    for number in range(2_000):
        for venue in ("binance", "bybit"):
            tied.see(_forced(venue, number * SECOND_NS // 20))
    (verdict,) = tied.verdicts(101 * SECOND_NS)
    assert tied.verdicts(10_000 * SECOND_NS) == [verdict]
    tied.see(_forced("okx", 10_001 * SECOND_NS))
    assert tied.verdicts(10_002 * SECOND_NS) == []
