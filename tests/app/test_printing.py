import io
import json
import math
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from rich.console import Console as RichConsole
from rich.markup import escape

from airpocket.app import printing
from airpocket.app.printing import Bars, complain, console, json_line, plain, show
from airpocket.market.source import Label

ANY_TEXT = st.text(st.characters(codec=None))
UNHURRIED = settings(
    deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
LABEL = Label(name="a[red].csv\n", kind="x", venue="okx", channels=())


@UNHURRIED
@given(st.dictionaries(ANY_TEXT, ANY_TEXT | st.floats() | st.none() | st.lists(st.floats())))
def test_an_object_is_one_line_of_json(
    capsys: pytest.CaptureFixture[str], told: dict[str, Any]
) -> None:
    json_line(told)
    line = capsys.readouterr().out
    assert line.endswith("\n")
    assert len(line.splitlines()) == 1
    assert line[:-1].encode()  # no half characters
    assert json.loads(line) == json.loads(json.dumps(_nulled(told)))
    assert not any("\x7f" <= mark <= "\x9f" or mark in "\u202e\u2028\u200b" for mark in line)


def _nulled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _nulled(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_nulled(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def test_other_encodings_get_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="latin-1"))
    json_line({"said": "−8 % é 币 \U0001f680"})
    sys.stdout.flush()
    assert raw.getvalue().isascii()
    assert json.loads(raw.getvalue()) == {"said": "−8 % é 币 \U0001f680"}


@UNHURRIED
@given(ANY_TEXT)
def test_plain_text_is_one_printable_line(text: str) -> None:
    assert plain(text).isprintable()
    if text.isprintable():
        assert plain(text) == text


def test_complaints_go_to_stderr_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    complain("a\nb\x1b[0m")
    assert capsys.readouterr() == ("", "a\\nb\\x1b[0m\n")


@UNHURRIED
@given(text=ANY_TEXT, hang=st.integers(0, 30), width=st.integers(1, 200))
def test_a_long_line_is_broken_between_words_and_loses_none(
    text: str, hang: int, width: int
) -> None:
    out = io.StringIO()
    terminal = RichConsole(file=out, width=width, force_terminal=True, color_system=None)
    said = " ".join(plain(text).split())
    assume(not said.endswith("\\"))  # rich's own escape() shows a last backslash twice
    show(terminal, escape(said), hang=hang)
    rows = out.getvalue().split("\n")[:-1]
    most = max(min(width, 120), hang + 20)
    assert all(len(row) <= 2 * most for row in rows)  # rich counts wide characters double
    assert all(row.startswith(" " * hang) for row in rows[1:] if row.strip())
    shown = "".join("".join(rows).split())
    assert shown == "".join(said.split())


def test_words_are_not_torn(capsys: pytest.CaptureFixture[str]) -> None:
    words = [f"word{number:04}" for number in range(60)]
    show(console(), "[bold]first[/] " + " ".join(words), hang=4)
    rows = capsys.readouterr().out.splitlines()
    assert " ".join(" ".join(rows).split()).split() == ["first", *words]
    assert len(rows) > 3
    assert all(len(row) <= 110 for row in rows)
    assert all(row[:4] == "    " and row[4] != " " for row in rows[1:])


def test_an_empty_line_is_one() -> None:
    out = io.StringIO()
    show(RichConsole(file=out), "")
    assert out.getvalue() == "\n"


def test_a_closed_pipe_is_left_to_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Closed())
    with pytest.raises(BrokenPipeError):
        console().print("x")


def test_bars_are_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    with Bars() as bars:
        assert bars.of(LABEL) is None
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", screen)
    with Bars() as bars:
        report = bars.of(LABEL)
        assert report is not None
        report(5, 10)
        bars._progress.refresh()
    assert "a[red].csv\\n" in screen.getvalue()
    assert "50 %" in screen.getvalue()


def test_bars_make_way_for_lines_on_the_same_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", screen)
    for on_screen in (True, False):
        monkeypatch.setattr(sys.stdout, "isatty", lambda seen=on_screen: seen)
        with Bars() as bars:
            live = bars._progress.live
            assert live.is_started
            with bars.hidden():
                assert live.is_started is not on_screen
            assert live.is_started
        assert not live.is_started
    monkeypatch.undo()
    with Bars() as bars, bars.hidden():
        pass


def test_the_numbers_of_the_module_are_sane() -> None:
    assert 80 <= printing._WIDTH <= printing._WIDTH_MOST
