"""What a detector says: phases, transitions with their numbers, and the episode they make up."""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from airpocket.market.events import Coverage, Gap, Side

__all__ = ["Ending", "Episode", "Kind", "Leg", "Phase", "Reading", "Transition", "Wave", "waves_of"]


class Phase(StrEnum):
    """Where a scope stands; see DESIGN §6 for the transitions and their conditions."""

    CALM = "calm"
    BUILDING = "building"
    CASCADE = "cascade"
    EXHAUSTED = "exhausted"
    SNAPBACK = "snapback"
    SETTLED = "settled"
    UNKNOWN = "unknown"


class Kind(StrEnum):
    """What an episode was seen by."""

    CASCADE = "cascade"  # forced flow: liquidations themselves
    SHOCK = "shock"  # trades and prices only: forced selling is inferred at best


class Ending(StrEnum):
    """How an episode stands at its last word. A stop reason is part of the result."""

    OPEN = "open"
    SETTLED = "settled"  # flow, price range and depth were back in their normal band
    FEED_ENDED = "feed_ended"  # the recording or feed ended first: what came after is not known


class Reading(Struct, frozen=True, kw_only=True):
    """The numbers behind one transition.

    ``score`` of the flow against ``threshold``, over the window ``window_ns`` that scored best;
    ``multiple`` of the recent flow over the baseline; ``move`` of the price as a fraction
    against ``move_threshold`` (``None``: no price was seen); ``coincident`` of ``watched``
    symbols that passed together (market scope); ``history_ns`` of baseline behind the statement.
    """

    score: float
    threshold: float
    window_ns: int
    multiple: float | None
    move: float | None
    move_threshold: float | None
    history_ns: int
    coincident: int | None = None
    watched: int | None = None


class Leg(Struct, frozen=True, kw_only=True):
    """How far one price moved in an episode: from ``reference`` to its ``extreme``.

    ``reference`` is the median close of the minutes before the onset, ``fraction`` the signed
    move (−0.774 is a fall by 77.4 %), ``regained`` the part of it that was taken back since.
    """

    venue: str
    symbol: str
    reference: float
    extreme: float
    extreme_ns: int
    fraction: float
    regained: float


class Wave(Struct, frozen=True, kw_only=True):
    """One wave of an episode: a local maximum of the binned forced flow."""

    from_ns: int
    peak_ns: int
    to_ns: int
    peak: float
    total: float


class Episode(Struct, frozen=True, kw_only=True):
    """One cascade or shock, from onset to its end or to the end of what was seen.

    ``scope``
        Unified symbol, or ``"*"`` for the market.
    ``side``, ``side_inferred``
        Side of the positions closed by force; whether it was concluded from the price leg.
    ``onset_ns``, ``said_ns``, ``end_ns``
        First forced event (or first bin), when the detector could say so, when it was over.
    ``confirmed``
        Whether the price moved with the flow; ``None`` if no price was seen.
    ``provisional``
        Whether history was too short for the baseline to be trusted; ``history_ns`` says how long.
    ``unit``
        What ``baseline_per_bin``, waves and ``peak`` are counted in: ``"usd"`` or ``"count"``.
    ``usd``, ``count``
        Totals of the forced flow (traded flow for a shock); ``None`` if unknown.
    ``adl_count``, ``adl_usd``, ``adl_first_ns``
        The part closed by auto-deleveraging.
    ``peak_ns``, ``peak``, ``peak_width_ns``
        The largest wave bin.
    ``severity``
        Price leg × multiple of the frozen baseline in the peak bin; ``None`` without a price.
    ``venues``
        Venues whose flow was counted, with the coverage of each.
    """

    scope: str
    kind: Kind
    side: Side | None
    side_inferred: bool
    onset_ns: int
    said_ns: int
    end_ns: int | None
    ending: Ending
    confirmed: bool | None
    provisional: bool
    history_ns: int
    unit: str
    bin_ns: int
    baseline_per_bin: float | None
    usd: float | None
    count: int | None
    adl_count: int | None
    adl_usd: float | None
    adl_first_ns: int | None
    peak_ns: int | None
    peak: float | None
    peak_width_ns: int
    multiple: float | None
    severity: float | None
    waves: tuple[Wave, ...]
    legs: tuple[Leg, ...]
    leg: float | None
    snapback: float | None
    depth_share: float | None
    oi_change_coins: float | None
    oi_change_usd: float | None
    funding_before: float | None
    venues: tuple[tuple[str, Coverage], ...]
    gaps: tuple[Gap, ...]


class Transition(Struct, frozen=True, kw_only=True):
    """One step of one scope from one phase to the next, or news within ``CASCADE``.

    ``before`` equals ``after`` where nothing but the size has changed: the flow has grown tenfold
    since something was last said, or auto-deleveraging has begun.
    ``side`` is that of the flow followed, ``None`` for shocks and where the feed does not say.
    ``at_ns`` is the end of the bin in which the condition was met, ``said_ns`` when the data
    allowed to say so (sparse records prove the silence before them only when they come).
    ``reading`` holds its numbers, ``gap`` what was not seen if the step leads to ``UNKNOWN``.
    """

    scope: str
    kind: Kind
    side: Side | None = None
    before: Phase
    after: Phase
    at_ns: int
    said_ns: int
    reading: Reading
    episode: Episode | None
    gap: Gap | None = None


def waves_of(starts_ns: Sequence[int], values: Sequence[float], width_ns: int) -> tuple[Wave, ...]:
    """Split a series of bins into waves.

    A wave is a local maximum of at least half of the series' peak, separated from its neighbours
    by a trough of at most half of the smaller of the two maxima (DESIGN §6).

    Parameters
    ----------
    starts_ns, values
        Start and flow of consecutive bins; bins left out between them count as zero.
    width_ns
        Bin width.

    Returns
    -------
    tuple of Wave
        In order of time; empty for an empty or all-zero series.

    Examples
    --------
    >>> hours = [0, 3, 4, 8]
    >>> [wave.peak_ns for wave in waves_of(hours, [54.0, 3.0, 20.0, 79.0], 1)]
    [0, 8]
    """
    peak = max(values, default=0.0)
    if peak <= 0.0:
        return ()
    dense: list[tuple[int, float]] = []
    for start_ns, value in zip(starts_ns, values, strict=True):
        if dense and start_ns > dense[-1][0] + width_ns:
            dense.append((dense[-1][0] + width_ns, 0.0))  # one zero bin stands for the silence
            if start_ns > dense[-1][0] + width_ns:
                dense.append((start_ns - width_ns, 0.0))
        dense.append((start_ns, value))
    crests: list[int] = []  # indices of wave maxima
    for index, (_, value) in enumerate(dense):
        if value < 0.5 * peak:
            continue
        if not crests:
            crests.append(index)
            continue
        trough = min(v for _, v in dense[crests[-1] : index + 1])
        if trough <= 0.5 * min(value, dense[crests[-1]][1]):
            crests.append(index)
        elif value > dense[crests[-1]][1]:
            crests[-1] = index
    return tuple(_wave(dense, crests, number, width_ns) for number in range(len(crests)))


def _wave(dense: list[tuple[int, float]], crests: list[int], number: int, width_ns: int) -> Wave:
    crest = crests[number]
    first = 0 if number == 0 else _trough(dense, crests[number - 1], crest) + 1
    last = len(dense) - 1
    if number + 1 < len(crests):
        last = _trough(dense, crest, crests[number + 1])
    return Wave(
        from_ns=dense[first][0],
        peak_ns=dense[crest][0],
        to_ns=dense[last][0] + width_ns,
        peak=dense[crest][1],
        total=sum(value for _, value in dense[first : last + 1]),
    )


def _trough(dense: list[tuple[int, float]], left: int, right: int) -> int:
    return min(range(left, right + 1), key=lambda index: dense[index][1])
