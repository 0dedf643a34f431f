"""Laws that a chain without agents obeys, each with a mistake that it notices.

Numbers are those of the invariants this project keeps for its simulators (I17 to I31).
"""

from collections.abc import Callable

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.cascade.plain import (
    BOOKS,
    CASES,
    ENGINES,
    LEVELS,
    Case,
    Engine,
    Rest,
    plain,
    plain_fall,
)

_SOME = settings(max_examples=15, database=None)
_MORE = settings(max_examples=50, database=None)
_HUNT = settings(
    max_examples=400, database=None, derandomize=True, phases=(Phase.generate,),
    report_multiple_bugs=False,
)  # fmt: skip
Law = Callable[[Engine, settings], None]


def law_i17_mirror(engine: Engine, many: settings) -> None:
    """Longs fall as shorts rise under p → 2 P0 - p."""

    @many
    @given(CASES)
    def holds(case: Case) -> None:
        assert engine(case) == ENGINES["shorts"](case)

    holds()


def law_i18_scale(engine: Engine, many: settings) -> None:
    """Sizes and depth times c: the same path, sizes times c; ticks in a finer unit: the same."""

    @many
    @given(CASES, st.integers(2, 50))
    def holds(case: Case, by: int) -> None:
        def sized(rows: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
            return tuple((ticks, lots * by) for ticks, lots in rows)

        def fine(rows: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
            return tuple((ticks * by, lots) for ticks, lots in rows)

        rest = engine(case)
        larger = Case(sized(case.levels), sized(case.book), case.move, case.order * by)
        assert engine(larger) == Rest(rest.fall, rest.lots * by)
        finer = Case(fine(case.levels), fine(case.book), case.move * by, case.order)
        assert engine(finer) == Rest(rest.fall * by, rest.lots)

    holds()


def law_i19_relabel(engine: Engine, many: settings) -> None:
    """The order in which positions are listed does not matter."""

    @many
    @given(CASES, st.randoms(use_true_random=False))
    def holds(case: Case, chance: object) -> None:
        shuffled = list(case.levels)
        chance.shuffle(shuffled)  # type: ignore[attr-defined]
        assert engine(case._replace(levels=tuple(shuffled))) == engine(case)

    holds()


def law_i20_split(engine: Engine, many: settings) -> None:
    """A position in two parts is the position."""

    @many
    @given(CASES)
    def holds(case: Case) -> None:
        parts = [(ticks, part) for ticks, lots in case.levels for part in (1, lots - 1) if part > 0]
        assert engine(case._replace(levels=tuple(parts))) == engine(case)

    holds()


def law_i21_any_order(engine: Engine, many: settings) -> None:
    """Closing one eligible position at a time, whichever comes first, ends at the same place."""

    @many
    @given(CASES, st.randoms(use_true_random=False))
    def holds(case: Case, chance: object) -> None:
        waiting, sold, fall = list(case.levels), case.order, 0
        fall = case.move + plain_fall(case, sold)
        while due := [level for level in waiting if level[0] <= fall]:
            level = chance.choice(due)  # type: ignore[attr-defined]
            waiting.remove(level)
            sold += level[1]
            fall = case.move + plain_fall(case, sold)
        assert engine(case) == Rest(fall, sold - case.order)

    holds()


def law_i22_shock(engine: Engine, many: settings) -> None:
    """A larger shock forces no less and ends no higher."""

    @many
    @given(CASES, st.integers(0, 20), st.integers(0, 20))
    def holds(case: Case, more: int, sold: int) -> None:
        rest = engine(case)
        larger = engine(case._replace(move=case.move + more, order=case.order + sold))
        assert larger.fall >= rest.fall
        assert larger.lots >= rest.lots

    holds()


def law_i23_leverage(engine: Engine, many: settings) -> None:
    """Levels that lie nearer are forced if they were: nothing is forced less."""

    @many
    @given(CASES, st.data())
    def holds(case: Case, data: st.DataObject) -> None:
        nearer = tuple((data.draw(st.integers(1, ticks)), lots) for ticks, lots in case.levels)
        rest, levered = engine(case), engine(case._replace(levels=nearer))
        assert levered.fall >= rest.fall
        assert levered.lots >= rest.lots

    holds()


def law_i24_depth(engine: Engine, many: settings) -> None:
    """A deeper book forces no more and ends no lower."""

    @many
    @given(CASES, st.data())
    def holds(case: Case, data: st.DataObject) -> None:
        deeper = tuple((ticks, lots + data.draw(st.integers(0, 9))) for ticks, lots in case.book)
        rest, held = engine(case), engine(case._replace(book=deeper))
        assert held.fall <= rest.fall
        assert held.lots <= rest.lots

    holds()


def law_i25_limits(engine: Engine, many: settings) -> None:
    """Nobody levered, no shock, infinite depth, one position: what each must give."""

    @many
    @given(CASES, st.tuples(st.integers(1, 60), st.integers(1, 9)))
    def holds(case: Case, one: tuple[int, int]) -> None:
        nobody = engine(case._replace(levels=()))
        assert nobody == Rest(case.move + plain_fall(case, case.order), 0)
        assert engine(case._replace(move=0, order=0)) == Rest(0, 0)
        deep = engine(case._replace(book=((1, 1 << 30),), order=0))
        direct = sum(lots for ticks, lots in case.levels if ticks <= case.move)
        if direct == 0:
            assert deep == Rest(case.move, 0)
        single = engine(Case((one,), case.book, case.move))
        forced = one[1] if one[0] <= case.move else 0
        assert single == Rest(case.move + plain_fall(case, forced), forced)

    holds()


def law_i26_uniform(engine: Engine, many: settings) -> None:
    """Uniform density against flat depth: the fall is s / (1 - density / depth)."""

    @many
    @given(st.integers(1, 9), st.integers(1, 40), st.integers(1, 20))
    def holds(density: int, more: int, move: int) -> None:
        depth = density + more
        reach = move * depth // more + 2
        case = Case(
            tuple((ticks, density) for ticks in range(1, reach + 1)),
            tuple((ticks, depth) for ticks in range(1, reach + 1)),
            move,
        )
        # Each level of the book is a tick wide, so that the fall is within one tick of the limit.
        assert move * depth / more - 1 <= engine(case).fall <= move * depth / more + depth / more

    holds()


def law_i28_one_order(engine: Engine, many: settings) -> None:
    """One market order walks the book exactly."""

    @many
    @given(BOOKS, st.integers(0, 60))
    def holds(book: tuple[tuple[int, int], ...], lots: int) -> None:
        ladder = [ticks for ticks, held in book for _ in range(held)]
        last = ladder[min(lots, len(ladder)) - 1] if lots else 0
        assert engine(Case((), book, 0, lots)) == Rest(last, 0)

    holds()


def law_i31_far_position(engine: Engine, many: settings) -> None:
    """A position beyond the end changes nothing, nor does one that sits at another's price."""

    @many
    @given(CASES, st.integers(1, 100), st.integers(1, 99))
    def holds(case: Case, away: int, lots: int) -> None:
        rest = engine(case)
        farther = (*case.levels, (rest.fall + away, lots))
        assert engine(case._replace(levels=farther)) == rest

    holds()


LAWS: dict[Law, str] = {
    law_i17_mirror: "at the trigger",
    law_i18_scale: "whole fours",
    law_i19_relabel: "as they come",
    law_i20_split: "equal levels once",
    law_i21_any_order: "from above",
    law_i22_shock: "jumped over",
    law_i23_leverage: "jumped over",
    law_i24_depth: "empty book holds",
    law_i25_limits: "move of nothing sells",
    law_i26_uniform: "one wave",
    law_i28_one_order: "all of open interest",
    law_i31_far_position: "all of open interest",
}
_IDS = [law.__name__.removeprefix("law_") for law in LAWS]


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
@pytest.mark.parametrize("law", LAWS, ids=_IDS)
def test_the_law_holds(law: Law, engine: Engine) -> None:
    law(engine, _MORE if engine is ENGINES["ticks"] else _SOME)


@pytest.mark.parametrize(("law", "bug"), LAWS.items(), ids=_IDS)
def test_the_law_notices_a_planted_bug(law: Law, bug: str) -> None:
    with pytest.raises(AssertionError):
        law(lambda case: plain(case, bug), _HUNT)


@_MORE
@given(LEVELS, BOOKS, st.integers(0, 40), st.integers(0, 20))
def test_all_engines_agree_to_the_last_tick(
    levels: tuple[tuple[int, int], ...], book: tuple[tuple[int, int], ...], move: int, order: int
) -> None:
    case = Case(levels, book, move, order)
    assert len({engine(case) for engine in ENGINES.values()}) == 1
