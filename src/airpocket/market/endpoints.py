"""Where a venue's streams are and what it allows there, by date: ``venue.toml``, read once.

An ``[[endpoints]]`` row with a ``route`` is a websocket address. ``[limits]`` holds what the
venue's documents say; what they do not say is not in the file, and ``None`` here.
"""

import tomllib
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, ValidationError, convert

from airpocket.errors import InputError
from airpocket.market.stream import Limits
from airpocket.units import iso, ns_from_iso

__all__ = ["Endpoint", "Endpoints"]

_OF_ALL: Final = ("args_bytes_per_connection", "topics_most")


class Endpoint(Struct, frozen=True, kw_only=True):
    """A websocket address between two dates (half-open; ``None`` is open).

    ``topics`` are the forms that the venue documents for this route, for people and tests.
    """

    route: str
    url: str
    topics: tuple[str, ...] = ()
    valid_from_ns: int | None = None
    valid_to_ns: int | None = None
    source: str = ""

    def holds_at(self, at_ns: int) -> bool:
        """Tell whether the address is in service at a time."""
        after = self.valid_from_ns is None or at_ns >= self.valid_from_ns
        return after and (self.valid_to_ns is None or at_ns < self.valid_to_ns)


class Endpoints(Struct, frozen=True, kw_only=True):
    """The websocket addresses of a venue and its limits.

    ``args_bytes_per_connection``
        Most bytes of topics that one connection may have been asked for, as a JSON list.
    ``topics_most``
        Most topics over all connections from one address of ours.
    """

    rows: tuple[Endpoint, ...]
    limits: Limits
    args_bytes_per_connection: int | None = None
    topics_most: int | None = None

    @classmethod
    def load(cls, toml: Path) -> "Endpoints":
        """Read ``[[endpoints]]`` and ``[limits]`` of a ``venue.toml``.

        Raises
        ------
        InputError
            If the file cannot be read, a row with a ``route`` lacks its ``url`` or has a wrong
            date, or a limit has an unknown name or a wrong value; the message names it.
        """
        try:
            table = tomllib.loads(toml.read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise InputError(f"{toml}: not a readable venue.toml ({error})") from error
        limits = dict(table.get("limits", {}))
        rows = table.get("endpoints", ())
        of_all = {name: limits.pop(name) for name in _OF_ALL if name in limits}
        unknown = sorted(set(limits) - set(Limits.__struct_fields__))
        if unknown:
            raise InputError(
                f"{toml}: [limits] has unknown names: {', '.join(unknown)}; known are "
                f"{', '.join((*Limits.__struct_fields__, *_OF_ALL))}"
            )
        try:
            return convert(
                {
                    "rows": [_row(row, toml) for row in rows if "route" in row],
                    "limits": limits,
                    **of_all,
                },
                cls,
            )
        except ValidationError as error:
            raise InputError(
                f"{toml}: [limits] or [[endpoints]] cannot be used ({error})"
            ) from error

    def at(self, route: str, at_ns: int) -> Endpoint:
        """Find the address of a route at a time.

        Raises
        ------
        InputError
            If the route has none then.
        """
        for row in self.rows:
            if row.route == route and row.holds_at(at_ns):
                return row
        known = ", ".join(sorted({row.route for row in self.rows})) or "none"
        raise InputError(f"no address is stated for route {route!r} at {iso(at_ns)} (of: {known})")


def _row(row: dict[str, Any], toml: Path) -> dict[str, Any]:
    """Turn the dates of a row into nanoseconds; ``path`` is what follows ``url``."""
    try:
        kept = {
            "route": row["route"],
            "url": row["url"] + row.get("path", ""),
            "topics": row.get("topics", ()),
            "source": row.get("source", ""),
        }
        for name in ("valid_from", "valid_to"):
            if name in row:
                kept[f"{name}_ns"] = ns_from_iso(str(row[name]))
    except (KeyError, TypeError, InputError) as error:
        raise InputError(f"{toml}: endpoint {row!r} cannot be used ({error!r})") from error
    return kept
