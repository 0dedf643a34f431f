"""Which trades lie on both sides of a hole."""

from airpocket.live.trade_edges import MARGIN_NS, TradeEdges
from airpocket.market.events import Gap, GapCause, Trade
from airpocket.units import SECOND_NS

START = 1_793_534_400 * SECOND_NS
LATE = 150_000_000  # from the venue to us


def _trade(second: float, name: str, symbol: str = "X") -> Trade:
    at_ns = START + round(second * SECOND_NS)
    return Trade(
        venue="okx", symbol=None, raw_symbol=symbol, venue_ns=at_ns, local_ns=at_ns + LATE,
        price=1.0, qty_raw=1.0, trade_id=name,
    )  # fmt: skip


def _gap(from_s: float, to_s: float | None) -> Gap:
    return Gap(
        venue="okx", symbol=None, raw_symbol="X", channel="trades",
        from_ns=START + round(from_s * SECOND_NS),
        to_ns=None if to_s is None else START + round(to_s * SECOND_NS),
        cause=GapCause.DISCONNECT, proven_by="test",
    )  # fmt: skip


def _heard(*seconds: float) -> TradeEdges:
    edges = TradeEdges()
    for second in seconds:
        edges.hear(_trade(second, f"{second:g}"))
    return edges


def test_a_hole_is_bounded_by_the_trades_around_it() -> None:
    span = _heard(1, 2, 2.1, 40, 41, 43).span(_gap(3, 39.9), "X")
    assert span is not None
    assert span.last is not None
    assert span.first is not None
    assert (span.last.trade_id, span.first.trade_id) == ("2.1", "40")
    assert (span.from_ns, span.to_ns) == (span.last.venue_ns, span.first.venue_ns)


def test_the_newest_of_several_pauses_is_the_one_that_overlaps() -> None:
    edges = _heard(1, 5, 20, 50, 60)
    last, first = edges.around("X", START + 21 * SECOND_NS, START + 49 * SECOND_NS)
    assert last is not None
    assert first is not None
    assert (last.trade_id, first.trade_id) == ("20", "50")


def test_a_trade_that_came_through_does_not_hide_the_rest_of_the_hole() -> None:
    last, first = _heard(1, 9, 20, 61, 70).around(
        "X", START + 10 * SECOND_NS, START + 60 * SECOND_NS
    )
    assert last is not None
    assert first is not None
    assert (last.trade_id, first.trade_id) == ("9", "61")


def test_pauses_that_only_touch_the_hole_are_none_of_it() -> None:
    edges = _heard(98, 100, 110, 112)
    last, first = edges.around("X", START + 100 * SECOND_NS + LATE, START + 110 * SECOND_NS + LATE)
    assert last is not None
    assert first is not None
    assert (last.trade_id, first.trade_id) == ("100", "110")


def test_before_the_first_trade_after_it_only_one_side_is_known() -> None:
    span = _heard(1, 2).span(_gap(3, 9), "X")
    assert span is not None
    assert span.last is not None
    assert (span.last.trade_id, span.first) == ("2", None)
    assert span.to_ns == START + 9 * SECOND_NS + MARGIN_NS


def test_nothing_heard_leaves_our_clock_with_a_margin() -> None:
    span = TradeEdges().span(_gap(3, 9), "X")
    assert span is not None
    assert (span.last, span.first) == (None, None)
    assert (span.from_ns, span.to_ns) == (
        START + 3 * SECOND_NS - MARGIN_NS, START + 9 * SECOND_NS + MARGIN_NS,
    )  # fmt: skip


def test_an_open_hole_has_no_span() -> None:
    assert _heard(1).span(_gap(3, None), "X") is None


def test_a_short_hole_in_a_dense_stream_has_no_edges() -> None:
    edges = _heard(*(number / 20 for number in range(200)))
    assert edges.around("X", START + 4 * SECOND_NS, START + round(4.1 * SECOND_NS)) == (None, None)


def test_symbols_are_kept_apart_and_memory_is_bounded() -> None:
    edges = TradeEdges()
    for second in range(1000):
        edges.hear(_trade(second, str(second)))
    edges.hear(_trade(3, "other", "Y"))
    assert len(edges._pauses["X"]) == 32
    assert "Y" not in edges._pauses
