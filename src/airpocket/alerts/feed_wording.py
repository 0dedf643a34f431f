"""The sentences of a feed-health notice: what we do not see, since when and why.

A cause comes from a closed list, never from a venue's own text. Nothing here speaks of a market:
a feed that is silent says nothing about prices.
"""

from typing import Final

from airpocket.alerts.alert import InformationalAlert, Stage
from airpocket.alerts.fact import FactName
from airpocket.alerts.phrases import cut_off, listed, say_clock, say_names
from airpocket.units import SECOND_NS, iso, say_duration

__all__ = ["CAUSES", "NETWORK", "OURSELVES", "feed_sentences", "is_trial"]

OURSELVES: Final = "airpocket"
"""The venue of notices about this machine: its tape, its clock, its network."""

NETWORK: Final = "network"
"""The channel of :data:`OURSELVES` that is out when no venue's name is found."""

# What each word of FactName.FEED_CAUSE says to a person.
CAUSES: Final[dict[str, str]] = {
    "address": "its address cannot be used",
    "certificate": "its certificate cannot be trusted",
    "clock_skew": "the clocks disagree",
    "disconnected": "the connection is lost",
    "disk_full": "the disk is full",
    "forbidden": "the venue refuses access (HTTP 403)",
    "implausible": "its figures contradict each other",
    "name_unknown": "its name is not found (DNS)",
    "no_answer": "it does not answer",
    "no_names": "no venue's name is found (DNS)",
    "rate_limited": "the venue limits our requests (HTTP 429)",
    "refused": "the connection is refused",
    "region": "the venue refuses this region (HTTP 451)",
    "silent": "connected, but no data comes",
    "suspended": "this machine was asleep",
    "test": "sent by hand to see whether it arrives",
    "unavailable": "the venue is not available (HTTP 5xx)",
    "unreadable": "what it sends cannot be read",
}

_N = FactName


def is_trial(alert: InformationalAlert) -> bool:
    """Tell whether a notice is a test message, about nothing but its own way."""
    return alert.value(_N.FEED_CAUSE) == "test"


def feed_sentences(alert: InformationalAlert) -> list[str]:
    """Sentences of a feed-health alert, the most telling first; empty ones say nothing."""
    live = listed(alert, _N.VENUES_LIVE, "live")
    if is_trial(alert):
        return [
            "test message: this channel works",
            f"{CAUSES['test']}: nothing has happened, in a feed or in a market",
        ]
    if alert.stage is Stage.ALL_CLEAR:
        return [_back(alert), _drops(alert, "in all"), _lost(alert), live]
    if alert.stage is Stage.FEED_ENDED:
        return [f"feed ended: {_about(alert)}", *cut_off(alert), live]
    state, start = _state(alert), say_clock(alert.onset_ns)
    about, still = _about(alert), "still " if alert.stage is Stage.UPDATE else ""
    cause = CAUSES.get(str(alert.value(_N.FEED_CAUSE)), "")
    why = f": {cause}" if cause else ""
    if state == "throttled":
        return [f"feed health: {about} throttled since {start}", "totals are lower bounds", live]
    back = listed(alert, _N.FEED_CHANNELS_BACK, "back")
    return [
        f"feed health: {about} {still}{state} since {start}{why}",
        _drops(alert, "so far"),
        listed(alert, _N.FEED_SYMBOLS, "instruments concerned"),
        back,
        _unseen(alert),
        _others(alert),
        live,
    ]


def _about(alert: InformationalAlert) -> str:
    """Name the feed: venue and channels, or the venue alone where all of it is concerned."""
    if _is_network(alert):
        return "our own network"
    venues = alert.value(_N.FEED_VENUES)
    silent = alert.value(_N.VENUES_SILENT)
    channels = alert.value(_N.FEED_CHANNELS)
    if not isinstance(venues, tuple):
        channel = str(alert.value(_N.FEED_CHANNEL) or "feed").replace("_", " ")
        return f"{say_names(silent)} {channel}".strip()
    if not isinstance(channels, tuple):
        single = alert.value(_N.FEED_CHANNEL)
        channels = (single,) if isinstance(single, str) else ()
    if isinstance(silent, tuple) and set(venues) <= set(silent) and len(channels) != 1:
        return f"{say_names(venues)} (all channels)"
    return f"{say_names(venues)} {say_names(channels) or 'feed'}"


def _state(alert: InformationalAlert) -> str:
    if alert.value(_N.FEED_VENUES) is None and alert.value(_N.VENUES_SILENT):
        return "silent"
    return str(alert.value(_N.FEED_STATE) or "suspect")


def _back(alert: InformationalAlert) -> str:
    ended = alert.value(_N.FEED_GAP_TO)
    end_ns = ended if isinstance(ended, int) else alert.time_ns
    lasted = say_duration(max(end_ns - alert.onset_ns, 0) // SECOND_NS * SECOND_NS)
    span = f"from {_moment(alert.onset_ns, end_ns)} to {say_clock(end_ns)}"
    what = "doubt" if _is_doubted(alert) else "a gap"
    return f"feed back: {_about(alert)} live again, after {what} {span} ({lasted})"


def _moment(time_ns: int, end_ns: int) -> str:
    day = iso(time_ns)[:10]
    clock = say_clock(time_ns)
    return clock if day == iso(end_ns)[:10] else f"{day} {clock}"


def _drops(alert: InformationalAlert, until: str) -> str:
    drops = alert.value(_N.FEED_DROPS)
    if not isinstance(drops, int) or drops < 2:
        return ""
    return f"{drops:,} interruptions {until}"


def _is_ours(alert: InformationalAlert) -> bool:
    """Tell whether it is about what we keep, not about what we see."""
    return alert.value(_N.FEED_VENUES) == (OURSELVES,) and not _is_network(alert)


def _is_network(alert: InformationalAlert) -> bool:
    ours = alert.value(_N.FEED_VENUES) == (OURSELVES,)
    return ours and alert.value(_N.FEED_CHANNEL) == NETWORK


def _is_doubted(alert: InformationalAlert) -> bool:
    return alert.value(_N.FEED_CAUSE) == "implausible"


def _unseen(alert: InformationalAlert) -> str:
    if _is_doubted(alert):
        return "what it says is received and not relied on"
    if _is_network(alert):
        return "what happens on the venues is not seen"
    return "what is received is not kept" if _is_ours(alert) else "what happens there is not seen"


def _lost(alert: InformationalAlert) -> str:
    if _is_doubted(alert):
        return "what it said meanwhile is not relied on"
    return (
        "what came in the gap is not kept"
        if _is_ours(alert)
        else ("what happened in the gap was not seen")
    )


def _others(alert: InformationalAlert) -> str:
    """Name the other venues of which nothing is seen either."""
    own, silent = alert.value(_N.FEED_VENUES), alert.value(_N.VENUES_SILENT)
    if not (isinstance(own, tuple) and isinstance(silent, tuple)):
        return ""
    others = tuple(venue for venue in silent if venue not in own)
    either = "" if _is_network(alert) else " either"
    return f"no data from {say_names(others)}{either}" if others else ""
