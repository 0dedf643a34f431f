import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from airpocket.app.depth_sources import SeenDepth
from airpocket.app.ladder_buckets import (
    LadderMap,
    MapSide,
    buckets_of,
    decimals_of,
    is_in_pocket,
    say_price,
)
from airpocket.cascade.impact import BookWalk, Curve
from airpocket.cascade.outcome import AirPocket
from airpocket.errors import InputError
from airpocket.leverage.ladder import Forced, Ladder, Provenance
from airpocket.market.events import Side
from tests.app.made_ladders import both_sides, ladder, layer

SEEN = SeenDepth(venue="x", symbol="X", source="x.raw", at_ns=None, mid=100.0, assumed=("seen",))


def _walk(usd: float = 1e6, step: float = 0.001, count: int = 50) -> BookWalk:
    steps = np.arange(1.0, count + 1.0, dtype=np.float64)
    side = Curve(np.multiply(steps, usd), np.multiply(steps, step))
    return BookWalk(side, side, 100.0)


def _sides(drawn: LadderMap) -> tuple[MapSide, MapSide]:
    return drawn.longs, drawn.shorts


prices = st.floats(1.0, 300.0).filter(lambda price: abs(price - 100.0) > 1e-6)
many = st.lists(st.tuples(prices, st.floats(1.0, 1e9)), min_size=1, max_size=40)


def _made(rows: list[tuple[float, float]], known: Provenance) -> Ladder:
    longs = [row for row in rows if row[0] < 100]
    shorts = [row for row in rows if row[0] > 100]
    return ladder(layer(longs, shorts, known=known))


class TestDollars:
    @settings(max_examples=60)
    @given(many, st.sampled_from(list(Provenance)), st.none() | st.floats(0.001, 0.9))
    def test_none_is_lost_and_none_counted_twice(
        self, rows: list[tuple[float, float]], known: Provenance, within: float | None
    ) -> None:
        made = _made(rows, known)
        drawn = buckets_of(made, within=within)
        for side in _sides(drawn):
            total = made.side(side.side, known).total_usd
            if known is Provenance.MEASURED:
                held = sum(one.measured_usd for one in side.buckets) + side.beyond_usd
            else:
                held = sum(one.estimated_usd for one in side.buckets) + side.beyond_estimated_usd
            assert held == pytest.approx(total, rel=1e-9, abs=1e-6)

    @settings(max_examples=60)
    @given(many)
    def test_a_level_lies_in_its_bucket(self, rows: list[tuple[float, float]]) -> None:
        drawn = buckets_of(_made(rows, Provenance.MEASURED))
        for side in _sides(drawn):
            for one in side.buckets:
                inside = [
                    usd
                    for price, usd in rows
                    # An edge belongs to the bucket that the price enters there.
                    if (one.low < price <= one.high and side.side is Side.LONG)
                    or (one.low <= price < one.high and side.side is Side.SHORT)
                ]
                assert one.measured_usd == pytest.approx(sum(inside), rel=1e-9, abs=1e-6)
                assert one.count == len(inside)

    @given(many)
    @settings(max_examples=40)
    def test_buckets_adjoin_from_the_mark_outward(self, rows: list[tuple[float, float]]) -> None:
        drawn = buckets_of(_made(rows, Provenance.MEASURED))
        for side, near in ((drawn.longs, "high"), (drawn.shorts, "low")):
            far = "low" if near == "high" else "high"
            at = 100.0
            for one in side.buckets:
                assert getattr(one, near) == at
                at = getattr(one, far)
                assert one.low < one.high

    def test_kinds_stand_apart(self) -> None:
        drawn = buckets_of(both_sides(), within=0.2)
        sums = {
            name: sum(getattr(one, name) for one in drawn.longs.buckets)
            for name in ("liquidations_usd", "stops_usd", "estimated_usd", "measured_usd")
        }
        assert sums == {
            "liquidations_usd": 11e6, "stops_usd": 1e6, "estimated_usd": 2e7, "measured_usd": 12e6,
        }  # fmt: skip
        assert (drawn.longs.measured_usd, drawn.longs.estimated_usd) == (12e6, 2e7)
        assert drawn.most_usd == 3e7

    def test_counts_are_unknown_if_one_layer_does_not_say(self) -> None:
        told = layer([(99.0, 1e6)])
        unsaid = layer([(98.0, 1e6)], forced=Forced.STOP, counted=False)
        assert {one.count for one in buckets_of(ladder(told, unsaid)).longs.buckets} == {None}


class TestReach:
    def test_the_farthest_few_are_beyond(self) -> None:
        rows = [(100.0 - n, 1e6) for n in range(1, 20)] + [(20.0, 1e5)]
        drawn = buckets_of(ladder(layer(rows)))
        assert drawn.longs.buckets[-1].low >= 80
        assert drawn.longs.beyond_usd >= 1e5

    def test_a_side_where_nothing_waits_has_no_buckets(self) -> None:
        drawn = buckets_of(ladder(layer([(99.0, 1e6)])), seen=SEEN, walk=_walk())
        assert drawn.shorts.buckets == ()
        assert drawn.longs.buckets != ()

    @pytest.mark.parametrize("within", [0.0, -0.1, 1.0, float("nan")])
    def test_a_distance_that_is_none_is_refused(self, within: float) -> None:
        with pytest.raises(InputError, match="none to show"):
            buckets_of(both_sides(), within=within)

    def test_nothing_to_show_is_said(self) -> None:
        with pytest.raises(
            InputError, match="nothing is known to wait around BTC/USDC:USDC at 100"
        ):
            buckets_of(ladder(layer()))

    @given(st.floats(1e-6, 1e7), st.floats(0.02, 0.9))
    @settings(max_examples=60)
    def test_rows_are_few_and_steps_round(self, mark: float, within: float) -> None:
        made = ladder(layer([(mark * 0.999, 1e6)], [(mark * 1.0001, 1e6)]), mark=mark)
        walk = _walk(step=0.03)
        drawn = buckets_of(made, within=within, seen=SEEN, walk=walk)
        for side in _sides(drawn):
            assert 1 <= len(side.buckets) <= 16
        digits = f"{drawn.step:.3e}"
        assert digits[:5] in {"1.000", "2.000", "2.500", "5.000"}


class TestDepth:
    def test_a_bucket_holds_what_the_book_has_between_its_prices(self) -> None:
        made = ladder(layer([(90.0, 1e6)], [(104.0, 1e6)]))
        drawn = buckets_of(made, seen=SEEN, walk=_walk(), within=0.1, rows=10)
        longs = drawn.longs
        assert drawn.step == 1.0
        # 100 to 99: ten levels of a million each; the book ends at 95.
        assert [one.depth_usd for one in longs.buckets[:6]] == [1e7, 1e7, 1e7, 1e7, 1e7, None]
        assert longs.book_ends == pytest.approx(95.0)
        assert drawn.shorts.book_ends == pytest.approx(105.0)

    def test_sums_lie_evenly_between_bands(self) -> None:
        band = Curve(np.array([1e6, 4e6]), np.array([0.01, 0.02]), is_interpolated=True)
        made = ladder(layer([(98.0, 1e6)]))
        drawn = buckets_of(made, seen=SEEN, walk=BookWalk(band, None), within=0.03, rows=6)
        assert drawn.step == 0.5
        held = [one.depth_usd for one in drawn.longs.buckets[:4]]
        assert held == pytest.approx([5e5, 5e5, 1.5e6, 1.5e6])

    def test_a_side_that_the_source_lacks_is_not_known(self) -> None:
        walk = replace(_walk(), asks=None)
        drawn = buckets_of(both_sides(), seen=SEEN, walk=walk)
        assert {one.depth_usd for one in drawn.shorts.buckets} == {None}
        assert drawn.shorts.book_ends is None

    def test_the_book_speaks_first_of_what_is_assumed(self) -> None:
        drawn = buckets_of(both_sides(), seen=SEEN, walk=_walk())
        assert drawn.assumed == ("seen", "a layer made by hand")


def test_pockets_are_told_from_the_nearest_on() -> None:
    near, far = AirPocket(101.0, 102.0, 0.01, 0.02, 2.0), AirPocket(97.0, 95.0, 0.03, 0.05, 3.0)
    drawn = buckets_of(
        both_sides(), seen=SEEN, walk=_walk(), air_pockets={Side.LONG: (far,), Side.SHORT: (near,)}
    )
    assert drawn.pockets == ((Side.SHORT, near), (Side.LONG, far))
    inside = [one for one in drawn.longs.buckets if is_in_pocket(one, drawn.longs)]
    assert (inside[0].high, inside[-1].low) == (97.0, 95.0)
    assert not any(is_in_pocket(one, drawn.longs) for one in drawn.shorts.buckets)


def test_prices_are_said_as_finely_as_the_axis() -> None:
    assert [decimals_of(step) for step in (500.0, 1.0, 0.25, 2e-8)] == [0, 0, 2, 8]
    assert say_price(70_328.4, 500.0) == "70,328"
