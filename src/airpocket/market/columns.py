"""Many events of one kind as arrays: the struct of arrays behind bulk replay.

A column holds one field of all events. Missing is NaN in float columns, the smallest integer in
integer columns, and code −1 in columns of words.
"""

import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar, final

import msgspec
import numpy as np
from numpy.typing import NDArray

from airpocket.errors import InputError
from airpocket.market.events import Event, RawRef

__all__ = ["MISSING_INT", "Columns"]

MISSING_INT: Final = int(np.iinfo(np.int64).min)
_E = TypeVar("_E", bound=Event)
_Array = NDArray[Any]


@final
class Columns(Generic[_E]):
    """Events of one kind, column by column.

    Parameters
    ----------
    kind
        The event class. Kinds that nest levels (``BookChange``, ``Depth``, ``DepthBands``,
        ``InsuranceFund``) have no columns.
    size
        Number of events.
    columns
        For each field either an array of ``size`` values, or one value for all of them (a word
        for text fields). Fields not given are missing throughout. Word columns are given as one
        word, or as ``(codes, words)`` with int32 ``codes`` into the tuple ``words``.
    tape
        Name that the ``raw_ref`` of the events carries, with ``ordinals`` (int64, shape (size,)).

    Examples
    --------
    >>> from airpocket.market.events import Trade
    >>> bulk = Columns(Trade, 2, {"venue": "okx", "raw_symbol": "X", "price": np.array([1.0, 2.0]),
    ...                           "qty_raw": 5.0})
    >>> bulk["price"].sum(), [t.qty_raw for t in bulk.events()]
    (np.float64(3.0), [5.0, 5.0])
    """

    def __init__(
        self,
        kind: type[_E],
        size: int,
        columns: Mapping[str, Any],
        *,
        tape: str | None = None,
        ordinals: NDArray[np.int64] | None = None,
    ) -> None:
        shapes = _shapes(kind)
        unknown = set(columns) - set(shapes)
        if unknown:
            raise InputError(f"{kind.__name__} has no fields {sorted(unknown)}")
        self.kind = kind
        self.size = size
        self.tape = tape
        self.ordinals = ordinals
        self._arrays: dict[str, _Array] = {}
        self._words: dict[str, tuple[str, ...]] = {}
        for name, shape in shapes.items():
            array, words = _column(columns.get(name), shape, size, f"{kind.__name__}.{name}")
            self._arrays[name] = array
            if shape.is_word:
                self._words[name] = words

    @classmethod
    def gather(cls, events: Sequence[_E]) -> "Columns[_E]":
        """Turn events of one kind into columns.

        Raises
        ------
        InputError
            If there are none, they differ in kind, or the kind nests levels.
        """
        if not events:
            raise InputError("no events to gather: the kind of an empty list is unknown")
        kind = type(events[0])
        if any(type(event) is not kind for event in events):
            raise InputError("columns hold events of one kind; split them by type first")
        given: dict[str, Any] = {}
        for name, shape in _shapes(kind).items():
            values = [getattr(event, name) for event in events]
            if shape.is_word:
                words = tuple(sorted({str(v) for v in values if v is not None}))
                index = {word: code for code, word in enumerate(words)}
                codes = [-1 if v is None else index[str(v)] for v in values]
                given[name] = (np.array(codes, dtype=np.int32), words)
            else:
                holes = [shape.missing if v is None else v for v in values]
                given[name] = np.array(holes, dtype=shape.dtype)
        refs = [event.raw_ref for event in events]
        tapes = {ref.tape for ref in refs if ref is not None}
        if len(tapes) != 1 or None in refs:
            return cls(kind, len(events), given)
        ordinals = np.array([ref.ordinal for ref in refs if ref is not None], dtype=np.int64)
        return cls(kind, len(events), given, tape=tapes.pop(), ordinals=ordinals)

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, name: str) -> _Array:
        """Array of a field: float64, int64, or int32 codes for words (read-only)."""
        return self._arrays[name]

    def words(self, name: str) -> tuple[str, ...]:
        """Words that the codes of a column stand for."""
        return self._words[name]

    def worded(self) -> frozenset[str]:
        """Fields whose arrays are codes of words."""
        return frozenset(self._words)

    def names(self) -> tuple[str, ...]:
        """Fields, in the order of the event class."""
        return tuple(self._arrays)

    def times(self) -> NDArray[np.int64]:
        """Time each event is ordered by: the venue's clock, else ours."""
        venue, local = self["venue_ns"], self["local_ns"]
        return np.where(venue == MISSING_INT, local, venue)

    def take(self, rows: Any) -> "Columns[_E]":
        """Select rows by slice, mask or index array."""
        taken = {
            name: (array[rows], self._words[name]) if name in self._words else array[rows]
            for name, array in self._arrays.items()
        }
        ordinals = None if self.ordinals is None else self.ordinals[rows]
        size = len(self._arrays["venue_ns"][rows])
        return Columns(self.kind, size, taken, tape=self.tape, ordinals=ordinals)

    def events(self) -> Iterator[_E]:
        """Yield the rows as event records."""
        fields = _shapes(self.kind)
        lists = {name: self._listed(name, shape) for name, shape in fields.items()}
        for row in range(self.size):
            values = {name: column[row] for name, column in lists.items()}
            if self.tape is not None and self.ordinals is not None:
                values["raw_ref"] = RawRef(self.tape, int(self.ordinals[row]))
            yield self.kind(**values)

    def _listed(self, name: str, shape: "_Shape") -> Sequence[Any]:
        array = self._arrays[name]
        if shape.is_word:
            words: tuple[Any, ...] = self._words[name]
            if shape.word is not None:
                words = tuple(shape.word(word) for word in words)
            return [None if code < 0 else words[code] for code in array.tolist()]
        if shape.dtype == np.float64:
            return [None if value != value else value for value in array.tolist()]  # noqa: PLR0124
        if shape.dtype == np.bool_:
            return list(array.tolist())
        return [None if value == MISSING_INT else value for value in array.tolist()]


class _Shape(msgspec.Struct, frozen=True):
    """How one field is stored."""

    dtype: Any
    missing: Any
    is_word: bool
    word: type[StrEnum] | None


_KNOWN_SHAPES: Final[dict[type, dict[str, _Shape]]] = {}


def _shapes(kind: type) -> dict[str, _Shape]:
    known = _KNOWN_SHAPES.get(kind)
    if known is not None:
        return known
    shapes: dict[str, _Shape] = {}
    hints = typing.get_type_hints(kind)
    for field in msgspec.structs.fields(kind):
        if field.name == "raw_ref":
            continue
        hint = hints[field.name]
        options = [hint]
        if isinstance(hint, types.UnionType):
            options = [option for option in typing.get_args(hint) if option is not type(None)]
        shapes[field.name] = _shape(options[0], kind, field.name)
    _KNOWN_SHAPES[kind] = shapes
    return shapes


def _shape(hint: Any, kind: type, name: str) -> _Shape:
    if hint is float:
        return _Shape(np.float64, np.nan, is_word=False, word=None)
    if hint is int:
        return _Shape(np.int64, MISSING_INT, is_word=False, word=None)
    if hint is bool:
        return _Shape(np.bool_, False, is_word=False, word=None)
    if hint is str:
        return _Shape(np.int32, -1, is_word=True, word=None)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _Shape(np.int32, -1, is_word=True, word=hint)
    raise InputError(f"{kind.__name__}.{name} nests values: this kind has no columns")


def _column(given: Any, shape: _Shape, size: int, where: str) -> tuple[_Array, tuple[str, ...]]:
    words: tuple[str, ...] = ()
    if shape.is_word:
        if isinstance(given, tuple):
            given, words = given
        elif isinstance(given, str):
            given, words = 0, (str(given),)
    if given is None:
        given = shape.missing
    array = np.asarray(given, dtype=shape.dtype)
    if array.ndim == 0:
        array = np.broadcast_to(array, (size,))
    if array.shape != (size,):
        raise InputError(f"{where} has shape {array.shape}, the table has {size} rows")
    array = array.view()
    array.flags.writeable = False
    return array, words
