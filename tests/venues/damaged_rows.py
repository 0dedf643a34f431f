"""Damage the rows of history files the way recorders, disks and attackers do (faults F26-F34)."""

from random import Random
from typing import Final

__all__ = ["damaged"]

_FIELDS: Final = (
    b"", b" ", b"nan", b"inf", b"-1", b"0", b"1e400", b"1e-320", b"None", b'"', b"\xff", b"\0",
    b"\r", b"\n", b",", b"99999999999999999999999", b"9223372036854775807", b"1760129100",
    b"-9223372036854775808", b"=cmd|calc", b"x" * 5000,
)  # fmt: skip


def damaged(text: bytes, seed: int) -> bytes:
    """Replace fields, cut and double lines and change bytes, one to six times.

    The first line, which says what the file is, is hit seldom.
    """
    random = Random(seed)
    lines = text.split(b"\n")
    for _ in range(random.randint(1, 6)):
        first = 0 if random.random() < 0.1 else 1
        place = random.randrange(min(first, len(lines) - 1), len(lines))
        line, kind = lines[place], random.random()
        if kind < 0.7:
            fields = line.split(b",")
            fields[random.randrange(len(fields))] = random.choice(_FIELDS)
            lines[place] = b",".join(fields)
        elif kind < 0.8:
            lines[place] = line[: random.randint(0, len(line))]
        elif kind < 0.9:
            lines.insert(place, line)
        elif line:
            at = random.randrange(len(line))
            lines[place] = line[:at] + bytes([random.randrange(256)]) + line[at + 1 :]
    return b"\n".join(lines)
