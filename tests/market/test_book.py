"""A book is whole and proven so, or it says nothing."""

import gzip
import statistics
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.market import book as module
from airpocket.market.book import Book
from airpocket.market.events import BookChange, Depth, Gap, GapCause
from airpocket.market.sequence import SequenceRule
from airpocket.units import EARLIEST_NS, MILLISECOND_NS
from airpocket.venues.binance.wire import open_wire as open_binance
from airpocket.venues.hyperliquid.wire import open_wire as open_hyperliquid
from tests.market.books import PRICES, Levels, change, recorded, streams, whole

LINKED, COUNTED, UNNUMBERED = SequenceRule.LINKED, SequenceRule.COUNTED, SequenceRule.UNNUMBERED
BIDS, ASKS = [(99.0, 1.0), (98.0, 2.0)], [(101.0, 1.0), (102.0, 2.0)]


def _linked(last: int, previous: int, at: int | None = None, **sides: object) -> BookChange:
    return change(last, previous=previous, at=at, **sides)  # type: ignore[arg-type]


def _begun(rule: SequenceRule = LINKED, last: int | None = 10, at: int | None = 5) -> Book:
    book = Book(rule)
    assert book.apply(whole(last, BIDS, ASKS, at)) is None
    return book


def test_a_snapshot_and_what_follows_it() -> None:
    book = _begun()
    update = _linked(12, 10, 6, bids=[(99.0, 0.0), (97.0, 4.0)], asks=[(100.5, 3.0), (55.0, 0.0)])
    assert book.apply(update) is None
    depth = book.depth()
    assert depth == Depth(
        venue="x", symbol="X/USDT:USDT", raw_symbol="X", venue_ns=6,
        bids=((98.0, 2.0), (97.0, 4.0)), asks=((100.5, 3.0), (101.0, 1.0), (102.0, 2.0)),
    )  # fmt: skip
    assert book.best() == (98.0, 100.5)
    top = book.depth(1)
    assert top is not None
    assert (top.bids, top.asks) == (((98.0, 2.0),), ((100.5, 3.0),))


def test_the_depth_does_not_change_with_the_book() -> None:
    book = _begun()
    before = book.depth()
    book.apply(_linked(12, 10, 6, bids=[(99.0, 7.0)]))
    assert before is not None
    assert before.bids == tuple(BIDS)


def test_a_missing_update_is_told_in_the_same_call_and_nothing_is_said_until_a_snapshot() -> None:
    book = _begun(at=5)
    gap = book.apply(_linked(15, 13, 9, bids=[(99.0, 7.0)]))
    assert gap == Gap(
        venue="x", symbol="X/USDT:USDT", raw_symbol="X", venue_ns=9, channel="book", from_ns=5,
        to_ns=None, cause=GapCause.SEQUENCE, proven_by="update 15 does not follow 10",
    )  # fmt: skip
    assert book.is_valid is False
    assert (book.depth(), book.best()) == (None, None)
    assert book.apply(_linked(16, 15, 10, bids=[(98.0, 8.0)])) is None  # told already
    assert book.depth() is None
    assert book.apply(whole(14, BIDS, ASKS, 8)) is None
    depth = book.depth()
    assert depth is not None
    assert depth.bids == ((99.0, 7.0), (98.0, 8.0))  # 15 and 16 waited for the snapshot
    assert depth.venue_ns == 10


def test_an_update_before_any_snapshot_is_a_gap_told_once() -> None:
    book = Book(LINKED)
    assert book.gap is None
    gap = book.apply(_linked(5, 4, 3))
    assert gap is not None
    assert (gap.from_ns, gap.proven_by) == (3, "update 5 before any snapshot")
    assert book.apply(_linked(6, 5, 4)) is None
    without_clock = Book(LINKED).apply(_linked(5, 4))
    assert without_clock is not None
    assert without_clock.from_ns == EARLIEST_NS


def test_a_snapshot_older_than_the_updates_seen_is_refused_and_told() -> None:
    book = Book(LINKED)
    book.apply(_linked(20, 15, 20))
    gap = book.apply(whole(10, BIDS, ASKS, 10))  # from the socket before
    assert gap is not None
    assert gap.proven_by == "snapshot 10 is older than updates seen"
    assert gap.from_ns == 20
    assert book.depth() is None
    assert book.apply(whole(17, BIDS, ASKS, 18)) is None
    assert book.is_valid


def test_a_snapshot_older_than_a_valid_book_is_left_out() -> None:
    book = _begun()
    book.apply(_linked(20, 10, 20, bids=[(99.5, 1.0)]))
    assert book.apply(whole(15, BIDS, ASKS, 15)) is None
    assert book.best() == (99.5, 101.0)
    assert book.apply(_linked(25, 20, 25)) is None


def test_a_lower_number_at_a_later_time_is_a_venue_that_counts_anew() -> None:
    counted = _begun(COUNTED, last=1_000, at=5)
    assert counted.apply(whole(1, [(50.0, 1.0)], [(51.0, 1.0)], 6)) is None
    assert counted.best() == (50.0, 51.0)
    assert counted.apply(change(2, at=7, bids=[(50.5, 1.0)])) is None
    gap = counted.apply(change(1, at=8))
    assert gap is not None
    assert gap.proven_by == "update 1 does not follow 2"


def test_updates_received_twice_are_left_out() -> None:
    book = _begun()
    update = _linked(12, 10, 6, bids=[(99.5, 1.0)])
    assert book.apply(update) is None
    assert book.apply(_linked(13, 12, 7, bids=[(99.5, 0.0)])) is None
    assert book.apply(update) is None
    assert book.best() == (99.0, 101.0)


@pytest.mark.parametrize("price", [101.0, 101.5])
def test_a_crossed_or_locked_result_invalidates(price: float) -> None:
    book = _begun()
    gap = book.apply(_linked(12, 10, 6, bids=[(price, 1.0)]))
    assert gap is not None
    assert gap.proven_by == f"bid {price:g} is not below ask 101"
    assert book.depth() is None
    assert book.apply(whole(11, BIDS, ASKS, 7)) is not None  # the update that crossed waits
    assert book.apply(whole(13, BIDS, ASKS, 8)) is None


def test_a_side_may_be_empty_without_a_gap() -> None:
    book = _begun()
    assert book.apply(_linked(12, 10, 6, bids=[(99.0, 0.0), (98.0, 0.0)])) is None
    assert (book.is_valid, book.depth(), book.best()) == (True, None, None)
    assert book.apply(_linked(14, 12, 7, bids=[(97.0, 1.0)])) is None
    assert book.best() == (97.0, 101.0)


@pytest.mark.parametrize(
    "level",
    [(0.0, 1.0), (-1.0, 1.0), (float("nan"), 1.0), (float("inf"), 1.0), (98.5, -1.0),
     (98.5, float("nan")), (98.5, float("inf"))],
)  # fmt: skip
def test_a_level_that_cannot_be_one_invalidates(level: tuple[float, float]) -> None:
    gap = _begun().apply(_linked(12, 10, 6, bids=[level]))
    assert gap is not None
    assert "no positive price" in gap.proven_by


def test_numbers_are_needed_where_the_rule_needs_them() -> None:
    for rule in (LINKED, COUNTED):
        gap = Book(rule).apply(whole(None, BIDS, ASKS))
        assert gap is not None
        assert gap.proven_by == "snapshot without an update number"
        gap = _begun(rule).apply(change(None, at=9))
        assert gap is not None
        assert gap.proven_by == "an update does not follow 10"


def test_unnumbered_books_are_whole_each_time_and_never_go_back() -> None:
    book = _begun(UNNUMBERED, last=None, at=5)
    assert book.apply(whole(None, [(50.0, 1.0)], [(51.0, 1.0)], 4)) is None
    assert book.best() == (99.0, 101.0)
    assert book.apply(whole(None, [(50.0, 1.0)], [(51.0, 1.0)], 6)) is None
    assert book.best() == (50.0, 51.0)
    assert book.apply(change(None, [(50.5, 1.0)], at=6)) is None
    assert book.best() == (50.5, 51.0)


def test_what_is_lost_from_outside_is_not_believed_again() -> None:
    book = _begun(last=100)
    closed = Gap(
        venue="x", symbol=None, raw_symbol="X", channel="book", from_ns=5, to_ns=None,
        cause=GapCause.DISCONNECT, proven_by="the connection closed",
    )  # fmt: skip
    book.lose(closed)
    assert (book.gap, book.depth()) == (closed, None)
    assert book.apply(_linked(110, 100, 9)) is None  # told from outside; not joined to the old book
    assert book.depth() is None
    assert book.apply(whole(3, BIDS, ASKS, 10)) is None  # a new connection may count anew
    assert book.is_valid


def test_one_book_holds_one_instrument() -> None:
    book = _begun()
    for other in ({"raw_symbol": "Y"}, {"venue": "y"}):
        with pytest.raises(InputError, match="keep one Book an instrument"):
            book.apply(msgspec.structs.replace(_linked(12, 10), **other))
    with pytest.raises(InputError, match="depth of 0 levels"):
        book.depth(0)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEVELS_MAX", 3)
    monkeypatch.setattr(module, "WAITING_LEVELS_MAX", 4)
    gap = _begun().apply(_linked(12, 10, bids=[(97.0, 1.0), (96.0, 1.0)]))
    assert gap is not None
    assert gap.proven_by == "more than 3 levels on a side"
    book = Book(LINKED)
    for number in range(11, 40):
        book.apply(_linked(number, number - 1, number, bids=[(90.0, float(number))]))
    assert book.apply(whole(10, BIDS[:1], ASKS, 10)) is not None  # what would join is forgotten
    assert book.apply(whole(36, BIDS[:1], ASKS, 36)) is None


def _twin(rule: SequenceRule, changes: list[BookChange]) -> dict[str, dict[float, float]] | None:
    """Levels of a stream without repeats whose updates are judged by the rule alone."""
    sides: dict[str, dict[float, float]] | None = None
    last, fresh = 0, False
    for one in changes:
        if one.is_snapshot:
            sides, last, fresh = {"bids": {}, "asks": {}}, one.last_update_id or 0, True
        elif sides is None or not rule.joins(one, last, after_snapshot=fresh):
            sides = None
            continue
        else:
            last, fresh = one.last_update_id or 0, False
        for name, levels in (("bids", one.bids), ("asks", one.asks)):
            sides[name] |= dict(levels)
            sides[name] = {price: qty for price, qty in sides[name].items() if qty}
        if sides["bids"] and sides["asks"] and max(sides["bids"]) >= min(sides["asks"]):
            sides = None
    return sides


_QTYS = st.sampled_from([0.0, 0.0, 1.0, 2.5])
_BIDS = st.lists(st.tuples(st.sampled_from(PRICES[:12]), _QTYS), max_size=4)
_ASKS = st.lists(st.tuples(st.sampled_from(PRICES[11:]), _QTYS), max_size=4)
_MISSING = st.sampled_from([0, 0, 0, 0, 0, 1])
_IS_WHOLE = st.sampled_from([False] * 6 + [True])


@given(st.lists(st.tuples(_BIDS, _ASKS, _MISSING, _IS_WHOLE), min_size=1, max_size=20))
def test_a_stream_without_repeats_gives_the_levels_of_a_plain_dict(
    drawn: list[tuple[Levels, Levels, int, bool]],
) -> None:
    changes: list[BookChange] = []
    last = 0
    for bids, asks, missing, is_whole in drawn:
        number = last + 1 + missing
        if is_whole or not changes:
            changes.append(whole(number, bids, asks, number))
        else:
            changes.append(change(number, bids, asks, previous=number - 1, at=number))
        last = number
    for rule in SequenceRule:
        book = Book(rule)
        for one in changes:
            book.apply(one)
        twin, depth = _twin(rule, changes), book.depth()
        assert book.is_valid is (twin is not None)
        if twin is None or not (twin["bids"] and twin["asks"]):
            assert depth is None
        else:
            assert depth is not None
            assert depth.bids == tuple(sorted(twin["bids"].items(), reverse=True))
            assert depth.asks == tuple(sorted(twin["asks"].items()))


@given(streams(), st.sampled_from(list(SequenceRule)))
def test_whatever_comes_a_book_is_sorted_and_uncrossed_or_silent(
    changes: list[BookChange], rule: SequenceRule
) -> None:
    book = Book(rule)
    for one in changes:
        gap = book.apply(one)
        if gap is not None:
            assert not book.is_valid
            assert book.gap == gap
        depth = book.depth()
        if depth is None:
            assert book.best() is None
            continue
        assert book.is_valid
        assert book.gap is None
        bids, asks = [p for p, _ in depth.bids], [p for p, _ in depth.asks]
        assert bids == sorted(set(bids), reverse=True)
        assert asks == sorted(set(asks))
        assert bids[0] < asks[0]
        assert all(qty > 0 for _, qty in depth.bids + depth.asks)
        assert book.best() == (bids[0], asks[0])


@given(streams(), st.sampled_from([LINKED, COUNTED]))
def test_a_snapshot_ahead_of_everything_always_heals(
    changes: list[BookChange], rule: SequenceRule
) -> None:
    book = Book(rule)
    for one in changes:
        book.apply(one)
    assert book.apply(whole(10_000, BIDS, ASKS, 10_000)) is None
    assert book.best() == (99.0, 101.0)


@pytest.mark.data
def test_the_recorded_books_have_no_hole_and_agree_with_the_best_prices_beside_them(
    data_dir: Path,
) -> None:
    path = next((data_dir / "l2_book").glob("binance_um_*.raw.gz"))
    wire, book = open_binance(), Book(LINKED)
    applied, gaps, compared, wrong, behind_ms = 0, [], 0, 0, []
    shown: dict[int, tuple[float, float]] = {}
    with gzip.open(path) as lines:
        for line in lines:
            local_ns, _, data = line.partition(b" ")
            for event in wire.decode(data, local_ns=int(local_ns)).events:
                if isinstance(event, BookChange):
                    applied += book.is_valid
                    gap = book.apply(event)
                    gaps += [] if gap is None else [gap.proven_by]
                    if event.venue_ns is not None and event.local_ns is not None:
                        behind_ms.append((event.venue_ns - event.local_ns) / MILLISECOND_NS)
                    best = book.best()
                    if best is not None and event.venue_ns is not None:
                        shown[event.venue_ns] = best
                elif isinstance(event, Depth) and event.venue_ns in shown:
                    compared += 1
                    top = (event.bids[0][0], event.asks[0][0])
                    wrong += top != shown[event.venue_ns]
    assert applied == 6_545
    assert gaps == ["update 5123107837557 before any snapshot"]
    assert statistics.median(behind_ms) == pytest.approx(1_269, abs=6)
    assert compared > 100
    assert wrong / compared < 0.25  # several tops share a millisecond, the last one is ours


@pytest.mark.data
def test_one_missing_update_of_the_recording_is_found_and_healed(data_dir: Path) -> None:
    path = next((data_dir / "l2_book").glob("binance_cm_*.raw.gz"))
    changes = recorded(path, open_binance())
    complete, torn = Book(LINKED), Book(LINKED)
    for index, one in enumerate(changes[:2_000]):
        complete.apply(one)
        gap = torn.apply(one) if index != 1_000 else None
        assert (gap is not None) is (index in {0, 1_001})
        assert (torn.depth() is None) is (index < 25 or index > 1_000)
    depth = complete.depth()
    assert depth is not None
    healing = whole(changes[1_999].last_update_id, list(depth.bids), list(depth.asks))
    named = msgspec.structs.replace(
        healing, venue="binance", raw_symbol="BTCUSD_PERP", venue_ns=depth.venue_ns
    )
    assert torn.apply(named) is None
    for one in changes[2_000:3_000]:
        assert complete.apply(one) is None
        assert torn.apply(one) is None
    assert torn.depth() == complete.depth()


@pytest.mark.data
def test_hyperliquid_sends_whole_books(data_dir: Path) -> None:
    path = next((data_dir / "l2_book").glob("hyperliquid_*.raw.gz"))
    book = Book(UNNUMBERED)
    for one in recorded(path, open_hyperliquid()):
        assert book.apply(one) is None
        depth = book.depth()
        assert depth is not None
        assert depth.bids == tuple(one.bids)
        assert depth.asks == tuple(one.asks)
