"""The licence that a plan needs: a stored report of an edge that survived its costs.

A report earns a licence if its out-of-sample interval, net of costs, lies above zero, and if its
reward is worth the smallest sensible stop. The reports are data shipped beside this file, and there
are none: open and published studies disagree in sign across horizon and asset; after taker costs
none gives a robust edge. The guard keeps out mistakes and data (a decoded, copied, unpickled or
hand-made licence); code that sets out to break it, in its own process, can.
"""

import hashlib
import math
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NoReturn, final
from weakref import WeakKeyDictionary

import msgspec
from msgspec import Struct

from airpocket.errors import FactsOnlyError, InputError, LimitError
from airpocket.units import is_plausible_ns

__all__ = [
    "EdgeMethod",
    "EdgeReport",
    "Licence",
    "LicenceStore",
    "PlanSignal",
    "StopFloor",
    "minimum_stop",
    "shipped_licences",
]


class PlanSignal(StrEnum):
    """Signals that a plan could be made for. A liquidation cascade is not one of them."""

    SHOCK = "SHOCK"


class EdgeMethod(StrEnum):
    """How a study kept its judgement apart from its fitting."""

    WALK_FORWARD = "walk_forward"
    FROZEN_HOLDOUT = "frozen_holdout"
    IN_SAMPLE = "in_sample"  # judged on the data it was fitted to: earns nothing


class EdgeReport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a study found for one signal on one symbol. All ``*_bps`` are basis points of price.

    ``mean_net_bps`` with ``low_bps`` and ``high_bps`` is the mean out-of-sample result a trade, net
    of ``cost_bps``, and its interval at ``confidence``, over ``n`` trades. ``reward_bps`` is the
    mean gross result of a winning trade. ``atr_bps``, ``spread_bps`` and ``fee_bps`` (both ways)
    describe the market of the sample. ``data_sha256`` names the data, ``report_sha256`` is
    :meth:`digest`, by which the store notices a report that was edited.
    """

    signal: PlanSignal
    symbol: str
    method: EdgeMethod
    from_ns: int
    to_ns: int
    n: int
    mean_net_bps: float
    low_bps: float
    high_bps: float
    confidence: float
    cost_bps: float
    reward_bps: float
    atr_bps: float
    spread_bps: float
    fee_bps: float
    data_sha256: str
    report_sha256: str = ""

    def digest(self) -> str:
        """SHA-256 of everything in the report but its own hash."""
        body = msgspec.structs.replace(self, report_sha256="")
        return hashlib.sha256(msgspec.json.encode(body)).hexdigest()


def minimum_stop(atr: float, spread: float, fees: float, *, k: float, c: float) -> float:
    """Give the smallest distance that is not noise: ``max(k * atr, c * (spread + fees))``.

    All three in one unit (basis points, or price), and so is the result.

    Examples
    --------
    >>> minimum_stop(40.0, 2.0, 10.0, k=1.5, c=4.0)
    60.0
    """
    return max(k * atr, c * (spread + fees))


@final
class StopFloor(Struct, frozen=True, kw_only=True):
    """Configured floor under every stop, and the smallest reward worth it.

    ``k`` multiplies the average true range, ``c`` spread and fees; ``reward_to_risk_min`` is the
    least reward, in units of the floor, that a licence needs; ``n_min`` the least trades.
    """

    k: float = 1.5
    c: float = 4.0
    reward_to_risk_min: float = 1.5
    n_min: int = 100

    def __post_init__(self) -> None:
        for name in ("k", "c", "reward_to_risk_min", "n_min"):
            number = getattr(self, name)
            if not (math.isfinite(number) and number > 0):
                raise InputError(f"stop floor: {name} is {number}, not a number above 0")

    def __str__(self) -> str:
        return (
            f"minimum stop = max({self.k:g} × ATR, {self.c:g} × (spread + fees)), "
            f"reward at least {self.reward_to_risk_min:g} × that, at least {self.n_min} trades"
        )

    def stop_bps(self, report: EdgeReport) -> float:
        """Smallest sensible stop in the market of a report."""
        return minimum_stop(report.atr_bps, report.spread_bps, report.fee_bps, k=self.k, c=self.c)


@final
class Licence:
    """Leave to state a plan for one signal on one symbol. Only a :class:`LicenceStore` issues one.

    It is an object, not a value: a copy, a decoded or an unpickled one is refused, so that leave
    cannot be written down and taken up elsewhere.
    """

    __slots__ = ("__weakref__", "_report")
    _report: EdgeReport

    def __init__(self, *_: object, **__: object) -> None:
        raise FactsOnlyError("a licence is issued by a licence store, not constructed")

    @property
    def report(self) -> EdgeReport:
        """The report that earned it."""
        return self._report

    def is_genuine(self) -> bool:
        """Tell whether a store issued this very object, and its report is still the same."""
        issued = _ISSUED.get(self)
        return issued is not None and issued == self._report.digest()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise FactsOnlyError("a licence cannot be changed")

    def __reduce__(self) -> NoReturn:
        raise FactsOnlyError("a licence cannot be copied or stored: ask the store again")

    def __init_subclass__(cls, **_: object) -> NoReturn:
        raise TypeError("Licence is final")


_ISSUED: Final[WeakKeyDictionary[Licence, str]] = WeakKeyDictionary()


@final
class LicenceStore:
    """The edge reports of a file, and the floor they are judged by.

    Parameters
    ----------
    path
        JSON, ``{"reports": [...]}`` of :class:`EdgeReport`.
    floor
        What a report must pass beside its interval.

    Raises
    ------
    InputError
        If the file cannot be read, or a report was edited after it was written.
    """

    def __init__(self, path: Path, floor: StopFloor | None = None) -> None:
        self.floor = StopFloor() if floor is None else floor
        self.reports: Final = _read(path)

    def issue(self, signal: PlanSignal, symbol: str) -> Licence:
        """Issue a licence for a signal on a symbol.

        Raises
        ------
        FactsOnlyError
            If no stored report earns one; the message gives the reasons.
        """
        reasons = [f"no edge report is stored for {signal!s} on {symbol!a}"]
        for report in self.reports:
            if type(signal) is PlanSignal and (report.signal, report.symbol) == (signal, symbol):
                reasons = list(self.reasons_against(report))
                if not reasons:
                    return _issue(report)
        raise FactsOnlyError(f"no plan: {'; '.join(reasons)}")

    def reasons_against(self, report: EdgeReport) -> tuple[str, ...]:
        """Say, one sentence each, why a report earns no licence; empty if it does."""
        stop_bps = self.floor.stop_bps(report)
        least_bps = self.floor.reward_to_risk_min * stop_bps
        checks = (
            (report.method is not EdgeMethod.IN_SAMPLE, "the result is in-sample"),
            (
                report.low_bps > 0,
                f"the interval net of costs reaches down to {report.low_bps:g} bp, not above 0",
            ),
            (report.confidence >= 0.95, f"the interval is at {report.confidence:g}, below 0.95"),
            (
                report.cost_bps >= report.spread_bps + report.fee_bps > 0,
                f"the costs of {report.cost_bps:g} bp do not cover spread and fees",
            ),
            (report.n >= self.floor.n_min, f"{report.n} trades are fewer than {self.floor.n_min}"),
            (
                report.reward_bps >= least_bps,
                f"a reward of {report.reward_bps:g} bp is below {least_bps:g} bp ({self.floor})",
            ),
        )
        return tuple(reason for holds, reason in checks if not holds)


def shipped_licences() -> LicenceStore:
    """Open the store that airpocket ships. It is empty: no study has shown a robust edge.

    Examples
    --------
    >>> shipped_licences().reports
    ()
    """
    return LicenceStore(Path(__file__).with_name("licences.json"))


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    reports: tuple[EdgeReport, ...]


def _read(path: Path) -> tuple[EdgeReport, ...]:
    try:
        if path.stat().st_size > 1_000_000:
            raise LimitError(f"{path}: a licence store of more than 1 MB is not read")
        reports = msgspec.json.decode(path.read_bytes(), type=_File).reports
    except (OSError, msgspec.MsgspecError, RecursionError) as error:
        raise InputError(f"{path}: not a readable licence store ({error})") from error
    for report in reports:
        wrong = _inconsistency(report)
        if wrong:
            raise InputError(f"{path}: the report for {report.symbol!a} {wrong}")
    return reports


def _inconsistency(report: EdgeReport) -> str | None:
    """Say what makes a report impossible to believe, whatever it claims."""
    figures: tuple[Any, ...] = tuple(
        getattr(report, name) for name in report.__struct_fields__ if name.endswith("_bps")
    )
    sound = all(math.isfinite(figure) for figure in figures) and 0 < report.confidence < 1
    negative = min(report.atr_bps, report.spread_bps, report.fee_bps, report.cost_bps) < 0
    checks = (
        (report.report_sha256 == report.digest(), "was edited: its hash does not fit"),
        (len(report.data_sha256) == 64, "does not name its data by SHA-256"),
        (sound, "has a figure that is not one"),
        (not negative, "has a negative cost or range"),
        (
            report.low_bps <= report.mean_net_bps <= report.high_bps,
            "has a mean outside its interval",
        ),
        (is_plausible_ns(report.from_ns) and report.from_ns < report.to_ns, "has no period"),
    )
    return next((reason for holds, reason in checks if not holds), None)


def _issue(report: EdgeReport) -> Licence:
    licence = object.__new__(Licence)
    object.__setattr__(licence, "_report", report)
    _ISSUED[licence] = report.digest()
    return licence
