"""Which topics of a connection can be read: one whose frames are all rejected hides its market.

A venue that changes a unit, a field or a form goes on sending, so nothing is silent; but nothing
of it can be used. A damaged frame among good ones is no such change: it is put aside and that is
all. Frames in a row of which none can be read are, and what they would have said is a hole.
"""

from collections.abc import Iterable
from typing import Final, final

import msgspec

from airpocket.market.fields import BAD_FRAME
from airpocket.market.stream import Channel, Subscription

__all__ = ["Legibility"]

_IN_A_ROW: Final = 3
_IN_A_ROW_RARE: Final = 2  # of a topic that says little: hours may pass before the next frame
_HEAD_BYTES: Final = 2_048
_REASON_MOST: Final = 160


@final
class Legibility:
    """Counts, for each topic, the rejected frames since the last one that could be read.

    Examples
    --------
    >>> trades = Subscription((Channel.TRADES,), "BTCUSDT", "btcusdt@aggTrade")
    >>> topics = Legibility()
    >>> topics.begin([trades])
    >>> frame = b'{"stream":"btcusdt@aggTrade","data":{"T":1793534400}}'
    >>> [topics.reject(name, 7, "T is no time") for name in topics.named_in(frame)]
    [None]
    """

    def __init__(self) -> None:
        self._words: dict[str, tuple[bytes, ...]] = {}
        self._most: dict[str, int] = {}
        self._rows: dict[str, tuple[int, int | None]] = {}  # topic -> (rejected, hidden since)
        self.hidden: set[str] = set()
        """Topics of which nothing can be read."""

    def begin(self, topics: Iterable[Subscription]) -> None:
        """Know some topics."""
        for one in topics:
            self._words[one.topic] = _words(one.topic)
            rare = one.silent_after_s is None and Channel.LIQUIDATIONS in one.channels
            self._most[one.topic] = _IN_A_ROW_RARE if rare else _IN_A_ROW

    def end(self, topics: Iterable[Subscription]) -> None:
        """Forget some topics."""
        for one in topics:
            for known in (self._words, self._most, self._rows):
                known.pop(one.topic, None)
            self.hidden.discard(one.topic)

    def named_in(self, data: bytes) -> list[str]:
        """Find the topics that a frame names, though it cannot be read.

        Every venue repeats a topic, or the words of it, at the head of its frames.
        """
        head = data[:_HEAD_BYTES]
        return [topic for topic, words in self._words.items() if all(one in head for one in words)]

    def read(self, topics: Iterable[str]) -> set[str]:
        """Note that a frame of some topics could be read; tell which of them were hidden."""
        if not self._rows:
            return set()
        for topic in topics:
            self._rows.pop(topic, None)
        back = self.hidden.intersection(topics)
        self.hidden -= back
        return back

    def reject(
        self, topic: str, last_wall_ns: int | None, reason: str
    ) -> tuple[int | None, str] | None:
        """Count a frame that could not be read.

        Parameters
        ----------
        topic
            One of those that it names.
        last_wall_ns
            When the connection last said something that could be read.
        reason
            Why it was rejected.

        Returns
        -------
        tuple | None
            Since when the topic is hidden, and why; once, when it is one too many.
        """
        count, since_ns = self._rows.get(topic, (0, last_wall_ns))
        self._rows[topic] = count + 1, since_ns
        if count + 1 != self._most.get(topic):
            return None
        self.hidden.add(topic)
        return since_ns, f"unreadable: {topic}: {reason[:_REASON_MOST]}"


def _words(topic: str) -> tuple[bytes, ...]:
    """Take a topic apart: OKX and Hyperliquid write it as an object, in an order of their own."""
    try:
        parts = msgspec.json.decode(topic.encode(), type=dict[str, str])
    except BAD_FRAME:
        return (msgspec.json.encode(topic),)
    return tuple(msgspec.json.encode(word) for word in parts.values())
