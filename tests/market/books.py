"""Random and recorded streams of book changes, for the tests of books."""

import gzip
from pathlib import Path

from hypothesis import strategies as st

from airpocket.market.events import BookChange
from airpocket.market.wire import Wire

PRICES = [float(price) for price in range(90, 111)]
Levels = list[tuple[float, float]]


def change(
    last: int | None,
    bids: Levels | None = None,
    asks: Levels | None = None,
    *,
    first: int | None = None,
    previous: int | None = None,
    whole: bool = False,
    at: int | None = None,
) -> BookChange:
    """Make a change of a book, at the venue's time ``at``."""
    return BookChange(
        venue="x",
        symbol="X/USDT:USDT",
        raw_symbol="X",
        venue_ns=at,
        bids=bids or [],
        asks=asks or [],
        is_snapshot=whole,
        first_update_id=first,
        last_update_id=last,
        previous_update_id=previous,
    )


def whole(last: int | None, bids: Levels, asks: Levels, at: int | None = None) -> BookChange:
    """Make a snapshot."""
    return change(last, bids, asks, whole=True, at=at)


@st.composite
def streams(draw: st.DrawFn) -> list[BookChange]:
    """Draw changes that mostly follow each other: lost, repeated, late, crossed and renumbered."""
    qtys = st.sampled_from([0.0, 0.0, 1.0, 2.5])
    bids = st.lists(st.tuples(st.sampled_from(PRICES[:12]), qtys), max_size=5)
    asks = st.lists(st.tuples(st.sampled_from(PRICES[9:]), qtys), max_size=5)
    safe_asks = st.lists(st.tuples(st.sampled_from(PRICES[12:]), qtys), max_size=5)
    made: list[BookChange] = []
    number, now = 100, 1_000
    for _ in range(draw(st.integers(1, 25))):
        kind = draw(
            st.sampled_from(["next"] * 8 + ["lost", "repeat", "whole", "late", "anew", "bare"])
        )
        if kind == "repeat" and made:
            made.append(draw(st.sampled_from(made)))
            continue
        if kind == "anew":
            number = 3
        if kind == "lost":
            number += draw(st.integers(1, 3))
        before, number = number, number + draw(st.integers(1, 3))
        now += draw(st.integers(0, 2))
        is_whole = kind in {"whole", "late"} or (not made and draw(st.booleans()))
        named: int | None = number - draw(st.integers(0, 6)) if kind == "late" else number
        if kind == "bare":
            named = None
        if is_whole:
            before, number = number, before  # a snapshot takes no number of its own
        time = draw(st.sampled_from([now, now, now, now - 3, None]))
        made.append(
            change(
                named,
                draw(bids),
                draw(asks if draw(st.integers(0, 5)) == 0 else safe_asks),
                first=None if is_whole else draw(st.sampled_from([before + 1, None])),
                previous=None if is_whole else before,
                whole=is_whole,
                at=time,
            )
        )
    return made


def recorded(path: Path, wire: Wire) -> list[BookChange]:
    """Read the book changes of a recording of ``<local ns> <json>`` lines."""
    made = []
    with gzip.open(path) as lines:
        for line in lines:
            local_ns, _, data = line.partition(b" ")
            events = wire.decode(data, local_ns=int(local_ns)).events
            made += [event for event in events if isinstance(event, BookChange)]
    return made
