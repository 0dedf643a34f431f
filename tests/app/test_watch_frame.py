import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from airpocket.app import watch_frame
from airpocket.app.watch_frame import frame
from airpocket.live.view import VenueView, WatchView
from tests.live import pictures

VIEWS = {
    "calm": pictures.calm,
    "cascade": pictures.cascade,
    "dead": pictures.dead,
    "all_clear": pictures.all_clear,
    "first": pictures.first,
}
SIZES = ((80, 24), (120, 40), (200, 60), (60, 15), (40, 10), (1, 1), (20, 3))


def drawn(view: WatchView, width: int = 80, height: int = 24) -> str:
    return "\n".join(line.plain.rstrip() for line in frame(view, width, height))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", VIEWS)
def test_a_picture_fits_its_terminal(name: str, size: tuple[int, int]) -> None:
    width, height = size
    lines = frame(VIEWS[name](), width, height)
    assert len(lines) <= height
    assert max(line.cell_len for line in lines) <= width


@pytest.mark.parametrize("size", [(80, 24), (60, 15), (40, 10), (20, 3)])
def test_what_matters_is_there_however_small_the_terminal(size: tuple[int, int]) -> None:
    assert "CASCADE" in drawn(pictures.cascade(), *size)
    assert "ALL CLEAR" in drawn(pictures.all_clear(), *size)
    assert "NOT SEEN" in drawn(pictures.dead(), *size)


def test_calm_looks_calm() -> None:
    lines = frame(pictures.calm(), 80, 24)
    styles = {str(span.style) for line in lines for span in line.spans}
    assert styles <= {"bold", "dim", "green", ""}
    told = drawn(pictures.calm())
    assert "calm: no cascade in 11 symbols that are seen" in told
    assert "calm: BTC ETH SOL" in told
    assert "● all feeds live" in told


def test_alarm_and_all_clear_are_of_one_size() -> None:
    def bars(view: WatchView) -> int:
        rows = [line for line in frame(view, 80, 24) if " on " in str(line.spans[:1] or line.style)]
        return len(rows)

    cleared = pictures.all_clear()
    one = pictures.calm(episodes=cleared.episodes[:1], alerts=cleared.alerts)
    assert bars(pictures.cascade()) == bars(one) == 4


def test_a_trader_reads_the_figures_at_80_columns() -> None:
    told = drawn(pictures.cascade())
    assert "at least $134.3M in 4 min · price −8.2 % · 61 × normal · wave 2" in told
    assert "BTC longs   cascade" in told
    assert "ETH longs   building" in told
    assert "lc-20260205T211103-0ea5e1e8" in told
    assert "tape 1.2 GB · written 0.0 s ago · 812 B waiting" in told
    assert "2026-02-05 21:15:03 UTC" in told


def test_where_something_is_not_seen_calm_is_said_with_care() -> None:
    told = drawn(pictures.dead())
    assert "calm where seen:" in told
    assert "calm: BTC" not in told
    assert "? not all is seen" in told
    assert "✗ my_phone: HTTP 429" in told


def test_a_first_run_says_what_it_waits_for() -> None:
    told = drawn(pictures.first())
    assert "connecting: no data yet from binance, bybit, okx, hyperliquid" in told
    assert "learning what is normal (0 of 30 min): BTC" in told
    assert "nothing written yet" in told


def test_hundreds_of_symbols_are_counted() -> None:
    scopes = tuple(pictures.scope(f"COIN{number}") for number in range(600))
    assert "more" in drawn(pictures.calm(scopes=scopes))
    loud = tuple(pictures.scope(f"COIN{number}", "building") for number in range(600))
    assert "more lines" in drawn(pictures.calm(scopes=loud))


def test_what_strangers_write_is_not_read_as_markup() -> None:
    rows = tuple(VenueView(venue=text) for text in pictures.HOSTILE)
    view = pictures.calm(
        venues=rows[:4], scopes=tuple(pictures.scope(text) for text in pictures.HOSTILE)
    )
    told = drawn(view, 160, 60)
    assert "[red]x[/]" in told
    assert "\\x1b[2J" in told
    assert "\x1b" not in told
    assert "\u202e" not in told


def test_without_colour_all_words_remain() -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, height=24, no_color=True, force_terminal=True)
    for line in frame(pictures.cascade(), 80, 24):
        console.print(line)
    told = out.getvalue()
    assert "CASCADE" in told
    assert "\x1b[31m" not in told
    assert "[7m" in told or "\x1b[1;7m" in told  # reversed still stands out
    assert ";41m" not in told


@pictures.SOME
@given(pictures.VIEWS, st.integers(-3, 200), st.integers(-3, 60), st.booleans())
def test_any_view_can_be_drawn_at_any_size(
    view: WatchView,
    width: int,
    height: int,
    ascii_only: bool,  # noqa: FBT001
) -> None:
    lines = frame(view, width, height, ascii_only=ascii_only)
    assert 1 <= len(lines) <= max(height, 1)
    for line in lines:
        assert line.plain.isprintable()
        assert line.cell_len <= max(width, 1)
        assert line.plain.isascii() or not ascii_only


def test_a_bug_in_the_fitting_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        watch_frame, "_fit", lambda sections, room: [row for one in sections for row in one.rows]
    )
    monkeypatch.setattr(watch_frame, "_cut", lambda line, width, ascii_only: line)
    with pytest.raises(AssertionError):
        test_a_picture_fits_its_terminal("cascade", (60, 15))
