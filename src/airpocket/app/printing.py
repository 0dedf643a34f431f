"""Where output goes: JSON lines or rich text to stdout, progress and complaints to stderr."""

import json
import sys
from typing import Any, Self, final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from airpocket.market.source import Label
from airpocket.market.source import Progress as Callback

__all__ = ["Bars", "console", "json_line"]


def console() -> Console:
    """Give the console that people read."""
    return Console(highlight=False, soft_wrap=True)


def json_line(told: dict[str, Any]) -> None:
    """Print one JSON object on a line of its own."""
    sys.stdout.write(json.dumps(told, ensure_ascii=False, allow_nan=False) + "\n")


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
        self._shown = sys.stderr.isatty()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not self._shown,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def of(self, label: Label) -> Callback | None:
        """Give the progress callback of a recording."""
        if not self._shown:
            return None
        task = self._progress.add_task(label.name, total=None)

        def report(done: int, total: int) -> None:
            self._progress.update(task, completed=done, total=total)

        return report
