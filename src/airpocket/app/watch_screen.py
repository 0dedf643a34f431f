"""The terminal of ``airpocket watch``: a picture that stands still, redrawn where it changed.

At most four times a second, on the terminal's second screen, so that what was there before comes
back when the watcher ends. Where there is no terminal, a line for each change is printed instead.
"""

import os
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, final

from rich.console import Console, ConsoleOptions, RenderResult

from airpocket.app.printing import console
from airpocket.app.watch_frame import frame
from airpocket.app.watch_lines import WatchLines
from airpocket.app.watch_words import clock, short
from airpocket.live.view import WatchView
from airpocket.units import MILLISECOND_NS

if TYPE_CHECKING:
    from rich.live import Live

__all__ = ["WatchScreen"]

_PAUSE_NS: Final = 250 * MILLISECOND_NS
_PARTING: Final = 5  # alerts that are repeated on the ordinary screen


@final
class WatchScreen:
    """Show views as they come.

    Parameters
    ----------
    out
        Where to; the program's console if not given.

    Examples
    --------
    ::

        with WatchScreen() as screen:
            while running:
                screen.update(pipeline.view())
                await asyncio.sleep(0.25)
    """

    def __init__(self, out: Console | None = None) -> None:
        self._out = out if out is not None else console()
        self._live: Live | None = None
        self._lines = WatchLines()
        self._view: WatchView | None = None
        self._drawn_ns: int | None = None

    @property
    def is_screen(self) -> bool:
        """Whether there is a terminal to draw on; otherwise changes are printed as lines."""
        return self._out.is_terminal and not self._out.is_dumb_terminal

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Take the screen; the first picture comes with the first view."""
        if not self.is_screen or self._live is not None:
            return
        from rich.live import Live

        self._live = Live(
            _Picture(self), console=self._out, screen=True, auto_refresh=False, transient=False
        )
        self._live.start()

    def update(self, view: WatchView) -> bool:
        """Show a view, unless the last picture is less than a quarter of a second old.

        Returns
        -------
        bool
            Whether something was drawn or printed.
        """
        self._view = view
        if self._live is None:
            return self._print(view)
        if self._drawn_ns is not None and 0 <= view.now_ns - self._drawn_ns < _PAUSE_NS:
            return False
        self._drawn_ns = view.now_ns
        self._live.refresh()
        return True

    def stop(self) -> None:
        """Give the screen back, and leave the last alerts on the ordinary one."""
        live, self._live = self._live, None
        if live is None:
            return
        live.stop()
        if self._view is not None:
            for one in reversed(self._view.alerts[:_PARTING]):
                self._print_line(f"{clock(one.time_ns)} {short(one.headline, 400)}")

    def _print(self, view: WatchView) -> bool:
        told = self._lines.changes(view)
        for line in told:
            self._print_line(line)
        return bool(told)

    def _print_line(self, line: str) -> None:
        self._out.print(line, markup=False, highlight=False, emoji=False, soft_wrap=True)

    def drawn(self, width: int, height: int, *, ascii_only: bool = False) -> RenderResult:
        """Give the lines of the picture at a size; nothing before the first view."""
        if self._view is not None:
            yield from frame(self._view, width, height, ascii_only=ascii_only)


@final
class _Picture:
    """What rich asks for its lines, at the size that the terminal has by then."""

    def __init__(self, screen: WatchScreen) -> None:
        self._screen = screen

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.segment import Segment

        height = options.height or console.size.height
        speaks_unicode = options.encoding.startswith("utf") and os.environ.get("TERM") != "linux"
        lines = self._screen.drawn(options.max_width, height, ascii_only=not speaks_unicode)
        for number, line in enumerate(lines):
            if number:
                yield Segment.line()
            yield line
