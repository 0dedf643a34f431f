"""Where output goes: JSON lines or text to stdout, progress and complaints to stderr.

Names of files and symbols are text that strangers chose. Whatever is printed here stays on its
line and moves no cursor: control and format characters are shown by their codes.
"""

import json
import math
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Self, final

from rich.console import Console
from rich.text import Text

from airpocket.market.source import Label
from airpocket.market.source import Progress as Callback

__all__ = ["Bars", "complain", "console", "json_line", "plain", "show"]

_WIDTH: Final = 110  # of lines that go to a file or pipe
_WIDTH_MOST: Final = 120  # longer ones are hard to read, however wide the terminal is

# What JSON allows in a string and a line or terminal does not bear: C1 codes, line and paragraph
# separators, marks that turn or hide text, halves of characters.
_UNSAFE: Final = re.compile(
    "[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


@final
class _Quiet(Console):
    """A console that leaves a closed pipe to the command line, whatever is printed with."""

    def on_broken_pipe(self) -> None:
        """Pass the error on."""
        raise BrokenPipeError


def console() -> Console:
    """Give the console that people read."""
    return _Quiet(highlight=False, soft_wrap=True, emoji=False)


def show(out: Console, line: str, *, hang: int = 0) -> None:
    """Print one line of rich markup, broken between words.

    Parameters
    ----------
    out
        Of :func:`console`.
    line
        Rich markup; what comes from outside is escaped in it.
    hang
        Columns by which all but the first row are set in.
    """
    for row in _rows(out, line, hang):
        out.print(row, soft_wrap=True)


def _rows(out: Console, line: str, hang: int) -> Iterator[Text]:
    width = min(out.width, _WIDTH_MOST) if out.is_terminal else _WIDTH
    text = Text.from_markup(line, emoji=False)
    first, *rest = text.wrap(out, max(width, hang + 20)) or [Text()]
    first.rstrip()
    yield first
    if not rest:
        return
    for part in rest:
        part.rstrip()
    left = Text.assemble(*(piece for part in rest for piece in (part, " ")))
    for part in left.wrap(out, max(width - hang, 20)):
        part.rstrip()
        yield Text.assemble(" " * hang, part)


def plain(text: str) -> str:
    r"""Show a text on one line: control, format and other unseen characters by their codes.

    Examples
    --------
    >>> print(plain("a\nb\x1b[2J"))
    a\nb\x1b[2J
    """
    return "".join(mark if mark.isprintable() else ascii(mark)[1:-1] for mark in text)


def complain(text: str) -> None:
    """Print one line to stderr."""
    print(plain(text), file=sys.stderr)


def json_line(told: dict[str, Any]) -> None:
    """Print one JSON object on a line of its own; what is not a number is null."""
    try:
        line = json.dumps(told, ensure_ascii=False, allow_nan=False)
    except ValueError:
        line = json.dumps(_finite(told), ensure_ascii=False, allow_nan=False)
    line = _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", line)
    if not _speaks_unicode():
        line = "".join(mark if mark.isascii() else _escaped(mark) for mark in line)
    sys.stdout.write(line + "\n")


def _escaped(mark: str) -> str:
    """Write one character as JSON escapes."""
    return json.dumps(mark)[1:-1]


def _speaks_unicode() -> bool:
    return (sys.stdout.encoding or "utf-8").lower().replace("-", "") == "utf8"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@final
class Bars:
    """Progress bars on stderr, one a recording; nothing where stderr is not a terminal.

    Examples
    --------
    >>> with Bars() as bars:
    ...     bars.of(Label(name="a.csv", kind="x", venue="okx", channels=())) is None
    True
    """

    def __init__(self) -> None:
        self._progress: Any = None
        if not sys.stderr.isatty():
            return
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Take the bars off the screen while lines are printed on the same one."""
        if self._progress is None or not sys.stdout.isatty():
            yield
            return
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()

    def of(self, label: Label) -> Callback | None:
        """Give the progress callback of a recording."""
        progress = self._progress
        if progress is None:
            return None
        task = progress.add_task(plain(label.name).replace("[", r"\["), total=None)

        def report(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        return report
