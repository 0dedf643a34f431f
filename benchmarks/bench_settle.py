"""One shock on a prepared ladder of a million positions, beside the same in C.

Three C loops, compiled by gcc when this runs: the merge that adds sorted positions one by one while
the price goes down the impact law (what one writes without preparing anything); the waves alone on
prefix sums, by binary search; and the waves and all that the public call tells beside them, on
prefix sums: the folds from a sweep over all levels, and m along the path. Ours is the public call
on a prepared ladder, all of it each time. They alternate in one process, ten calls of each in turn;
where the chain ends, what it forces and how many folds there are must agree.

``ordinary`` is a fall of 3 % that ends soon, ``almost all`` one that forces nine tenths.
"""

import ctypes
import math
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from airpocket.cascade.impact import BookWalk, Curve, SquareRoot
from airpocket.cascade.outcome import Cascade
from airpocket.cascade.settle import PreparedLadder, prepare, settle
from airpocket.cascade.shock import Shock
from airpocket.cascade.waterfall import Payers
from airpocket.leverage.ladder import Forced, Ladder, Layer, Provenance, levels_of
from airpocket.market.events import Side
from benchmarks.side_by_side import Timing, side_by_side, verdict

POSITIONS = 1_000_000
WINDOWS = 15
CALLS = 10
GOAL = 1.3
JUMP = 0.005
BIN = 0.001
PAYERS = Payers(fund_usd=1e8, fee_rate=0.005, has_adl=True)

C = r"""
#include <math.h>
typedef struct { const double *usd, *fall; long rows; double coefficient, below; } law;
static double impact(double q, const law *l) {
    if (q <= 0) return 0;
    if (!l->rows) return q < l->below ? l->coefficient * sqrt(l->below) * (q / l->below)
                                      : l->coefficient * sqrt(q);
    if (q > l->usd[l->rows - 1]) return l->fall[l->rows - 1];
    long low = 0, high = l->rows - 1;
    while (low < high) { long k = (low + high) / 2; if (l->usd[k] < q) low = k + 1; else high = k; }
    return l->fall[low];
}
static long passed(const double *d, long from, long n, double x) {
    long low = from, high = n;
    while (low < high) { long k = (low + high) / 2; if (d[k] <= x) low = k + 1; else high = k; }
    return low;
}
long merge(const double *d, const double *usd, long n, const law *l, double x0, double *out) {
    double x = x0, q = 0; long i = 0, waves = 0, row = 0;
    for (;;) {
        long before = i;
        while (i < n && d[i] <= x) q += usd[i++];
        if (i == before) break;
        double fall;
        if (l->rows) {
            while (row < l->rows - 1 && q > l->usd[row]) row++;
            fall = q > 0 ? l->fall[row] : 0;
        } else fall = impact(q, l);
        if (x0 + fall <= x) break;
        x = x0 + fall; waves++;
    }
    out[0] = x; out[1] = q;
    return waves;
}
long waves(const double *d, const double *sum, long n, const law *l, double x0, double *out) {
    double x = x0; long i = passed(d, 0, n, x), count = 0;
    for (;;) {
        double to = x0 + impact(sum[i], l);
        if (to <= x) break;
        x = to; count++;
        long now = passed(d, i, n, x);
        if (now == i) break;
        i = now;
    }
    out[0] = x; out[1] = sum[i];
    return count;
}
long folds(const double *d, const double *sum, long n, const law *l, double least) {
    double record = 0, last = NAN; long found = 0, row = 0;
    for (long i = 0; i <= n; i++) {
        double fall, end = i < n ? d[i] : 1;
        if (l->rows) {
            while (row < l->rows - 1 && sum[i] > l->usd[row]) row++;
            fall = sum[i] > 0 ? l->fall[row] : 0;
        } else {
            double q = sum[i];
            fall = q < l->below ? l->coefficient * sqrt(l->below) * (q / l->below)
                                : l->coefficient * sqrt(q);
        }
        if (end - fall > record) {
            if (record + fall - last >= least) found++;
            record = end - fall; last = end;
        }
    }
    return found;
}
long whole(const double *d, const double *sum, long n, const law *l, double x0, double least,
           double width, double *out, double *m) {
    waves(d, sum, n, l, x0, out);
    long bins = (long)ceil(out[0] / width - 1e-9), i = passed(d, 0, n, 0);
    double before = impact(sum[i], l);
    for (long k = 1; k <= bins; k++) {
        i = passed(d, i, n, k * width);
        double now = impact(sum[i], l);
        m[k - 1] = (now - before) / width; before = now;
    }
    return folds(d, sum, n, l, least);
}
"""


class Law(ctypes.Structure):
    _fields_ = (
        ("usd", ctypes.c_void_p),
        ("fall", ctypes.c_void_p),
        ("rows", ctypes.c_long),
        ("coefficient", ctypes.c_double),
        ("below", ctypes.c_double),
    )


def compiled(folder: Path) -> ctypes.CDLL | None:
    """Compile the loops; ``None`` without a compiler."""
    compiler = shutil.which("gcc")
    if compiler is None:
        return None
    source, library = folder / "settle.c", folder / "settle.so"
    source.write_text(C, encoding="ascii")
    flags = ["-O3", "-march=native", "-shared", "-fPIC", "-o", str(library), str(source), "-lm"]
    subprocess.run([compiler, *flags], check=True)  # noqa: S603 - a compiler that was looked for, and our own file
    loops = ctypes.CDLL(str(library))
    pointer, long, double = ctypes.c_void_p, ctypes.c_long, ctypes.c_double
    head = [pointer, pointer, long, pointer, double]
    for name, more in (
        ("merge", [pointer]),
        ("waves", [pointer]),
        ("whole", [double, double, pointer, pointer]),
    ):
        getattr(loops, name).restype = long
        getattr(loops, name).argtypes = [*head, *more]
    return loops


def ladder() -> Ladder:
    """Make a million longs within 60 % of the mark, with what their margin lasts to."""
    draws = np.random.default_rng(1)
    price = 60_000.0 * (1 - draws.uniform(0.0005, 0.6, POSITIONS))
    usd = draws.lognormal(9.0, 1.2, POSITIONS)
    none = np.empty(0)
    layer = Layer(
        forced=Forced.LIQUIDATION,
        provenance=Provenance.MEASURED,
        longs=levels_of(
            Side.LONG, price, usd, usd / price, np.ones(POSITIONS, dtype=np.int64), price * 0.994
        ),
        shorts=levels_of(Side.SHORT, none, none, none),
        source="drawn",
    )
    return Ladder(venue="x", symbol="BTC/USDT:USDT", mark_price=60_000.0, layers=(layer,))


def cases(ready: PreparedLadder) -> dict[str, tuple[BookWalk | SquareRoot, Shock]]:
    """Lay out laws under which a shock ends soon, or goes through nine tenths."""
    total = float(ready.cumulative_usd[-1])

    def book(depth: float) -> BookWalk:
        share = np.linspace(0.0, 1.0, 1_001)[1:]
        curve = Curve(total * depth * share, 0.6 * share)
        return BookWalk(curve, curve)

    root = SquareRoot(daily_volatility=0.025, daily_volume_usd=17.5e9)
    # A root that takes nine tenths of the way: 0.03 + 0.51 once 0.9 of all is sold.
    steep = SquareRoot(daily_volatility=0.51, daily_volume_usd=0.9 * total)
    return {
        "ordinary, book": (book(3.0), Shock.by_move(-0.03)),
        "ordinary, root": (root, Shock.by_move(-0.03)),
        "almost all, book": (book(1.06), Shock.by_move(-0.03)),
        "almost all, root": (steep, Shock.by_move(-0.03)),
    }


def in_c(
    loops: ctypes.CDLL, ready: PreparedLadder, curve: Curve, move: float
) -> dict[str, Callable[[], tuple[int, float, float]]]:
    """Bind the C loops to one case; each tells its count, the end, and what is forced."""
    law = Law(
        curve.usd.ctypes.data if curve.is_table else None,
        curve.fall.ctypes.data if curve.is_table else None,
        curve.usd.size,
        curve.coefficient,
        curve.linear_below_usd,
    )
    out, m = np.empty(2), np.empty(2_000)
    usd = np.ascontiguousarray(ready.levels.notional_usd)
    where, sums = ready.distance.ctypes.data, ready.cumulative_usd.ctypes.data
    size, by_law = ready.distance.size, ctypes.addressof(law)

    def told(count: int, _alive: object = (law, usd, curve)) -> tuple[int, float, float]:
        return count, float(out[0]), float(out[1])

    end = out.ctypes.data
    return {
        "merge": lambda: told(loops.merge(where, usd.ctypes.data, size, by_law, move, end)),
        "waves": lambda: told(loops.waves(where, sums, size, by_law, move, end)),
        "whole": lambda: told(
            loops.whole(where, sums, size, by_law, move, JUMP, BIN, end, m.ctypes.data)
        ),
    }


def agree(mine: Cascade, peers: dict[str, Callable[[], tuple[int, float, float]]]) -> None:
    """End, dollars, waves and folds are the same."""
    for name, peer in peers.items():
        count, fall, usd = peer()
        assert math.isclose(fall, mine.fall, rel_tol=1e-9), (name, fall, mine.fall)
        assert math.isclose(usd, mine.forced_usd, rel_tol=1e-9), (name, usd, mine.forced_usd)
        if name == "waves":
            assert count == mine.waves_count - 1, (count, mine.waves_count)
        if name == "whole":
            assert count == len(mine.folds), (count, len(mine.folds))


def said(name: str, mine: Cascade, timing: Timing, forced: int) -> list[str]:
    """Say one case."""
    took = {way: timing.ns(way, CALLS) for way in ("ours", "merge", "waves", "whole", "paid")}
    merge = timing.ratio("ours", "merge")
    text = f"{merge:.2f} of the C merge ({took['merge'] / forced:.2f} ns a position)"
    whole, waves = timing.ratio("ours", "whole"), timing.ratio("ours", "waves")
    return [
        (
            f"{name} ({mine.waves_count - 1} waves, {100 * forced / POSITIONS:.0f} % of"
            f" {POSITIONS:,} positions, {len(mine.folds)} folds): {took['ours'] / 1e3:,.0f} µs"
        ),
        "    " + (verdict(merge, GOAL, text=text) if name.startswith("almost") else text),
        f"    {whole:.2f} of C that tells the same on prefix sums ({took['whole'] / 1e3:,.0f} µs)",
        f"    {waves:.0f} times C that tells the waves alone ({took['waves'] / 1e3:.1f} µs)",
        f"    with who pays {(took['paid'] - took['ours']) / forced:.1f} ns a forced position more",
    ]


def run() -> list[str]:
    """Measure each case, and the waterfall."""
    with TemporaryDirectory() as folder:
        loops = compiled(Path(folder))
        if loops is None:
            return ["not measured: there is no gcc to compile the peer with"]
        ready = prepare(ladder(), Side.LONG)
        lines = []
        for name, (law, shock) in cases(ready).items():
            peers = in_c(loops, ready, law.curve(Side.LONG, ready.first_price), shock.fall)
            mine = settle(ready, law, shock)
            agree(mine, peers)
            ways = {
                "ours": lambda law=law, shock=shock: settle(ready, law, shock),
                **peers,
                "paid": lambda law=law, shock=shock: settle(ready, law, shock, payers=PAYERS),
            }
            timing = side_by_side(
                {way: lambda act=act: [act() for _ in range(CALLS)] for way, act in ways.items()},
                windows=WINDOWS,
            )
            lines += said(name, mine, timing, int(mine.forced_count or 0))
        return lines
