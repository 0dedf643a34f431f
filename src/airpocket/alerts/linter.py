"""Refuses advice in whatever an alert is rendered to: text, bytes, JSON, structs, at any depth.

An alert states facts. This linter is the last gate of every channel and the one a reader can run
over what they received. It refuses by alphabet (:mod:`airpocket.alerts.folding`), by word, phrase,
key and sign (:mod:`airpocket.alerts.banned`), and whatever it cannot read, because what cannot be
read cannot be vouched for.
"""

import dataclasses
import re
from collections.abc import Iterator
from enum import Enum
from functools import lru_cache
from typing import Any, Final, final

import msgspec
from msgspec import Struct

from airpocket.alerts.banned import CHINESE, HIDDEN, KEYS, PHRASES, SIGNS, WORDS
from airpocket.alerts.folding import foldings, set_apart, strangers, words_of_key
from airpocket.errors import FactsOnlyError

__all__ = ["Violation", "require_facts_only", "violations"]

_DEPTH_MAX: Final = 32
_PARTS_MAX: Final = 20_000
_TEXT_MAX: Final = 200_000
_WORD: Final = re.compile(r"[a-z][a-z0-9]*")


class Violation(Struct, frozen=True):
    """One thing in a rendered alert that is not a fact.

    ``path`` leads to it (``"facts[2].value"``; a key is written ``"facts{entry}"``), ``rule`` names
    what was broken, ``said`` shows the place, escaped and cut to 60 characters.
    """

    path: str
    rule: str
    said: str


def violations(rendered: object) -> tuple[Violation, ...]:
    """Find everything in a rendered alert that an alert may not say.

    Parameters
    ----------
    rendered
        What a channel would send: text, bytes, dict, list, tuple, set, struct, dataclass, nested in
        any way. JSON inside a text is read too.

    Returns
    -------
    tuple of Violation
        Empty if there is nothing but facts.

    Examples
    --------
    >>> violations("Real liquidations: BTC longs, at least $134.3M in 1 h, forced sells only")
    ()
    >>> violations({"facts": [{"name": "tp1"}]})
    (Violation(path='facts[0].name', rule='target', said='tp1'),)
    """
    return tuple(dict.fromkeys(_Walk().walk(rendered, "", 0)))


def require_facts_only(rendered: object) -> None:
    """Refuse a rendered alert that says anything but facts.

    Raises
    ------
    FactsOnlyError
        Naming where and what, for the first three violations.

    Examples
    --------
    >>> require_facts_only("Entry 65,000")
    Traceback (most recent call last):
        ...
    airpocket.errors.FactsOnlyError: an alert may only state facts: entry in 'Entry 65,000'
    """
    found = violations(rendered)
    if found:
        where = "; ".join(
            f"{one.rule} in {one.said!r}" + (f" at {one.path}" if one.path else "")
            for one in found[:3]
        )
        raise FactsOnlyError(f"an alert may only state facts: {where}")


@final
class _Walk:
    """One pass over a rendered alert, with a budget so that no input makes it run for ever."""

    def __init__(self) -> None:
        self._parts = 0

    def walk(self, value: Any, path: str, depth: int) -> Iterator[Violation]:
        self._parts += 1
        if depth > _DEPTH_MAX or self._parts > _PARTS_MAX:
            if self._parts <= _PARTS_MAX + 1:
                yield Violation(path, "nested too deeply or too large to be read", "")
            return
        if value is None or type(value) in {bool, int, float}:
            return
        if isinstance(value, Enum):
            yield from self.walk(value.value, path, depth + 1)
        elif type(value) is str:
            yield from self._text(value, path, depth)
        elif type(value) in {bytes, bytearray}:
            yield from self._bytes(bytes(value), path, depth)
        else:
            yield from self._container(value, path, depth)

    def _container(self, value: Any, path: str, depth: int) -> Iterator[Violation]:
        if type(value) is dict:
            for key, part in value.items():
                yield from self._entry(key, part, path, depth)
        elif type(value) in {list, tuple, set, frozenset}:
            for index, part in enumerate(value):
                yield from self.walk(part, f"{path}[{index}]", depth + 1)
        else:
            yield from self._record(value, path, depth)

    def _entry(self, key: Any, part: Any, path: str, depth: int) -> Iterator[Violation]:
        yield from self.walk(key, f"{path}{{{_shown(key)}}}", depth + 1)
        if isinstance(key, str):
            for word in words_of_key(key):
                if word in KEYS:
                    yield Violation(f"{path}{{{_shown(key)}}}", "key", word)
        yield from self.walk(part, f"{path}.{_shown(key)}" if path else _shown(key), depth + 1)

    def _record(self, value: Any, path: str, depth: int) -> Iterator[Violation]:
        """Read a struct or dataclass by its fields; refuse every other object."""
        if isinstance(value, Struct):
            info = msgspec.structs.fields(value)
            for field in info:
                yield from self._entry(field.name, getattr(value, field.name, None), path, depth)
                if field.encode_name != field.name:
                    yield from self._entry(field.encode_name, None, path, depth)
            yield from self.walk(value.__struct_config__.tag, f"{path}{{tag}}", depth + 1)
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            for member in dataclasses.fields(value):
                yield from self._entry(member.name, getattr(value, member.name, None), path, depth)
        else:
            yield Violation(path, "cannot be read", type(value).__name__[:60])

    def _bytes(self, value: bytes, path: str, depth: int) -> Iterator[Violation]:
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            yield Violation(path, "cannot be read", "bytes that are not UTF-8")
            return
        yield from self._text(text, path, depth)

    def _text(self, text: str, path: str, depth: int) -> Iterator[Violation]:
        if len(text) > _TEXT_MAX:
            yield Violation(path, "nested too deeply or too large to be read", _shown(text))
            return
        broken = _rules_of_short(text) if len(text) <= 200 else _rules_broken(text)
        for rule in dict.fromkeys(broken):
            yield Violation(path, rule, _shown(text))
        if text.lstrip()[:1] in {"{", "[", '"'}:
            try:
                inside = msgspec.json.decode(text)
            except RecursionError:
                yield Violation(path, "nested too deeply or too large to be read", _shown(text))
            except msgspec.MsgspecError:
                return  # not JSON after all; it was read as text above
            else:
                yield from self.walk(inside, path, depth + 1)


@lru_cache(maxsize=4_096)  # keys, words and sources are the same in every alert
def _rules_of_short(text: str) -> tuple[str, ...]:
    return tuple(_rules_broken(text))


def _rules_broken(text: str) -> Iterator[str]:
    """Name the rules a text breaks, in no order, with repetition."""
    if strangers(text):
        yield "alphabet"
    if SIGNS.search(text.lower()):
        yield "sign"
    if any(order in text for order in CHINESE):
        yield "order to trade"
    for folding in foldings(text):
        yield from (WORDS[word] for word in _WORD.findall(folding) if word in WORDS)
        yield from (rule for rule, pattern in PHRASES if pattern.search(folding))
    for joined in set_apart(text):
        if any(word in joined for word in HIDDEN):
            yield "letters set apart"


def _shown(value: object) -> str:
    """Show a value in a path or message: escaped, short, on one line."""
    text = str.__str__(value) if isinstance(value, str) else type(value).__name__
    cut = text if len(text) <= 60 else f"{text[:59]}…"
    return "".join(mark if " " <= mark <= "~" or mark == "…" else ascii(mark)[1:-1] for mark in cut)
