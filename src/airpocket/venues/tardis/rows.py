"""Rows of Tardis CSV files as arrays, with what cannot be used sorted out and counted."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from numpy.typing import NDArray

from airpocket.market import checks
from airpocket.market.quality import Finding, FindingCode
from airpocket.venues.history import Rejects, SkewMeter

if TYPE_CHECKING:
    import polars as pl

__all__ = ["MICROSECOND_NS", "TICKER_COLUMNS", "TICK_COLUMNS", "Rows", "Ticks", "coded", "times_ns"]

MICROSECOND_NS: Final = 1_000

_LEADING: Final = {"exchange": str, "symbol": str, "timestamp": int, "local_timestamp": int}
TICK_COLUMNS: Final[dict[str, type]] = {
    **_LEADING,
    "id": str,
    "side": str,
    "price": float,
    "amount": float,
}
TICKER_COLUMNS: Final[dict[str, type]] = {
    **_LEADING,
    "funding_timestamp": int,
    "funding_rate": float,
    "predicted_funding_rate": float,
    "open_interest": float,
    "last_price": float,
    "index_price": float,
    "mark_price": float,
}
_PRICE_LIMIT: Final = 1e15  # as market.fields.Price
_SIZE_LIMIT: Final = 1e18


@dataclass(frozen=True)
class Ticks:
    """Usable rows of one block: trades or liquidations.

    ``symbols`` are codes into ``words``; ``sides`` 0 for buy, 1 for sell, −1 unknown;
    ``ids`` a series of text; ``lines`` where the rows stand in the file.
    """

    lines: NDArray[np.int64]
    venue_ns: NDArray[np.int64]
    local_ns: NDArray[np.int64]
    symbols: NDArray[np.int32]
    words: tuple[str, ...]
    sides: NDArray[np.int32]
    price: NDArray[np.float64]
    amount: NDArray[np.float64]
    ids: "pl.Series"

    def id_words(self) -> tuple[NDArray[np.int32], tuple[str, ...]] | None:
        """Ids as a column of words, kept as text because they can exceed 64 bits."""
        if self.ids.null_count() == len(self.ids):
            return None
        codes = np.arange(len(self.ids), dtype=np.int32)
        codes[self.ids.is_null().to_numpy()] = -1
        return codes, tuple(self.ids.fill_null("").to_list())


@final
class Rows:
    """The rows of one file while it is read: sorts out, counts, and says so at the end.

    Parameters
    ----------
    where
        Name of the file.
    venue
        Venue id for findings.
    exchange
        What every row's ``exchange`` must be.
    """

    def __init__(self, where: str, venue: str, exchange: str) -> None:
        self.rejects = Rejects(where, venue)
        self._where = where
        self._venue = venue
        self._exchange = exchange
        self._skew = SkewMeter()
        self._repeated = 0
        self._highest_ids: dict[str, int] = {}
        self._before: pl.DataFrame | None = None

    def usable(self, frame: "pl.DataFrame") -> "pl.DataFrame":
        """Keep the rows of this exchange whose two times are dates in microseconds."""
        lines = frame["line"].to_numpy()
        is_good = np.ones(frame.height, dtype=np.bool_)
        for field in ("timestamp", "local_timestamp"):
            times = frame[field].to_numpy()
            is_good &= self.rejects.check_times(lines, times, MICROSECOND_NS, field, is_good)
        is_foreign = (frame["exchange"] != self._exchange).to_numpy() & is_good
        if is_foreign.any():
            self.rejects.add_rows(lines, is_foreign, f"another exchange than {self._exchange}")
            is_good &= ~is_foreign
        kept = frame if is_good.all() else frame.filter(is_good)
        if kept.height:
            self._skew.add(times_ns(kept, "timestamp"), times_ns(kept, "local_timestamp"))
        return kept

    def ticks(self, frame: "pl.DataFrame") -> Ticks:
        """Turn a block of trades or liquidations into arrays, without what repeats."""
        frame = self.usable(frame)
        price, amount = frame["price"].to_numpy(), frame["amount"].to_numpy()
        is_good = (price > 0) & (price < _PRICE_LIMIT) & (amount > 0) & (amount < _SIZE_LIMIT)
        if not is_good.all():
            lines = frame["line"].to_numpy()
            self.rejects.add_rows(lines, ~is_good, "price and amount must be positive")
            frame = frame.filter(is_good)
        is_repeat = self._repeats(frame)
        if is_repeat is not None:
            self._repeated += int(np.count_nonzero(is_repeat))
            frame = frame.filter(~is_repeat)
        symbols, words = coded(frame["symbol"])
        return Ticks(
            lines=frame["line"].to_numpy(),
            venue_ns=times_ns(frame, "timestamp"),
            local_ns=times_ns(frame, "local_timestamp"),
            symbols=symbols,
            words=words,
            sides=_sides(frame["side"]),
            price=frame["price"].to_numpy(),
            amount=frame["amount"].to_numpy(),
            ids=frame["id"],
        )

    def findings(self) -> Iterator[Finding]:
        """Say what was left out, and how the two clocks compare."""
        yield from self.rejects.findings()
        if self._repeated:
            yield Finding(
                code=FindingCode.DUPLICATED_ROWS,
                where=self._where,
                venue=self._venue,
                count=self._repeated,
                said=f"{self._repeated:,} rows repeat an earlier one, id and all; left out",
            )
        yield from self._skew.findings(self._where, self._venue)

    def _repeats(self, frame: "pl.DataFrame") -> NDArray[np.bool_] | None:
        """Mark rows that repeat one of this or the previous block; ``None``: surely none do.

        Recorders repeat what they received around a reconnect, so repeats are near.

        Rows without an id are never taken for repeats: two liquidations may look alike.
        """
        ids, symbols = frame["id"], frame["symbol"]
        if not frame.height or ids.null_count() == frame.height:
            return None
        before, self._before = self._before, frame
        numbers = ids.cast(int, strict=False)
        if numbers.null_count() == 0 and symbols.n_unique() == 1:
            symbol, values = str(symbols[0]), numbers.to_numpy()
            highest = self._highest_ids.get(symbol, -1)
            self._highest_ids[symbol] = max(int(values.max()), highest)
            if values[0] > highest and bool(np.all(np.diff(values) > 0)):
                return None
        told = _told(frame)
        if before is not None:
            told = tuple(np.concatenate(pair) for pair in zip(_told(before), told, strict=True))
        repeats = checks.duplicated_rows(*told)[-frame.height :]
        return repeats & np.asarray(ids.is_not_null().to_numpy(), dtype=np.bool_)


def _told(frame: "pl.DataFrame") -> tuple[NDArray[Any], ...]:
    """Take from each row what makes it the same row."""
    texts = (frame[name].hash().to_numpy() for name in ("symbol", "id"))
    numbers = (frame[name].to_numpy() for name in ("timestamp", "price", "amount"))
    return (*texts, *numbers)


def _sides(texts: "pl.Series") -> NDArray[np.int32]:
    """Code buy as 0, sell as 1, and what the venue did not say as −1."""
    is_buy, is_sell = (
        (texts == side).fill_null(value=False).to_numpy() for side in ("buy", "sell")
    )
    return np.where(is_buy, 0, np.where(is_sell, 1, -1)).astype(np.int32)


def times_ns(frame: "pl.DataFrame", field: str) -> NDArray[np.int64]:
    """Give the times of a column, whose unit was checked, in nanoseconds."""
    return np.asarray(frame[field].to_numpy() * MICROSECOND_NS, dtype=np.int64)


def coded(texts: "pl.Series") -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Write a column of few different words as codes and words."""
    words = texts.unique(maintain_order=True)
    if len(words) == 1:
        return np.zeros(len(texts), dtype=np.int32), (str(words[0]),)
    places = {word: place for place, word in enumerate(words.to_list())}
    codes = texts.replace_strict(places) if len(texts) else texts.cast(int)
    return codes.to_numpy().astype(np.int32), tuple(places)
