"""Why a feed is out, in a word of a closed list: a notice never repeats a stranger's text."""

import re
from typing import Final

from airpocket.alerts.fact import KINDS, FactName

__all__ = ["cause_of", "channel_word"]

# The first that is found in a reason says what it is about.
_SIGNS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (word, re.compile(pattern))
    for word, pattern in (
        ("implausible", r"\bcontradict|\bexceed open interest\b"),
        ("region", r"\b451\b|\bregion\b|\bgeo-?block"),
        ("forbidden", r"\b403\b|\bforbidden\b"),
        ("certificate", r"\bcertificate\b|\btls\b|\bssl\b"),
        ("rate_limited", r"\b(?:418|429)\b|\brate.limit|\btoo many\b|\bbanned\b"),
        ("unavailable", r"\b50[0-9]\b|\bmaintenance\b|\bunavailable\b"),
        ("disk_full", r"\bno space\b|\bdisk (?:is )?full\b|\benospc\b"),
        ("name_unknown", r"\bdns\b|\bname (?:is )?not (?:found|known)\b|\bno such host\b"),
        ("suspended", r"\bsuspend(?:ed)?\b|\basleep\b|\bstood still\b"),
        ("clock_skew", r"\bskew\b|\bclocks?\b"),
        ("unreadable", r"\bunreadable\b|\bquarantine|\bnot json\b|\bcannot be read\b"),
        (
            "silent",
            r"\bsilen(?:t|ce)\b|\bno (?:data|frames?)\b|\bcanary\b|\bnothing (?:came|comes)",
        ),
        ("no_answer", r"\btime(?:d )?.?out\b|\bno answer\b|\bnot answer"),
        ("refused", r"\brefused\b"),
        ("address", r"\baddress\b"),
        ("disconnected", r"\bclosed?\b|\breset\b|\bdisconnect|\bbroken off\b|\bno connection\b"),
    )
)
_READ_MOST: Final = 400
_WORDS: Final = KINDS[FactName.FEED_CAUSE].words
_CHANNELS: Final = KINDS[FactName.FEED_CHANNEL].words


def cause_of(reason: str) -> str | None:
    """Read what a feed's reason is about; ``None`` if that is not known.

    Parameters
    ----------
    reason
        Of a :class:`~airpocket.market.events.Health`. It may quote a venue, so it is only read.

    Examples
    --------
    >>> cause_of("wss://fstream.example: HTTP 451"), cause_of("closed with 1006"), cause_of("?")
    ('region', 'disconnected', None)
    """
    text = reason[:_READ_MOST].casefold()
    if text in _WORDS:
        return text
    return next((word for word, sign in _SIGNS if sign.search(text)), None)


def channel_word(channel: str) -> str:
    """Give a channel as a notice may name it; ``"other"`` where it is none that we know.

    Examples
    --------
    >>> channel_word("liquidations"), channel_word("<b>")
    ('liquidations', 'other')
    """
    return channel if channel in _CHANNELS else "other"
