"""Many topics over few connections, and over requests of limited size.

Pure arithmetic under four rules: no connection carries more than a venue allows, topics that
belong together stay together, every connection has a canary, every wanted topic is asked for once.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from airpocket.errors import InputError
from airpocket.market.instrument import Instrument, Kind
from airpocket.market.stream import Channel, Subscription

__all__ = ["CANARY_S", "Room", "argument", "batches", "contracts", "in_order", "share_out"]

CANARY_S: Final = 30.0
"""A topic whose silence is a fault after at most this proves that its connection lives."""


class Room(Struct, frozen=True, kw_only=True):
    """What fits on one connection; ``None``: no limit.

    ``args_bytes`` counts topics as they stand in a request: JSON, with a comma each.
    ``is_json`` says that topics are JSON already, not text to be quoted.
    """

    topics: int | None = None
    args_bytes: int | None = None
    is_json: bool = False

    def bytes_of(self, one: Subscription) -> int:
        """Bytes of one topic within a list of them."""
        return len(argument(one.topic, is_json=self.is_json)) + 1

    def holds(self, count: int, size: int) -> bool:
        """Tell whether so many topics with so many bytes fit."""
        fits = self.topics is None or count <= self.topics
        return fits and (self.args_bytes is None or size + 1 <= self.args_bytes)


def argument(topic: str, *, is_json: bool) -> bytes:
    """Write a topic as it stands in the list of a request."""
    return topic.encode() if is_json else msgspec.json.encode(topic)


def contracts(instruments: Sequence[Instrument], venue: str) -> tuple[Instrument, ...]:
    """Check what is to be followed, and name each instrument once.

    Raises
    ------
    InputError
        If an instrument is of another venue, or spot.
    """
    rows: dict[str, Instrument] = {}
    for one in instruments:
        if one.venue != venue:
            raise InputError(f"{one.raw_symbol!r} is of {one.venue}, not of {venue}: ask its venue")
        if one.kind is Kind.SPOT:
            raise InputError(f"{one.raw_symbol!r} is spot: only contracts are followed live")
        rows.setdefault(one.raw_symbol, one)
    return tuple(rows.values())


def share_out(
    groups: Iterable[Sequence[Subscription]], canary: Subscription, room: Room
) -> list[tuple[Subscription, ...]]:
    """Divide topics among connections.

    Parameters
    ----------
    groups
        Topics that shall stay together (those of one symbol), while they fit.
    canary
        Added to each connection that would have none.
    room
        What one connection holds.

    Returns
    -------
    list of tuple
        Topics of each connection, canaries first, then liquidations.

    Raises
    ------
    InputError
        If a topic is too large for any connection.

    Examples
    --------
    >>> mark = Subscription((Channel.MARK,), "BTC", "mark.BTC", 20.0)
    >>> trades = [Subscription((Channel.TRADES,), coin, f"trades.{coin}") for coin in "ABC"]
    >>> [[one.topic for one in line] for line in share_out([[t] for t in trades], mark,
    ...     Room(topics=3))]
    [['mark.BTC', 'trades.A', 'trades.B'], ['mark.BTC', 'trades.C']]
    """
    reserved = room.bytes_of(canary)
    lines: list[tuple[Subscription, ...]] = []
    line: list[Subscription] = []
    size = 0
    for group in groups:
        for part in _parts(group, canary, room):
            more = sum(map(room.bytes_of, part))
            if line and not room.holds(len(line) + len(part) + 1, size + more + reserved):
                lines.append(_closed(line, canary))
                line, size = [], 0
            line.extend(part)
            size += more
    if line:
        lines.append(_closed(line, canary))
    return lines


def in_order(topics: Iterable[Subscription]) -> tuple[Subscription, ...]:
    """Put canaries first, then liquidations: what is asked for first is missed for shortest."""
    return tuple(sorted(topics, key=_rank))


def batches(
    topics: Sequence[Subscription],
    *,
    frame_bytes: int,
    topics_most: int | None = None,
    bytes_most: int | None = None,
    is_json: bool = False,
) -> Iterator[bytes]:
    """Divide topics among requests.

    Parameters
    ----------
    topics
        In the order in which they shall be asked for.
    frame_bytes
        What a request needs beside its list.
    topics_most, bytes_most
        What a venue takes in one request; ``None``: no limit.
    is_json
        Whether topics are JSON already.

    Yields
    ------
    bytes
        The list of one request, without its brackets. Never empty.

    Raises
    ------
    InputError
        If a topic is too large for any request.

    Examples
    --------
    >>> two = [Subscription((), "*", "adl.A"), Subscription((), "*", "adl.B")]
    >>> list(batches(two, frame_bytes=40, topics_most=1))
    [b'"adl.A"', b'"adl.B"']
    """
    parts: list[bytes] = []
    size = frame_bytes
    for one in topics:
        part = argument(one.topic, is_json=is_json)
        if bytes_most is not None and frame_bytes + len(part) > bytes_most:
            raise InputError(f"topic {one.topic[:80]!r} is larger than a request may be")
        is_full = topics_most is not None and len(parts) >= topics_most
        is_large = bytes_most is not None and size + len(part) > bytes_most
        if parts and (is_full or is_large):
            yield b",".join(parts)
            parts, size = [], frame_bytes
        parts.append(part)
        size += len(part) + 1
    if parts:
        yield b",".join(parts)


def _parts(
    group: Sequence[Subscription], canary: Subscription, room: Room
) -> Iterator[Sequence[Subscription]]:
    """Give a group whole if a connection can hold it beside a canary, else topic by topic."""
    reserved = room.bytes_of(canary)
    if room.holds(len(group) + 1, sum(map(room.bytes_of, group)) + reserved):
        yield group
        return
    for one in group:
        if not room.holds(2, room.bytes_of(one) + reserved):
            raise InputError(f"topic {one.topic[:80]!r} is larger than a connection may carry")
        yield (one,)


def _closed(line: Sequence[Subscription], canary: Subscription) -> tuple[Subscription, ...]:
    proven = any(one.silent_after_s is not None and one.silent_after_s <= CANARY_S for one in line)
    return in_order(line if proven else (canary, *line))


def _rank(one: Subscription) -> int:
    if one.silent_after_s is not None:
        return 0 if one.silent_after_s <= CANARY_S else 2
    return 1 if Channel.LIQUIDATIONS in one.channels else 2
