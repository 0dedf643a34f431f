"""The kernels against plain twins, bin by bin: written from the formulas, over whole histories."""

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airpocket.detection import kernels

WINDOWS = (1, 2, 4, 8)
RECENT, GUARD = 3, 5
MEAN_DECAY, SPREAD_DECAY = 0.5 ** (1 / 20), 0.5 ** (1 / 60)
LENGTH = max(WINDOWS[-1], GUARD, RECENT) + 1


class Bin(NamedTuple):
    """One bin of one stream."""

    value: float
    squares: float  # NaN: sizes of single prints unknown
    live: bool = True
    frozen: bool = False


@dataclass
class FlowTwin:
    """One stream, with its whole past; sums run in the kernel's order, so nothing may differ."""

    overdispersion: bool = True
    print_rule: bool = True
    learns_frozen: bool = False
    past: list[Bin] = field(default_factory=list)
    absorbed: int = 0
    mean: list[float] = field(default_factory=lambda: [0.0] * 5)
    spread: list[list[float]] = field(default_factory=lambda: [[0.0] * 3 for _ in WINDOWS])

    def window(self, last: int, bins: int) -> float:
        return sum(self.past[at].value for at in range(last, max(-1, last - bins), -1))

    def step(self, now: Bin) -> tuple[float, int, float, float, float, float]:
        self.past.append(now)
        time = len(self.past) - 1
        lag = min(GUARD, max(1, time // 3))
        while self.absorbed <= time - lag:
            if self.learns_frozen or not self.past[self.absorbed].frozen:
                self.absorb(self.absorbed)
            self.absorbed += 1
        typical = self.mean[2] / self.mean[3] if self.mean[3] > 0 else 0.0
        best = (0.0, 0, self.window(time, 1))
        fano = 0.0
        for kind, bins in enumerate(WINDOWS):
            n = self.window(time, bins)
            if bins > time + 1 or n <= 0:
                continue
            fano = max(fano, self.fano(kind))
            found = self.score(n, bins, fano, typical)
            if found > best[0]:
                best = (found, kind, n)
        baseline = (self.mean[0] + typical) / (self.mean[1] + 1)
        return (*best, baseline, self.window(time, RECENT), self.mean[4])

    def fano(self, kind: int) -> float:
        total, squared, weight = self.spread[kind]
        if not self.overdispersion or weight <= 3 * WINDOWS[kind] or total <= 0:
            return 0.0
        m = total / weight
        return (squared / weight - m * m) / m

    def score(self, n: float, bins: int, fano: float, typical: float) -> float:
        known = [b for b in self.past[::-1][:bins] if not math.isnan(b.squares)]
        worth = sum(b.value for b in known)
        seen_print = sum(b.squares for b in known) / worth if worth > 0 else 0.0
        scale = max(fano, typical, seen_print) if self.print_rule else fano
        one_more = typical if typical > 0 else seen_print
        expected = bins * (self.mean[0] + one_more) / (self.mean[1] + 1)
        if scale <= 0 or not n > expected > 0:
            return 0.0
        return (n * math.log(n / expected) - (n - expected)) / scale

    def absorb(self, at: int) -> None:
        value, squares, _, _ = self.past[at]
        mean = self.mean
        mean[0], mean[1] = mean[0] * MEAN_DECAY + value, mean[1] * MEAN_DECAY + 1
        mean[4] += 1
        if not math.isnan(squares):
            mean[2], mean[3] = mean[2] * MEAN_DECAY + squares, mean[3] * MEAN_DECAY + value
        for kind, bins in enumerate(WINDOWS):
            if at + 1 >= bins:
                n, spread = self.window(at, bins), self.spread[kind]
                spread[0] = spread[0] * SPREAD_DECAY + n
                spread[1] = spread[1] * SPREAD_DECAY + n * n
                spread[2] = spread[2] * SPREAD_DECAY + 1


class FlowKernel:
    """The arrays that ``flow_step`` advances, for a few streams."""

    def __init__(self, streams: int) -> None:
        kinds = len(WINDOWS)
        self.state: dict[str, Any] = {
            "ring": np.zeros((streams, LENGTH)),
            "ring_squares": np.zeros((streams, LENGTH)),
            "ring_usable": np.zeros((streams, LENGTH), np.bool_),
            "ring_sums": np.zeros((streams, LENGTH, kinds)),
            "seen": np.zeros(streams, np.int64),
            "absorbed": np.zeros(streams, np.int64),
            "mean": np.zeros((streams, 5)),
            "spread": np.zeros((streams, kinds, 3)),
            "out": np.zeros((streams, 6)),
        }

    def step(self, bins: tuple[Bin, ...]) -> Any:
        values, squares, live, frozen = (np.array(column) for column in zip(*bins, strict=True))
        kernels.flow_step(
            values.astype(float), squares.astype(float), live, frozen, np.array(WINDOWS),
            RECENT, GUARD, MEAN_DECAY, SPREAD_DECAY, *self.state.values(),
        )  # fmt: skip
        return self.state["out"]


def same(told: Any, twin: tuple[float, ...]) -> bool:
    return bool(np.allclose(told, twin, rtol=1e-9, atol=0.0, equal_nan=True))


@st.composite
def some_bin(draw: st.DrawFn) -> Bin:
    """Silence, prints of known or unknown sizes, from a cent to beyond the world's wealth."""
    count = draw(st.integers(0, 4))
    size = draw(st.sampled_from([1.0, 1.0, 7.5, 1e-2, 1e6, 1e33]))
    known = draw(st.sampled_from([True, True, True, False]))
    return Bin(
        count * size,
        count * size * size if known else math.nan,
        draw(st.sampled_from([True, True, True, True, False])),
        draw(st.sampled_from([False, False, False, False, True])),
    )


HISTORIES = st.integers(1, 3).flatmap(
    lambda streams: st.lists(st.tuples(*[some_bin()] * streams), min_size=1, max_size=60)
)


@given(HISTORIES)
@example([(Bin(1.0, 1.0),)] * 40)
@example([(Bin(0.0, 0.0),)] * 40 + [(Bin(9.0, 9.0),)] * 3)
@example([(Bin(5.0, math.nan),)] * 60)
@example([(Bin(float(n % 3), float(n % 3), live=n % 7 != 0),) for n in range(60)])
@settings(max_examples=150, deadline=None)
def test_flow_step_is_its_twin(history: list[tuple[Bin, ...]]) -> None:
    kernel, twins = FlowKernel(len(history[0])), [FlowTwin() for _ in history[0]]
    told = [(0.0,) * 6 for _ in twins]
    for bins in history:
        out = kernel.step(bins)
        for number, (twin, now) in enumerate(zip(twins, bins, strict=True)):
            if now.live:  # a bin that is not observed leaves everything where it was
                told[number] = twin.step(now)
            assert same(out[number], told[number])


def clustered(seed: int, bins: int) -> list[Bin]:
    """Bursts of prints of many sizes, over-dispersed in number and in size."""
    rng = np.random.default_rng(seed)
    made = []
    for count in rng.negative_binomial(0.2, 0.1, bins).tolist():
        sizes = rng.lognormal(0.0, 1.5, count)
        made.append(Bin(float(sizes.sum()), float((sizes**2).sum())))
    return made


@pytest.mark.parametrize(
    "twin",
    [FlowTwin(overdispersion=False), FlowTwin(print_rule=False), FlowTwin(learns_frozen=True)],
    ids=["no over-dispersion", "no print rule", "learns while frozen"],
)
def test_a_twin_with_a_planted_bug_is_told_apart(twin: FlowTwin) -> None:
    kernel, right = FlowKernel(1), FlowTwin()
    history = [now._replace(frozen=at > 300) for at, now in enumerate(clustered(3, 400))]
    found = []
    for now in history:
        told = kernel.step((now,))[0].copy()
        assert same(told, right.step(now))
        found.append(same(told, twin.step(now)))
    assert not all(found)


def test_a_stream_that_is_not_live_is_left_alone() -> None:
    kernel = FlowKernel(2)
    for now in clustered(1, 50):
        kernel.step((now, now))
    before = {name: value.copy() for name, value in kernel.state.items()}
    kernel.step((Bin(1e9, 1e18, live=False), Bin(1.0, 1.0)))
    for name, value in kernel.state.items():
        assert np.array_equal(value[0], before[name][0])
    assert kernel.state["seen"][1] == before["seen"][1] + 1


@given(st.integers(0, 5), st.floats(1e-3, 1e6))
@settings(max_examples=25, deadline=None)
def test_the_score_has_no_unit(seed: int, scale: float) -> None:
    """Cents or dollars: the score is the same, sums scale."""
    one, other = FlowKernel(1), FlowKernel(1)
    for now in clustered(seed, 60):
        scaled = Bin(now.value * scale, now.squares * scale * scale)
        told, again = one.step((now,))[0].copy(), other.step((scaled,))[0].copy()
        assert again[0] == pytest.approx(told[0], rel=1e-6, abs=1e-9)
        assert again[3] == pytest.approx(told[3] * scale, rel=1e-6)


class PriceTick(NamedTuple):
    """Prices of one bin; ``None``: nothing traded."""

    prices: tuple[float, ...] | None
    frozen: bool = False


HORIZON, PRICE_GUARD, PRICE_DECAY, PRICE_LENGTH = 3, 4, 0.9, 12


@dataclass
class PriceTwin:
    """One price with its whole past."""

    lows: list[float] = field(default_factory=list)
    highs: list[float] = field(default_factory=list)
    closes: list[float] = field(default_factory=list)
    usable: list[bool] = field(default_factory=list)
    moves: float = 0.0
    weight: float = 0.0

    def step(self, now: PriceTick) -> tuple[float, float, float]:
        before = self.closes[-1] if self.closes else math.nan
        prices = now.prices or (before,)
        self.lows.append(min(prices))
        self.highs.append(max(prices))
        self.closes.append(prices[-1])
        self.usable.append(not now.frozen)
        time = len(self.closes) - 1
        past = time - min(PRICE_GUARD, max(1, time // 3))
        if past >= HORIZON and self.usable[past]:
            prior = self.closes[past - HORIZON]
            move = abs(self.closes[past] / prior - 1.0)
            if not math.isnan(move):
                self.moves = self.moves * PRICE_DECAY + move
                self.weight = self.weight * PRICE_DECAY + 1.0
        sigma = math.nan
        if self.weight >= 1.0:
            sigma = self.moves / self.weight * math.sqrt(math.pi / 2.0)
        reach = min(HORIZON, time)
        base = self.closes[time - reach]
        if reach < 1 or math.isnan(base):
            return math.nan, math.nan, sigma
        lowest, highest = min(self.lows[-reach:]), max(self.highs[-reach:])
        return min(base, lowest) / base - 1.0, max(base, highest) / base - 1.0, sigma


def price_told(ticks: list[PriceTick]) -> list[Any]:
    low, high, close = (np.full(1, math.nan) for _ in range(3))
    rings = [np.full((1, PRICE_LENGTH), math.nan) for _ in range(3)]
    usable, spread = np.zeros((1, PRICE_LENGTH), np.bool_), np.zeros((1, 2))
    out = np.full((1, 3), math.nan)
    told = []
    for time, tick in enumerate(ticks):
        if tick.prices is not None:
            low[0], high[0], close[0] = min(tick.prices), max(tick.prices), tick.prices[-1]
        kernels.price_step(
            time, low, high, close, np.array([tick.frozen]), HORIZON, PRICE_GUARD, PRICE_DECAY,
            rings[0], rings[1], rings[2], usable, spread, out,
        )  # fmt: skip
        assert math.isnan(low[0])
        assert math.isnan(high[0])
        told.append(out[0].copy())
    return told


def price_ticks(least: float, most: float) -> st.SearchStrategy[list[PriceTick]]:
    prices = st.lists(st.floats(least, most), min_size=1, max_size=3).map(tuple)
    frozen = st.sampled_from([False, False, False, True])
    return st.lists(st.builds(PriceTick, st.none() | prices, frozen), min_size=1, max_size=40)


@given(price_ticks(1e-6, 1e9))
@example([PriceTick(None)] * 5 + [PriceTick((1.0,))] * 20)
@settings(max_examples=150, deadline=None)
def test_price_step_is_its_twin(ticks: list[PriceTick]) -> None:
    twin = PriceTwin()
    for told, tick in zip(price_told(ticks), ticks, strict=True):
        assert same(told, twin.step(tick))


def test_a_price_twin_that_sees_closes_only_is_told_apart() -> None:
    """A wick that closes where it began is a move."""
    ticks = [PriceTick((100.0,))] * 10 + [PriceTick((100.0, 90.0, 100.0))]
    fall, rise, _ = price_told(ticks)[-1]
    assert fall == pytest.approx(-0.1)
    assert rise == 0.0
    blind = PriceTwin()
    told = [blind.step(PriceTick((t.prices or ())[-1:])) for t in ticks]
    assert told[-1][0] == 0.0


@given(price_ticks(1.0, 1000.0))
@settings(max_examples=50, deadline=None)
def test_a_mirrored_price_mirrors_its_moves(ticks: list[PriceTick]) -> None:
    """Under p → 1/p a fall by f is a rise by 1/(1 − f) − 1."""
    mirrored = [
        t._replace(prices=None if t.prices is None else tuple(1.0 / p for p in t.prices))
        for t in ticks
    ]
    for (fall, rise, _), (fell, rose, _) in zip(
        price_told(ticks), price_told(mirrored), strict=True
    ):
        if math.isnan(fall):
            assert math.isnan(fell)
            continue
        assert rose == pytest.approx(1.0 / (1.0 + fall) - 1.0, rel=1e-6, abs=1e-9)
        assert 1.0 / (1.0 + rise) - 1.0 == pytest.approx(fell, rel=1e-6, abs=1e-9)
