"""How venues number the updates of a book, so that a missing one is noticed."""

from enum import StrEnum

from airpocket.market.events import BookChange

__all__ = ["SequenceRule"]


class SequenceRule(StrEnum):
    """How a venue numbers its updates, so that a missing one is noticed.

    ``LINKED``
        An update names the one before it. Binance futures (``pu`` equals the last ``u``; the first
        one after a snapshot has ``U <= lastUpdateId <= u``: *How to manage a local order book
        correctly*, read 2026-11) and OKX (``prevSeqId`` equals the last ``seqId``, also where the
        numbers start again from a lower one: *Order book channel*, read 2026-11). ``U`` may lie
        above ``lastUpdateId`` where ``pu`` does not, because numbers are shared with other
        symbols: what joins is ``pu <= lastUpdateId <= u``.
    ``COUNTED``
        Each update's number, or range of them, begins one above the last. Bybit ("``u`` is
        consecutive": *Full order book*, read 2026-11), Binance spot.
    ``UNNUMBERED``
        Nothing can be found missing. Hyperliquid, which sends whole books; files without numbers.
    """

    LINKED = "linked"
    COUNTED = "counted"
    UNNUMBERED = "unnumbered"

    def joins(self, change: BookChange, last_id: int, *, after_snapshot: bool) -> bool:
        """Tell whether an update follows the number ``last_id`` without a hole.

        ``after_snapshot`` allows it to begin earlier, for a snapshot falls between two updates.

        Examples
        --------
        >>> change = BookChange(venue="okx", symbol=None, raw_symbol="X", bids=[], asks=[],
        ...     is_snapshot=False, last_update_id=12, previous_update_id=9)
        >>> SequenceRule.LINKED.joins(change, 9, after_snapshot=False)
        True
        >>> SequenceRule.LINKED.joins(change, 10, after_snapshot=False)
        False
        """
        if self is _UNNUMBERED:
            return True
        newest = change.last_update_id
        if newest is None:
            return False
        if self is _LINKED:
            before = change.previous_update_id
            if before is None:
                return False
            return before == last_id or (after_snapshot and before <= last_id <= newest)
        first = newest if change.first_update_id is None else change.first_update_id
        return first == last_id + 1 or (after_snapshot and first <= last_id + 1 <= newest)


_LINKED = SequenceRule.LINKED  # every update asks; through the enum costs 0.1 µs
_UNNUMBERED = SequenceRule.UNNUMBERED
