import math

import numpy as np

from airpocket.app.depth_sources import SeenDepth
from airpocket.app.ladder_buckets import buckets_of
from airpocket.app.ladder_words import (
    beyond_words,
    book_words,
    coverage_words,
    layer_words,
    no_pocket_words,
    pocket_words,
    say_move,
    say_share,
    say_time,
    seen_words,
    title_words,
    total_words,
)
from airpocket.cascade.impact import BookWalk, Curve
from airpocket.cascade.outcome import AirPocket
from airpocket.leverage.ladder import Provenance
from airpocket.market.events import Depth, Side
from tests.app.made_ladders import AT_NS, both_sides, ladder, layer

SEEN = SeenDepth(
    depth=Depth(venue="okx", symbol="X", raw_symbol="X", bids=((99.0, 1.0),), asks=((101.0, 1.0),)),
    venue="okx", symbol="BTC/USDT:USDT", source="book.raw", at_ns=AT_NS, mid=100.0,
)  # fmt: skip


def test_coverage_is_said_per_layer_and_an_estimate_stands_apart() -> None:
    measured, stops, estimate = coverage_words(buckets_of(both_sides()))
    assert measured == (
        "measured liquidations: at least $11.0M of longs below, at least $8.0M of shorts above; "
        "share of open interest not known; from made.csv"
    )
    assert "measured stop orders: at least $1.0M" in stops
    assert "measured on 12.0 % of open interest" in stops
    assert "estimated liquidations: about $20.0M of longs below" in estimate
    assert "never added to what is measured" in estimate
    assert "at least" not in estimate


def test_all_of_the_open_interest_is_not_at_least() -> None:
    told = layer_words(layer([(99.0, 1e6)], share=1.0))
    assert told.startswith("measured liquidations: $1.0M of longs below, no shorts above")


def test_totals_of_a_side() -> None:
    drawn = buckets_of(both_sides())
    assert total_words(drawn, drawn.longs) == "at least $12.0M"
    guessed = buckets_of(ladder(layer([(99.0, 1e6)], known=Provenance.ESTIMATED)))
    assert total_words(guessed, guessed.longs) == "about $1.0M (estimated)"
    assert total_words(guessed, guessed.shorts) == "none known"


def test_titles() -> None:
    drawn = buckets_of(both_sides())
    assert title_words(drawn) == "BTC/USDC:USDC on hyperliquid at 100, 2026-03-02 09:00:00 UTC"
    several = buckets_of(ladder(layer([(99.0, 1e6)]), venue="*", symbol="BTC", at_ns=None))
    assert title_words(several) == "BTC at 100, time not said"


def test_a_book_says_how_far_it_is_seen() -> None:
    side = Curve(np.array([1e6, 2e6]), np.array([0.01, 0.04]))
    drawn = buckets_of(both_sides(), seen=SEEN, walk=BookWalk(side, None))
    assert book_words(drawn) == (
        "book in sight: okx BTC/USDT:USDT, 2026-03-02 09:00:00 UTC; seen from −4.0 % to an unknown "
        "price; from book.raw"
    )
    stray = Curve(np.array([1e6, 2e6]), np.array([0.01, 0.99]))
    drawn = buckets_of(both_sides(), seen=SEEN, walk=BookWalk(stray, stray))
    assert "seen from" not in book_words(drawn)
    assert book_words(buckets_of(both_sides())) == "no book beside it"
    assert seen_words(SEEN).startswith("book in sight")


def test_air_pockets_and_where_the_book_does_not_suffice() -> None:
    pocket = AirPocket(99.0, 97.5, 0.01, 0.025, 3.14159)
    assert pocket_words(pocket, Side.LONG, 0.5) == (
        "99.0 to 97.5 (−1.0 % to −2.5 %): each forced dollar moves the book in sight to where more "
        "than one waits, m up to 3.14"
    )
    empty = AirPocket(101.0, 120.0, 0.01, 0.2, math.inf)
    assert pocket_words(empty, Side.SHORT, 0.5) == (
        "above 101.0 (+1.0 %): the book in sight does not hold what would be bought"
    )


def test_what_lies_beyond_is_said_of_each_provenance() -> None:
    drawn = buckets_of(both_sides(), within=0.02)
    assert (
        beyond_words(drawn, drawn.longs)
        == "below 98.0: at least $9.0M more, about $20.0M estimated"
    )
    assert (
        beyond_words(drawn, drawn.shorts)
        == "above 102.0: at least $5.5M more, about $30.0M estimated"
    )
    whole = buckets_of(both_sides(), within=0.5)
    assert beyond_words(whole, whole.longs) is None


def test_figures() -> None:
    assert (say_move(0.0), say_move(-0.5, 0), say_share(0.5, 0)) == ("0.0 %", "−50 %", "50 %")
    assert say_time(None) == "time not said"


def test_where_no_book_is_seen_no_air_pocket_is_known() -> None:
    side = Curve(np.array([1e6, 2e6]), np.array([0.01, 0.04]))

    def told(walk: BookWalk) -> str:
        return no_pocket_words(buckets_of(both_sides(), seen=SEEN, walk=walk))

    assert told(BookWalk(side, side)).startswith("no air-pocket: the book in sight holds")
    assert told(BookWalk(None, side)) == (
        "no air-pocket that is known: the source has no book below the price"
    )
    assert told(BookWalk(None, None)) == (
        "air-pockets not known: the source has no book below or above the price"
    )
