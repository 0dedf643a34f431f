"""From frames to what they say, the same for a live feed and for its tape.

There is no clock and no socket here: when a frame came stands on the frame. Whoever gives the same
frames in the same order gets the same readings.
"""

from typing import Final, final

from msgspec.structs import replace

from airpocket.live.receiver import Reading
from airpocket.market.book import Book
from airpocket.market.events import BookChange, Depth, Event, Gap
from airpocket.market.stream import Channel
from airpocket.market.wire import Decoded, Frame
from airpocket.units import MINUTE_NS, SECOND_NS
from airpocket.venues.books import BOOK_RULES
from airpocket.venues.hearing import Hearing

__all__ = ["DEPTH_LEVELS", "SKEW_NS", "Reader"]

SKEW_NS: Final = MINUTE_NS
"""An event whose two clocks are further apart than this is noted."""

DEPTH_LEVELS: Final = 500
"""Levels a side of a sampled book."""

_IDLE_NS: Final = 15 * MINUTE_NS  # a connection that says nothing for so long is over


@final
class Reader:
    """Turns frames into readings, in the order in which they were received.

    It opens a wire for each connection and a book for each instrument of each connection, drops
    what was said before, and samples every book that is whole once a second of ``local_ns`` (the
    :class:`~airpocket.market.events.Depth` stands among the events, behind the change that it
    follows from).

    A connection that has said nothing for a quarter of an hour is forgotten: every live one has a
    stream that speaks each few seconds, and a tape does not say when one was closed.

    Examples
    --------
    >>> reader = Reader()
    >>> reading = reader.read(Frame("okx", "public#1", 1_760_130_903_127_372_000, b"pong"))
    >>> reading.events, reading.said.control
    ((), 'heartbeat')
    """

    def __init__(self) -> None:
        self._hearing = Hearing()
        self._books: dict[tuple[str, str, str], Book] = {}  # by venue, stream, raw symbol
        self._sampled: dict[tuple[str, str], int] = {}
        self._heard_ns: dict[tuple[str, str], int] = {}
        self._now_ns = 0
        self._sweep_at_ns = 0

    def read(self, frame: Frame) -> Reading:
        """Read one frame. Never raises for what its bytes hold.

        A frame without ``local_ns`` (of a tape made from a file) counts as received at the latest
        time that was known by then, ours or a venue's.
        """
        heard = self._hearing.hear(frame)
        said, events = heard.said, heard.fresh
        local_ns = frame.local_ns
        if local_ns is None:
            known = [event.venue_ns for event in events if event.venue_ns is not None]
            local_ns = max(self._now_ns, *known) if known else self._now_ns
        self._now_ns = max(self._now_ns, local_ns)
        self._heard_ns[frame.venue, frame.stream] = self._now_ns
        if self._now_ns >= self._sweep_at_ns:
            self._forget_idle()
        if not events:
            return Reading(local_ns, (), said)
        broken: list[Gap] = []
        skewed = has_books = False
        for event in events:
            venue_ns = event.venue_ns
            if venue_ns is not None and not -SKEW_NS <= venue_ns - local_ns <= SKEW_NS:
                skewed = True
            if type(event) is BookChange:
                has_books = True
        if has_books:
            events = self._sample(frame.stream, events, local_ns, broken)
        if skewed:
            said = _noted(said, frame.venue)
        return Reading(local_ns, events, said, tuple(broken))

    def depth(self, venue: str, raw_symbol: str, levels: int = DEPTH_LEVELS) -> Depth | None:
        """Give the book of an instrument as it stands now; ``None`` if none of its books is whole.

        Parameters
        ----------
        venue, raw_symbol
            Venue id, and the venue's name of the instrument.
        levels
            At most so many a side.
        """
        for (of_venue, _, of_symbol), book in reversed(self._books.items()):
            if (of_venue, of_symbol) == (venue, raw_symbol) and book.is_valid:
                return book.depth(levels)
        return None

    def close_stream(self, venue: str, stream: str) -> None:
        """Forget a connection that is over; its name must not be used for another one."""
        self._hearing.close_stream(venue, stream)
        self._heard_ns.pop((venue, stream), None)
        for key in [key for key in self._books if key[:2] == (venue, stream)]:
            del self._books[key]

    def _forget_idle(self) -> None:
        self._sweep_at_ns = self._now_ns + MINUTE_NS
        oldest_ns = self._now_ns - _IDLE_NS
        for venue, stream in [key for key, ns in self._heard_ns.items() if ns < oldest_ns]:
            self.close_stream(venue, stream)

    def _sample(
        self, stream: str, events: tuple[Event, ...], local_ns: int, broken: list[Gap]
    ) -> tuple[Event, ...]:
        """Keep the books up to date; a sample of one stands behind the change it follows from."""
        told: list[Event] = []
        for event in events:
            told.append(event)
            if isinstance(event, BookChange):
                sample = self._change(stream, event, local_ns, broken)
                if sample is not None:
                    told.append(sample)
        return tuple(told)

    def _change(
        self, stream: str, change: BookChange, local_ns: int, broken: list[Gap]
    ) -> Depth | None:
        """Apply a change to its book; gives a sample if one is due."""
        key = (change.venue, stream, change.raw_symbol)
        book = self._books.get(key)
        if book is None:
            rule = BOOK_RULES.get(change.venue)
            if rule is None:
                return None
            book = self._books[key] = Book(rule, channel=Channel.DEPTH.value)
        gap = book.apply(change)
        if gap is not None:
            broken.append(gap)
            return None
        second = local_ns // SECOND_NS
        place = (change.venue, change.raw_symbol)
        if not book.is_valid or self._sampled.get(place, -1) >= second:
            return None
        sample = book.depth(DEPTH_LEVELS)
        if sample is not None:
            self._sampled[place] = second
        return sample


def _noted(said: Decoded, venue: str) -> Decoded:
    limit = SKEW_NS // SECOND_NS
    note = f"{venue}: its clock and ours are more than {limit} s apart, or it sends old events"
    return replace(said, notes=(*said.notes, note))
