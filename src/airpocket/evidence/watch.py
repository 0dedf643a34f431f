"""One tape that was watched: what truly happened on it, and what a detector said."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from airpocket.errors import InputError
from airpocket.units import DAY_NS

__all__ = ["EVERYTHING", "Alarm", "Onset", "Watch", "as_market", "clustered", "onset_order"]

EVERYTHING: Final = "*"
"""The market as a whole: an alarm of it speaks for every watched symbol."""


class Onset(Struct, frozen=True, kw_only=True):
    """A true event: when its first forced order came, and when it was over.

    ``end_ns`` is ``None`` if not known (then it lasts D); ``move`` the signed effect on the price,
    a fraction, ``forced_usd`` what was closed by force; ``None`` if not known.
    """

    symbol: str
    onset_ns: int
    end_ns: int | None = None
    move: float | None = None
    forced_usd: float | None = None


class Alarm(Struct, frozen=True, kw_only=True):
    """What a detector said: that a cascade is on, and when it could say so."""

    symbol: str
    said_ns: int


class Watch(Struct, frozen=True, kw_only=True):
    """One tape that was watched from ``from_ns`` to ``to_ns``: its truth and what was said.

    Onsets before ``from_ns`` are not asked for, but explain alarms after it. Alarms lie within the
    watched time.

    Raises
    ------
    InputError
        If the time is empty, or an alarm or onset lies where none can be.
    """

    tape: str
    from_ns: int
    to_ns: int
    symbols: tuple[str, ...]
    onsets: tuple[Onset, ...]
    alarms: tuple[Alarm, ...]

    def __post_init__(self) -> None:
        where = f"tape {self.tape}"
        if self.to_ns <= self.from_ns:
            raise InputError(f"{where}: watched until {self.to_ns} from {self.from_ns}: no time")
        if not self.symbols or len(set(self.symbols)) != len(self.symbols):
            raise InputError(f"{where}: name the watched symbols, each once, not {self.symbols!r}")
        for onset in self.onsets:
            if onset.symbol not in self.symbols:
                raise InputError(f"{where}: an onset of {onset.symbol}, which is not watched")
            if onset.onset_ns > self.to_ns:
                raise InputError(f"{where}: an onset at {onset.onset_ns}, after the watched time")
            if onset.end_ns is not None and onset.end_ns < onset.onset_ns:
                raise InputError(f"{where}: the event of {onset.onset_ns} ends before it begins")
        for alarm in self.alarms:
            if alarm.symbol not in {*self.symbols, EVERYTHING}:
                raise InputError(f"{where}: an alarm for {alarm.symbol}, which is not watched")
            if not self.from_ns <= alarm.said_ns <= self.to_ns:
                raise InputError(f"{where}: an alarm at {alarm.said_ns}, outside the watched time")

    @property
    def symbol_days(self) -> float:
        """What false alarms are counted over."""
        return len(self.symbols) * (self.to_ns - self.from_ns) / DAY_NS


def clustered(onsets: Iterable[Onset], within_ns: int) -> tuple[Onset, ...]:
    """Make one event of onsets of a symbol that follow each other within a time.

    Parameters
    ----------
    onsets
        Of any symbols, in any order.
    within_ns
        From one onset to the next; the event has the time of its first, the end of its last and
        the largest move. What is forced adds up.
    """
    told: dict[str, Onset] = {}
    done: list[Onset] = []
    newest: dict[str, int] = {}
    for onset in sorted(onsets, key=onset_order):
        before = told.get(onset.symbol)
        if before is not None and onset.onset_ns - newest[onset.symbol] <= within_ns:
            told[onset.symbol] = _joined(before, onset)
        else:
            if before is not None:
                done.append(before)
            told[onset.symbol] = onset
        newest[onset.symbol] = onset.onset_ns
    return tuple(sorted((*done, *told.values()), key=onset_order))


def as_market(watch: Watch, within_ns: int) -> Watch:
    """Look at a tape as one market: symbols that fall together are one event, not many.

    Parameters
    ----------
    watch
        A tape of several symbols.
    within_ns
        Onsets of any symbols that follow each other so closely are one event.
    """
    onsets = (_renamed(onset) for onset in watch.onsets)
    times = sorted({alarm.said_ns for alarm in watch.alarms})
    return Watch(
        tape=watch.tape, from_ns=watch.from_ns, to_ns=watch.to_ns, symbols=(EVERYTHING,),
        onsets=clustered(onsets, within_ns),
        alarms=tuple(Alarm(symbol=EVERYTHING, said_ns=said_ns) for said_ns in times),
    )  # fmt: skip


def onset_order(onset: Onset) -> tuple[int, str, int, float]:
    """Key of the order of time, the same whatever order onsets were given in."""
    end_ns = onset.onset_ns if onset.end_ns is None else onset.end_ns
    return onset.onset_ns, onset.symbol, end_ns, onset.move or 0.0


def _renamed(onset: Onset) -> Onset:
    return Onset(
        symbol=EVERYTHING, onset_ns=onset.onset_ns, end_ns=onset.end_ns, move=onset.move,
        forced_usd=onset.forced_usd,
    )  # fmt: skip


def _joined(first: Onset, second: Onset) -> Onset:
    ends = [onset.end_ns for onset in (first, second) if onset.end_ns is not None]
    moves = [onset.move for onset in (first, second) if onset.move is not None]
    forced = [onset.forced_usd for onset in (first, second) if onset.forced_usd is not None]
    return Onset(
        symbol=first.symbol,
        onset_ns=first.onset_ns,
        end_ns=max(*ends, second.onset_ns) if ends else None,
        move=max(moves, key=abs) if moves else None,
        forced_usd=sum(forced) if forced else None,
    )
