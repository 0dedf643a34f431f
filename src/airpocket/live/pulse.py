"""Who on a connection is alive: judged by application data, per subscription, never by pings.

A server that answers pings and sends nothing is dead, and so is a route whose other topics flow. A
liquidation topic may be silent for hours; what proves it is the canary beside it.
"""

import math
from collections.abc import Iterable
from typing import Final, final

from airpocket.market.stream import Subscription

__all__ = ["SILENT_SOCKET_S", "Beat", "Pulse"]

SILENT_SOCKET_S: Final = 20.0
"""Silence of a whole connection, all topics together, after which it is given up."""

_STALL_LEAST_S: Final = 45.0
_UNLIKELY: Final = 14.0  # e^-14 is a millionth: a busy topic does not pause so long by chance
_MEMORY_S: Final = 300.0  # what was heard counts for so long
_KNOWN_S: Final = 60.0  # what flowed for less than that promises nothing
_LONGER: Final = 3.0  # than any pause of about the last hour
_PAUSES_S: Final = 3600.0


@final
class Beat:
    """When one topic was last heard, and how often it usually is."""

    __slots__ = (
        "_first_s",
        "_heard",
        "_longest_s",
        "acked_s",
        "last_s",
        "last_wall_ns",
        "sent_s",
        "subscription",
    )

    def __init__(self, subscription: Subscription, sent_s: float) -> None:
        self.subscription = subscription
        self.sent_s = sent_s
        self.acked_s: float | None = None
        self.last_s: float | None = None
        self.last_wall_ns: int | None = None
        self._first_s: float | None = None
        self._heard = 0.0  # frames within the memory, exponentially forgotten
        self._longest_s = 0.0  # pause between two of them, forgotten more slowly

    def hear(self, now_s: float, wall_ns: int) -> None:
        """Note application data."""
        if self.last_s is not None:
            age_s = now_s - self.last_s
            self._heard *= math.exp(-age_s / _MEMORY_S)
            self._longest_s = max(age_s, self._longest_s * math.exp(-age_s / _PAUSES_S))
        else:
            self._first_s = now_s
        self._heard += 1.0
        self.last_s, self.last_wall_ns = now_s, wall_ns

    def restart(self, now_s: float) -> None:
        """Begin to wait anew: it was asked for again."""
        self.sent_s, self.acked_s = now_s, None

    def is_silent(self, now_s: float) -> bool:
        """Tell whether it has been silent for longer than it ever is by chance."""
        since_s = max(self.sent_s, self.last_s if self.last_s is not None else self.sent_s)
        age_s = now_s - since_s
        limit_s = self.subscription.silent_after_s
        if limit_s is not None:
            return age_s > limit_s
        if "liquidations" in self.subscription.channels:
            return False
        if self.last_s is None or self._first_s is None or self.last_s - self._first_s < _KNOWN_S:
            return False
        # How likely such a pause is after so many frames in the memory, their rate being unknown:
        # (memory / (memory + pause)) ^ frames. Trades come in clumps, so the pauses count as well.
        surprise = self._heard * math.log1p(age_s / _MEMORY_S)
        return age_s > max(_STALL_LEAST_S, _LONGER * self._longest_s) and surprise > _UNLIKELY


@final
class Pulse:
    """The beats of one connection.

    Parameters
    ----------
    now_s
        Loop time at which it was opened.

    Examples
    --------
    >>> mark = Subscription(("mark",), "BTCUSDT", "btcusdt@markPrice@1s", 20.0)
    >>> pulse = Pulse(0.0)
    >>> pulse.add(mark, 0.0)
    >>> pulse.is_socket_silent(19.0), pulse.is_socket_silent(21.0)
    (False, True)
    """

    def __init__(self, now_s: float) -> None:
        self.beats: dict[str, Beat] = {}
        self.last_s = now_s
        self.last_wall_ns: int | None = None

    def add(self, subscription: Subscription, now_s: float) -> None:
        """Begin to listen for a topic."""
        self.beats[subscription.topic] = Beat(subscription, now_s)

    def drop(self, topic: str) -> None:
        """Stop listening for a topic."""
        self.beats.pop(topic, None)

    def hear(self, topics: tuple[str, ...], now_s: float, wall_ns: int) -> None:
        """Note application data of some topics (none: of one that cannot be told)."""
        self.last_s, self.last_wall_ns = now_s, wall_ns
        for topic in topics:
            beat = self.beats.get(topic)
            if beat is not None:
                beat.hear(now_s, wall_ns)

    def stir(self, topics: Iterable[str], now_s: float) -> None:
        """Note that some topics are sent, though what they say cannot be used."""
        self.last_s = now_s
        for topic in topics:
            beat = self.beats.get(topic)
            if beat is not None:
                beat.last_s = now_s

    def skip(self, now_s: float) -> None:
        """Forgive a pause in which we, not the venue, were asleep."""
        self.last_s = now_s
        for beat in self.beats.values():
            if beat.last_s is not None:
                beat.last_s = now_s
            beat.sent_s = max(beat.sent_s, now_s - 1.0)

    def is_socket_silent(self, now_s: float) -> bool:
        """Tell whether nothing at all came for too long, though something is dense."""
        dense = any(beat.subscription.silent_after_s is not None for beat in self.beats.values())
        return dense and now_s - self.last_s > SILENT_SOCKET_S

    def silent(self, now_s: float) -> list[Beat]:
        """List the topics that stall while the connection as a whole flows."""
        return [beat for beat in self.beats.values() if beat.is_silent(now_s)]

    def canary_wall_ns(self) -> int | None:
        """Receipt time of the last proof that the route works: its slowest canary's last word."""
        times = [
            beat.last_wall_ns
            for beat in self.beats.values()
            if beat.subscription.silent_after_s is not None
        ]
        heard = [time for time in times if time is not None]
        return min(heard) if heard and len(heard) == len(times) else None
