"""The forced closes of 2025-10-10, counted per second: a folder of published results.

``cascade_timing_results.json`` counts, for each second after the first forced fill, the fills whose
``dir`` begins with "Liquidated" (``liquidations``) and those with "Auto-Deleveraging" (``adls``).
It has no side, coin, price or dollars. How it is read:

- *Both legs are printed.* A takeover by the vault says "Liquidated …" on both legs, an
  auto-deleveraging says it on the loser's leg and "Auto-Deleveraging" on the winner's. So there are
  ``adls`` ADL trades and ``(liquidations − adls) / 2`` takeovers, and the difference must be even
  in every second. It is checked, second by second; the same holds for the dollars.
- *Second k* is ``[event_start + k, event_start + k + 1)``: the grid begins with the first forced
  fill, not with a second of the clock. Known from the first ADL, 61.7045 s after the start, which
  is counted in second 61, and from ten bursts with their exact times in another file.
- *Off the book only.* Forced orders that other traders filled say "Close Long" and carry no such
  ``dir``; they are not in these counts, which are lower bounds of all that was forced.
- A position that the vault took over and then was deleveraged out of is a trade in each: these are
  forced trades, not positions closed.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, final

from airpocket.errors import SourceError
from airpocket.market.events import Coverage, ForcedFlow, Gap, GapCause, Method, RawRef
from airpocket.market.quality import Finding, FindingCode
from airpocket.market.source import Item, Label, Progress
from airpocket.store.files import head
from airpocket.units import EARLIEST_NS, SECOND_NS, iso, ns_from_iso
from airpocket.venues.hyperliquid.forced_totals import (
    MEMBERS,
    TIMING,
    Second,
    read_timing,
    totals,
)
from airpocket.venues.hyperliquid.receipt import VENUE

__all__ = ["ForcedCounts"]

_UNSTABLE: Final = ("leverage_realtime", "account_value_realtime", "is_negative_equity")


@final
class ForcedCounts:
    """The opened folder (a :class:`~airpocket.market.source.Recording`).

    Parameters
    ----------
    folder
        Folder that holds ``cascade_timing_results.json``.

    Raises
    ------
    SourceError
        If that file is not what its name says, or does not print each trade once a side.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._start_ns, self._timing = read_timing(folder)

    @property
    def label(self) -> Label:
        """What it is."""
        return Label(
            name=self._folder.name,
            kind="hyperliquid forced closes per second",
            venue=VENUE,
            channels=("liquidations",),
            width_ns=SECOND_NS,
            covers_all=True,
            note=(
                "counts of takeovers and auto-deleveraging over all coins: no side, coin, price or "
                "dollars; forced orders that the book filled are not in them"
            ),
        )

    def read(self, progress: Progress | None = None) -> Iterator[Item]:
        """Yield findings, the gap before, one record a second and method, sums, the end's gap.

        Dollars are published for the whole recording only: one record a method, as wide as the
        recording, so known at its end; its count is that of the seconds over again.

        The gap before has ``from_ns`` :data:`~airpocket.units.EARLIEST_NS`, which stands for
        "ever since", and ends where the event begins: nothing is known of the calm before it. The
        last gap begins with the end of the last counted second and stays open.
        """
        yield from self._findings()
        last = self._timing.timeline[-1]
        end_ns = self._start_ns + (last.second + 1) * SECOND_NS
        yield self._gap(EARLIEST_NS, self._start_ns, self._start_ns, "the file begins with it")
        for row, second in enumerate(self._timing.timeline, 1):
            yield from self._flows(second, RawRef(TIMING, row))
        yield from self._sums(end_ns)
        yield self._gap(end_ns, None, end_ns, "last counted second")
        if progress is not None:
            size = (self._folder / TIMING).stat().st_size
            progress(size, size)

    def _flows(self, second: Second, raw_ref: RawRef) -> Iterator[ForcedFlow]:
        start_ns = self._start_ns + second.second * SECOND_NS
        for method, count, first in (
            (Method.BACKSTOP, second.takeovers, self._timing.first_liquidation),
            (Method.ADL, second.adls, self._timing.first_adl),
        ):
            if not count:
                continue
            first_ns = None if first is None else ns_from_iso(first)
            is_here = first_ns is not None and start_ns <= first_ns < start_ns + SECOND_NS
            yield ForcedFlow(
                venue=VENUE,
                symbol="*",
                raw_symbol="*",
                raw_ref=raw_ref,
                venue_ns=start_ns,
                width_ns=SECOND_NS,
                side=None,
                count=count,
                usd=None,
                method=method,
                coverage=Coverage.SAMPLED,
                first_ns=first_ns if is_here else None,
            )

    def _sums(self, end_ns: int) -> Iterator[ForcedFlow]:
        try:
            sums = totals(self._folder)
        except SourceError:
            return  # the seconds stand for themselves; the tables of dollars are not there
        for method, count, usd in (
            (Method.BACKSTOP, sums.backstop_trades, sums.backstop_usd),
            (Method.ADL, sums.adl_trades, sums.adl_usd),
        ):
            yield ForcedFlow(
                venue=VENUE,
                symbol="*",
                raw_symbol="*",
                venue_ns=self._start_ns,
                width_ns=end_ns - self._start_ns,
                side=None,
                count=count,
                usd=usd,
                method=method,
                coverage=Coverage.SAMPLED,
            )

    def _gap(self, from_ns: int, to_ns: int | None, at_ns: int, proven_by: str) -> Gap:
        return Gap(
            venue=VENUE,
            symbol="*",
            raw_symbol="*",
            venue_ns=at_ns,
            channel="liquidations",
            from_ns=from_ns,
            to_ns=to_ns,
            cause=GapCause.END_OF_RECORDING,
            proven_by=f"{proven_by} ({TIMING})",
        )

    def _findings(self) -> Iterator[Finding]:
        rows = self._timing.timeline
        printed = sum(row.liquidations + row.adls for row in rows)
        unique = sum(row.takeovers + row.adls for row in rows)
        telling = sum(row.takeovers > 0 for row in rows)
        end_ns = self._start_ns + (rows[-1].second + 1) * SECOND_NS
        yield Finding(
            code=FindingCode.BOTH_LEGS,
            where=TIMING,
            venue=VENUE,
            count=printed,
            said=(
                f"each trade is printed once a side: liquidations − adls is even in all "
                f"{len(rows)} seconds ({telling} of them not 0), so {printed:,} printed rows are "
                f"{unique:,} trades"
            ),
        )
        minute = rows[-1].second // 60
        late = dict.fromkeys((minute - 1, minute), 0)
        for row in rows:
            if row.second // 60 in late:
                late[row.second // 60] += row.takeovers + row.adls
        said = ", ".join(f"{count} trades in minute {m}" for m, count in late.items())
        yield Finding(
            code=FindingCode.TRUNCATED,
            where=TIMING,
            venue=VENUE,
            from_ns=self._start_ns,
            to_ns=end_ns,
            said=f"it begins with the event and ends at {iso(end_ns)} while it is active: {said}",
        )
        yield Finding(
            code=FindingCode.ASSUMPTION,
            where=TIMING,
            venue=VENUE,
            said=(
                "rows are taken to be fills whose dir says Liquidated or Auto-Deleveraging: what "
                "is no auto-deleveraging is a takeover by the vault, and forced orders that the "
                "book filled are not counted"
            ),
        )
        yield from self._unstable_columns()

    def _unstable_columns(self) -> Iterator[Finding]:
        tables = sorted(MEMBERS & {path.name for path in self._folder.iterdir()})
        headers = {name: _header(self._folder / name) for name in tables if ".csv" in name}
        for column in _UNSTABLE:
            where = ", ".join(name for name, columns in headers.items() if column in columns)
            if where:
                yield Finding(
                    code=FindingCode.EXCLUDED_COLUMN,
                    where=where,
                    venue=VENUE,
                    said=f"{column} differs between published versions of the file: not read",
                )


def _header(path: Path) -> list[str]:
    return head(path).partition(b"\n")[0].decode("utf-8", "replace").strip().split(",")
