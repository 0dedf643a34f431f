"""What the gauges say of a scope, put into words of the phase machine."""

import pytest

from airpocket.detection.config import DetectorConfig
from airpocket.detection.episode import Kind
from airpocket.detection.gauges import FlowScore
from airpocket.detection.judge import Judge
from airpocket.detection.ledger import Ledger
from airpocket.detection.panel import Panel
from airpocket.detection.scope import Scope
from airpocket.market.events import Coverage, ForcedFlow, Side
from airpocket.units import MINUTE_NS, SECOND_NS

CONFIG = DetectorConfig.for_width(SECOND_NS)


def _judge(now: int = 0) -> Judge:
    judge = Judge(CONFIG, Panel(CONFIG))
    judge.now = now
    return judge


def _flow(*, recent: float = 6e5, history_bins: float = 3600.0) -> FlowScore:
    return FlowScore(20.0, 4, 1e6, 100.0, recent, history_bins)


def _scope(baseline: float | None, *, onset_s: int = 0) -> Scope:
    scope = Scope("BTC/USDT:USDT", Kind.CASCADE, CONFIG)
    scope.ledger = Ledger(
        scope=scope.name, kind=Kind.CASCADE, side=Side.LONG, side_inferred=False,
        onset_ns=onset_s * SECOND_NS, said_ns=onset_s * SECOND_NS, unit="usd", bin_ns=SECOND_NS,
        wave_ns=MINUTE_NS, baseline=baseline, history_ns=0, provisional=True, confirmed=None,
    )  # fmt: skip
    return scope


def test_the_baseline_of_an_open_episode_is_that_of_its_onset_until_it_thaws() -> None:
    scope = _scope(7.0)
    assert _judge(now=60).baseline(scope, _flow()) == 7.0
    assert _judge(now=CONFIG.thaw_ns // SECOND_NS + 60).baseline(scope, _flow()) == 100.0


@pytest.mark.parametrize(("history_s", "expected"), [(0, None), (1_799, None), (1_800, 100.0)])
def test_an_episode_without_history_learns_its_baseline_in_time(
    history_s: float, expected: float | None
) -> None:
    assert _judge().baseline(_scope(None), _flow(history_bins=history_s)) == expected


def test_without_an_episode_one_bin_of_history_is_needed() -> None:
    scope = Scope("X", Kind.CASCADE, CONFIG)
    assert _judge().baseline(scope, _flow(history_bins=0.0)) is None
    assert _judge().baseline(scope, _flow(history_bins=1.0)) == 100.0


def test_quiet_is_never_said_without_a_baseline() -> None:
    silent = _flow(recent=0.0, history_bins=0.0)
    without = _judge().condition(_scope(None), False, silent, 12.0, blind=False)
    assert (without.quiet, without.flow_back, without.rekindles) == (False, False, False)
    known = _judge().condition(_scope(100.0), False, silent, 12.0, blind=False)
    assert (known.quiet, known.flow_back) == (True, True)


def test_size_is_that_of_the_window_and_more_is_asked_without_a_price() -> None:
    scope = Scope("X", Kind.CASCADE, CONFIG)
    scope.units |= {Side.LONG: "usd", Side.SHORT: "usd"}
    scope.recent.append(
        ForcedFlow(
            venue="okx", symbol="X", raw_symbol="X", venue_ns=0, width_ns=SECOND_NS,
            side=Side.LONG, count=50, usd=500_000.0, coverage=Coverage.CENSUS,
        )
    )  # fmt: skip
    judge = _judge(now=3)
    assert judge.is_large(scope, Side.LONG, _flow(), priced=True)
    assert not judge.is_large(scope, Side.LONG, _flow(), priced=False)
    assert not judge.is_large(scope, Side.SHORT, _flow(), priced=True)
    judge.now = 40  # the window of four bins no longer holds it
    assert not judge.is_large(scope, Side.LONG, _flow(), priced=True)


def test_a_reading_says_its_multiple_and_none_without_a_baseline() -> None:
    reading = _judge().reading(_scope(100.0), _flow(), 12.0, None, None)
    assert reading.multiple == pytest.approx(6e5 / (100.0 * 60))
    assert (
        _judge().reading(_scope(None), _flow(history_bins=0.0), 12.0, None, None).multiple is None
    )
