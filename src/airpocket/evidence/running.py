"""Running a detector over a stream of market events, and noting when it said what."""

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from msgspec import Struct

from airpocket.detection.episode import Phase
from airpocket.errors import InputError
from airpocket.evidence.watch import EVERYTHING, Alarm, Onset, Watch
from airpocket.market.events import Bar, Event, ForcedFlow, Gap

__all__ = ["Detecting", "Ran", "known_ns", "run", "watched"]


class Detecting(Protocol):
    """What can be scored: it eats events and is in a phase.

    An alarm is a step into ``"cascade"`` from outside an episode: ``"exhausted"``, ``"snapback"``
    and ``"unknown"`` do not end one, ``"calm"``, ``"building"`` and ``"settled"`` do. So the next
    wave of an episode is no new alarm.
    """

    def update(self, event: Event, /) -> object:
        """Take one event in, in the order in which they were received."""

    def phase(self, symbol: str, /) -> str:
        """Present phase of a symbol, or of ``"*"``, the market (``"calm"`` if not followed)."""


class Ran(Struct, frozen=True, kw_only=True):
    """What a detector said of a stream: alarms in order of time, and what it was shown.

    ``from_ns`` and ``to_ns`` are the receipts of the first and last of ``events`` events.
    """

    symbols: tuple[str, ...]
    alarms: tuple[Alarm, ...]
    events: int
    from_ns: int
    to_ns: int


_ENDS: Final = frozenset({Phase.CALM, Phase.BUILDING, Phase.SETTLED})
_PHASES: Final = frozenset(str(phase) for phase in Phase)


def known_ns(event: Event) -> int | None:
    """When an event could be known: at its receipt, else when the venue says that it was complete.

    A bin is known at its end, not at its start; a hole when it begins. ``None`` without any time.

    Examples
    --------
    >>> from airpocket.market.events import Mark
    >>> known_ns(Mark(venue="okx", symbol=None, raw_symbol="X", mark_price=1.0, venue_ns=7))
    7
    """
    if event.local_ns is not None:
        return event.local_ns
    if isinstance(event, Bar | ForcedFlow) and event.venue_ns is not None:
        return event.venue_ns + event.width_ns
    if event.venue_ns is None and isinstance(event, Gap):
        return event.from_ns
    return event.venue_ns


def run(detector: Detecting, events: Iterable[Event], symbols: Sequence[str]) -> Ran:
    """Show a detector a stream and collect its alarms, each at the receipt of what led to it.

    Delays measured by these times hold the delay of the feed, as a person would meet it.

    Parameters
    ----------
    detector
        A fresh one: what it has seen before cannot be told here.
    events
        In the order in which they were received. Time never goes back: an event that bears an
        earlier time than one before it happens now.
    symbols
        Whose phases are watched, beside that of the market.

    Raises
    ------
    InputError
        If the stream holds no time, or the detector is in a phase that is none.
    """
    scopes = tuple(dict.fromkeys((*symbols, EVERYTHING)))
    in_episode = dict.fromkeys(scopes, False)
    alarms: list[Alarm] = []
    from_ns: int | None = None
    now_ns = count = 0
    for event in events:
        at_ns = known_ns(event)
        if at_ns is not None:
            from_ns = at_ns if from_ns is None else from_ns
            now_ns = max(now_ns, at_ns) if count else at_ns
            count += 1
        detector.update(event)
        if from_ns is None:
            continue  # before the first time nothing can be said at one
        for scope in scopes:
            phase = detector.phase(scope)
            if phase == Phase.CASCADE:
                if not in_episode[scope]:
                    in_episode[scope] = True
                    alarms.append(Alarm(symbol=scope, said_ns=now_ns))
            elif phase in _ENDS:
                in_episode[scope] = False
            elif phase not in _PHASES:
                raise InputError(
                    f"{type(detector).__name__} is in phase {phase!r}: the phases are"
                    f" {', '.join(sorted(_PHASES))}"
                )
    if from_ns is None:
        raise InputError("the stream of events holds no time: nothing was watched")
    return Ran(
        symbols=tuple(symbols), alarms=tuple(alarms), events=count, from_ns=from_ns, to_ns=now_ns
    )


def watched(ran: Ran, tape: str, onsets: Iterable[Onset], *, warm_up_ns: int = 0) -> Watch:
    """Lay what was said beside the truth.

    Parameters
    ----------
    ran
        What a detector said.
    tape
        Name of the tape.
    onsets
        True events of the watched symbols; those after the last event were not seen by anybody and
        are left out.
    warm_up_ns
        Time at the beginning that is not scored: alarms within it are neither credited nor false,
        and its onsets are not asked for.

    Raises
    ------
    InputError
        If nothing is left after the warm-up, or an onset is of a symbol that was not watched.
    """
    if warm_up_ns < 0:
        raise InputError(f"warm-up of {warm_up_ns} ns: it cannot be negative")
    from_ns = ran.from_ns + warm_up_ns
    return Watch(
        tape=tape,
        from_ns=from_ns,
        to_ns=ran.to_ns,
        symbols=ran.symbols,
        onsets=tuple(onset for onset in onsets if onset.onset_ns <= ran.to_ns),
        alarms=tuple(alarm for alarm in ran.alarms if alarm.said_ns >= from_ns),
    )
