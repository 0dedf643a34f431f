"""Hot loops over order books. Arrays and scalars in and out; the twin is ``market.book.Book``.

A price is its *rank* among the distinct prices of the recording, so memory is bounded by what the
recording holds, whatever its prices are. Ranks of asks count downwards: on both sides the best
price is the highest rank. Blocks of 64 ranks and groups of 64 blocks count their levels, so that
the next best price is found in a bounded number of steps however far away it is.
"""
# mypy: disallow-untyped-decorators=False

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["COUNTED", "LINKED", "UNNUMBERED", "replay_changes"]

LINKED, COUNTED, UNNUMBERED = 0, 1, 2
_MISSING = np.iinfo(np.int64).min
_WRITTEN, _LEFT_OUT, _LOST = 0, 1, 2

# Places in the array that holds the state of a replay.
_VALID, _OPEN, _LAST, _NEWEST, _AFTER, _FROM, _TO, _WAITING_LEVELS, _UNSOUND = range(9)

_I64 = NDArray[np.int64]
_I32 = NDArray[np.int32]
_F64 = NDArray[np.float64]


class _Stream(NamedTuple):
    """Changes as they came; see :func:`replay_changes`."""

    begins: _I64
    middles: _I64
    ranks: _I32
    qtys: _F64
    snapshots: NDArray[np.bool_]
    ids: _I64
    times: _I64
    rule: int
    levels_max: int
    waiting_max: int


class _Levels(NamedTuple):
    """Levels of both sides by rank, those of the asks from ``stride`` on, a multiple of 4096.

    ``bests`` and ``counts`` hold the best rank (−1: none) and the number of levels of each side;
    ``told`` the best prices after each level of the stream, or has no room for them.
    """

    held: _F64
    blocks: _I32
    groups: _I32
    prices: _F64
    bests: _I64
    counts: _I64
    told: _F64
    size: int
    stride: int


@numba.njit(cache=True)
def _next_best(held: _F64, blocks: _I32, groups: _I32, rank: int, least: int) -> int:
    """Return the highest rank that holds a level, those from ``rank`` upwards being empty.

    −1 if there is none down to group ``least``.
    """
    block = rank >> 6
    if blocks[block] == 0:
        group = block >> 6
        if groups[group] == 0:
            while group >= least and groups[group] == 0:
                group -= 1
            if group < least:
                return -1
            block = (group << 6) + 63
        while blocks[block] == 0:
            block -= 1
        rank = (block << 6) + 63
    while held[rank] == 0.0:
        rank -= 1
    return rank


@numba.njit(cache=True)
def _joins(rule: int, first: int, newest: int, before: int, last: int, after: int) -> bool:
    """Tell whether an update follows number ``last``, as ``SequenceRule.joins`` does."""
    if rule == UNNUMBERED:
        return True
    if min(newest, last) == _MISSING:
        return False
    if rule == LINKED:
        if before == _MISSING:
            return False
        return before == last or (after != 0 and before <= last <= newest)
    if first == _MISSING:
        first = newest
    return first == last + 1 or (after != 0 and first <= last + 1 <= newest)


@numba.njit(cache=True)
def _advance(  # noqa: C901, PLR0912, PLR0915 - the one hot loop, see below
    stream: _Stream, levels: _Levels, places: _I64, at: int, stop: int, state: _I64,
    quotes: _F64, check: bool, tell: bool,  # noqa: FBT001 - kernels take scalars by place
) -> int:  # fmt: skip
    """Write the changes ``places[at:stop]`` one after another; return where that ended.

    It ends before a snapshot or an update that does not follow, if that is to ``check``, and at a
    change whose result is not sound (``_UNSOUND``). A call with arrays costs
    0.2 µs, hence one loop for all, which looks for a near best price itself.
    """
    begins, middles, ranks, qtys = stream.begins, stream.middles, stream.ranks, stream.qtys
    snapshots, ids, times, rule = stream.snapshots, stream.ids, stream.times, stream.rule
    held, blocks, groups, prices = levels.held, levels.blocks, levels.groups, levels.prices
    bests, counts, told = levels.bests, levels.counts, levels.told
    stride, most = levels.stride, stream.levels_max
    for place in range(at, stop):
        i = places[place]
        if check and (
            snapshots[i]
            or not _joins(rule, ids[i, 0], ids[i, 1], ids[i, 2], state[_LAST], state[_AFTER])
        ):
            return place
        for side in range(2):
            begin = begins[i] if side == 0 else middles[i]
            end = middles[i] if side == 0 else begins[i + 1]
            best, count, offset = bests[side], counts[side], side * stride
            price = prices[best] if best >= 0 else math.nan
            for j in range(begin, end):
                rank, qty = ranks[j] + offset, qtys[j]
                was = held[rank]
                held[rank] = qty
                if qty > 0.0:
                    if was == 0.0:
                        count += 1
                        blocks[rank >> 6] += 1
                        groups[rank >> 12] += 1
                        if rank > best:
                            best = rank
                            price = prices[best]
                elif was > 0.0:
                    count -= 1
                    blocks[rank >> 6] -= 1
                    groups[rank >> 12] -= 1
                    if rank == best:
                        near, far = rank - 1, max(rank - 64, offset)
                        while near >= far and held[near] == 0.0:
                            near -= 1
                        best = near
                        if near < far:
                            best = _next_best(held, blocks, groups, rank, offset >> 12)
                        price = prices[best] if best >= 0 else math.nan
                if tell:
                    told[side, j] = price
            if tell:
                other = bests[1 - side]
                price = prices[other] if other >= 0 else math.nan
                for j in range(begin, end):
                    told[1 - side, j] = price
            bests[side], counts[side] = best, count
        bid, ask = bests[0], bests[1]
        crossed = bid >= 0 and ask >= 0 and bid >= levels.size - 1 - (ask - stride)
        if crossed or counts[0] > most or counts[1] > most:
            state[_UNSOUND] = 1
            return place
        state[_AFTER] = 0
        state[_LAST] = ids[i, 1]
        state[_NEWEST] = max(state[_NEWEST], times[i])  # missing is the smallest integer
        if check and bid >= 0 and ask >= 0:
            quotes[0, i], quotes[1, i] = prices[bid], prices[ask]
    return stop


@numba.njit(cache=True)
def _clear(levels: _Levels) -> None:
    """Empty both sides, touching only what holds levels."""
    for group in range(levels.groups.shape[0]):
        if levels.groups[group] == 0:
            continue
        levels.groups[group] = 0
        for block in range(group << 6, (group + 1) << 6):
            if levels.blocks[block] > 0:
                levels.blocks[block] = 0
                levels.held[block << 6 : (block + 1) << 6] = 0.0
    levels.bests[:] = -1
    levels.counts[:] = 0


@numba.njit(cache=True)
def _is_past(stream: _Stream, i: int, state: _I64, strictly: bool) -> bool:  # noqa: FBT001
    """Tell whether change ``i`` is older than what was seen, as ``Book`` does."""
    now_ns, newest_ns = stream.times[i], state[_NEWEST]
    if stream.rule == UNNUMBERED:
        return bool(_MISSING < now_ns < newest_ns)
    number, last = stream.ids[i, 1], state[_LAST]
    if number == _MISSING or number > last:  # also where no number was seen: that is the smallest
        return False
    if strictly and number == last:
        return False
    return bool(newest_ns == _MISSING or now_ns <= newest_ns)


@numba.njit(cache=True)
def _keep(stream: _Stream, i: int, waiting: _I64, state: _I64) -> None:
    """Let update ``i`` wait for a snapshot."""
    waiting[state[_TO]] = i
    state[_TO] += 1
    state[_WAITING_LEVELS] += stream.begins[i + 1] - stream.begins[i]
    while state[_WAITING_LEVELS] > stream.waiting_max:
        oldest = waiting[state[_FROM]]
        state[_FROM] += 1
        state[_WAITING_LEVELS] -= stream.begins[oldest + 1] - stream.begins[oldest]
    state[_LAST] = stream.ids[i, 1]
    state[_NEWEST] = max(state[_NEWEST], stream.times[i])


@numba.njit(cache=True)
def _wait(stream: _Stream, i: int, waiting: _I64, state: _I64) -> None:
    """Keep update ``i`` for the snapshot to come, as long as they follow each other."""
    if stream.rule == UNNUMBERED or stream.ids[i, 1] == _MISSING:
        return
    if state[_TO] > state[_FROM] and not _joins(
        stream.rule, stream.ids[i, 0], stream.ids[i, 1], stream.ids[i, 2], state[_LAST], 0
    ):
        if _is_past(stream, i, state, False):
            return
        state[_FROM] = state[_TO] = state[_WAITING_LEVELS] = 0
    _keep(stream, i, waiting, state)


@numba.njit(cache=True)
def _following(stream: _Stream, i: int, waiting: _I64, state: _I64) -> int:
    """Find the place of the first waiting update that snapshot ``i`` lacks; −1: some missing."""
    last = stream.ids[i, 1]
    for place in range(state[_FROM], state[_TO]):
        later = waiting[place]
        if _joins(
            stream.rule, stream.ids[later, 0], stream.ids[later, 1], stream.ids[later, 2], last, 1
        ):
            return int(place)
    if state[_TO] > state[_FROM] and _is_past(stream, i, state, True):
        return -1
    return int(state[_TO])


@numba.njit(cache=True)
def _begin(
    stream: _Stream, levels: _Levels, order: _I64, i: int, waiting: _I64, state: _I64, quotes: _F64
) -> bool:
    """Take snapshot ``i`` and the waiting updates that follow it; False if it is refused."""
    numbered = stream.rule != UNNUMBERED
    if not numbered and _is_past(stream, i, state, True):
        return False
    if numbered and stream.ids[i, 1] == _MISSING:
        return False
    place = _following(stream, i, waiting, state) if numbered else state[_TO]
    if place < 0:
        return False
    _clear(levels)
    last, newest_ns, after = state[_LAST], state[_NEWEST], state[_AFTER]
    _advance(stream, levels, order, i, i + 1, state, quotes, False, False)
    if state[_UNSOUND] == 0:
        _advance(stream, levels, waiting, place, state[_TO], state, quotes, False, False)
    if state[_UNSOUND] != 0:
        state[_UNSOUND] = 0
        state[_LAST], state[_NEWEST], state[_AFTER] = last, newest_ns, after
        return False
    state[_AFTER] = place == state[_TO]
    state[_FROM] = state[_TO] = state[_WAITING_LEVELS] = 0
    return True


@numba.njit(cache=True)
def _step(
    stream: _Stream, levels: _Levels, order: _I64, i: int, waiting: _I64, state: _I64, quotes: _F64
) -> int:
    """Take a change that no valid book can simply take; ``_LOST``: ``Book.apply`` tells a gap."""
    valid = state[_VALID] != 0
    if stream.snapshots[i]:
        if valid and _is_past(stream, i, state, True):
            return _LEFT_OUT
        state[_VALID] = _begin(stream, levels, order, i, waiting, state, quotes)
        state[_OPEN] = 1 - state[_VALID]
        return _WRITTEN if state[_VALID] != 0 else _LOST
    if not valid:
        untold = state[_OPEN] == 0
        state[_OPEN] = 1
        _wait(stream, i, waiting, state)
        return _LOST if untold else _LEFT_OUT
    if state[_UNSOUND] == 0 and _is_past(stream, i, state, False):
        return _LEFT_OUT
    _lose_to(stream, i, waiting, state)
    return _LOST


@numba.njit(cache=True)
def _lose_to(stream: _Stream, i: int, waiting: _I64, state: _I64) -> None:
    """Become invalid by update ``i``, which then is the first to wait for a snapshot."""
    state[_VALID], state[_OPEN], state[_UNSOUND] = 0, 1, 0
    if stream.rule != UNNUMBERED and stream.ids[i, 1] != _MISSING:
        _keep(stream, i, waiting, state)


@numba.njit(cache=True)
def _empty(prices: _F64, told: _F64) -> _Levels:
    """Make an empty book with room for every price of the recording."""
    size = prices.shape[0]
    stride = ((size >> 12) + 1) << 12
    by_rank = np.full(2 * stride, math.nan)
    by_rank[:size] = prices
    by_rank[stride : stride + size] = prices[::-1]
    return _Levels(
        np.zeros(2 * stride),
        np.zeros(2 * stride >> 6, np.int32),
        np.zeros(2 * stride >> 12, np.int32),
        by_rank,
        np.full(2, -1, np.int64),
        np.zeros(2, np.int64),
        told,
        size,
        stride,
    )


@numba.njit(cache=True)
def _quote(levels: _Levels, side: int, state: _I64) -> float:
    """Best price of a side, NaN if it is empty or the book invalid."""
    best = levels.bests[side]
    return levels.prices[best] if best >= 0 and state[_VALID] != 0 else math.nan


@numba.njit(cache=True)
def replay_changes(
    begins: _I64,
    middles: _I64,
    ranks: _I32,
    qtys: _F64,
    prices: _F64,
    snapshots: NDArray[np.bool_],
    ids: _I64,
    times: _I64,
    rule: int,
    levels_max: int,
    waiting_max: int,
    each_level: bool,  # noqa: FBT001 - kernels have no keyword-only parameters
) -> tuple[_F64, _F64, NDArray[np.bool_]]:
    """Replay the changes of one book, with the result that ``Book`` gives one by one.

    Parameters
    ----------
    begins, middles
        Levels of change i: bids in ``begins[i]:middles[i]``, asks from there to ``begins[i + 1]``.
    ranks, qtys
        Rank of price (asks: counted downwards) and quantity of each level; 0 removes it.
    prices
        Distinct prices, ascending.
    snapshots, ids, times
        Whether change i is a snapshot; its first, last and previous number, shape (m, 3); the
        venue's time. Missing is the smallest integer.
    rule
        ``LINKED``, ``COUNTED`` or ``UNNUMBERED``.
    levels_max, waiting_max
        Bounds of levels a side and of levels that wait for a snapshot.
    each_level
        Whether the best prices after every single level are wanted.

    Returns
    -------
    tuple
        Best bid (row 0) and ask (row 1) after each change, NaN: no valid book, or an empty side;
        the same after each level (no columns if not wanted; within a snapshot only after its last
        level, and a side at a time); whether ``Book.apply`` returns a gap for the change.
    """
    changes = snapshots.shape[0]
    quotes = np.full((2, changes), math.nan)
    level_quotes = np.empty((2, ranks.shape[0] if each_level else 0))
    told = np.zeros(changes, np.bool_)
    stream = _Stream(
        begins, middles, ranks, qtys, snapshots, ids, times, rule, levels_max, waiting_max
    )
    levels = _empty(prices, level_quotes)
    order = np.arange(changes)
    waiting = np.empty(changes, np.int64)
    state = np.zeros(9, np.int64)
    state[_LAST] = state[_NEWEST] = _MISSING
    i = 0
    while i < changes:
        if state[_VALID] != 0:
            i = _advance(stream, levels, order, i, changes, state, quotes, True, each_level)
            if i == changes:
                break
        outcome = _step(stream, levels, order, i, waiting, state, quotes)
        told[i] = outcome == _LOST
        bid, ask = _quote(levels, 0, state), _quote(levels, 1, state)
        if not (math.isnan(bid) or math.isnan(ask)):
            quotes[0, i], quotes[1, i] = bid, ask
        if each_level:
            begin, end = begins[i], begins[i + 1]
            if outcome == _WRITTEN and end > begin:
                level_quotes[:, begin : end - 1] = math.nan
                begin = end - 1
            level_quotes[0, begin:end] = bid
            level_quotes[1, begin:end] = ask
        i += 1
    return quotes, level_quotes, told
