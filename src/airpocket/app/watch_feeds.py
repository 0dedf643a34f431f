"""The table of feeds on the watch screen: a line a venue, and why what is out is out."""

from collections.abc import Iterable
from typing import Final

from rich.text import Text

from airpocket.app.watch_banners import outages_of
from airpocket.app.watch_words import ago, rate, short, since
from airpocket.live.view import ChannelView, VenueView, WatchView
from airpocket.market.events import Coverage, HealthState

__all__ = ["feed_rows"]

_WIDE: Final = 104
_MARKS: Final = {
    HealthState.LIVE: ("●", "green"),
    HealthState.THROTTLED: ("◐", "green"),
    HealthState.SUSPECT: ("?", "bold yellow"),
    HealthState.DEAD: ("✗", "bold red"),
    HealthState.BLOCKED: ("■", "bold red"),
    None: ("○", "dim"),
}
_BRIEF: Final = {
    "liquidations": "liq",
    "trades": "trades",
    "mark": "mark",
    "funding": "fund",
    "open_interest": "oi",
    "depth": "depth",
}
_COVERED: Final = {
    Coverage.CENSUS: "census",
    Coverage.THROTTLED: "throttled",
    Coverage.SAMPLED: "sampled",
    Coverage.INFERRED: "inferred",
}


def feed_rows(view: WatchView, width: int) -> tuple[Text, list[Text]]:
    """Give the title of the table of feeds, and its rows.

    Parameters
    ----------
    view
        What to show.
    width
        Columns of the terminal; a wide one shows every channel.
    """
    wide = width >= _WIDE
    title = ["", "feeds", "state", "liquidations", "frames/s", "last data", "open gaps"]
    rows = []
    for venue in view.venues:
        rows.append(_venue_row(view, venue, wide=wide))
        rows += _outage_rows(venue)
    head = _columns([(cell, "") for cell in title], "bold")
    if wide:
        head.append("  channels", "bold")
    return head, rows


def _venue_row(view: WatchView, venue: VenueView, *, wide: bool) -> Text:
    outages = outages_of(venue)
    known = [one.state for one in venue.channels if one.state is not None]
    state: HealthState | None = outages[0][0] if outages else None
    if state is None and known:
        state = HealthState.LIVE
    mark, style = _MARKS[state]
    out = sum(len(names) for *_, names in outages)
    word = "waiting" if state is None else state.value
    if outages and out < len(venue.channels):
        word += f" {out} of {len(venue.channels)}"
    gaps = (f"{venue.gaps_open:,}", "bold yellow" if venue.gaps_open > 0 else "")
    row = _columns(
        [
            (mark, style),
            (short(venue.venue, 14), ""),
            (word, style),
            _liquidations(venue),
            (rate(venue.frames_per_s), ""),
            (ago(view.now_ns, venue.last_frame_ns), ""),
            gaps,
        ]
    )
    if wide:
        row.append("  ")
        for one in venue.channels:
            sign, colour = _MARKS[one.state]
            row.append(f" {sign}", colour)
            row.append(f" {_BRIEF.get(one.channel) or short(one.channel, 8)}", "dim")
    return row


def _liquidations(venue: VenueView) -> tuple[str, str]:
    """Say how much of the truth the venue's liquidation feed shows."""
    found: ChannelView | None = next(
        (one for one in venue.channels if one.channel == "liquidations"), None
    )
    if found is None:
        return "not followed", "dim"
    if found.state is None:
        return "waiting", "dim"
    if found.state not in {HealthState.LIVE, HealthState.THROTTLED}:
        return "NOT SEEN", "bold yellow"
    return ("seen" if found.coverage is None else _COVERED[found.coverage]), ""


_WIDTHS: Final = (1, 14, 14, 13, 9, 10, 10)
_RIGHT: Final = frozenset({4, 5, 6})


def _columns(cells: Iterable[tuple[str, str]], style: str = "") -> Text:
    row = Text(style=style)
    for column, (cell, colour) in enumerate(cells):
        part = Text(cell, colour)
        part.truncate(_WIDTHS[column], overflow="ellipsis")
        gap = " " * max(_WIDTHS[column] - part.cell_len, 0)
        row.append(" ")
        row.append_text(Text.assemble(gap, part) if column in _RIGHT else Text.assemble(part, gap))
    return row


def _outage_rows(venue: VenueView) -> list[Text]:
    rows = []
    for state, reason, since_ns, names in outages_of(venue):
        whole = len(names) == len(venue.channels) and len(names) > 1
        said = ", ".join(short(name, 20).replace("_", " ") for name in names)
        what = "all channels" if whole else said
        why = f": {short(reason)}" if reason else ""
        told = f"   └ {what} {state.value}{since(since_ns)}{why}"
        rows.append(Text(told, "yellow"))
    return rows
