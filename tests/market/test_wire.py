"""What a frame is turned into."""

import inspect

from airpocket.market.events import RawRef
from airpocket.market.wire import NOTHING, Decoded, Frame, Wire, refuse
from airpocket.venues.binance.wire import open_wire


def test_nothing_is_nothing_and_a_refusal_says_why() -> None:
    assert Decoded(events=[], rejected=(), control=None, notes=()) == NOTHING
    refused = refuse("not JSON")
    assert (refused.events, refused.rejected) == ([], ("not JSON",))


def test_answers_do_not_share_their_list_of_events() -> None:
    assert Decoded().events is not Decoded().events


def test_a_frame_is_bytes_by_whom_over_what_and_when() -> None:
    frame = Frame("okx", "public", None, b"{}", RawRef("t", 1))
    assert hash(frame) == hash(Frame("okx", "public", None, b"{}", RawRef("t", 1)))


def test_a_wire_reads_and_writes() -> None:
    wire: Wire = open_wire()
    assert wire.venue == "binance"
    for name in ("decode", "encode"):
        promised = inspect.signature(getattr(Wire, name)).parameters
        assert list(inspect.signature(getattr(type(wire), name)).parameters) == list(promised)
