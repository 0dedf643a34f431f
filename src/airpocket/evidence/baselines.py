"""What a detector must be better than: a price rule, a z-score, chance, and never being silent."""

import math
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Final, final

import numpy as np

from airpocket.detection.episode import Phase
from airpocket.errors import InputError
from airpocket.evidence.running import known_ns
from airpocket.evidence.watch import EVERYTHING
from airpocket.market.events import Bar, Event, ForcedFlow, Liquidation, Mark, Side, Trade
from airpocket.units import DAY_NS, SECOND_NS

__all__ = ["AlwaysOn", "PriceOnly", "RandomAlarms", "RollingZ", "random_recall"]


def random_recall(alarms_per_day: float, window_s: float) -> float:
    """Recall within a window that alarms at random times have: 1 − exp(−rate × window).

    Parameters
    ----------
    alarms_per_day
        For each symbol.
    window_s
        Seconds after an onset within which an alarm counts.

    Examples
    --------
    >>> round(random_recall(2.0, 120.0), 5)
    0.00277
    """
    return -math.expm1(-alarms_per_day * window_s * SECOND_NS / DAY_NS)


@final
class PriceOnly:
    """Alarm when the median return over the symbols passes a threshold; sees prices only.

    On 10 October 2025 it was as quick as anything (science.md §6: −0.5 % in 60 s). It says the
    phase of the market, which speaks for every symbol.

    Parameters
    ----------
    fall
        Fraction that the median symbol must have lost.
    horizon_ns
        Over how long.
    side
        Whom the move threatens: longs by a fall, shorts by a rise; ``None``: either.

    Examples
    --------
    >>> rule = PriceOnly()
    >>> for at_s, price in ((0, 100.0), (60, 99.6), (61, 99.4)):
    ...     rule.update(Mark(venue="okx", symbol="X", raw_symbol="X", mark_price=price,
    ...                      venue_ns=at_s * 1_000_000_000))
    ...     print(rule.phase("*").value)
    calm
    calm
    cascade
    """

    def __init__(
        self,
        fall: float = 0.005,
        *,
        horizon_ns: int = 60 * SECOND_NS,
        side: Side | None = Side.LONG,
    ) -> None:
        if not 0 < fall < 1 or horizon_ns <= 0:
            raise InputError(
                f"a fall of {fall!r} within {horizon_ns} ns: give a fraction such as 0.005, and a"
                " time above 0"
            )
        self._fall = fall
        self._horizon_ns = horizon_ns
        self._side = side
        self._now_ns: int | None = None
        # Prices of one kind only are compared: a mark and a trade may lie far apart.
        self._sources: dict[tuple[str, str, str], _Prices] = {}
        self._is_on = False

    def update(self, event: Event, /) -> None:
        """Take one event in."""
        at_ns = known_ns(event)
        if at_ns is None:
            return
        before_ns = self._now_ns
        self._now_ns = at_ns if before_ns is None else max(before_ns, at_ns)
        price = _price_of(event)
        if price is not None and price > 0:
            key = (event.symbol or event.raw_symbol, event.venue, type(event).__name__)
            prices = self._sources.setdefault(key, _Prices(self._horizon_ns))
            prices.put(self._now_ns, price)
        elif before_ns is not None and before_ns // SECOND_NS == self._now_ns // SECOND_NS:
            return  # old prices are looked at anew once a second
        move = self._median_move(self._now_ns)
        self._is_on = move is not None and self._passes(move)

    def phase(self, symbol: str, /) -> Phase:
        """Phase of the market; symbols have none of their own."""
        return Phase.CASCADE if self._is_on and symbol == EVERYTHING else Phase.CALM

    def _passes(self, move: float) -> bool:
        if self._side is Side.LONG:
            return move <= -self._fall
        return move >= self._fall if self._side is Side.SHORT else abs(move) >= self._fall

    def _median_move(self, now_ns: int) -> float | None:
        """Median over symbols; of a symbol, over its sources."""
        moves: dict[str, list[float]] = {}
        for (symbol, _, _), prices in self._sources.items():
            move = prices.move(now_ns)
            if move is not None:
                moves.setdefault(symbol, []).append(move)
        return median(median(of) for of in moves.values()) if moves else None


@final
class _Prices:
    """Last prices of one source, one for each second, and the return over the horizon."""

    def __init__(self, horizon_ns: int) -> None:
        self._horizon_ns = horizon_ns
        self._past: deque[tuple[int, float]] = deque()

    def put(self, now_ns: int, price: float) -> None:
        if self._past and self._past[-1][0] // SECOND_NS == now_ns // SECOND_NS:
            self._past.pop()
        self._past.append((now_ns, price))

    def move(self, now_ns: int) -> float | None:
        """Return against the last price that is as old as the horizon; unknown without one."""
        old_ns, past = now_ns - self._horizon_ns, self._past
        while len(past) > 1 and past[1][0] <= old_ns:
            past.popleft()
        return past[-1][1] / past[0][1] - 1.0 if past[0][0] <= old_ns else None


@final
class RollingZ:
    """Alarm when a symbol's forced flow is many standard deviations above its own last hour.

    Parameters
    ----------
    z
        Standard deviations needed.
    width_ns
        Over which flow is summed.
    history_bins
        Sums of the past that mean and deviation are taken of, the present one left out.
    least_bins
        Of which so many are needed before anything is said.

    Notes
    -----
    As long as all sums of the past are equal (nothing was closed by force), a deviation cannot be
    told, and neither can an alarm. Holes count as nothing closed. Both are faults that a detector
    should not have; a baseline may.
    """

    def __init__(
        self,
        z: float = 6.0,
        *,
        width_ns: int = 10 * SECOND_NS,
        history_bins: int = 360,
        least_bins: int = 60,
    ) -> None:
        if not 0 < z < math.inf or width_ns <= 0 or not 2 <= least_bins <= history_bins:
            raise InputError(
                f"z = {z!r}, width {width_ns} ns, {least_bins} of {history_bins} bins: give numbers"
                " above 0, and at least 2 bins of the past"
            )
        self._z = z
        self._width_ns = width_ns
        self._history = history_bins
        self._least = least_bins
        self._bin: int | None = None
        self._flows: dict[str, _Flow] = {}

    def update(self, event: Event, /) -> None:
        """Take one event in."""
        at_ns = known_ns(event)
        if at_ns is None:
            return
        now = at_ns // self._width_ns
        if self._bin is None:
            self._bin = now
        if event.symbol is not None and event.symbol not in self._flows:
            self._flows[event.symbol] = _Flow(self._history)
        if now > self._bin:
            for flow in self._flows.values():
                flow.close(now - self._bin)
            self._bin = now
        usd = _forced_usd_of(event)
        if usd is not None and event.symbol is not None:
            self._flows[event.symbol].usd += usd

    def phase(self, symbol: str, /) -> Phase:
        """Phase of a symbol by what was closed in the bin that is being filled."""
        flow = self._flows.get(symbol)
        score = None if flow is None else flow.z(self._least)
        return Phase.CASCADE if score is not None and score >= self._z else Phase.CALM


@final
class _Flow:
    """Sums of the past of one symbol."""

    def __init__(self, history: int) -> None:
        self.usd = 0.0
        self._past: deque[float] = deque(maxlen=history)
        self._known = False
        self._mean = self._spread = 0.0

    def close(self, bins: int) -> None:
        """Close the present bin; further ones passed with nothing closed."""
        self._past.append(self.usd)
        self._past.extend([0.0] * min(bins - 1, self._past.maxlen or 0))
        self.usd = 0.0
        self._known = False

    def z(self, least: int) -> float | None:
        if len(self._past) < least or self.usd <= 0:
            return None
        if not self._known:
            # Summed exactly: in what order the same sums came makes no difference.
            self._mean = math.fsum(self._past) / len(self._past)
            squares = math.fsum((usd - self._mean) ** 2 for usd in self._past)
            self._spread = math.sqrt(squares / (len(self._past) - 1))
            self._known = True
        return (self.usd - self._mean) / self._spread if self._spread > 0 else None


@final
class RandomAlarms:
    """Alarm at random times: what chance does with the same budget.

    Parameters
    ----------
    per_symbol_day
        Alarms of each symbol per day, on average.
    symbols
        Whose alarms are drawn.
    seed
        Of the random numbers; each symbol has its own.
    """

    def __init__(self, per_symbol_day: float, symbols: Sequence[str], *, seed: int = 0) -> None:
        if not 0 < per_symbol_day < math.inf:
            raise InputError(f"{per_symbol_day!r} alarms per symbol-day: give a number above 0")
        mean_ns = DAY_NS / per_symbol_day
        self._pulses: Final[dict[str, _Pulses]] = {}
        for symbol in symbols:
            rng = np.random.default_rng([seed, *symbol.encode()])
            self._pulses[symbol] = _Pulses(partial(rng.exponential, mean_ns))

    def update(self, event: Event, /) -> None:
        """Take one event in: only its time matters."""
        at_ns = known_ns(event)
        if at_ns is not None:
            for pulses in self._pulses.values():
                pulses.pass_to(at_ns)

    def phase(self, symbol: str, /) -> Phase:
        """Phase of a symbol."""
        pulses = self._pulses.get(symbol)
        return Phase.CASCADE if pulses is not None and pulses.is_on else Phase.CALM


@final
class AlwaysOn:
    """Alarm again and again: all is told of, at the price of never being silent.

    Parameters
    ----------
    every_ns
        From one alarm to the next, for each symbol that is asked for; what lies within the dead
        time of a rule is folded there.
    """

    def __init__(self, every_ns: int = SECOND_NS) -> None:
        if every_ns <= 0:
            raise InputError(f"an alarm every {every_ns} ns: give a time above 0")
        self._pulses = _Pulses(lambda: float(every_ns))

    def update(self, event: Event, /) -> None:
        """Take one event in: only its time matters."""
        at_ns = known_ns(event)
        if at_ns is not None:
            self._pulses.pass_to(at_ns)

    def phase(self, symbol: str, /) -> Phase:
        """Phase of the market, which speaks for every symbol."""
        return Phase.CASCADE if self._pulses.is_on and symbol == EVERYTHING else Phase.CALM


@final
class _Pulses:
    """On for one event whenever a gap has passed; what falls due between two events comes once."""

    def __init__(self, gap: Callable[[], float]) -> None:
        self.is_on = False
        self._gap = gap
        self._start_ns = 0
        self._due_ns: float | None = None  # after the start: small enough for a float

    def pass_to(self, now_ns: int) -> None:
        if self._due_ns is None:
            self._start_ns, self._due_ns = now_ns, self._gap()
        is_due = now_ns - self._start_ns >= self._due_ns
        self.is_on = is_due and not self.is_on  # off in between, so that the next is a new one
        while self.is_on and now_ns - self._start_ns >= self._due_ns:
            self._due_ns += self._gap()


def _price_of(event: Event) -> float | None:
    if isinstance(event, Trade):
        return event.price
    if isinstance(event, Bar):
        return event.close
    return event.mark_price if isinstance(event, Mark) else None


def _forced_usd_of(event: Event) -> float | None:
    if isinstance(event, Liquidation):
        return event.notional_usd
    return event.usd if isinstance(event, ForcedFlow) else None
