"""What a channel is, and what came of sending something over it."""

import hashlib
import hmac
from enum import StrEnum
from typing import NoReturn, Protocol, final

from msgspec import Struct

from airpocket.alerts.alert import InformationalAlert

__all__ = [
    "DELIVERED",
    "ChannelKind",
    "ChannelSpec",
    "Delivery",
    "Outcome",
    "Outgoing",
    "Secret",
    "Sink",
    "printable",
]


@final
class Secret:
    """A text that is never shown: no ``repr``, ``str``, format, copy to a file or JSON gives it.

    Examples
    --------
    >>> Secret("discord://1/token"), f"{Secret('discord://1/token')}"
    (Secret(…), 'Secret(…)')
    >>> Secret("a") == Secret("a"), Secret("a").reveal()
    (True, 'a')
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text, to be used and not to be kept."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._digest(), other._digest())

    def __hash__(self) -> int:
        return hash(self._digest())

    def _digest(self) -> bytes:
        return hashlib.sha256(self._text.encode("utf-8", "surrogatepass")).digest()

    def __reduce_ex__(self, _: object) -> NoReturn:
        raise TypeError("a secret is not written to a file")


class ChannelKind(StrEnum):
    """How alerts leave."""

    LOG = "log"
    JSONL = "jsonl"
    WEBHOOK = "webhook"
    APPRISE = "apprise"


class ChannelSpec(Struct, frozen=True, kw_only=True):
    """One channel, as configured.

    Parameters
    ----------
    name
        How it is called, here and in the state.
    kind
        How alerts leave.
    url
        Of a webhook, or of apprise's (``discord://…``). It holds tokens, so it is a secret.
    path
        File of a ``jsonl`` channel.
    secrets
        Signing secrets of a webhook (``whsec_…``), the newest first; several while they rotate.
    rate_per_min
        Messages a minute at most; ``None``: what its kind and service allow.
    is_health_route
        Whether it carries the feeds' health and not the market's alerts.
    allow_private
        Whether it may be a machine in one's own network.
    """

    name: str
    kind: ChannelKind
    url: Secret = Secret("")
    path: str | None = None
    secrets: tuple[Secret, ...] = ()
    rate_per_min: int | None = None
    is_health_route: bool = False
    allow_private: bool = False


class Outcome(StrEnum):
    """What came of one try."""

    DELIVERED = "delivered"
    RETRY = "retry"  # later it may work
    REFUSED = "refused"  # this message will never work, others may
    GONE = "gone"  # the receiver wants nothing more, ever


class Delivery(Struct, frozen=True):
    """What came of one try.

    ``after_s`` is the rest that the receiver asks for before the next message (or this one again),
    ``reason`` one line in our own words: it holds nothing of the answer's text and no secret.
    """

    outcome: Outcome
    reason: str = ""
    after_s: float | None = None


DELIVERED = Delivery(Outcome.DELIVERED)


class Outgoing(Protocol):
    """A message that is due, as the outbox gives it.

    ``message_id`` stays the same for every try of this alert over this channel. ``attempts`` counts
    the tries before this one, ``first_ns`` is when it was filed.
    """

    @property
    def row(self) -> int: ...  # noqa: D102
    @property
    def channel(self) -> str: ...  # noqa: D102
    @property
    def alert(self) -> InformationalAlert: ...  # noqa: D102
    @property
    def message_id(self) -> str: ...  # noqa: D102
    @property
    def attempts(self) -> int: ...  # noqa: D102
    @property
    def first_ns(self) -> int: ...  # noqa: D102


class Sink(Protocol):
    """Sends alerts over one channel, one at a time.

    ``windows`` are what the channel bears: pairs of (at most so many, within so many seconds).
    """

    @property
    def windows(self) -> tuple[tuple[int, float], ...]: ...  # noqa: D102

    async def send(self, due: Outgoing) -> Delivery:
        """Try once. Never raises for what a receiver does; a cancelled try may have arrived."""
        ...

    async def close(self) -> None:
        """Release what it holds."""
        ...


def printable(text: str, most: int = 200) -> str:
    r"""Give a text for a log: one line, control codes shown, cut.

    Examples
    --------
    >>> printable("a\n\x1b[2Jb")
    'a\\n\\x1b[2Jb'
    """
    shown = "".join(mark if mark.isprintable() else ascii(mark)[1:-1] for mark in text[: most + 1])
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"
