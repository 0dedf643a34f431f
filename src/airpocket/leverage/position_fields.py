"""Fields of a frame of positions as checked numbers and words; a bad one is named with its row."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from airpocket.errors import InputError

if TYPE_CHECKING:
    import narwhals as nw

__all__ = ["PositionFields"]


@final
class PositionFields:
    """One frame of positions while its columns are looked at.

    Parameters
    ----------
    source
        File or feed, for messages.
    frame
        Rows.
    names
        Canonical name of each column to the frame's.
    rows
        Number of the first row in messages, or of each, shape (n,).
    """

    def __init__(
        self,
        source: str,
        frame: "nw.DataFrame[Any]",
        names: Mapping[str, str],
        rows: int | NDArray[np.int64],
    ) -> None:
        self._source = source
        self._frame = frame
        self._names = names
        self._rows = rows
        self.size = len(frame)

    def has(self, name: str) -> bool:
        """Tell whether a column is there."""
        return self._names.get(name) in self._frame.columns

    def row(self, at: int) -> int:
        """Give the number of a row in messages."""
        return self._rows + at if isinstance(self._rows, int) else int(self._rows[at])

    def bad(self, name: str, at: int, why: str) -> InputError:
        """Say what is wrong with one field."""
        theirs = self._names[name]
        value = self._frame[theirs][at]
        said = repr(value if not isinstance(value, str) else value[:60])
        return InputError(f"{self._source}: row {self.row(at):,}: {theirs} {said} {why}")

    def numbers(self, name: str, *, may_lack: bool = False) -> NDArray[np.float64]:
        """Give a column of numbers above 0; NaN is not known, where a column may lack some."""
        import narwhals as nw  # noqa: PLC0415 - not at start-up

        if may_lack and not self.has(name):
            return np.full(self.size, np.nan)
        series = self._frame[self._names[name]]
        if not series.dtype.is_numeric() and not (may_lack and series.is_null().all()):
            raise InputError(
                f"{self._source}: {self._names[name]} holds {series.dtype}, not numbers"
            )
        column: NDArray[np.float64] = np.asarray(
            series.cast(nw.Float64()).to_numpy(), dtype=np.float64
        )
        wrong = ~((column > 0) & (column < 1e18))
        if may_lack:
            wrong &= ~np.isnan(column)
        if wrong.any():
            raise self.bad(name, int(np.argmax(wrong)), "is not a number above 0")
        return column

    def words(self, name: str, meant: Mapping[str, bool]) -> NDArray[np.bool_]:
        """Give a column of words as what they mean."""
        codes, found = self.coded(name)
        values = [meant.get(word.strip().lower()) for word in found]
        if None in values:
            at = int(np.argmax(codes == values.index(None)))
            raise self.bad(name, at, f"is none of {', '.join(meant)}")
        table: NDArray[np.bool_] = np.array(values, dtype=np.bool_)
        return table[codes]

    def coded(self, name: str) -> tuple[NDArray[np.int32], list[str]]:
        """Give a column of words as codes into its different words."""
        import narwhals as nw  # noqa: PLC0415 - not at start-up

        series = self._frame[self._names[name]]
        empty = series.is_null()
        if empty.any():
            raise self.bad(name, int(np.argmax(empty.to_numpy())), "is empty")
        if series.dtype not in (nw.String, nw.Categorical, nw.Enum):
            raise InputError(f"{self._source}: {self._names[name]} holds {series.dtype}, not words")
        found = [str(word) for word in series.unique(maintain_order=True).to_list()]
        places = list(range(len(found)))
        codes = series.cast(nw.String()).replace_strict(found, places, return_dtype=nw.Int32())
        return np.asarray(codes.to_numpy(), dtype=np.int32), found
