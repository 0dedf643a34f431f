"""Bitfinex: triggers count, their matches do not, and the entry price is no closing price."""

import msgspec
import pytest

from airpocket.market.events import Liquidation, Method, Side
from airpocket.venues.bitfinex.wire import open_wire


def _row(
    amount: float = 0.5,
    *,
    match: int = 0,
    sold: int = 1,
    price: float | None = 110_000.0,
    symbol: str = "tBTCF0:USTF0",
    time_ms: float = 1_760_130_903_127,
) -> list[object]:
    head = ["pos", 42, time_ms, None, symbol, amount, 115_000.0, None]
    return [*head, match, sold, None, price]


def _frame(*rows: object, tail: tuple[object, ...] = ()) -> bytes:
    return msgspec.json.encode([91684, rows, *tail])


_TAIL = (7, 1_760_130_903_130, "liquidations", "global")
FRAMES = (
    _frame(_row(), _row(-0.5, match=1)),
    _frame(_row(-0.5, price=None), tail=_TAIL),
    b'[91684,"hb"]',
    b'{"event":"subscribed","channel":"status","chanId":91684,"key":"liq:global"}',
    b'{"event":"info","version":2,"serverId":"x","platform":{"status":1}}',
)


def _only(frame: bytes) -> Liquidation:
    (event,) = open_wire().decode(frame).events
    assert isinstance(event, Liquidation)
    return event


@pytest.mark.parametrize("tail", [(), _TAIL[:2], _TAIL])
@pytest.mark.parametrize(("amount", "side"), [(0.5, Side.LONG), (-0.5, Side.SHORT)])
def test_the_sign_of_the_amount_is_the_side_of_the_position(
    amount: float, side: Side, tail: tuple[object, ...]
) -> None:
    event = _only(_frame(_row(amount), tail=tail))
    assert (event.liquidated, event.qty_raw, event.event_id) == (side, 0.5, "42")
    assert (event.raw_symbol, event.symbol) == ("tBTCF0:USTF0", "BTC/USDT:USDT")


def test_the_price_is_where_the_position_was_closed_never_where_it_was_entered() -> None:
    event = _only(_frame(_row()))
    assert (event.fill_price, event.notional_usd) == (110_000.0, 55_000.0)
    assert (event.order_price, event.bankruptcy_price) == (None, None)
    assert event.entry_price == 115_000.0


def test_without_a_closing_price_there_is_no_notional() -> None:
    event = _only(_frame(_row(price=None)))
    assert (event.fill_price, event.qty_base, event.notional_usd) == (None, 0.5, None)


def test_a_match_is_a_part_of_its_trigger_and_not_counted_again() -> None:
    said = open_wire().decode(_frame(_row(match=1)))
    assert (said.events, said.rejected) == ([], ())
    assert "match of position 42 skipped" in said.notes[0]


@pytest.mark.parametrize(("sold", "method"), [(1, Method.BOOK), (0, Method.BACKSTOP)])
def test_a_position_that_the_system_took_over_went_to_the_backstop(
    sold: int, method: Method
) -> None:
    assert _only(_frame(_row(sold=sold))).method is method


def test_a_fraction_of_a_millisecond_is_kept_to_the_microsecond() -> None:
    event = _only(_frame(_row(time_ms=1_574_697_680_828.25)))
    assert event.venue_ns == 1_574_697_680_828_250_000


def test_channels_of_other_subscriptions_are_told_apart_by_their_ack() -> None:
    wire = open_wire()
    wire.decode(b'{"event":"subscribed","channel":"status","chanId":5,"key":"deriv:tBTCF0:USTF0"}')
    other = wire.decode(b"[5,[1596124822000,null,0.896,0.771995]]")
    assert other.rejected == ("unknown channel 'deriv:tBTCF0:USTF0'",)
    assert wire.decode(b'[5,"hb"]').control == "heartbeat"
    assert len(wire.decode(_frame(_row())).events) == 1


def test_the_first_payload_after_an_ack_is_history() -> None:
    wire = open_wire()
    wire.decode(FRAMES[3])
    wire.decode(FRAMES[2])  # a heartbeat is no payload
    first, second = wire.decode(_frame(_row())), wire.decode(_frame(_row()))
    assert (first.events, first.control) == ([], "snapshot")
    assert "history" in first.notes[0]
    assert len(second.events) == 1


@pytest.mark.parametrize(
    ("frame", "control"), list(zip(FRAMES[2:], ("heartbeat", "subscribed", "info"), strict=True))
)
def test_protocol(frame: bytes, control: str) -> None:
    said = open_wire().decode(frame)
    assert (said.events, said.rejected, said.control) == ([], (), control)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (_frame(_row(0.0)), "part 0: amount 0"),
        (_frame(["pas", *_row()[1:]]), "part 0: Invalid enum value 'pas'"),
        (_frame(_row(match=2)), "part 0: Invalid enum value 2"),
        (_frame(_row(time_ms=1_760_130_903)), "part 0: Expected `float` >="),
        (b'{"event":"party"}', "unknown event 'party'"),
        (b"[91684]", "Expected `array` of at least length 2"),
    ],
)
def test_what_is_unknown_is_rejected_with_its_reason(frame: bytes, reason: str) -> None:
    said = open_wire().decode(frame)
    assert (said.events, said.control) == ([], None)
    assert reason in said.rejected[0]
