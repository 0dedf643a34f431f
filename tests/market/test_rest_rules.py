"""What a span of missing trades holds."""

from airpocket.market.events import Trade
from airpocket.market.rest_rules import Call, TradeSpan


def _trade(at_ns: int | None, name: str) -> Trade:
    return Trade(
        venue="okx", symbol=None, raw_symbol="X", venue_ns=at_ns, price=1.0, qty_raw=1.0,
        trade_id=name,
    )  # fmt: skip


def test_a_span_holds_what_lies_inside_but_not_its_edges() -> None:
    span = TradeSpan("X", 10, 20, _trade(10, "a"), _trade(20, "b"))
    inside = [_trade(10, "c"), _trade(15, "d"), _trade(20, "e")]
    outside = [_trade(10, "a"), _trade(20, "b"), _trade(9, "f"), _trade(21, "g"), _trade(None, "h")]
    assert all(span.holds(one) for one in inside)
    assert not any(span.holds(one) for one in outside)


def test_two_calls_do_not_share_their_parameters() -> None:
    first, second = Call("a"), Call("b")
    first.params["x"] = 1
    assert second.params == {}
