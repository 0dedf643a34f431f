"""The wall clock, read in one place.

Deadlines and pauses are the event loop's (``loop.time()``, ``asyncio.timeout``): monotonic. What is
written down comes from here. Tests run on a loop and a clock of their own.
"""

import time
from typing import Protocol, final

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """Tells the time of day."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970, as this machine believes."""
        ...


@final
class SystemClock:
    """The machine's clock.

    Examples
    --------
    >>> SystemClock().wall_ns() > 1_700_000_000_000_000_000
    True
    """

    def wall_ns(self) -> int:
        """Nanoseconds since 1970."""
        return time.time_ns()
