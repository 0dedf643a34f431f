"""The holes of one venue."""

from hypothesis import given
from hypothesis import strategies as st

from airpocket.live.gaps import GapBook
from airpocket.market.events import Gap, GapCause


def _book() -> tuple[GapBook, list[Gap]]:
    told: list[Gap] = []
    return GapBook("okx", told.append, {"BTC-USDT-SWAP": "BTC/USDT:USDT"}.get), told


def test_the_first_cause_stands() -> None:
    book, told = _book()
    book.open("trades", "*", 5, GapCause.DISCONNECT, "reset")
    book.open("trades", "*", 9, GapCause.SILENCE, "silent")
    assert [(gap.from_ns, gap.cause, gap.proven_by) for gap in told] == [
        (5, GapCause.DISCONNECT, "reset")
    ]


def test_a_hole_carries_the_unified_symbol() -> None:
    book, told = _book()
    book.open("trades", "BTC-USDT-SWAP", 5, GapCause.SILENCE, "x")
    book.open("trades", "NOBODY", 5, GapCause.SILENCE, "x")
    assert [gap.symbol for gap in told] == ["BTC/USDT:USDT", None]


def test_an_end_never_lies_before_its_beginning() -> None:
    book, _ = _book()
    book.open("trades", "*", 50, GapCause.DISCONNECT, "x")
    ended = book.close("trades", "*", 20)  # the clock was set back
    assert ended is not None
    assert (ended.from_ns, ended.to_ns) == (50, 50)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("ab"), st.integers(0, 99))))
def test_every_hole_is_told_once_open_and_once_ended(steps: list[tuple[bool, str, int]]) -> None:
    book, told = _book()
    for opens, name, at_ns in steps:
        if opens:
            book.open(name, "*", at_ns, GapCause.SILENCE, "x")
        else:
            book.close(name, "*", at_ns)
    open_now = {name for name in "ab" if book.is_open(name, "*")}
    for name in "ab":
        mine = [gap for gap in told if gap.channel == name]
        states = [gap.to_ns is None for gap in mine]
        assert states == [index % 2 == 0 for index in range(len(states))]
        assert (name in open_now) == (len(states) % 2 == 1)
    assert len(book) == len(open_now)


def test_what_is_no_longer_asked_for_is_no_hole() -> None:
    book, told = _book()
    book.open("trades", "*", 5, GapCause.DISCONNECT, "x")
    book.drop([("trades", "*"), ("mark", "*")], 9)
    assert [gap.to_ns for gap in told] == [None, 9]
    assert book.of("trades") == ()
