"""An alert in the form of each channel, and nothing leaves before the linter has read it.

Every renderer checks the alert once more, fills the templates of :mod:`airpocket.alerts.wording`,
escapes for its channel, and passes the result through the linter. Should a name and a template
together read like advice, the names are replaced by aliases; an alert is not lost over a name.
"""

import html
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec
from rich.markup import escape

from airpocket.alerts.alert import InformationalAlert, Signal, rechecked
from airpocket.alerts.fact import Fact, FactName, Unit, Value
from airpocket.alerts.feed_wording import is_trial
from airpocket.alerts.linter import require_facts_only, violations
from airpocket.alerts.names import EVERYTHING, alias_of
from airpocket.alerts.wording import NO_PLAN, NOT_MEASURED, completed, lines, sentences
from airpocket.units import iso

__all__ = [
    "HEADLINE_MAX",
    "as_html",
    "as_json",
    "as_markdown",
    "as_text",
    "escape_html",
    "escape_markdown",
    "escape_terminal",
    "headline",
]

HEADLINE_MAX: Final = 280
_MARKDOWN_MAX: Final = 2_000  # Discord's limit of a message
_HTML_MAX: Final = 4_096  # Telegram's
_T = TypeVar("_T")


def headline(alert: InformationalAlert) -> str:
    """Tell an alert in one lean message of at most 280 characters, ending with its id.

    Raises
    ------
    FactsOnlyError
        If it says anything but facts.
    """
    return _told(alert, _headline)


def as_json(alert: InformationalAlert) -> dict[str, Any]:
    """Tell an alert to a machine: times in ISO 8601 UTC, unmeasured values ``None``.

    Facts that stand in every message of its signal are there even if nobody measured them. A test
    message says ``"test": true``; no other has that key.

    Raises
    ------
    FactsOnlyError
        If it says anything but facts.
    """
    return _told(alert, _json)


def as_text(alert: InformationalAlert) -> list[str]:
    """Tell an alert to a terminal: lines of rich markup, with everything escaped.

    Raises
    ------
    FactsOnlyError
        If it says anything but facts.
    """
    return _told(alert, _text)


def as_markdown(alert: InformationalAlert) -> str:
    """Tell an alert to a chat that reads Markdown, within 2,000 characters.

    Raises
    ------
    FactsOnlyError
        If it says anything but facts.
    """
    return _told(alert, _markdown)


def as_html(alert: InformationalAlert) -> str:
    """Tell an alert to a chat that reads simple HTML, within 4,096 characters.

    Raises
    ------
    FactsOnlyError
        If it says anything but facts.
    """
    return _told(alert, _html)


def escape_terminal(text: str) -> str:
    r"""Escape a text for a terminal with rich markup: one line, no control codes, no tags.

    Examples
    --------
    >>> print(escape_terminal("a\n\x1b[2J [red]b"))
    a\x0a\x1b[2J \[red]b
    """
    return escape(_plain(text))


def escape_markdown(text: str) -> str:
    r"""Escape a text for Markdown (CommonMark, Discord, Telegram): no markup, no mention.

    Examples
    --------
    >>> print(escape_markdown("`@everyone` [x](y)"))
    \`\(at\)everyone\` \[x\]\(y\)
    """
    special = "\\`*_{}[]()<>#+-.!|~=&"
    return "".join(f"\\{mark}" if mark in special else mark for mark in _plain(text, "(at)"))


def escape_html(text: str) -> str:
    """Escape a text for HTML: no tags, no attributes, no mention.

    Examples
    --------
    >>> escape_html('<a href="x">@all</a>')
    '&lt;a href=&quot;x&quot;&gt;(at)all&lt;/a&gt;'
    """
    return html.escape(_plain(text, "(at)"), quote=True)


def _told(alert: InformationalAlert, render: Callable[[InformationalAlert], _T]) -> _T:
    checked = rechecked(alert)
    rendered = render(checked)
    if violations(rendered):
        rendered = render(_with_aliases(checked))
    require_facts_only(rendered)
    return rendered


def _headline(alert: InformationalAlert) -> str:
    tail = f" {alert.alert_id}"
    first, *rest = sentences(alert)
    told = first[: HEADLINE_MAX - len(tail)]
    for sentence in rest:
        if len(told) + 1 + len(sentence) + len(tail) <= HEADLINE_MAX:
            told = f"{told} {sentence}"
    return told + tail


def _json(alert: InformationalAlert) -> dict[str, Any]:
    trial = {"test": True} if is_trial(alert) else {}
    return {
        "type": "alert",
        **trial,
        "id": alert.alert_id,
        "signal": alert.signal.value,
        "stage": alert.stage.value,
        "phase": alert.phase,
        "symbol": alert.scope,
        "side": alert.side,
        "time": iso(alert.time_ns),
        "onset": iso(alert.onset_ns),
        "sequence": alert.sequence,
        "headline": _headline(alert),
        "facts": [_json_fact(one) for one in completed(alert)],
    }


def _json_fact(one: Fact) -> dict[str, Any]:
    window = None if one.window_ns is None else "/".join(iso(edge) for edge in one.window_ns)
    told = {
        "name": one.name.value,
        "value": _json_value(one),
        "unit": one.unit.value,
        "window": window,
        "source": one.source,
        "at_least": one.at_least,
    }
    return told if one.scope is None else {**told, "scope": one.scope}


def _json_value(one: Fact) -> Value | list[str]:
    if one.unit is Unit.UTC and isinstance(one.value, int):
        return iso(one.value)
    return list(one.value) if isinstance(one.value, tuple) else one.value


def _text(alert: InformationalAlert) -> list[str]:
    """Set the rows out under their sources, each named once; what nobody measured in one line."""
    head, told = _head(alert), lines(alert)
    measured = [label for label, value, _ in told if value != NOT_MEASURED]
    wide = max(len(label) for label in (*measured, *(label for label, _ in head)))
    rows = [f"  {label.ljust(wide)}    {value}" for label, value in head]
    for source in dict.fromkeys(source for _, value, source in told if value != NOT_MEASURED):
        rows.append(f"  {_from(source)}" if source else "  Without a source")
        rows += [
            f"    {label.ljust(wide)}  {value}"
            for label, value, own in told
            if own == source and value != NOT_MEASURED
        ]
    absent = [label for label, value, _ in told if value == NOT_MEASURED]
    if absent:
        rows.append(f"  Not measured: {'; '.join(absent)}")
    return [escape_terminal(line) for line in (_headline(alert), *rows, *_closing(alert))]


def _from(source: str) -> str:
    """Say a source of :func:`airpocket.alerts.names.source_of` in words."""
    venues: dict[str, list[str]] = {}
    for part in source.split(", "):
        venue, _, channel = part.partition(":")
        venues.setdefault(channel.replace("_", " "), []).append(venue)
    told = [f"{channel} ({', '.join(names)})" for channel, names in venues.items()]
    return f"From {', '.join(told)}"


def _markdown(alert: InformationalAlert) -> str:
    head = f"**{escape_markdown(_headline(alert))}**"
    rows = [escape_markdown(f"{label}: {value}") for label, value in _rows(alert)]
    close = [escape_markdown(line) for line in _closing(alert)]
    return _fitted(head, rows, close, _MARKDOWN_MAX)


def _html(alert: InformationalAlert) -> str:
    head = f"<b>{escape_html(_headline(alert))}</b>"
    rows = [escape_html(f"{label}: {value}") for label, value in _rows(alert)]
    close = [escape_html(line) for line in _closing(alert)]
    return _fitted(head, rows, close, _HTML_MAX)


def _rows(alert: InformationalAlert) -> list[tuple[str, str]]:
    facts = [
        (label, f"{value} ({source})" if source and value != NOT_MEASURED else value)
        for label, value, source in lines(alert)
    ]
    return _head(alert) + facts


def _head(alert: InformationalAlert) -> list[tuple[str, str]]:
    if is_trial(alert):
        return [("Test", "this is no alert"), ("Sent", _moment(alert.time_ns))]
    if alert.signal is Signal.FEED_HEALTH:  # of no instrument, and in no phase of a market
        return [
            ("Signal", f"{alert.signal.value}, {alert.stage.value}"),
            ("Known", _moment(alert.time_ns)),
            ("Began", _moment(alert.onset_ns)),
        ]
    where = "whole market" if alert.scope == EVERYTHING else alert.scope
    head = [
        ("Signal", f"{alert.signal.value}, {alert.stage.value}, phase {alert.phase}"),
        ("Instrument", where if alert.side is None else f"{where}, {alert.side}"),
        ("Known", _moment(alert.time_ns)),
    ]
    if alert.find(FactName.ONSET) is None:
        head.append(("Began", _moment(alert.onset_ns)))
    return head


def _closing(alert: InformationalAlert) -> list[str]:
    return [] if alert.signal is Signal.FEED_HEALTH else [NO_PLAN]


def _fitted(head: str, rows: list[str], close: list[str], limit: int) -> str:
    """Join what fits into a channel's limit; the head and the closing line always do."""
    more = "… and more behind its id"
    room = limit - len(head) - sum(len(line) + 1 for line in close) - len(more) - 1
    kept: list[str] = []
    for row in rows:
        room -= len(row) + 1
        if room < 0:
            kept.append(more)
            break
        kept.append(row)
    return "\n".join((head, *kept, *close))


def _moment(time_ns: int) -> str:
    return iso(time_ns).replace("T", " ").replace("Z", " UTC")


def _with_aliases(alert: InformationalAlert) -> InformationalAlert:
    """Replace every instrument's name in an alert by its alias."""

    def hidden(name: str) -> str:
        return alias_of(name) if "/" in name else name

    facts = tuple(
        msgspec.structs.replace(
            one,
            scope=None if one.scope is None else hidden(one.scope),
            value=tuple(map(hidden, one.value)) if isinstance(one.value, tuple) else one.value,
        )
        for one in alert.facts
    )
    return msgspec.structs.replace(alert, scope=hidden(alert.scope), facts=facts)


def _plain(text: str, at: str = "@") -> str:
    """Show control, format and other unseen characters by their code; take the sting off ``@``."""
    shown = (
        mark if mark.isprintable() else ascii(mark)[1:-1].replace("\\n", "\\x0a") for mark in text
    )
    return "".join(shown).replace("＠", "@").replace("@", at)
