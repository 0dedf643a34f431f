"""Regular expressions meet text that strangers chose: each is linear in its length (S21)."""

import ast
import importlib
import re
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.test_tidy import _modules, _name, _tree

_METHODS: Final = ("search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer")
_ANYWHERE: Final = {"search", "sub", "subn", "split", "findall", "finditer"}
_LONG: Final = 50_000
_LIMIT_S: Final = 0.05


def _used_anywhere() -> set[str]:
    """Names of patterns that are looked for anywhere in a text, not only at its beginning."""
    return {
        node.value.id
        for path in _modules()
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Attribute)
        and node.attr in _ANYWHERE
        and isinstance(node.value, ast.Name)
    }


def _patterns_in(value: Any, depth: int = 0) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict) and depth < 4:
        for pair in value.items():
            yield from _patterns_in(pair, depth + 1)
    elif isinstance(value, list | tuple | set | frozenset) and depth < 4:
        for part in value:
            yield from _patterns_in(part, depth + 1)
    elif isinstance(getattr(value, "__self__", None), re.Pattern):
        yield value.__self__  # a bound method, kept as a function


def _kept() -> Iterator[tuple[str, re.Pattern[Any], bool]]:
    """Patterns that modules keep: place, pattern, whether it is looked for anywhere."""
    anywhere = _used_anywhere()
    for path in _modules():
        if path.name == "__init__.py":
            continue
        name = _name(path).removesuffix(".py").replace("/", ".")
        for key, value in vars(importlib.import_module(f"airpocket.{name}")).items():
            is_alone = isinstance(value, re.Pattern)
            for pattern in _patterns_in(value):
                yield f"{name}.{key}", pattern, not is_alone or key in anywhere


def _written() -> Iterator[tuple[str, re.Pattern[Any], bool]]:
    """Patterns that stand in a call: ``re.sub("…", …)``."""
    calls = {f"re.{method}" for method in _METHODS}
    for path in _modules():
        for node in ast.walk(_tree(path)):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr in _METHODS and ast.unparse(node.func) in calls:
                place = f"{_name(path)}:{node.lineno}"
                assert isinstance(node.args[0], ast.Constant), f"{place}: not a fixed pattern"
                method = ast.unparse(node.func).removeprefix("re.")
                yield place, re.compile(node.args[0].value), method in _ANYWHERE


def _worst(pattern: re.Pattern[Any]) -> Iterator[str]:
    """Long texts that almost match, made of what the pattern itself speaks of."""
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode()
    words = sorted(set(re.findall(r"[A-Za-z0-9]+", source)), key=len)[:6]
    seeds = [*'aA0 -./:@_,"<{币', "x1", "a ", "A-", "0.", "1,", "A/"]
    for seed in [*seeds, *words, *(f"{word} " for word in words)]:
        yield (seed * (_LONG // len(seed) + 1))[: _LONG - 1] + "\0"


def _slowest_s(pattern: re.Pattern[Any], *, anywhere: bool) -> float:
    slowest = 0.0
    for text in _worst(pattern):
        data: Any = text if isinstance(pattern.pattern, str) else text.encode()
        for method in (pattern.search,) if anywhere else (pattern.match, pattern.fullmatch):
            took_s = _took_s(method, data)
            if took_s > _LIMIT_S:  # another process may have had the caches
                took_s = min(took_s, _took_s(method, data), _took_s(method, data))
            slowest = max(slowest, took_s)
    return slowest


def _took_s(method: Any, data: Any) -> float:
    begun = time.process_time()
    method(data)
    return time.process_time() - begun


def test_s21_every_pattern_is_linear() -> None:
    found: dict[tuple[Any, int, bool], str] = {}
    for place, pattern, anywhere in (*_kept(), *_written()):
        found.setdefault((pattern.pattern, pattern.flags, anywhere), place)
    assert len(found) > 60
    slow = {
        place: took_s
        for (text, flags, anywhere), place in found.items()
        if (took_s := _slowest_s(re.compile(text, flags), anywhere=anywhere)) > _LIMIT_S
    }
    assert slow == {}


def test_s21_every_compiled_pattern_is_kept_where_it_is_looked_for() -> None:
    """In a function or class it would be missed: there it is only made for something that is kept."""
    inside = [
        f"{_name(path)}:{node.lineno}"
        for path in _modules()
        for function in ast.walk(_tree(path))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and node.attr == "compile"
    ]
    assert [place for place in inside if not place.startswith("alerts/banned.py:")] == []


@pytest.mark.parametrize(
    ("planted", "text"), [(r"(?:a+)+$", "a" * 22 + "!"), (r"\s*\{.{0,200}x", " " * 6_000)]
)
def test_s21_a_pattern_that_is_not_linear_is_found(planted: str, text: str) -> None:
    assert _took_s(re.compile(planted).search, text) > _LIMIT_S
