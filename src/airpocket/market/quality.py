"""What is wrong with a recording, said as findings instead of believed as data."""

from enum import StrEnum

from msgspec import Struct

__all__ = ["Finding", "FindingCode"]


class FindingCode(StrEnum):
    """Kinds of defect that recordings are checked for."""

    FROZEN_SIDE = "frozen_side"  # one side of a book no longer moves
    CROSSED_BOOK = "crossed_book"  # best bid above best ask
    BARS_WITHOUT_TRADES = (
        "bars_without_trades"  # "klines" whose volume is 0: a mark or index series
    )
    CLOCK_SKEW = "clock_skew"  # the two clocks disagree by more than transport explains
    DUPLICATED_ROWS = "duplicated_rows"
    BOTH_LEGS = "both_legs"  # every trade is printed once a side
    TWO_AMOUNT_SCHEMAS = "two_amount_schemas"  # raw integers before, decimals after
    TIME_UNIT_CHANGED = "time_unit_changed"
    REGIME_BREAK = "regime_break"  # the feed's rule changed: not comparable across it
    REJECTED_ROWS = "rejected_rows"
    SEQUENCE_GAP = "sequence_gap"
    TRUNCATED = "truncated"  # the recording begins or ends inside an event
    EXCLUDED_COLUMN = "excluded_column"  # known to be wrong, not read
    ASSUMPTION = "assumption"  # something the file does not say was assumed


class Finding(Struct, frozen=True, kw_only=True):
    """One thing a reader must know before believing a recording.

    ``where`` names file, column or channel; ``from_ns``/``to_ns`` the stretch concerned;
    ``count`` the rows concerned; ``said`` one sentence for a person.
    """

    code: FindingCode
    where: str
    said: str
    venue: str | None = None
    symbol: str | None = None
    from_ns: int | None = None
    to_ns: int | None = None
    count: int | None = None
