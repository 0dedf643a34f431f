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
_VALID, _OPEN, _LAST, _NEWEST, _AFTER, _FROM, _TO, _WAITING_LEVELS = range(8)

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


class _Side(NamedTuple):
    """Levels of one side by rank; ``top`` is the best rank (−1: none) and the count of levels."""

    held: _F64
    blocks: _I32
    groups: _I32
    top: _I64
    prices: _F64
    told: _F64  # best price after each level of the stream, or no room for it


@numba.njit(cache=True)
def _next_best(held: _F64, blocks: _I32, groups: _I32, rank: int) -> int:
    """Return the highest rank that holds a level, all from ``rank`` upwards being empty, or −1."""
    block = rank >> 6
    if blocks[block] == 0:
        group = block >> 6
        if groups[group] == 0:
            while group >= 0 and groups[group] == 0:
                group -= 1
            if group < 0:
                return -1
            block = min((group << 6) + 63, blocks.shape[0] - 1)
        while blocks[block] == 0:
            block -= 1
        rank = min((block << 6) + 63, held.shape[0] - 1)
    while held[rank] == 0.0:
        rank -= 1
    return rank


@numba.njit(cache=True)
def _set_levels(
    held: _F64, blocks: _I32, groups: _I32, top: _I64, prices: _F64, told: _F64,
    ranks: _I32, qtys: _F64, begin: int, end: int, tell: bool,  # noqa: FBT001
) -> None:  # fmt: skip
    """Write levels ``begin`` to ``end`` in their order and, to ``tell``, the best after each."""
    best, count = top[0], top[1]
    price = prices[best] if best >= 0 else math.nan
    for i in range(begin, end):
        rank, qty = ranks[i], qtys[i]
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
                best = _next_best(held, blocks, groups, rank)
                price = prices[best] if best >= 0 else math.nan
        if tell:
            told[i] = price
    top[0], top[1] = best, count


@numba.njit(cache=True)
def _clear(side: _Side) -> None:
    """Empty one side, touching only what holds levels."""
    for group in range(side.groups.shape[0]):
        if side.groups[group] == 0:
            continue
        side.groups[group] = 0
        for block in range(group << 6, min((group + 1) << 6, side.blocks.shape[0])):
            if side.blocks[block] > 0:
                side.blocks[block] = 0
                side.held[block << 6 : (block + 1) << 6] = 0.0
    side.top[0], side.top[1] = -1, 0


@numba.njit(cache=True)
def _is_sound(bid: int, ask: int, size: int, bids: int, asks: int, most: int) -> bool:
    """Tell whether best ranks are not crossed and the sides not too large."""
    return (bid < 0 or ask < 0 or bid < size - 1 - ask) and bids <= most and asks <= most


@numba.njit(cache=True)
def _write(stream: _Stream, i: int, bids: _Side, asks: _Side) -> bool:
    """Write the levels of change ``i``; False if the result is not sound."""
    begin, middle, end = stream.begins[i], stream.middles[i], stream.begins[i + 1]
    _set_levels(
        bids.held, bids.blocks, bids.groups, bids.top, bids.prices, bids.told,
        stream.ranks, stream.qtys, begin, middle, False,
    )  # fmt: skip
    _set_levels(
        asks.held, asks.blocks, asks.groups, asks.top, asks.prices, asks.told,
        stream.ranks, stream.qtys, middle, end, False,
    )  # fmt: skip
    size = bids.prices.shape[0]
    return bool(
        _is_sound(bids.top[0], asks.top[0], size, bids.top[1], asks.top[1], stream.levels_max)
    )


@numba.njit(cache=True)
def _joins(rule: int, first: int, newest: int, before: int, last: int, after: int) -> bool:
    """Tell whether an update follows number ``last``, as ``SequenceRule.joins`` does."""
    if rule == UNNUMBERED:
        return True
    if newest == _MISSING:
        return False
    if rule == LINKED:
        if before == _MISSING:
            return False
        return before == last or (after != 0 and before <= last <= newest)
    if first == _MISSING:
        first = newest
    return first == last + 1 or (after != 0 and first <= last + 1 <= newest)


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
def _note(stream: _Stream, i: int, state: _I64) -> None:
    """Remember number and time of a change."""
    state[_LAST] = stream.ids[i, 1]
    state[_NEWEST] = max(state[_NEWEST], stream.times[i])  # missing is the smallest integer


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
    _note(stream, i, state)


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
def _begin(stream: _Stream, i: int, bids: _Side, asks: _Side, waiting: _I64, state: _I64) -> bool:
    """Take snapshot ``i`` and the waiting updates that follow it; False if it is refused."""
    numbered = stream.rule != UNNUMBERED
    if not numbered and _is_past(stream, i, state, True):
        return False
    if numbered and stream.ids[i, 1] == _MISSING:
        return False
    place = _following(stream, i, waiting, state) if numbered else state[_TO]
    if place < 0:
        return False
    _clear(bids)
    _clear(asks)
    good = _write(stream, i, bids, asks)
    for later in range(place, state[_TO]):
        good = good and _write(stream, waiting[later], bids, asks)
    if not good:
        return False
    _note(stream, i, state)
    for later in range(place, state[_TO]):
        _note(stream, waiting[later], state)
    state[_AFTER] = place == state[_TO]
    state[_FROM] = state[_TO] = state[_WAITING_LEVELS] = 0
    return True


@numba.njit(cache=True)
def _step(stream: _Stream, i: int, bids: _Side, asks: _Side, waiting: _I64, state: _I64) -> int:
    """Take a change that no valid book can simply take; ``_LOST``: ``Book.apply`` tells a gap."""
    valid = state[_VALID] != 0
    if stream.snapshots[i]:
        if valid and _is_past(stream, i, state, True):
            return _LEFT_OUT
        state[_VALID] = _begin(stream, i, bids, asks, waiting, state)
        state[_OPEN] = 1 - state[_VALID]
        return _WRITTEN if state[_VALID] != 0 else _LOST
    if not valid:
        untold = state[_OPEN] == 0
        state[_OPEN] = 1
        _wait(stream, i, waiting, state)
        return _LOST if untold else _LEFT_OUT
    if _is_past(stream, i, state, False):
        return _LEFT_OUT
    _lose_to(stream, i, waiting, state)
    return _LOST


@numba.njit(cache=True)
def _lose_to(stream: _Stream, i: int, waiting: _I64, state: _I64) -> None:
    """Become invalid by update ``i``, which then is the first to wait for a snapshot."""
    state[_VALID], state[_OPEN] = 0, 1
    if stream.rule != UNNUMBERED and stream.ids[i, 1] != _MISSING:
        _keep(stream, i, waiting, state)


@numba.njit(cache=True)
def _side(prices: _F64, told: _F64) -> _Side:
    """Make an empty side with room for every price of the recording."""
    size = prices.shape[0]
    return _Side(
        np.zeros(size + 1),
        np.zeros((size >> 6) + 1, np.int32),
        np.zeros((size >> 12) + 1, np.int32),
        np.array([-1, 0], np.int64),
        prices,
        told,
    )


@numba.njit(cache=True)
def _quotes(prices: _F64, mirrored: _F64, bid: int, ask: int) -> tuple[float, float]:
    """Return best bid and ask of their ranks, NaN if a side is empty."""
    if bid < 0 or ask < 0:
        return math.nan, math.nan
    return prices[bid], mirrored[ask]


@numba.njit(cache=True)
def _fill(told: _F64, begin: int, end: int, prices: _F64, rank: int, is_new: bool) -> None:  # noqa: FBT001
    """Fill in the best price for the levels of an unusual change; of a new snapshot: the last."""
    if is_new and end > begin:
        told[begin : end - 1] = math.nan
        begin = end - 1
    told[begin:end] = prices[rank] if rank >= 0 else math.nan


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
) -> tuple[_F64, _F64, _F64, _F64, NDArray[np.bool_]]:
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
        Best bid and ask after each change (NaN: no valid book, or an empty side); the same after
        each level (empty if not wanted; within a snapshot only after its last level, and a side
        at a time); whether ``Book.apply`` returns a gap for the change.
    """
    changes = snapshots.shape[0]
    best_bids, best_asks = np.full(changes, math.nan), np.full(changes, math.nan)
    told = np.zeros(changes, np.bool_)
    rows = ranks.shape[0] if each_level else 0
    level_bids, level_asks = np.empty(rows), np.empty(rows)
    stream = _Stream(
        begins, middles, ranks, qtys, snapshots, ids, times, rule, levels_max, waiting_max
    )
    size, mirrored = prices.shape[0], prices[::-1].copy()
    bids, asks = _side(prices, level_bids), _side(mirrored, level_asks)
    bid_held, bid_blocks, bid_groups, bid_top = bids.held, bids.blocks, bids.groups, bids.top
    ask_held, ask_blocks, ask_groups, ask_top = asks.held, asks.blocks, asks.groups, asks.top
    waiting = np.empty(changes, np.int64)
    state = np.zeros(8, np.int64)
    state[_LAST] = state[_NEWEST] = _MISSING
    for i in range(changes):
        begin, middle, end = begins[i], middles[i], begins[i + 1]
        if (
            state[_VALID] != 0
            and not snapshots[i]
            and (state[_LAST] != _MISSING or rule == UNNUMBERED)
            and _joins(rule, ids[i, 0], ids[i, 1], ids[i, 2], state[_LAST], state[_AFTER])
        ):
            if each_level:
                level_asks[begin:middle] = mirrored[ask_top[0]] if ask_top[0] >= 0 else math.nan
            _set_levels(
                bid_held, bid_blocks, bid_groups, bid_top, prices, level_bids,
                ranks, qtys, begin, middle, each_level,
            )  # fmt: skip
            if each_level:
                level_bids[middle:end] = prices[bid_top[0]] if bid_top[0] >= 0 else math.nan
            _set_levels(
                ask_held, ask_blocks, ask_groups, ask_top, mirrored, level_asks,
                ranks, qtys, middle, end, each_level,
            )  # fmt: skip
            bid, ask = bid_top[0], ask_top[0]
            if _is_sound(bid, ask, size, bid_top[1], ask_top[1], levels_max):
                state[_AFTER] = 0
                state[_LAST] = ids[i, 1]
                state[_NEWEST] = max(state[_NEWEST], times[i])
                best_bids[i], best_asks[i] = _quotes(prices, mirrored, bid, ask)
                continue
            _lose_to(stream, i, waiting, state)
            outcome = _LOST
        else:
            outcome = _step(stream, i, bids, asks, waiting, state)
        told[i] = outcome == _LOST
        if state[_VALID] != 0:
            best_bids[i], best_asks[i] = _quotes(prices, mirrored, bid_top[0], ask_top[0])
        if each_level:
            is_new = outcome == _WRITTEN
            valid = state[_VALID] != 0
            _fill(level_bids, begin, end, prices, bid_top[0] if valid else -1, is_new)
            _fill(level_asks, begin, end, mirrored, ask_top[0] if valid else -1, is_new)
    return best_bids, best_asks, level_bids, level_asks, told
