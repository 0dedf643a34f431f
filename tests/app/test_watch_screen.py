import io
import os
import pty
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from rich.console import Console

from airpocket.app.watch_screen import WatchScreen
from airpocket.live.view import WatchView
from airpocket.units import MILLISECOND_NS
from tests.live import pictures

HOME, SECOND_SCREEN, FIRST_SCREEN = "\x1b[H", "\x1b[?1049h", "\x1b[?1049l"


def terminal(width: int = 80, height: int = 24, **more: Any) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    made = Console(
        file=out, width=width, height=height, force_terminal=True, legacy_windows=False,
        color_system="standard", _environ={"TERM": "xterm-256color"}, **more,
    )  # fmt: skip
    return made, out


def later(view: WatchView, milliseconds: int) -> WatchView:
    return msgspec.structs.replace(view, now_ns=view.now_ns + milliseconds * MILLISECOND_NS)


def test_a_picture_stands_on_the_second_screen_and_goes_again() -> None:
    console, out = terminal()
    with WatchScreen(console) as screen:
        assert screen.is_screen
        assert screen.update(pictures.cascade())
        shown = out.getvalue()
    assert shown.startswith(SECOND_SCREEN)
    assert "CASCADE" in shown
    assert FIRST_SCREEN not in shown
    after = out.getvalue().partition(FIRST_SCREEN)[2]
    assert "21:12:03 Real liquidations: BTC longs" in after  # what was said does not vanish


def test_at_most_four_pictures_a_second() -> None:
    console, out = terminal()
    with WatchScreen(console) as screen:
        drawn = [screen.update(later(pictures.calm(), at)) for at in range(0, 2_000, 50)]
    assert sum(drawn) == 8
    assert out.getvalue().count("airpocket") == 8


def test_a_clock_that_steps_back_does_not_freeze_the_picture() -> None:
    console, _ = terminal()
    with WatchScreen(console) as screen:
        assert screen.update(pictures.calm())
        assert screen.update(later(pictures.calm(), -60_000))


def test_nothing_is_wiped_between_pictures() -> None:
    console, out = terminal()
    with WatchScreen(console) as screen:
        screen.update(pictures.calm())
        before = len(out.getvalue())
        screen.update(later(pictures.calm(), 300))
        second = out.getvalue()[before:]
    assert HOME in second
    assert "\x1b[2J" not in second  # a wiped screen flickers
    assert "\x1b[2K" not in second


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (40, 10)])
def test_no_picture_is_taller_or_wider_than_the_terminal(size: tuple[int, int]) -> None:
    console, out = terminal(*size)
    with WatchScreen(console) as screen:
        screen.update(pictures.dead())
        shown = out.getvalue().rpartition(HOME)[2]
    rows = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown).split("\n")
    assert len(rows) == size[1]
    assert max(map(len, rows)) <= size[0]


def test_no_colour_where_none_is_wanted() -> None:
    console, out = terminal(no_color=True)
    with WatchScreen(console) as screen:
        screen.update(pictures.cascade())
        shown = out.getvalue()
    codes = {code for found in re.findall(r"\x1b\[([0-9;]*)m", shown) for code in found.split(";")}
    assert codes <= {"", "0", "1", "2", "7"}
    assert "7" in codes  # the bar still stands out
    assert "CASCADE" in shown


def test_a_terminal_without_unicode_gets_none() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    console = Console(
        file=out, width=80, height=24, force_terminal=True, _environ={"TERM": "vt100"}
    )
    with WatchScreen(console) as screen:
        screen.update(pictures.dead())
        out.flush()
        out.seek(0)
        shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.read())
    assert shown.isascii()
    assert "x okx            dead" in shown
    assert "NOT SEEN" in shown


def test_a_pipe_gets_lines_and_no_codes() -> None:
    out = io.StringIO()
    with WatchScreen(Console(file=out, force_terminal=False)) as screen:
        assert not screen.is_screen
        screen.update(pictures.calm())
        assert not screen.update(later(pictures.calm(), 300))
        screen.update(later(pictures.cascade(), 600))
    told = out.getvalue()
    assert "\x1b" not in told
    lines = told.splitlines()
    assert lines[-1].startswith("2026-02-05 21:15:03Z alert: Real liquidations: BTC longs")
    assert "BTC longs: cascade (was calm)" in told


def test_a_dumb_terminal_is_a_pipe() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, _environ={"TERM": "dumb"})
    with WatchScreen(console) as screen:
        assert not screen.is_screen
        screen.update(pictures.calm())
    assert SECOND_SCREEN not in out.getvalue()


def test_the_screen_is_given_back_when_something_breaks() -> None:
    console, out = terminal()
    screen = WatchScreen(console)

    def breaks() -> None:
        with screen:
            screen.update(pictures.calm())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        breaks()
    assert FIRST_SCREEN in out.getvalue()
    screen.stop()  # twice does no harm


def test_what_strangers_write_does_not_reach_the_terminal_as_codes() -> None:
    console, out = terminal(160, 60)
    view = pictures.calm(scopes=tuple(pictures.scope(text) for text in pictures.HOSTILE))
    with WatchScreen(console) as screen:
        screen.update(view)
    assert "\\x1b[2J" in out.getvalue()
    assert "\x1b[2J" not in out.getvalue()


@pictures.SOME
@given(pictures.VIEWS)
def test_any_view_can_be_shown(view: WatchView) -> None:
    console, _ = terminal()
    with WatchScreen(console) as screen:
        screen.update(view)
    with WatchScreen(Console(file=io.StringIO())) as pipe:
        pipe.update(view)


def test_on_a_real_terminal() -> None:
    ours, theirs = pty.openpty()
    try:
        with open(theirs, "w", encoding="utf-8", closefd=False) as file:
            console = Console(file=file, _environ={"TERM": "xterm", "COLUMNS": "80", "LINES": "24"})
            with WatchScreen(console) as screen:
                assert screen.is_screen
                screen.update(pictures.all_clear())
                file.flush()
                shown = os.read(ours, 65_536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "ALL CLEAR" in shown
