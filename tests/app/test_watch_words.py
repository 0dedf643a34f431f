import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.app import watch_words as words
from airpocket.units import MINUTE_NS
from tests.alerts.made import UNHURRIED
from tests.live import pictures
from tests.live.pictures import NOW


def test_names_are_those_of_people() -> None:
    assert words.name_of("BTC/USDT:USDT") == "BTC"
    assert words.name_of("*") == "market"
    assert words.name_of("") == "?"
    assert words.name_of("A" * 99) == "A" * 23 + "…"
    assert words.name_of("\x1b[2J") == "\\x1b[2J"


@UNHURRIED
@given(st.text() | st.sampled_from(pictures.HOSTILE))
def test_no_text_moves_the_cursor_or_breaks_the_line(text: str) -> None:
    assert words.short(text).isprintable()
    assert words.name_of(text).isprintable()
    assert len(words.name_of(text)) <= 24 * 10


@pytest.mark.parametrize("figure", [None, math.nan, math.inf, -math.inf])
def test_what_is_no_figure_was_not_measured(figure: float | None) -> None:
    assert words.amount(figure, at_least=True) == "amount not measured"
    assert words.percent(figure) == ""
    assert words.times(figure) == ""
    assert words.rate(figure) == "–"


def test_a_start_that_is_not_known_is_left_out() -> None:
    assert words.since(NOW) == " since 21:15:03"
    assert words.since(None) == ""
    assert words.since(10**30) == ""


def test_figures_are_short() -> None:
    assert words.amount(134.3e6, at_least=True) == "at least $134.3M"
    assert words.amount(134.3e6, at_least=False) == "$134.3M"
    assert words.percent(-0.0824) == "price −8.2 %"
    assert words.percent(0.01) == "price +1.0 %"
    assert (words.times(61.2), words.times(7.04)) == ("61 × normal", "7.0 × normal")
    assert (words.rate(412.4), words.rate(0.44)) == ("412", "0.4")
    assert words.size(812) == "812 B"
    assert words.count(1, "wave") == "1 wave"
    assert words.count(1_000, "symbol") == "1,000 symbols"


def test_times_that_cannot_be_are_not_known() -> None:
    assert words.clock(10**40) == "–"
    assert words.clock(-(10**40)) == "–"
    assert words.clock(None) == "–"
    assert words.clock(NOW) == "21:15:03"
    assert words.ago(NOW, NOW + 5) == "0.0 s"
    assert words.ago(NOW, NOW - 12 * MINUTE_NS) == "12 min"
    assert words.duration(-5) == words.duration(0)
    assert words.duration(None) == "–"


def test_an_open_cascade_is_told_by_its_lower_bound_first() -> None:
    view = pictures.cascade()
    assert words.figures(view, view.scopes[0]) == (
        "at least $134.3M in 4 min · price −8.2 % · 61 × normal · wave 2 · since 21:11:03"
    )
    shock = pictures.scope("SOL", "cascade", kind="shock", move=-0.031, since_ns=NOW - MINUTE_NS)
    assert words.figures(view, shock) == "in 60 s · price −3.1 % · since 21:14:03"
    settled = pictures.all_clear()
    assert words.figures(settled, settled.scopes[0]) == (
        "at least $311.0M · price −9.1 % · since 20:33:03"
    )
