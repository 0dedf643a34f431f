"""What is wrong with a configuration, in one sentence: where, which key, what is allowed.

Values of secrets are not repeated, nor those of keys that are not settings: a secret under a
misspelled key is still a secret.
"""

import difflib
from collections.abc import Mapping
from enum import EnumMeta
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from msgspec import Struct
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from airpocket.app.settings import SECRET_KEYS

__all__ = ["Origin", "refusal"]

_SHOWN_MOST: Final = 40
_WANTED: Final = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a finite number",
    "bool": "true or false",
    "string": "a text",
    "path": "a path",
    "tuple": "a list",
    "list": "a list",
    "dict": "a table",
    "model": "a table",
}


class Origin(Struct, frozen=True):
    """Where settings were read: the file, and variables by the keys that they name."""

    file: Path | None
    variables: Mapping[tuple[str, ...], tuple[str, str]]

    def place(self, keys: tuple[str, ...]) -> str:
        """Name the place of a key: the variable that sets it, else file and dotted key."""
        for known, (name, _) in self.variables.items():
            if known[: len(keys)] == keys or (known and keys[: len(known)] == known):
                return f"environment: {name}"
        name = ".".join(key[:_SHOWN_MOST] for key in keys)
        return f"{self.file or 'configuration'}: {name}"


def refusal(error: ValidationError, settings: type[BaseModel], origin: Origin) -> str:
    """Tell the first of the things that are wrong, and how many more there are.

    Parameters
    ----------
    error
        What pydantic found.
    settings
        The model, for the names and ranges that would be right.
    origin
        Where the values came from.
    """
    found = error.errors(include_url=False)
    # A key that is not there at all explains what is missing elsewhere, so it comes first.
    first = min(found, key=lambda one: one["type"] != "extra_forbidden")
    more = len(found) - 1
    tail = "" if not more else f" ({more} more like this)" if more > 1 else " (and one more)"
    return f"{_told(first, settings, origin)}{tail}"


def _told(one: Mapping[str, Any], settings: type[BaseModel], origin: Origin) -> str:
    keys = tuple(str(key) for key in one["loc"] if key != "[key]")
    kind = str(one["type"])
    place = origin.place(keys)
    if kind == "extra_forbidden":
        return f"{place} is not a setting{_instead(keys, settings)}"
    if kind == "missing":
        return f"{place} is missing"
    shown = _shown(keys, one.get("input"))
    if kind == "value_error":
        return f"{place}{shown}: {one['ctx']['error']}"
    field = _field(keys, settings)
    if kind.endswith(("too_long", "too_short")):
        return f"{place}{shown}: {_length(kind, one)}"
    return f"{place}{shown or ' is'}{',' if shown else ''} not {_allowed(kind, one, field)}"


def _length(kind: str, one: Mapping[str, Any]) -> str:
    context = one.get("ctx", {})
    what = "characters" if kind.startswith("string") else "entries"
    if "min_length" in context:
        return f"it needs at least {context['min_length']} {what}"
    return f"it may have at most {context.get('max_length')} {what}"


def _shown(keys: tuple[str, ...], value: Any) -> str:
    """Repeat a value, if it is short and cannot be a secret."""
    if any(key in SECRET_KEYS for key in keys) or not isinstance(value, bool | int | float | str):
        return ""
    text = repr(value)
    if "://" in text or "whsec" in text or len(text) > _SHOWN_MOST:
        return ""
    return f" is {text}"


def _allowed(kind: str, one: Mapping[str, Any], field: object) -> str:
    context = one.get("ctx", {})
    if kind == "enum":
        return f"one of {str(context.get('expected', '')).replace(' or ', ', ')}"
    low, high = _bounds(field)
    within = "" if low is None or high is None else f" from {low:,.10g} to {high:,.10g}"
    if kind in {"greater_than_equal", "less_than_equal"}:
        return f"a number{within}"
    word = _WANTED.get(kind.partition("_")[0], None)
    return f"{word}{within}" if word else f"usable ({one['msg']})"


def _instead(keys: tuple[str, ...], settings: type[BaseModel]) -> str:
    """Name the nearest setting, or all that there are beside it."""
    beside = _field(keys[:-1], settings)
    model = beside if isinstance(beside, type) else settings if len(keys) == 1 else None
    if model is None or not issubclass(model, BaseModel):
        return ""
    names = [field.alias or name for name, field in model.model_fields.items()]
    near = difflib.get_close_matches(keys[-1], names, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    where = ".".join(keys[:-1]) or "there"
    return f"; {where} may have {', '.join(names)}" if len(keys) > 1 else (
        f"; the sections are {', '.join(names)}"
    )  # fmt: skip


def _field(keys: tuple[str, ...], settings: type[BaseModel]) -> object:
    """Find the annotation that a key has in the model; ``None`` if it has none."""
    found: object = settings
    for key in keys:
        found = _bare(found)
        if isinstance(found, type) and issubclass(found, BaseModel):
            fields = {field.alias or name: field for name, field in found.model_fields.items()}
            found = _annotated(fields[key]) if key in fields else None
        elif get_origin(found) is dict:
            found = get_args(found)[1]
        elif get_origin(found) is tuple:
            found = get_args(found)[0]
        else:
            return None
    bare = _bare(found)
    return bare if isinstance(bare, type) and not isinstance(bare, EnumMeta) and issubclass(
        bare, BaseModel
    ) else found  # fmt: skip


def _annotated(field: FieldInfo) -> object:
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


def _bare(annotation: object) -> object:
    """Take an annotation out of Annotated and Optional."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in {Union, UnionType}:
            parts = [part for part in get_args(annotation) if part is not type(None)]
            annotation = parts[0]
        else:
            return annotation


def _bounds(annotation: object) -> tuple[float | None, float | None]:
    """Read the range of a number from its annotation."""
    low = high = None
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        low, high = _bounds(inner)
        for mark in marks:
            for part in mark.metadata if isinstance(mark, FieldInfo) else (mark,):
                low = getattr(part, "ge", low)
                high = getattr(part, "le", high)
    elif get_origin(annotation) in {Union, UnionType}:
        for part in get_args(annotation):
            inner_low, inner_high = _bounds(part)
            low, high = inner_low or low, inner_high or high
    return low, high
