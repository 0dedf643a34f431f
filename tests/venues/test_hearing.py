import msgspec
import pytest

from airpocket.market.events import Liquidation, RawRef, Trade
from airpocket.market.instrument import Catalogue, Instrument, Kind
from airpocket.market.stream import INSTRUMENTS_STREAM
from airpocket.market.wire import Frame, Wire
from airpocket.units import ns_from_iso
from airpocket.venues import hearing, register
from airpocket.venues.hearing import Hearing

AT_MS = ns_from_iso("2026-10-09T17:06:42Z") // 1_000_000
FORCED = (
    b'{"topic":"allLiquidation.%s","type":"snapshot","ts":%d,"data":[{"T":%d,"s":"%s",'
    b'"S":"Buy","v":"0.006","p":"82396.90"}]}'
)
NEW = Instrument(
    venue="bybit", raw_symbol="NEWUSDT", symbol="NEW/USDT:USDT", kind=Kind.LINEAR, base="NEW",
    quote="USDT", settle="USDT",
)  # fmt: skip


def forced(second: int, symbol: bytes = b"BTCUSDT") -> bytes:
    at_ms = AT_MS + second * 1000
    return FORCED % (symbol, at_ms + 400, at_ms, symbol)


def frame(
    data: bytes, *, stream: str = "public#1", venue: str = "bybit", ordinal: int = 0
) -> Frame:
    return Frame(venue, stream, AT_MS * 1_000_000, data, RawRef("t", ordinal))


def test_each_event_is_heard_once_whatever_it_comes_over() -> None:
    ears = Hearing()
    (event,) = ears.hear(frame(forced(1))).fresh
    assert isinstance(event, Liquidation)
    assert str(event.raw_ref) == "t#0"
    again = ears.hear(frame(forced(1), stream="public#2", ordinal=1))
    assert len(again.said.events) == 1
    assert again.fresh == ()


def test_a_venue_tells_what_it_lists_and_all_its_connections_know() -> None:
    ears = Hearing()
    (before,) = ears.hear(frame(forced(1, b"NEWUSDT"))).fresh
    assert isinstance(before, Liquidation)
    assert (before.symbol, before.notional_usd) == (None, None)
    other = Instrument(
        venue="okx", raw_symbol="X", symbol="X/USDT:USDT", kind=Kind.LINEAR, base="X",
        quote="USDT", settle="USDT",
    )  # fmt: skip
    told = ears.hear(frame(msgspec.json.encode([NEW, other]), stream=INSTRUMENTS_STREAM))
    assert (told.said.control, told.fresh) == ("instruments", ())
    assert told.said.rejected == ("1 instruments of another venue",)
    for stream in ("public#1", "public#2"):
        heard = ears.hear(frame(forced(2 + len(stream), b"NEWUSDT"), stream=stream))
        (after,) = heard.fresh or heard.said.events
        assert isinstance(after, Liquidation)
        assert after.symbol == "NEW/USDT:USDT"
        assert after.notional_usd == pytest.approx(0.006 * 82396.90)


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b'[{"venue":"bybit"}]', b"\xff", b"[" * 9999])
def test_a_bad_listing_is_refused_in_a_sentence(data: bytes) -> None:
    (said,) = Hearing().hear(frame(data, stream=INSTRUMENTS_STREAM)).said.rejected
    assert said.startswith("not a list of instruments")
    assert len(said) < 200


def test_a_venue_that_is_not_followed_lists_nothing() -> None:
    for venue in ("deribit", "ftx"):
        heard = Hearing().hear(frame(b"[]", stream=INSTRUMENTS_STREAM, venue=venue))
        assert heard.said.rejected == ("no venue that airpocket follows",)


def test_venues_that_are_only_read_are_heard_too() -> None:
    heard = Hearing().hear(frame(b"{", venue="deribit"))
    assert heard.said.rejected
    assert "no venue" not in heard.said.rejected[0]


def test_a_closed_connection_begins_anew_and_its_events_stay_known() -> None:
    ears = Hearing()
    assert ears.hear(frame(forced(1))).fresh
    ears.close_stream("bybit", "public#1")
    ears.close_stream("bybit", "never opened")
    assert not ears.hear(frame(forced(1), stream="public#2")).fresh


def test_connections_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that has been silent for longest is forgotten, not the one that came first."""
    monkeypatch.setattr(hearing, "STREAMS_MOST", 3)
    opened: list[str] = []
    real = register.open_wire

    def noted(venue: str, catalogue: Catalogue | None = None) -> Wire:
        opened.append(venue)
        return real(venue, catalogue)

    monkeypatch.setattr(register, "open_wire", noted)
    ears = Hearing()
    for number in range(50):
        ears.hear(frame(b"{}", stream="busy"))
        ears.hear(frame(b"{}", stream=f"short {number}"))
    assert len(ears._ears) == 3
    assert len(opened) == 51, "the busy one was opened once"


def test_trades_are_read_with_the_shared_catalogue() -> None:
    ears = Hearing()
    data = (
        b'{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":%d,"data":[{"T":%d,"s":"BTCUSDT",'
        b'"S":"Buy","v":"0.001","p":"80000","L":"PlusTick","i":"20f43950-d8dd","BT":false}]}'
    ) % (AT_MS, AT_MS)
    (event,) = ears.hear(frame(data)).fresh
    assert isinstance(event, Trade)
    assert event.symbol == "BTC/USDT:USDT"
    assert ears.catalogue("bybit") is ears.catalogue("bybit")
