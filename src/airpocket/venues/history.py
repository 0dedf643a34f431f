"""What the archives of all venues share: an opened file, rejected rows, clocks.

A file says at its end that it ends (a ``Gap`` for every channel and instrument in it), and where
it breaks off it says that too, before the error is raised.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from airpocket.errors import LimitError, SourceError
from airpocket.market import checks
from airpocket.market.columns import MISSING_INT, Columns
from airpocket.market.events import Event, Gap, GapCause, event_ns
from airpocket.market.quality import Finding, FindingCode
from airpocket.market.source import Item, Label, Progress
from airpocket.units import say_duration

__all__ = ["CHANNELS", "FileRecording", "Rejects", "SkewMeter", "stretch_finding"]

CHANNELS: Final = {
    "Trade": "trades",
    "Liquidation": "liquidations",
    "ForcedFlow": "liquidations",
    "Bar": "bars",
    "Mark": "marks",
    "Funding": "funding",
    "OpenInterest": "open_interest",
    "BookChange": "book",
    "Depth": "depth",
    "DepthBands": "depth",
    "InsuranceFund": "insurance_fund",
    "AdlWarning": "adl",
}
"""Channel that each kind of event is told on."""

_SAID_ROWS: Final = 3
_SAMPLE: Final = 1 << 16

_Stream: TypeAlias = tuple[str, str, str | None, str]  # venue, raw symbol, symbol, channel


@final
class FileRecording:
    """One opened history file (a :class:`~airpocket.market.source.Recording`).

    Parameters
    ----------
    label
        What it is.
    path
        The file, named in findings.
    items
        Reads it: given a ``Progress`` or ``None``, yields events, columns and findings.
    """

    def __init__(
        self, label: Label, path: Path, items: Callable[[Progress | None], Iterator[Item]]
    ) -> None:
        self._label = label
        self._path = path
        self._items = items

    @property
    def label(self) -> Label:
        """What it is."""
        return self._label

    def read(self, progress: Progress | None = None) -> Iterator[Item]:
        """Yield the content, then a ``Gap`` for each instrument and channel in it.

        Raises
        ------
        SourceError
            If the file is not what it claims or breaks off; what was read was yielded before,
            with a finding and gaps that say where it broke.
        """
        last: dict[_Stream, int] = {}
        try:
            for item in self._items(progress):
                if not isinstance(item, Finding):
                    _remember(last, item)
                yield item
        except (SourceError, LimitError) as error:
            yield Finding(
                code=FindingCode.TRUNCATED,
                where=self._path.name,
                venue=self._label.venue,
                said=f"the file cannot be read to its end: {error}",
                from_ns=max(last.values(), default=None),
            )
            yield from _ends(last, GapCause.UNREADABLE, str(error))
            raise
        yield from _ends(last, GapCause.END_OF_RECORDING, f"end of {self._path.name}")


def _remember(last: dict[_Stream, int], item: Event | Columns[Any]) -> None:
    if not isinstance(item, Columns):
        at_ns = event_ns(item)
        if at_ns is not None and not isinstance(item, Gap):
            channel = CHANNELS.get(type(item).__name__, "")
            stream = (item.venue, item.raw_symbol, item.symbol, channel)
            last[stream] = max(at_ns, last.get(stream, at_ns))
        return
    times = item.times()
    codes, symbols = item["raw_symbol"], item["symbol"]
    words = item.words("symbol")
    for code in np.unique(codes).tolist():
        rows = np.flatnonzero(codes == code)
        symbol = int(symbols[rows[-1]])
        stream = (
            item.words("venue")[int(item["venue"][rows[0]])],
            item.words("raw_symbol")[code],
            words[symbol] if symbol >= 0 else None,
            CHANNELS.get(item.kind.__name__, ""),
        )
        at_ns = int(times[rows].max())
        if at_ns != MISSING_INT:
            last[stream] = max(at_ns, last.get(stream, at_ns))


def _ends(last: dict[_Stream, int], cause: GapCause, proven_by: str) -> Iterator[Gap]:
    """End each stream when the last event of its channel was heard, whichever instrument's."""
    heard: dict[tuple[str, str], int] = {}
    for (venue, _, _, channel), at_ns in last.items():
        heard[venue, channel] = max(at_ns, heard.get((venue, channel), at_ns))
    for venue, raw_symbol, symbol, channel in last:
        at_ns = heard[venue, channel]
        yield Gap(
            venue=venue,
            raw_symbol=raw_symbol,
            symbol=symbol,
            channel=channel,
            venue_ns=at_ns,
            from_ns=at_ns,
            to_ns=None,
            cause=cause,
            proven_by=proven_by,
        )


@final
class Rejects:
    """Rows of one file that could not be used, counted, the first of them kept word for word.

    Examples
    --------
    >>> rejects = Rejects("a.csv", "okx")
    >>> rejects.add(7, "price cannot be 'x'")
    >>> [finding.said for finding in rejects.findings()]
    ["1 row cannot be used: line 7: price cannot be 'x'"]
    """

    def __init__(self, where: str, venue: str) -> None:
        self._where = where
        self._venue = venue
        self._first: list[str] = []
        self._count = 0
        self._changed = 0
        self._first_changed: int | None = None

    def add(self, line: int, reason: str) -> None:
        """Count one row."""
        self._count += 1
        if len(self._first) < _SAID_ROWS:
            self._first.append(f"line {line:,}: {reason}")

    def add_rows(self, lines: NDArray[np.int64], is_bad: NDArray[np.bool_], reason: str) -> None:
        """Count the marked rows."""
        rows = np.flatnonzero(is_bad)
        for row in rows[:_SAID_ROWS].tolist():
            self.add(int(lines[row]), reason)
        self._count += max(len(rows) - _SAID_ROWS, 0)

    def check_times(
        self,
        lines: NDArray[np.int64],
        times: NDArray[np.int64],
        unit_ns: int,
        field: str,
        is_asked: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.bool_]:
        """Mark the rows whose time is a date in its unit; count the others (of those asked)."""
        is_good = checks.plausible_times(times, unit_ns)
        if not is_good.all():
            is_bad = ~is_good if is_asked is None else ~is_good & is_asked
            self.add_rows(lines, is_bad, f"{field} is no date in its unit")
            changed = checks.time_unit_changed(times, unit_ns) & is_bad
            self._changed += int(np.count_nonzero(changed))
            if self._first_changed is None and changed.any():
                self._first_changed = int(lines[changed][0])
        return is_good

    def findings(self) -> Iterator[Finding]:
        """Say what was found, if anything was."""
        if self._first_changed is not None:
            yield Finding(
                code=FindingCode.TIME_UNIT_CHANGED,
                where=self._where,
                venue=self._venue,
                count=self._changed,
                said=(
                    f"the unit of time changes at line {self._first_changed:,}; "
                    f"{self._changed:,} rows are left out"
                ),
            )
        if self._count:
            rows = "row" if self._count == 1 else "rows"
            said = "; ".join(self._first)
            more = "" if self._count <= len(self._first) else "; …"
            yield Finding(
                code=FindingCode.REJECTED_ROWS,
                where=self._where,
                venue=self._venue,
                count=self._count,
                said=f"{self._count:,} {rows} cannot be used: {said}{more}",
            )


@final
class SkewMeter:
    """Local minus venue clock of a file, gathered block by block."""

    def __init__(self) -> None:
        self._skews: list[checks.Skew] = []
        self._sample: list[NDArray[np.int64]] = []
        self._rows = 0
        self._from_ns = self._to_ns = 0

    def add(self, venue_ns: NDArray[np.int64], local_ns: NDArray[np.int64]) -> None:
        """Take in one block."""
        skew = checks.clock_skew(venue_ns, local_ns)
        if skew is None:
            return
        if not self._skews:
            self._from_ns = int(venue_ns[0])
        self._to_ns = int(venue_ns[-1])
        self._skews.append(skew)
        self._rows += len(venue_ns)
        step = len(venue_ns) // _SAMPLE + 1  # the median of a large file is that of a sample
        self._sample.append((local_ns - venue_ns)[::step])

    def findings(self, where: str, venue: str) -> Iterator[Finding]:
        """Say if rows came before they happened, or more than a minute after."""
        ahead = sum(skew.ahead for skew in self._skews)
        late = sum(skew.late for skew in self._skews)
        if not ahead and not late:
            return
        median = say_duration(int(np.median(np.concatenate(self._sample))))
        low = say_duration(min(skew.low_ns for skew in self._skews))
        high = say_duration(max(skew.high_ns for skew in self._skews))
        yield Finding(
            code=FindingCode.CLOCK_SKEW,
            where=where,
            venue=venue,
            from_ns=self._from_ns,
            to_ns=self._to_ns,
            count=ahead + late,
            said=(
                f"local minus venue clock is {median} in the median, from {low} to {high}: "
                f"{ahead:,} of {self._rows:,} rows came before they happened, "
                f"{late:,} more than a minute after"
            ),
        )


def stretch_finding(
    code: FindingCode, stretch: checks.Stretch, said: str, *, where: str, label: Label
) -> Finding:
    """Make a finding of a stretch that a check has found."""
    return Finding(
        code=code,
        where=where,
        venue=label.venue,
        from_ns=stretch.from_ns,
        to_ns=stretch.to_ns,
        count=stretch.count,
        said=said,
    )
