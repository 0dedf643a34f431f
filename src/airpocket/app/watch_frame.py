"""The watch screen as lines: what is going on, what is seen, what was said, what is on its way.

A pure function of the view and the size of the terminal. Every state is a word and a shape, never a
colour alone; texts of strangers are never read as markup.
"""

import math
from typing import Final

from msgspec import Struct
from rich.cells import cell_len
from rich.text import Text

from airpocket.app.watch_banners import Banner, banners, calm_line, outages_of
from airpocket.app.watch_feeds import feed_rows
from airpocket.app.watch_words import (
    ago,
    amount,
    clock,
    duration,
    figures,
    name_of,
    percent,
    short,
    size,
)
from airpocket.live.view import Overall, ScopeView, WatchView, overall
from airpocket.units import MINUTE_NS, iso

__all__ = ["frame"]

_WIDEST: Final = 160  # longer lines are hard to follow
_ALERT_ROWS: Final = 4
_OVERALL: Final = {
    Overall.OK: ("● all feeds live", "green"),
    Overall.STARTING: ("○ starting", "dim"),
    Overall.DEGRADED: ("? not all is seen", "bold yellow"),
    Overall.BLIND: ("✗ BLIND", "bold white on red"),
}
_PHASES: Final = {
    "cascade": "bold red",
    "exhausted": "yellow",
    "snapback": "yellow",
    "unknown": "magenta",
    "building": "bold",
    "settled": "green",
}
_PHASE_RANKS: Final = {phase: rank for rank, phase in enumerate(_PHASES)}
_ENDINGS: Final = {"open": "open", "settled": "settled", "feed_ended": "outcome unknown"}
_ASCII: Final = {
    **dict(zip("●◐✗■○", "+~x#o", strict=True)),
    **dict(zip("−–·×…└", "--|x.`", strict=True)),
}


class _Section(Struct, frozen=True):
    """Rows under a title; ``least`` of them are shown before any section gets more."""

    title: Text
    rows: list[Text]
    least: int


def frame(view: WatchView, width: int, height: int, *, ascii_only: bool = False) -> list[Text]:
    """Draw a view.

    Parameters
    ----------
    view
        What to show.
    width, height
        Columns and rows of the terminal.
    ascii_only
        Use no sign that a terminal without Unicode lacks.

    Returns
    -------
    list of Text
        At most ``height`` lines, none wider than ``width``.
    """
    width, height = max(width, 1), max(height, 1)
    inner = min(width, _WIDEST)
    head = [_header(view, inner), *_banner_rows(view, width, height)]
    foot = _footer(view)
    room = max(height - len(head) - len(foot), 0)
    title, feeds = feed_rows(view, inner)
    sections = [
        _Section(title, feeds, min(len(feeds), len(view.venues) + 3)),
        _scopes(view, inner),
        _alerts(view, inner),
        _episodes(view),
    ]
    body = _fit([one for one in sections if one.rows], room)
    body += [Text()] * (room - len(body))
    lines = [*head, *body, *foot][:height]
    return [_cut(line, width, ascii_only=ascii_only) for line in lines]


def _header(view: WatchView, width: int) -> Text:
    word, style = _OVERALL[overall(view)]
    try:
        stamp = f"{iso(view.now_ns)[:10]} {iso(view.now_ns)[11:19]} UTC"
    except (OverflowError, ValueError, OSError):
        stamp = "time not known"
    left = Text.assemble(
        ("airpocket", "bold"),
        f"  {stamp}",
        (f"  up {duration(view.now_ns - view.started_ns)}", "dim"),
    )
    return _ends(left, Text(word, style), width)


def _banner_rows(view: WatchView, width: int, height: int) -> list[Text]:
    shown = banners(view)
    if not shown:
        return [Text(), Text(f" {calm_line(view)}", "dim"), Text()]
    rows: list[Text] = []
    for banner in shown[: max((height - 12) // 4, 1)]:
        rows += _bar(banner, width, tall=height >= 24 and len(shown) == 1)
    return [*rows, Text()] if height >= 22 else rows[: max(height - 2, 1)]


def _bar(banner: Banner, width: int, *, tall: bool) -> list[Text]:
    """Set a banner as a bar: two rows, four where there is room."""
    blank = Text(" " * width, banner.style)
    rows = [
        Text.assemble((f"  {banner.word}  ", "reverse"), f"  {banner.about}"),
        Text(f"  {banner.detail}"),
    ]
    for row in rows:
        row.truncate(width, overflow="ellipsis")
        row.pad_right(max(width - row.cell_len, 0))
        row.stylize_before(banner.style)
    return [blank, *rows, blank.copy()] if tall else rows


def _scopes(view: WatchView, width: int) -> _Section:
    """Set out who is not calm, a line each; the calm ones stand together."""
    active = [one for one in view.scopes if one.phase not in {"calm", ""} and one.seen]
    active.sort(key=lambda one: (_PHASE_RANKS.get(one.phase, 9), -_figure(one.usd), one.symbol))
    rows = [_scope_row(view, one) for one in active]
    quiet = [one for one in view.scopes if one not in active and one.symbol != "*"]
    unseen = [one for one in quiet if not one.seen]
    learning = [one for one in quiet if one.seen and _is_learning(view, one)]
    known = [one for one in quiet if one.seen and one not in learning]
    blind = any(outages_of(venue) for venue in view.venues)
    rows += _names("calm where seen" if blind else "calm", known, width)
    if learning:
        had = min((one.history_ns or 0) for one in learning)
        rows += _names(f"learning what is normal ({_learnt(view, had)})", learning, width)
        rows.append(Text("   a cascade is told all the same, as provisional", "dim"))
    rows += _names("not seen", unseen, width, "yellow")
    return _Section(Text(" symbols", "bold"), rows, min(len(rows), 3))


def _scope_row(view: WatchView, scope: ScopeView) -> Text:
    style = _PHASES.get(scope.phase, "")
    side = short(scope.side, 8) if scope.side else ""
    name = f"{name_of(scope.symbol)} {side}".strip()
    word = short(scope.phase, 10) + (" (shock)" if scope.kind == "shock" else "")
    return Text.assemble(
        "   ", (_wide(name, 11), "bold"), (f" {_wide(word, 10)}", style), f" {figures(view, scope)}"
    )


def _is_learning(view: WatchView, scope: ScopeView) -> bool:
    if scope.history_ns is None or view.history_needed_ns is None:
        return False
    return scope.history_ns < view.history_needed_ns


def _learnt(view: WatchView, had_ns: int) -> str:
    needed = max(view.history_needed_ns or 0, 0)
    return f"{max(had_ns, 0) // MINUTE_NS} of {needed // MINUTE_NS} min"


def _names(word: str, scopes: list[ScopeView], width: int, style: str = "dim") -> list[Text]:
    """Write names on one line, as many as fit, and how many more there are."""
    if not scopes:
        return []
    line = Text(f"   {word}: ", style)
    room = width - cell_len(line.plain) - 14
    shown = 0
    for one in scopes:
        name = name_of(one.symbol)
        room -= cell_len(name) + 1
        if room < 0 and shown:
            break
        line.append(f"{name} ", style)
        shown += 1
    if shown < len(scopes):
        line.append(f"and {len(scopes) - shown:,} more", style)
    return [line]


def _alerts(view: WatchView, width: int) -> _Section:
    rows: list[Text] = []
    for one in view.alerts:
        head = f"   {clock(one.time_ns)} "
        style = {"open": "bold", "all_clear": "green"}.get(one.stage, "")
        parts = _broken(short(one.headline, 400), width - len(head))
        rows += [
            Text.assemble((head if number == 0 else " " * len(head), "dim"), (part, style))
            for number, part in enumerate(parts)
        ]
    return _Section(Text(" last alerts", "bold"), rows, min(len(rows), 2))


def _broken(text: str, width: int) -> list[str]:
    """Break a text between words, into four rows at most."""
    rows: list[str] = []
    words = text.split(" ")
    while words and len(rows) < _ALERT_ROWS - 1:
        row = words.pop(0)
        while words and cell_len(row) + cell_len(words[0]) + 1 <= max(width, 20):
            row = f"{row} {words.pop(0)}"
        rows.append(row)
    return [*rows, " ".join(words)] if words else rows


def _episodes(view: WatchView) -> _Section:
    rows = []
    for one in view.episodes:
        lasted = None if one.end_ns is None else one.end_ns - one.onset_ns
        side = short(one.side, 8) if one.side else ""
        parts = [amount(one.usd, at_least=one.at_least) if one.kind != "shock" else "price shock"]
        parts += [percent(one.move), f"lasted {duration(lasted)}" if lasted is not None else ""]
        parts.append(_ENDINGS.get(one.ending, short(one.ending, 16)))
        name = _wide(f"{name_of(one.symbol)} {side}".strip(), 16)
        told = " · ".join(part for part in parts if part)
        style = "magenta" if one.ending == "feed_ended" else ""
        rows.append(Text.assemble((f"   {clock(one.onset_ns)} ", "dim"), name, " ", (told, style)))
    return _Section(Text(" last cascades", "bold"), rows, 1)


def _footer(view: WatchView) -> list[Text]:
    tape, outbox = view.tape, view.outbox
    kept = Text.assemble((" tape ", "bold"))
    if tape.fault is not None:
        kept.append(f"✗ {short(tape.fault)}", "bold white on red")
    else:
        safe = "nothing written yet"
        if tape.committed_ns is not None:
            safe = f"written {ago(view.now_ns, tape.committed_ns)} ago"
        held = "" if tape.size_bytes is None else f"{size(tape.size_bytes)} · "
        kept.append(f"{held}{safe} · {size(tape.pending_bytes)} waiting")
    if view.lag_s is not None and math.isfinite(view.lag_s):
        kept.append(f"   detector {view.lag_s:.1f} s behind", "dim")
    sent = Text.assemble((" outbox ", "bold"))
    sent.append(f"{outbox.pending:,} waiting", "bold yellow" if outbox.pending > 0 else "")
    if outbox.pending > 0 and outbox.oldest_ns is not None:
        sent.append(f" (oldest {ago(view.now_ns, outbox.oldest_ns)})")
    sent.append(f" · {outbox.delivered:,} delivered")
    if outbox.fault is not None:
        sent.append(f"   ✗ {short(outbox.fault)}", "bold white on red")
    for name, reason in outbox.failing[:3]:
        sent.append(f"   ✗ {short(name, 32)}: {short(reason, 60)}", "bold yellow")
    notes = [Text(f" {short(note)}", "yellow") for note in view.notes[:2]]
    return [*notes, kept, sent]


def _fit(sections: list[_Section], room: int) -> list[Text]:
    """Give each section its least rows, then the rest to the first that have more."""
    shown = [0] * len(sections)
    left = room
    for number, one in enumerate(sections):
        given = min(one.least, max(left - 2, 0))
        shown[number] = given
        left -= given + 2 if given else 0
    for number, one in enumerate(sections):
        if shown[number]:
            more = min(len(one.rows) - shown[number], max(left, 0))
            shown[number] += more
            left -= more
    lines: list[Text] = []
    for one, rows in zip(sections, shown, strict=True):
        if not rows:
            continue
        cut = len(one.rows) - rows
        body = one.rows[: rows - 1] if cut and rows > 1 else one.rows[:rows]
        more_said = [Text(f"   … {cut + 1:,} more lines", "dim")] if cut and rows > 1 else []
        lines += [one.title, *body, *more_said, Text()]
    return lines[:-1] if len(lines) > room else lines


def _ends(left: Text, right: Text, width: int) -> Text:
    """Set two texts at the ends of a line; the right one is kept if they do not fit."""
    space = width - right.cell_len - 1
    left.truncate(max(space - 1, 0), overflow="ellipsis")
    return Text.assemble(left, " " * max(space - left.cell_len, 1), right)


def _wide(text: str, width: int) -> str:
    return text + " " * max(width - cell_len(text), 0)


def _figure(usd: float | None) -> float:
    return usd if usd is not None and math.isfinite(usd) else 0.0


def _cut(line: Text, width: int, *, ascii_only: bool) -> Text:
    if ascii_only:
        plain = "".join(mark if mark.isascii() else _ASCII.get(mark, "?") for mark in line.plain)
        line = Text(plain, line.style, spans=list(line.spans))
        if line.cell_len > width:
            line.truncate(width)
    line.truncate(width, overflow="crop" if ascii_only else "ellipsis")
    line.no_wrap, line.overflow, line.end = True, "crop", ""
    return line
