"""Damage real frames the way networks, venues and attackers do (faults F25-F34).

``mutations`` is deterministic: a failing frame is found again by its seed and number.
"""

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final

__all__ = ["HOSTILE_FRAMES", "HOSTILE_VALUES", "mutations"]

# JSON texts that take the place of a value. Not all of them are JSON (NaN, a lone surrogate).
HOSTILE_VALUES: Final[tuple[str, ...]] = (
    "null", "true", "false", "0", "-0.0", "-1", "1", "NaN", "-Infinity", "1e400", "-1e400",
    "1e-400", '"NaN"', '"inf"', '"Infinity"', '"1e1000000"', '"-1"', '"0"', '""', '" "',
    '"0x10"', '"1_000"', '"\\u0661"', '"1,5"', "[]", "{}", "[[]]", '[{"a":[]}]', "[null]",
    "18446744073709551616", "9223372036854775808", "-9223372036854775809", "1760130903",
    "1760130903127372", "1760130903127372000", "253402300800000", '"2025-10-10T21:15:03Z"',
    '"\\ud800"', '"\\u0000"', '"' + "A" * 65 + '"', '"' + "9" * 5000 + '"', "1" * 5000,
    '"币安人生USDT"', '"=cmd|calc"', '"../../etc/passwd"', "0.1", "1.5", '"1.5"',
    "[" * 3000 + "]" * 3000,
)  # fmt: skip

# Whole frames that no damage to a real one would make.
HOSTILE_FRAMES: Final[tuple[bytes, ...]] = (
    b"", b" ", b"\x00", b"\xff\xfe\xfd", b"null", b"true", b"0", b"[]", b"{}", b'""', b"[[]]",
    b"[null]", b"[{}]", b"NaN", b"1e400", b"\xef\xbb\xbf{}", b"ping", b"pong", b"\x1f\x8b\x08\x00",
    b"<html><body>502 Bad Gateway</body></html>", b'{"data":null}', b'{"data":[]}',
    b'{"data":{}}', b'{"data":[null]}', b'{"a":1,"a":2}', b'"\xed\xa0\x80"',
    b"[" * 100_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000,
    b'{"data":' * 50_000 + b"1" + b"}" * 50_000,
)  # fmt: skip

_Path = tuple[str | int, ...]


def mutations(frames: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Yield ``count`` damaged copies of ``frames``: first the hostile frames, then random damage.

    Bytes flipped, dropped, doubled and cut; keys deleted and renamed; values replaced by hostile
    ones or swapped with each other; frames glued, wrapped, given a byte-order mark; arrays of one
    good and one bad part. About a tenth carries two damages.
    """
    yield from HOSTILE_FRAMES[:count]
    random = Random(seed)
    parsed = [_parsed(frame) for frame in frames]
    for _ in range(count - len(HOSTILE_FRAMES)):
        index = random.randrange(len(frames))
        frame, tree = frames[index], parsed[index]
        if tree is not None and random.random() < 0.7:
            frame = random.choice(_TREE_DAMAGES)(tree, random)
        else:
            frame = random.choice(_BYTE_DAMAGES)(frame, random)
        if random.random() < 0.1:
            frame = random.choice(_BYTE_DAMAGES)(frame, random)
        yield frame


def _parsed(frame: bytes) -> Any:
    try:
        tree = json.loads(frame)
    except (ValueError, RecursionError):
        return None
    return tree if isinstance(tree, dict | list) and tree else None


def _flip(frame: bytes, random: Random) -> bytes:
    damaged = bytearray(frame)
    for _ in range(random.choice((1, 1, 1, 2, 8))):
        if damaged:
            damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
    return bytes(damaged)


def _cut(frame: bytes, random: Random) -> bytes:
    at = random.randrange(len(frame) + 1)
    return frame[:at] if random.random() < 0.7 else frame[at:]


def _drop(frame: bytes, random: Random) -> bytes:
    start = random.randrange(len(frame) + 1)
    return frame[:start] + frame[start + random.randrange(1, 20) :]


def _repeat(frame: bytes, random: Random) -> bytes:
    start = random.randrange(len(frame) + 1)
    end = min(len(frame), start + random.randrange(1, 40))
    return frame[:end] + frame[start:]


def _surround(frame: bytes, random: Random) -> bytes:
    left, right = random.choice(
        (
            (b"\xef\xbb\xbf", b""), (b"", b"\x00"), (b"", frame), (b"[", b"]"), (b'{"data":', b"}"),
            (b'{"data":[', b"]}"), (b'{"stream":"x","data":', b"}"), (b"", b"\n"), (b"[[", b"]]"),
        )
    )  # fmt: skip
    return left + frame + right


def _replace(tree: Any, random: Random) -> bytes:
    return _with(tree, {_pick(tree, random): random.choice(HOSTILE_VALUES)})


def _delete(tree: Any, random: Random) -> bytes:
    return _with(tree, {_pick(tree, random): None})


def _swap(tree: Any, random: Random) -> bytes:
    one, two = _pick(tree, random), _pick(tree, random)
    return _with(tree, {one: _text(_at(tree, two)), two: _text(_at(tree, one))})


def _retype(tree: Any, random: Random) -> bytes:
    path = _pick(tree, random)
    value = _at(tree, path)
    other: Any
    if isinstance(value, str):
        other = random.choice((value.lower(), value.upper(), value + "0", value[::-1], [value]))
    elif isinstance(value, bool | int | float):
        other = random.choice((str(value), -value, value * 1000, value / 1000, [value]))
    elif isinstance(value, list):
        other = random.choice((value * 2, value[::-1], value[:1], [*value, None], [value]))
    else:
        other = random.choice(([value], str(value), None))
    return _with(tree, {path: _text(other)})


def _rename(tree: Any, random: Random) -> bytes:
    names = [path for path in _paths(tree) if path and isinstance(path[-1], str)]
    if not names:
        return _replace(tree, random)
    path = random.choice(names)
    name = str(path[-1])
    other = random.choice((name.swapcase(), name + "_", "", "e", "data", "x" * 200))
    return _with(tree, {}, {path: other})


def _neighbour(tree: Any, random: Random) -> bytes:
    good, bad = _text(tree), _replace(tree, random).decode("utf-8", "surrogatepass")
    parts = random.choice(((good, bad), (bad, good), (good, bad, good), (bad, bad)))
    return f"[{','.join(parts)}]".encode("utf-8", "surrogatepass")


_BYTE_DAMAGES: Final[tuple[Callable[[bytes, Random], bytes], ...]] = (
    _flip, _flip, _cut, _drop, _repeat, _surround,
)  # fmt: skip
_TREE_DAMAGES: Final[tuple[Callable[[Any, Random], bytes], ...]] = (
    _replace, _replace, _replace, _delete, _delete, _swap, _retype, _rename, _neighbour,
)  # fmt: skip


def _paths(tree: Any, stem: _Path = ()) -> Iterator[_Path]:
    if stem:
        yield stem
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _paths(value, (*stem, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from _paths(value, (*stem, index))


def _pick(tree: Any, random: Random) -> _Path:
    return random.choice(list(_paths(tree)))


def _at(tree: Any, path: _Path) -> Any:
    for step in path:
        tree = tree[step]
    return tree


def _text(tree: Any) -> str:
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":"))


def _with(
    tree: Any, texts: dict[_Path, str | None], names: dict[_Path, str] | None = None
) -> bytes:
    """Write a tree with some values as given texts (``None``: left out) and some keys renamed."""
    return _written(tree, (), texts, names or {}).encode("utf-8", "surrogatepass")


def _written(tree: Any, at: _Path, texts: dict[_Path, str | None], names: dict[_Path, str]) -> str:
    if at in texts:
        return texts[at] or ""
    if isinstance(tree, dict):
        parts = [
            f"{_text(names.get((*at, key), key))}:{_written(value, (*at, key), texts, names)}"
            for key, value in tree.items()
            if texts.get((*at, key), "kept") is not None
        ]
        return "{" + ",".join(parts) + "}"
    if isinstance(tree, list):
        parts = [
            _written(value, (*at, index), texts, names)
            for index, value in enumerate(tree)
            if texts.get((*at, index), "kept") is not None
        ]
        return "[" + ",".join(parts) + "]"
    return _text(tree)
