"""Open interest in bars: what an estimate follows."""

from typing import final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from airpocket.errors import InputError

__all__ = ["InterestBars"]


@final
class InterestBars(Struct, frozen=True, kw_only=True, eq=False):
    """Open interest and prices in bars, columns of one length n ≥ 2.

    Parameters
    ----------
    at_ns
        End of each bar, ascending, shape (n,).
    open_interest
        At the end of each: base coins (linear) or US dollars (inverse), shape (n,).
    high, low, close
        Mark prices, or last prices, shape (n,).
    vwap
        Average price of each bar, shape (n,); ``None``: the close stands for it.
    taker_buy_share
        Share of the volume that takers bought, 0 to 1, shape (n,); ``None``: not known.
    source
        File or feed, with its time.

    Raises
    ------
    InputError
        Naming column and row of what cannot be used.
    """

    at_ns: NDArray[np.int64]
    open_interest: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    vwap: NDArray[np.float64] | None = None
    taker_buy_share: NDArray[np.float64] | None = None
    source: str = ""

    def __post_init__(self) -> None:
        n = self.at_ns.size
        if n < 2:
            raise InputError(f"open interest: {n} bars, at least 2 are needed to see a change")
        for name in ("open_interest", "high", "low", "close", "vwap", "taker_buy_share"):
            column = getattr(self, name)
            if column is None:
                continue
            if column.shape != (n,):
                raise InputError(f"open interest: {name} has the shape {column.shape}, not ({n},)")
            share = name == "taker_buy_share"
            sound = (column >= 0) & (column <= 1) if share else (column > 0) & (column < 1e18)
            _refuse(~sound, column, name, "is no share from 0 to 1" if share else "is not above 0")
        late = np.concatenate([[False], np.diff(self.at_ns) <= 0])
        _refuse(late, self.at_ns, "at_ns", "is not after the bar before")
        for name in ("close", "vwap"):
            column = getattr(self, name)
            if column is not None:
                outside = (column < self.low) | (column > self.high)
                _refuse(outside, column, name, "is not between low and high")


def _refuse(wrong: NDArray[np.bool_], column: NDArray[np.generic], name: str, said: str) -> None:
    if bool(wrong.any()):
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(f"open interest: {name} {column[row]} in row {row} {said}")
