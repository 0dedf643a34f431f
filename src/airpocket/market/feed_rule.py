"""What a feed can show and since when: the dated rules of a venue's channels.

A figure is only comparable with another under the same rule: Binance's liquidation stream before
and after its throttle of April 2021 are two different instruments.
"""

import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, final

from msgspec import Struct

from airpocket.errors import InputError
from airpocket.market.events import Coverage
from airpocket.units import ns_from_iso

__all__ = ["FeedRule", "FeedRules"]


class FeedRule(Struct, frozen=True, kw_only=True):
    """One rule of one channel between two dates (half-open; ``None`` is open).

    ``said`` is one sentence for a person; ``per_symbol_per_s`` the documented limit of messages,
    if there is one; ``source`` the page it was read on, with its date.
    """

    rule_id: str
    channel: str
    coverage: Coverage
    said: str
    valid_from_ns: int | None = None
    valid_to_ns: int | None = None
    per_symbol_per_s: float | None = None
    source: str = ""

    def holds_at(self, at_ns: int | None) -> bool:
        """Tell whether the rule holds at a time (``None``: now, that is the open-ended one)."""
        if at_ns is None:
            return self.valid_to_ns is None
        after = self.valid_from_ns is None or at_ns >= self.valid_from_ns
        return after and (self.valid_to_ns is None or at_ns < self.valid_to_ns)


@final
class FeedRules:
    """The rules of one venue's channels, found by channel and time.

    Examples
    --------
    >>> rule = FeedRule(rule_id="x-all", channel="liquidations", coverage=Coverage.CENSUS, said="")
    >>> FeedRules([rule]).at("liquidations", None).rule_id
    'x-all'
    """

    def __init__(self, rules: Iterable[FeedRule]) -> None:
        self._rules = tuple(rules)
        self._recent: dict[str, FeedRule] = {}

    @classmethod
    def load(cls, toml: Path) -> "FeedRules":
        """Read the ``[[feeds]]`` of a ``venue.toml`` (``valid_from``/``valid_to`` are ISO times).

        Raises
        ------
        InputError
            If a row lacks a field or has a wrong one; the message names the row.
        """
        try:
            table = tomllib.loads(toml.read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise InputError(f"{toml}: not a readable venue.toml ({error})") from error
        return cls(_rule(row, toml) for row in table.get("feeds", ()))

    def at(self, channel: str, at_ns: int | None) -> FeedRule:
        """Find the rule of a channel at a time.

        Raises
        ------
        InputError
            If the venue states no rule for that channel then.
        """
        recent = self._recent.get(channel)  # times come in order: the last rule mostly holds
        if recent is not None and recent.holds_at(at_ns):
            return recent
        for rule in self._rules:
            if rule.channel == channel and rule.holds_at(at_ns):
                self._recent[channel] = rule
                return rule
        raise InputError(f"no rule is stated for channel {channel!r} at {at_ns}")

    def breaks(self, channel: str) -> tuple[FeedRule, ...]:
        """Rules of a channel in order of time; figures are not comparable across their edges."""
        rules = [rule for rule in self._rules if rule.channel == channel]
        return tuple(sorted(rules, key=lambda rule: rule.valid_from_ns or 0))

    def __iter__(self) -> Iterator[FeedRule]:
        return iter(self._rules)


def _rule(row: dict[str, Any], toml: Path) -> FeedRule:
    try:
        return FeedRule(
            rule_id=row["rule_id"],
            channel=row["channel"],
            coverage=Coverage(row["coverage"]),
            said=row["said"],
            valid_from_ns=_time_ns(row.get("valid_from")),
            valid_to_ns=_time_ns(row.get("valid_to")),
            per_symbol_per_s=row.get("per_symbol_per_s"),
            source=row.get("source", ""),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"{toml}: feed rule {row!r} cannot be used ({error!r})") from error


def _time_ns(time: object) -> int | None:
    return None if time is None else ns_from_iso(str(time))
