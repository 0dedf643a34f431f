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


def test_a_firm_hole_outlives_the_proof_of_its_route() -> None:
    book, told = _book()
    book.open("liquidations", "*", 5, GapCause.SILENCE, "none though due", firm=True)
    assert book.close("liquidations", "*", 9) is None
    assert book.close("liquidations", "*", 12, firm=True) is not None
    assert [(gap.from_ns, gap.to_ns) for gap in told] == [(5, None), (5, 12)]
    book.open("liquidations", "*", 20, GapCause.DISCONNECT, "closed")
    assert book.close("liquidations", "*", 21) is not None


def test_a_hole_that_becomes_firm_stays_as_it_was_told() -> None:
    book, told = _book()
    book.open("trades", "*", 5, GapCause.DISCONNECT, "closed")
    book.open("trades", "*", 7, GapCause.SILENCE, "none though due", firm=True)
    assert book.close("trades", "*", 9) is None
    assert [gap.proven_by for gap in told] == ["closed"]


def test_it_knows_since_when_a_channel_is_watched() -> None:
    book, _ = _book()
    assert book.watched_since_ns("trades") == 0
    book.open("trades", "A", 5, GapCause.DISCONNECT, "closed")
    assert book.watched_since_ns("trades") is None
    assert book.watched_since_ns("mark") == 0
    book.close("trades", "A", 9)
    assert book.watched_since_ns("trades") == 9
    book.open("trades", "*", 12, GapCause.SILENCE, "none though due", firm=True)
    assert book.watched_since_ns("trades") == 9
