"""Where events come from: one shape for live feeds, tapes, history files and the simulator."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from msgspec import Struct

from airpocket.market.columns import Columns
from airpocket.market.events import Event
from airpocket.market.quality import Finding

__all__ = ["Archive", "Item", "Label", "Progress", "Recording"]

Item: TypeAlias = Event | Columns[Any] | Finding
"""What a recording yields: single events, bulk columns, and findings about itself."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (bytes read so far, bytes in all) of the file as it lies on disk."""


class Label(Struct, frozen=True, kw_only=True):
    """What a recording is, known before it is read.

    ``kind`` names the format ("tardis trades"); ``channels`` what it holds; ``width_ns`` the
    natural bin of sources that are already sums (an hour for hourly bars), ``None`` for ticks;
    ``covers_all`` says that silence *within* the recording means nothing happened (a census
    channel); ``note`` is one sentence a reader should know. ``extract_of`` names the events that
    several kinds of file are extracts of: files that agree in it and differ in ``kind`` count the
    same events twice, and are never played together.
    """

    name: str
    kind: str
    venue: str
    channels: tuple[str, ...]
    width_ns: int | None = None
    covers_all: bool = True
    note: str = ""
    extract_of: str | None = None


class Recording(Protocol):
    """One opened history file or folder."""

    @property
    def label(self) -> Label:
        """What it is."""
        ...

    def read(self, progress: Progress | None = None) -> Iterator[Item]:
        """Yield its content in time order, findings among it, last a ``Gap`` for its end.

        Raises
        ------
        SourceError
            If the file turns out not to be what it claims; nothing before is undone.
        """
        ...


class Archive(Protocol):
    """A format of history files that one venue or vendor publishes."""

    def claims(self, path: Path, head: bytes) -> bool:
        """Tell whether this is that format, by name and first bytes (inflated)."""
        ...

    def open(self, path: Path) -> Recording:
        """Open it for reading.

        Raises
        ------
        SourceError
            If the file cannot be read as this format.
        """
        ...
