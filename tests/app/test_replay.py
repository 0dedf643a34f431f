import itertools
from pathlib import Path
from typing import Any

import pytest

from airpocket.alerts.alert import InformationalAlert, Stage
from airpocket.alerts.linter import violations
from airpocket.alerts.render import as_json, as_text
from airpocket.app.replay import Saying, replay, replay_group
from airpocket.app.sources import Group, gather, groups_of
from airpocket.detection.episode import Ending, Episode, Phase, Transition
from airpocket.errors import InputError, SourceError
from airpocket.market.columns import Columns
from airpocket.market.events import GapCause, Trade
from airpocket.market.quality import Finding, FindingCode
from airpocket.market.source import Recording
from airpocket.units import HOUR_NS, SECOND_NS
from tests.app.made import ONSET_S, liquidations, trades, until_it_breaks
from tests.app.test_sources import START_NS, Made, flow, gap, mark

LIQUIDATIONS = "binance-futures_liquidations_2026-03-02_BTCUSDT.csv.gz"
TRADES = "binance-futures_trades_2026-03-02_BTCUSDT.csv.gz"
FINDING = Finding(code=FindingCode.BOTH_LEGS, where="x", said="twice")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[Recording]:
    folder = tmp_path_factory.mktemp("in")
    liquidations(folder / LIQUIDATIONS)
    trades(folder / TRADES)
    return gather([folder])[0]


@pytest.fixture(scope="module")
def said(recordings: list[Recording]) -> list[Saying]:
    return list(replay(recordings))


def _alerts(said: list[Saying]) -> list[InformationalAlert]:
    return [one for one in said if isinstance(one, InformationalAlert)]


def test_a_cascade_is_opened_followed_and_ended(said: list[Saying]) -> None:
    alerts = _alerts(said)
    assert [alert.stage for alert in alerts] == [Stage.OPEN, Stage.UPDATE, Stage.ALL_CLEAR]
    assert len({alert.alert_id for alert in alerts}) == 1
    assert [alert.sequence for alert in alerts] == [0, 1, 2]
    opened = alerts[0]
    assert 0 <= opened.onset_ns - (START_NS + ONSET_S * SECOND_NS) < SECOND_NS
    assert opened.time_ns - opened.onset_ns < 20 * SECOND_NS
    assert (opened.side, opened.scope) == ("longs", "BTC/USDT:USDT")


def test_things_are_said_in_order_of_time(said: list[Saying]) -> None:
    times = [
        one.said_ns if isinstance(one, Transition) else one.time_ns
        for one in said
        if isinstance(one, Transition | InformationalAlert)
    ]
    assert times == sorted(times)


def test_an_alert_follows_the_step_that_made_it(said: list[Saying]) -> None:
    for before, one in itertools.pairwise(said):
        if isinstance(one, InformationalAlert):
            assert isinstance(before, Transition)
            assert (before.after.value, before.said_ns) == (one.phase, one.time_ns)


def test_an_episode_is_told_once_at_its_end(said: list[Saying]) -> None:
    (whole,) = (one for one in said if isinstance(one, Episode))
    assert whole.ending is Ending.SETTLED
    assert whole.count == 61
    place = said.index(whole)
    step = next(one for one in reversed(said[:place]) if isinstance(one, Transition))
    assert step.after is Phase.SETTLED


def test_a_replay_repeats_itself(recordings: list[Recording], said: list[Saying]) -> None:
    assert list(replay(recordings)) == said


def test_one_by_one_is_as_in_bulk(recordings: list[Recording], said: list[Saying]) -> None:
    """The path of a live feed: the same ticks as single events, not as columns."""
    live: list[Recording] = []
    for recording in recordings:
        items: list[Any] = []
        for item in recording.read():
            items += list(item.events()) if isinstance(item, Columns) else [item]
        assert len(items) > 80
        made = Made(items)
        made.label = recording.label
        live.append(made)
    assert list(replay(live)) == said


def test_only_asked_for_symbols_are_followed(recordings: list[Recording]) -> None:
    assert _alerts(list(replay(recordings, symbols=frozenset({"ETH/USDT:USDT"})))) == []
    followed = list(replay(recordings, symbols=frozenset({"BTC/USDT:USDT"})))
    assert len(_alerts(followed)) == 3


def test_symbols_that_were_there_are_noted(recordings: list[Recording]) -> None:
    seen: set[str] = set()
    (group,) = groups_of(recordings)
    list(replay_group(group, seen=seen))
    assert seen == {"BTC/USDT:USDT"}


def test_a_feed_that_ends_within_is_no_all_clear(tmp_path: Path) -> None:
    path = liquidations(tmp_path / LIQUIDATIONS, seconds=ONSET_S + 40)
    alerts = _alerts(list(replay(gather([path])[0])))
    assert [alert.stage for alert in alerts] == [Stage.OPEN, Stage.FEED_ENDED]
    assert alerts[-1].phase == "unknown"


def test_a_quiet_market_is_told_nothing_of(tmp_path: Path) -> None:
    path = liquidations(tmp_path / LIQUIDATIONS, cascade=False)
    said = list(replay(gather([path])[0]))
    assert _alerts(said) == []
    assert not [one for one in said if isinstance(one, Episode)]


def test_what_led_up_to_a_break_is_told_before_it(tmp_path: Path) -> None:
    path = liquidations(tmp_path / LIQUIDATIONS, seconds=ONSET_S + 40)
    (whole,) = gather([path])[0]
    broken = Made(
        [item for item in whole.read() if isinstance(item, Columns)]
        + [gap(START_NS + (ONSET_S + 39) * SECOND_NS, GapCause.UNREADABLE)],
        error=SourceError("it breaks off"), channels=("liquidations",),
    )  # fmt: skip
    later = Made([flow(START_NS, HOUR_NS)], channels=("forced_flow",), width_ns=HOUR_NS)
    said, error = until_it_breaks(replay([broken, later, Made([FINDING], channels=("depth",))]))
    assert str(error) == "it breaks off"
    assert [alert.stage for alert in _alerts(said)] == [Stage.OPEN, Stage.FEED_ENDED]
    assert said.count(FINDING) == 1, "context goes with both groups, and is said once"


def test_two_extracts_are_refused_before_a_word_is_said() -> None:
    pair = [Made([FINDING], kind=kind, extract_of="the calls") for kind in "ab"]
    with pytest.raises(InputError, match="two extracts"):
        next(replay(pair))


def test_nothing_gives_nothing() -> None:
    assert list(replay([])) == []
    assert list(replay([Made([])])) == []
    assert list(replay_group(Group(SECOND_NS, (Made([mark(None)]),)))) == []


def test_a_market_of_many_symbols_is_told_within_the_limits_of_an_alert() -> None:
    """160 coins fall together, as on 2025-10-10: an alert holds 200 facts, not one a leg."""
    ticks: list[Any] = []
    for second in range(400):
        for coin in range(160):
            fall = 0.0 if second < 360 else 0.03 * (second - 359) / 40
            for part in range(1 if second < 360 else 8):
                at_ns = START_NS + second * SECOND_NS + coin * 1_000_000 + part
                if second >= 360 or (second + coin) % 4 == 0:
                    ticks.append(
                        Trade(
                            venue="hyperliquid", symbol=f"C{coin}/USDC:USDC", raw_symbol=f"C{coin}",
                            venue_ns=at_ns, price=100.0 * (1 - fall), qty_raw=1.0,
                            notional_usd=100.0,
                        )
                    )  # fmt: skip
    alerts = _alerts(list(replay([Made([Columns.gather(ticks)])])))
    assert {alert.scope for alert in alerts} == {"*"}
    assert [alert.stage for alert in alerts] == [Stage.OPEN, Stage.FEED_ENDED]
    assert all(len(alert.facts) <= 200 for alert in alerts)
    assert all(not violations(as_json(alert)) for alert in alerts)
    assert len(as_text(alerts[-1])) < 80


@pytest.mark.data
def test_real_ticks_one_by_one_are_as_in_bulk(data_dir: Path) -> None:
    folder = data_dir / "oct10_market"
    paths = [
        next(folder.glob(f"binance-delivery_trades_*_{coin}USD_PERP.csv.gz"))
        for coin in ("AAVE", "ATOM")
    ]
    recordings, _ = gather(paths)
    live: list[Recording] = []
    for recording in recordings:
        items: list[Any] = []
        for item in recording.read():
            items += list(item.events()) if isinstance(item, Columns) else [item]
        made = Made(items)
        made.label = recording.label
        live.append(made)
    bulk, single = list(replay(recordings)), list(replay(live))
    assert len(bulk) == len(single)
    assert _alerts(bulk)
    for one, other in zip(bulk, single, strict=True):
        assert type(one) is type(other)
        if isinstance(one, Transition) and isinstance(other, Transition):
            assert (one.scope, one.after, one.said_ns) == (other.scope, other.after, other.said_ns)
