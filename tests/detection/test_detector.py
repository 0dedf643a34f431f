"""The detector on tapes made by hand: what it says, when, and what it must never say."""

from collections.abc import Callable, Iterable

import msgspec
import numpy as np
import pytest

from airpocket.detection.config import DetectorConfig
from airpocket.detection.detector import Detector, Observation
from airpocket.detection.episode import Ending, Kind, Phase, Transition
from airpocket.detection.gauges import FlowBank
from airpocket.detection.ledger import Ledger
from airpocket.detection.phases import PhaseMachine
from airpocket.market.events import (
    Bar,
    DepthBand,
    DepthBands,
    ForcedFlow,
    Funding,
    GapCause,
    Mark,
    OpenInterest,
    Side,
)
from airpocket.units import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from tests.detection.made import (
    AAA,
    NORMAL,
    SECONDS,
    Shape,
    at_ns,
    bar,
    episodes,
    forced,
    gap,
    mark,
    merged,
    play,
    steps,
    tape,
    time_of,
)

BURST_S = NORMAL.quiet_s
FALLEN_S = BURST_S + NORMAL.burst_s
WHOLE = [Phase.CASCADE, Phase.EXHAUSTED, Phase.SNAPBACK, Phase.SETTLED]


@pytest.fixture(scope="module")
def normal() -> list[Transition]:
    return play(tape())


def told(said: Iterable[Transition]) -> list[Transition]:
    """Everything but when it could be said, which depends on what proves that time passed."""
    plain = []
    for one in said:
        episode = one.episode and msgspec.structs.replace(one.episode, said_ns=0)
        plain.append(msgspec.structs.replace(one, said_ns=0, episode=episode))
    return plain


# -- one cascade, and what would not be one ----------------------------------------------------


def test_a_cascade_from_onset_to_its_end(normal: list[Transition]) -> None:
    assert steps(normal) == WHOLE
    opened = next(one for one in normal if one.after is Phase.CASCADE)
    assert 0 < opened.at_ns - at_ns(BURST_S) <= 15 * SECOND_NS
    assert opened.at_ns <= opened.said_ns
    assert opened.reading.score >= opened.reading.threshold == SECONDS.score_alone
    assert opened.reading.move is not None
    assert opened.reading.move <= -SECONDS.move_least
    (episode,) = episodes(normal)
    assert (episode.side, episode.side_inferred, episode.confirmed) == (Side.LONG, False, True)
    assert episode.ending is Ending.SETTLED
    assert episode.onset_ns == at_ns(BURST_S) + 5  # the first close, not the bin
    assert episode.end_ns is not None
    assert episode.end_ns >= at_ns(FALLEN_S) + SECONDS.settled_ns
    closed = NORMAL.burst_s * sum(NORMAL.sizes_usd)
    assert episode.usd == pytest.approx(closed, rel=0.05)
    assert episode.usd is not None
    assert episode.usd >= closed
    assert episode.leg == pytest.approx(-0.05, abs=0.003)
    assert episode.snapback == pytest.approx(0.5, abs=0.1)
    assert episode.provisional  # twenty minutes of history
    assert episode.history_ns <= 20 * MINUTE_NS
    assert len(episode.waves) == 1


def test_said_times_never_run_backwards(normal: list[Transition]) -> None:
    assert all(one.at_ns <= one.said_ns for one in normal)
    said = [one.said_ns for one in normal]
    assert said == sorted(said)


def test_nothing_is_said_of_a_quiet_tape() -> None:
    assert steps(play(tape(Shape(burst_s=0, quiet_s=2400, after_s=0)), finish=True)) == []


def test_sizes_count() -> None:
    small = Shape(sizes_usd=tuple(size / 1000.0 for size in NORMAL.sizes_usd))
    assert steps(play(tape(small))) == []


def test_times_count() -> None:
    """The same closes on one day, and spread over ten years (wickra-radar told them alike)."""
    config = DetectorConfig.for_width(DAY_NS)
    quiet = [forced(day * 86400, [3e4] * 3, width_s=86400) for day in range(0, 3650, 10)]
    sizes = [1e6] * 365
    at_once = [forced(3000 * 86400 + 1, sizes, width_s=86400)]
    spread = [
        forced(day * 86400 + 1, [size], width_s=86400)
        for day, size in zip(range(0, 3650, 10), sizes, strict=True)
    ]
    assert steps(play(merged(quiet, at_once), config=config))[:1] == [Phase.CASCADE]
    assert steps(play(merged(quiet, spread), config=config)) == []


def test_prices_count() -> None:
    """Longs closed by force into a rising price are no cascade of longs."""
    assert steps(play(tape(Shape(fall=-0.05, back=0.0)))) == []
    assert steps(play(tape(Shape(fall=0.0)))) == []


def test_sides_count() -> None:
    """Half of the closes on the other side: neither side has the size of a cascade."""
    shape = Shape(sizes_usd=(5000.0, 5000.0), burst_s=40)  # $400k in all
    whole = tape(shape)
    halved: list[Observation] = []
    for number, record in enumerate(whole):
        if isinstance(record, ForcedFlow) and number % 4 < 2:
            halved.append(msgspec.structs.replace(record, side=Side.SHORT))
        else:
            halved.append(record)
    assert steps(play(whole))[:1] == [Phase.CASCADE]
    assert steps(play(halved)) == []


def test_one_huge_print_is_not_an_alarm() -> None:
    quiet = [r for r in tape(Shape(sizes_usd=())) if time_of(r) != at_ns(BURST_S)]
    assert steps(play(merged(quiet, [forced(BURST_S, [50e6])]))) == []
    assert steps(play(merged(quiet, [forced(BURST_S, [50e6 / 40] * 40)])))[0] is Phase.CASCADE


def test_one_opposite_print_does_not_end_a_cascade(normal: list[Transition]) -> None:
    """500 longs and one short were no signal elsewhere (mercatura)."""
    opposite = [forced(BURST_S + at_s, [90_000.0], side=Side.SHORT) for at_s in (1, 20, 30)]
    said = play(merged(tape(), opposite))
    assert steps(said) == WHOLE
    longs = [one.at_ns for one in said if one.side is not Side.SHORT]
    assert longs == [one.at_ns for one in normal if one.side is not Side.SHORT]
    assert [e.usd for e in episodes(said)] == [e.usd for e in episodes(normal)]


def test_a_second_wave_is_the_same_episode() -> None:
    first = [r for r in tape() if time_of(r) < at_ns(FALLEN_S + 300)]
    second = tape(Shape(quiet_s=0, back=0.9, seed=2), starts_s=FALLEN_S + 300)
    for number, record in enumerate(second):
        if isinstance(record, Bar):  # the second leg goes on from where the first one ended
            second[number] = msgspec.structs.replace(
                record, low=record.low * 0.97, high=record.high * 0.97, close=record.close * 0.97
            )
    said = play(merged(first, second))
    assert steps(said) == [*WHOLE[:3], Phase.CASCADE, *WHOLE[1:]]
    (episode,) = episodes(said)
    assert len(episode.waves) == 2
    assert episode.usd is not None
    assert sum(wave.total for wave in episode.waves) == pytest.approx(episode.usd)


# -- what the order of calls may not change ----------------------------------------------------


def test_the_same_records_say_the_same(normal: list[Transition]) -> None:
    assert play(tape()) == normal


def test_time_may_be_told_between_the_records(normal: list[Transition]) -> None:
    detector, said = Detector(SECONDS), []
    for record in tape():
        said += detector.advance(time_of(record))
        said += detector.advance(time_of(record) - 30 * SECOND_NS)  # never backwards
        said += detector.update(record)
    assert told(said) == told(normal)


def test_a_bin_may_come_in_parts_and_in_any_order(normal: list[Transition]) -> None:
    parts: list[Observation] = []
    for record in tape():
        if isinstance(record, ForcedFlow) and record.usd and record.count and record.usd_squared:
            one = msgspec.structs.replace(record, count=1, usd=1024.0, usd_squared=1024.0)
            parts += [one, msgspec.structs.replace(
                record, count=record.count - 1, usd=record.usd - 1024.0,
                usd_squared=record.usd_squared - 1024.0,
            )]  # fmt: skip
        else:
            parts.append(record)
    rng = np.random.default_rng(4)
    shuffled = [parts[i] for i in rng.permutation(len(parts))]
    assert told(play(sorted(shuffled, key=time_of))) == told(normal)


def check_no_look_ahead(detector_of: Callable[[DetectorConfig], Detector]) -> None:
    """What is said at a time stands on what lies before it, whatever comes after (I13)."""
    records = tape()
    whole = detector_of(SECONDS)
    said = [one for record in records for one in whole.update(record)]
    assert steps(said) == WHOLE
    for number, one in enumerate(said):
        if one.after in {Phase.BUILDING, Phase.CALM}:
            continue
        past = [record for record in records if time_of(record) < one.at_ns]
        cut = detector_of(SECONDS)
        again = [step for record in past for step in cut.update(record)]
        again += cut.advance(one.at_ns)
        assert told(again) == told(said[: number + 1])
        other = detector_of(SECONDS)
        again = [step for record in past for step in other.update(record)]
        at_s = (one.at_ns - at_ns(0)) // SECOND_NS
        for wild in (bar(at_s, [1e-3, 1e6], trades=10**6), forced(at_s, [1e12] * 99)):
            again += other.update(wild)
        assert told(again) == told(said[: number + 1])


def test_nothing_is_said_from_what_comes_later() -> None:
    check_no_look_ahead(Detector)


def test_that_test_finds_a_detector_that_looks_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted bug: the record is counted before the bin that it does not belong to is closed."""

    def hasty(self: Detector, record: Observation) -> list[Transition]:
        if isinstance(record, ForcedFlow):
            self._take_forced(record)
        elif isinstance(record, Bar):
            self._take_bar(record)
        start_ns = record.venue_ns if not hasattr(record, "from_ns") else 0
        return self._move_to(start_ns or 0, start_ns or 0)

    monkeypatch.setattr(Detector, "update", hasty)
    with pytest.raises(AssertionError):
        check_no_look_ahead(Detector)


# -- symmetries --------------------------------------------------------------------------------


def mirrored(records: list[Observation]) -> list[Observation]:
    """Longs for shorts, and every price p as 100² / p."""
    other = {Side.LONG: Side.SHORT, Side.SHORT: Side.LONG, None: None}
    made: list[Observation] = []
    for record in records:
        if isinstance(record, ForcedFlow):
            made.append(msgspec.structs.replace(record, side=other[record.side]))
        elif isinstance(record, Bar):
            prices = {"open": 1e4 / record.open, "close": 1e4 / record.close}
            extremes = {"low": 1e4 / record.high, "high": 1e4 / record.low}
            made.append(msgspec.structs.replace(record, **prices, **extremes))
    return made


def test_a_squeeze_is_a_cascade_in_the_mirror(normal: list[Transition]) -> None:
    said = play(mirrored(tape()))
    assert steps(said) == steps(normal)
    # Percent moves are not quite symmetric (5 % down is 5.26 % up): a second of tolerance.
    for one, other in zip(said, normal, strict=True):
        assert abs(one.at_ns - other.at_ns) <= 2 * SECOND_NS
    (episode,), (original,) = episodes(said), episodes(normal)
    assert (episode.side, original.side) == (Side.SHORT, Side.LONG)
    assert (episode.usd, episode.count) == (original.usd, original.count)
    assert episode.leg is not None
    assert original.leg is not None
    assert 1.0 + episode.leg == pytest.approx(1.0 / (1.0 + original.leg), rel=1e-6)


def test_names_are_only_names() -> None:
    names = {
        AAA: "ZZZ/USDT:USDT",
        "BBB/USDT:USDT": "AAB/USDT:USDT",
        "okx": "bybit",
        "dydx": "aster",
    }
    short = Shape(symbol="BBB/USDT:USDT", venue="dydx", seed=3, side=Side.SHORT, fall=-0.04)
    records = merged(tape(), tape(short))
    renamed = [
        msgspec.structs.replace(
            r, symbol=names[r.symbol or ""], raw_symbol=names[r.raw_symbol], venue=names[r.venue]
        )
        for r in records
    ]
    said, again = play(records), play(renamed)
    for old, new in names.items():
        if "/" in old:
            mine = [o for o in said if o.scope == old]
            theirs = [o for o in again if o.scope == new]
            assert mine
            assert [(o.after, o.at_ns, o.reading) for o in mine] == [
                (o.after, o.at_ns, o.reading) for o in theirs
            ]
    assert {e.side for e in episodes(said)} == {Side.LONG, Side.SHORT}


def test_one_symbol_says_nothing_of_another(normal: list[Transition]) -> None:
    other = Shape(symbol="BBB/USDT:USDT", seed=5, burst_s=0, quiet_s=2000, after_s=0)
    said = play(merged(tape(), tape(other)))
    assert steps(said, "BBB/USDT:USDT") == []
    assert told(o for o in said if o.scope == AAA) == told(normal)


def test_only_the_symbols_asked_for_are_followed() -> None:
    records = merged(tape(), tape(Shape(symbol="BBB/USDT:USDT", seed=5)))
    detector = Detector(SECONDS, symbols=frozenset({AAA}))
    said = [one for record in records for one in detector.update(record)]
    assert {one.scope for one in said} == {AAA}
    assert (AAA, Kind.CASCADE) in detector.phases()
    assert all(scope in {AAA, "*"} or kind is Kind.SHOCK for scope, kind in detector.phases())


# -- what was not seen -------------------------------------------------------------------------


def with_hole(from_s: int, to_s: int, cause: GapCause = GapCause.DISCONNECT) -> list[Observation]:
    kept = [r for r in tape() if not at_ns(from_s) <= time_of(r) < at_ns(to_s)]
    return merged(kept, [gap(from_s, cause)])


def test_a_gap_is_unknown_and_the_episode_goes_on_after_it() -> None:
    said = play(with_hole(BURST_S + 20, BURST_S + 25))
    assert steps(said) == [Phase.CASCADE, Phase.UNKNOWN, *WHOLE]
    (episode,) = episodes(said)
    assert [hole.from_ns for hole in episode.gaps] == [at_ns(BURST_S + 20)]
    assert episode.ending is Ending.SETTLED
    unknown = next(one for one in said if one.after is Phase.UNKNOWN)
    assert unknown.gap is not None
    assert unknown.gap.cause is GapCause.DISCONNECT


def test_a_gap_that_hides_the_end_is_not_the_end() -> None:
    """Eight hours later the feed is back and quiet: settled then, not in the hole."""
    later_s = FALLEN_S + 8 * 3600
    back = tape(Shape(burst_s=0, quiet_s=900, after_s=0, seed=9), starts_s=later_s)
    kept = [r for r in tape() if time_of(r) < at_ns(BURST_S + 20)]
    said = play(merged(kept, [gap(BURST_S + 20)], back))
    assert steps(said)[:2] == [Phase.CASCADE, Phase.UNKNOWN]
    assert steps(said)[-1] is Phase.SETTLED
    (episode,) = episodes(said)
    assert episode.end_ns is not None
    assert episode.end_ns >= at_ns(later_s) + SECONDS.settled_ns


def test_a_recording_that_ends_is_never_an_all_clear() -> None:
    for last_s in (BURST_S + 20, FALLEN_S + 300):
        kept = [r for r in tape() if time_of(r) < at_ns(last_s)]
        said = play(merged(kept, [gap(last_s, GapCause.END_OF_RECORDING)]), until_s=last_s + 9999)
        assert steps(said)[-1] is Phase.UNKNOWN
        assert Phase.SETTLED not in steps(said)
        (episode,) = episodes(said)
        assert (episode.ending, episode.end_ns) == (Ending.FEED_ENDED, None)
        assert [hole.cause for hole in episode.gaps] == [GapCause.END_OF_RECORDING]


def test_silence_after_the_last_record_is_not_calm() -> None:
    kept = [r for r in tape() if time_of(r) < at_ns(FALLEN_S + 5)]
    said = play(kept)
    assert steps(said) == [Phase.CASCADE]
    ended = play(kept, finish=True)
    assert ended[: len(said)] == said
    assert steps(ended) == [Phase.CASCADE, Phase.UNKNOWN]
    assert episodes(ended)[0].ending is Ending.FEED_ENDED


def test_a_feed_of_another_venue_or_channel_hides_nothing(normal: list[Transition]) -> None:
    others = [
        gap(BURST_S + 20, venue="dydx"),
        gap(BURST_S + 20, channel="funding"),
        gap(BURST_S + 20, symbol="BBB/USDT:USDT"),
    ]
    assert told(play(merged(tape(), others))) == told(normal)


def with_a_second_venue(lost_s: int) -> list[Observation]:
    """A small venue that goes on in its small way when the large one is lost."""
    small = [forced(at_s, [500.0], venue="dydx") for at_s in range(0, 2100, 30)]
    kept = [r for r in tape() if isinstance(r, Bar) or time_of(r) < at_ns(lost_s)]
    return merged(kept, small, [gap(lost_s, channel="liquidations")])


def test_a_small_venue_gives_no_all_clear_for_a_large_one() -> None:
    said = play(with_a_second_venue(BURST_S + 20), finish=True)
    assert steps(said) == [Phase.CASCADE, Phase.UNKNOWN]
    assert episodes(said)[0].ending is Ending.FEED_ENDED


def test_a_large_venue_speaks_when_a_small_one_is_lost() -> None:
    small = [forced(at_s, [500.0], venue="dydx") for at_s in range(0, BURST_S + 20, 30)]
    said = play(merged(tape(), small, [gap(BURST_S + 20, venue="dydx")]))
    assert steps(said) == WHOLE
    assert [hole.venue for hole in episodes(said)[0].gaps] == ["dydx"]


def test_closes_hours_apart_are_not_adjacent() -> None:
    """Half a burst before a hole of nine hours, half after it: neither is one."""
    config = msgspec.structs.replace(
        SECONDS, least_usd_unconfirmed=1.0, least_count=1, score_unconfirmed=180.0
    )
    quiet = tape(Shape(burst_s=0, after_s=0, prices=False))
    before = [forced(BURST_S + at_s, [20_000.0] * 6) for at_s in range(4)]
    hours_s = BURST_S + 9 * 3600
    after = [forced(hours_s + at_s, [20_000.0] * 6) for at_s in range(4)]
    whole = [forced(BURST_S + at_s, [20_000.0] * 6) for at_s in range(8)]
    assert steps(play([*quiet, *whole], config=config))[0] is Phase.CASCADE
    assert steps(play([*quiet, *before, gap(BURST_S + 9), *after], config=config)) == [
        Phase.UNKNOWN
    ]


def test_a_price_hours_ago_confirms_nothing() -> None:
    """Ten percent lower after a hole of nine hours is not a fall of this minute."""
    hours_s = BURST_S + 9 * 3600
    burst = Shape(quiet_s=10, burst_s=4, fall=0.0, after_s=60)  # $800k: too little unconfirmed
    after = tape(burst, starts_s=hours_s)
    for number, record in enumerate(after):
        if isinstance(record, Bar):
            after[number] = msgspec.structs.replace(
                record, low=record.low * 0.9, high=record.high * 0.9, close=record.close * 0.9
            )
    quiet = tape(Shape(burst_s=0, after_s=0))
    assert steps(play([*quiet, gap(BURST_S), *after])) == [Phase.UNKNOWN]


def test_a_feed_that_is_back_tells_both_sides() -> None:
    """Back with a short, no long for half an hour: the longs are silent, not still unseen."""
    kept = [r for r in tape() if time_of(r) < at_ns(BURST_S + 30)]
    back_s = BURST_S + 300
    after: list[Observation] = [bar(back_s + s, [95.0, 95.0 + s % 2 / 100]) for s in range(900)]
    after.append(forced(back_s, [2000.0], side=Side.SHORT))
    said = play(merged(kept, [gap(BURST_S + 30)], after))
    assert steps(said)[-1] is Phase.SETTLED


# -- baselines ---------------------------------------------------------------------------------


def baseline_after() -> tuple[float, float]:
    """Baseline at the onset, and when a quarter of an hour of quiet has followed."""
    detector = Detector(SECONDS)
    said = [one for record in tape() for one in detector.update(record)]
    before = episodes(said)[0].baseline_per_bin
    assert before is not None
    row = detector._scopes[AAA, Side.LONG].rows[Side.LONG]
    return before, detector._panel.forced.read(row).baseline


def test_what_is_closed_while_an_episode_is_open_is_not_in_the_baseline() -> None:
    """The seconds that led to its opening are: $800k of 8 million here."""
    before, after = baseline_after()
    assert after < 5.0 * before


def test_a_bank_that_does_not_freeze_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FlowBank, "set_frozen", lambda *_, **__: None)
    before, after = baseline_after()
    assert after > 10.0 * before


def end_of_quiet() -> int:
    """Nanoseconds of quiet before the end of an episode that no price objects to."""
    said = play(tape(Shape(prices=False, sizes_usd=(20_000.0,) * 50)))
    last_ns = next(one.at_ns for one in said if one.after is Phase.SETTLED)
    return last_ns - at_ns(FALLEN_S)


def test_an_end_takes_its_time() -> None:
    assert end_of_quiet() >= SECONDS.settled_ns


def test_an_end_without_quiet_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted bug: the flow is asked once, not over the whole settling time."""
    monkeypatch.setattr(PhaseMachine, "_quiet_for", lambda _, now: now.quiet * SECONDS.settled_ns)
    monkeypatch.setattr(Ledger, "flow_since", lambda *_: 0.0)
    assert end_of_quiet() < SECONDS.settled_ns


def test_a_feed_without_any_close_before_can_settle() -> None:
    """Zero is a baseline: an hour of counted zeros, then a burst, then zeros."""
    quiet = [forced(s, None, count=0, side=None) for s in range(900)]
    burst = [forced(900 + s, None, count=50, side=None) for s in range(30)]
    after = [forced(930 + s, None, count=0, side=None) for s in range(900)]
    assert steps(play(quiet + burst + after)) == [Phase.CASCADE, Phase.EXHAUSTED, Phase.SETTLED]


# -- what is inferred, and said to be ----------------------------------------------------------


def test_trades_alone_are_a_shock_and_never_a_cascade() -> None:
    said = play(tape(Shape(forced=False)), finish=True)
    assert steps(said, kind=Kind.SHOCK) == WHOLE
    assert all(one.kind is Kind.SHOCK for one in said)
    (episode,) = episodes(said, Kind.SHOCK)
    assert (episode.side, episode.side_inferred) == (Side.LONG, True)


def test_a_symbol_with_its_own_feed_is_not_inferred(normal: list[Transition]) -> None:
    assert steps(normal, kind=Kind.SHOCK) == []


def test_counts_without_prices_stay_unconfirmed() -> None:
    said = play(tape(Shape(counts_only=True, prices=False)))
    (episode,) = episodes(said)
    assert (episode.side, episode.side_inferred, episode.confirmed) == (None, False, None)
    assert (episode.unit, episode.usd, episode.leg, episode.severity) == ("count", None, None, None)


@pytest.mark.parametrize(("fall", "side"), [(0.05, Side.LONG), (-0.05, Side.SHORT)])
def test_counts_with_prices_have_an_inferred_side(fall: float, side: Side) -> None:
    said = play(tape(Shape(counts_only=True, fall=fall)))
    (episode,) = episodes(said)
    assert (episode.side, episode.side_inferred, episode.confirmed) == (side, True, True)


def test_marks_speak_where_no_trades_are_seen() -> None:
    records: list[Observation] = []
    for record in tape():
        if isinstance(record, Bar):
            at_s = ((record.venue_ns or 0) - at_ns(0)) / SECOND_NS
            records.append(mark(at_s, record.close))
        else:
            records.append(record)
    assert any(isinstance(record, Mark) for record in records)
    said = play(records)
    assert steps(said) == WHOLE
    assert episodes(said)[0].leg == pytest.approx(-0.05, abs=0.003)


def test_two_venues_of_one_symbol_are_one_shock() -> None:
    """One of them lost: no flapping, no second opinion each second."""
    one, other = tape(Shape(forced=False)), tape(Shape(forced=False, venue="dydx"))
    assert steps(play(merged(one, other)), kind=Kind.SHOCK) == WHOLE
    lost_s = BURST_S + 20
    kept = [r for r in other if time_of(r) < at_ns(lost_s)]
    said = play(merged(one, kept, [gap(lost_s, venue="dydx")]))
    found = steps(said, kind=Kind.SHOCK)
    assert found[0] is Phase.CASCADE
    assert found[-1] is Phase.SETTLED
    assert len(found) <= len(WHOLE)
    (episode,) = episodes(said, Kind.SHOCK)
    assert [hole.venue for hole in episode.gaps] == ["dydx"]


# -- the market --------------------------------------------------------------------------------


def market(count: int, *, fed: int, every_s: int = 0) -> list[Observation]:
    """A few symbols that fall together, the first of them with a liquidation feed."""
    tapes = [
        tape(
            Shape(
                symbol=f"{name * 3}/USDT:USDT", seed=number, forced=number < fed, quiet_s=600,
                after_s=60, sizes_usd=(20_000.0,) * 10,
            ),
            starts_s=number * every_s,
        )
        for number, name in enumerate("ABCDEFGH"[:count])
    ]  # fmt: skip
    return merged(*tapes)


@pytest.mark.parametrize(("count", "opens"), [(4, False), (5, True), (6, True)])
def test_a_market_is_five_symbols_with_forced_flow(count: int, *, opens: bool) -> None:
    said = play(market(count, fed=count), finish=True)
    assert (Phase.CASCADE in steps(said, "*")) is opens
    assert steps(said, "*", Kind.SHOCK) == []
    if opens:
        (episode,) = [e for e in episodes(said) if e.scope == "*"]
        assert episode.usd is not None
        assert episode.usd >= 0.9 * count * 40 * 200_000.0
        opened = next(o for o in said if o.scope == "*" and o.after is Phase.CASCADE)
        assert opened.reading.coincident is not None
        assert opened.reading.coincident >= 5


@pytest.mark.parametrize(
    ("count", "fed", "opens"), [(4, 0, False), (5, 0, True), (5, 1, False), (6, 1, True)]
)
def test_a_symbol_with_a_feed_is_no_part_of_an_inferred_market(
    count: int, fed: int, *, opens: bool
) -> None:
    said = play(market(count, fed=fed))
    assert (Phase.CASCADE in steps(said, "*", Kind.SHOCK)) is opens
    assert steps(said, "*") == []


def test_one_after_the_other_is_not_together() -> None:
    said = play(market(5, fed=5, every_s=330))
    assert steps(said, "*") == []
    assert len(episodes(said)) == 5


# -- context -----------------------------------------------------------------------------------


def test_a_thin_book_objects_to_the_end() -> None:
    def books(after_usd: float) -> list[Observation]:
        made: list[Observation] = []
        for at_s in range(0, 2100, 30):
            usd = 1e6 + at_s % 7 if at_s < BURST_S else after_usd + at_s % 7
            bands = tuple(DepthBand(percent, usd / 100.0, usd) for percent in (-1.0, 1.0))
            made.append(DepthBands(
                venue="okx", symbol=AAA, raw_symbol=AAA, venue_ns=at_ns(at_s), bands=bands
            ))  # fmt: skip
        return made

    assert steps(play(merged(tape(), books(9e5)))) == WHOLE
    thin = play(merged(tape(), books(2e5)), finish=True)
    assert Phase.SETTLED not in steps(thin)
    assert episodes(thin)[0].depth_share == pytest.approx(0.2, rel=0.05)


def test_open_interest_and_funding_are_said_as_they_were_before() -> None:
    def interest(at_s: int, coins: float) -> OpenInterest:
        return OpenInterest(
            venue="okx", symbol=AAA, raw_symbol=AAA, venue_ns=at_ns(at_s), qty_base=coins,
            notional_usd=None,
        )  # fmt: skip

    rates = [
        Funding(venue="okx", symbol=AAA, raw_symbol=AAA, venue_ns=at_ns(at_s), rate=rate)
        for at_s, rate in ((60, 0.0002), (FALLEN_S, -0.0001))
    ]
    levels = [interest(60, 1000.0), interest(FALLEN_S, 800.0), interest(FALLEN_S + 60, 900.0)]
    (episode,) = episodes(play(merged(tape(), levels, rates)))
    assert episode.oi_change_coins == pytest.approx(-0.2)
    assert episode.oi_change_usd is None
    assert episode.funding_before == 0.0002


# -- other widths, and long runs ---------------------------------------------------------------


@pytest.mark.parametrize("width_ns", [10 * MINUTE_NS, HOUR_NS, 4 * HOUR_NS])
def test_sums_of_minutes_and_hours_are_followed_too(width_ns: int) -> None:
    config, width_s = DetectorConfig.for_width(width_ns), width_ns // SECOND_NS
    rng = np.random.default_rng(8)
    records: list[Observation] = []
    price = 100.0
    for number in range(600):
        before, loud = price, 500 <= number < 503
        price *= float(np.exp(rng.normal(0.0, 5e-4))) * (0.97 if loud else 1.0)
        usd = float(rng.lognormal(13.0, 0.5)) * (300.0 if loud else 1.0)
        one = forced(number * width_s, [usd], width_s=width_s)
        records.append(msgspec.structs.replace(one, count=None, usd_squared=None))
        records.append(bar(number * width_s, [before, price], width_s=width_s, trades=None))
    said = play(records, config=config)
    assert steps(said)[:2] == [Phase.CASCADE, Phase.EXHAUSTED]
    assert steps(said)[-1] is Phase.SETTLED
    (episode,) = episodes(said)
    assert 0 <= episode.onset_ns - at_ns(500 * width_s) <= width_ns
    assert (episode.side, episode.confirmed, episode.provisional) == (
        Side.LONG, True, 500 * width_ns < config.provisional_ns,
    )  # fmt: skip
    assert episode.leg == pytest.approx(0.97**3 - 1.0, abs=0.01)


def sizes_of(detector: Detector) -> list[int]:
    panel = detector._panel
    scopes = (*detector._scopes.values(), *detector._shocks.values())
    return [
        sum(len(scope.recent) for scope in scopes), len(scopes), len(detector._gaps),
        len(panel.forced_hits), len(panel.trade_hits), len(panel.forced), len(panel.traded),
        len(panel.prices), len(panel._speaking), panel.forced._ring_sums.nbytes,
    ]  # fmt: skip


def check_memory(seconds: int) -> None:
    detector = Detector(SECONDS)
    records = merged(
        tape(Shape(burst_s=0, quiet_s=seconds, after_s=0)),
        tape(Shape(burst_s=0, quiet_s=seconds, after_s=0, symbol="BBB/USDT:USDT", forced=False)),
        [gap(at_s, channel="liquidations") for at_s in range(50, seconds, 100)],
    )
    half: list[int] = []
    for record in records:
        detector.update(record)
        if not half and time_of(record) >= at_ns(seconds // 2):
            half = sizes_of(detector)
    assert sizes_of(detector)[0] <= SECONDS.windows[-1] + 1
    for now, then in zip(sizes_of(detector)[1:], half[1:], strict=True):
        assert now <= then + 3


def test_memory_does_not_grow_with_time() -> None:
    check_memory(4000)


@pytest.mark.slow
def test_memory_does_not_grow_with_days() -> None:
    check_memory(86_400)


def test_a_cascade_of_the_other_side_is_not_swallowed_by_an_open_episode() -> None:
    """Shorts that wait for their all-clear do not hide the longs that go now."""
    squeeze = tape(Shape(side=Side.SHORT, fall=-0.05, after_s=120))
    falls = tape(Shape(quiet_s=30, side=Side.LONG), starts_s=1200 + 40 + 120)
    said = play([*squeeze, *falls])
    opened = [t.side for t in said if t.after is Phase.CASCADE and t.before is not t.after]
    assert {Side.SHORT, Side.LONG} <= set(opened)
    assert {episode.side for episode in episodes(said)} == {Side.SHORT, Side.LONG}


def test_an_open_episode_can_be_looked_at_between_its_steps() -> None:
    detector = Detector(SECONDS)
    sums: list[float] = []
    for record in tape():
        detector.update(record)
        sums += [episode.usd or 0.0 for episode in detector.open_episodes() if episode.usd]
    assert len(set(sums)) > 5, "it grows while nothing is said"
    assert sums == sorted(sums)
    detector.finish()
    assert detector.open_episodes() == ()
