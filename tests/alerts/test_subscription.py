"""Who gets an alert: by subscription and tier; whoever got an opening gets the end."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpocket.alerts.alert import Signal, Stage
from airpocket.alerts.outbox import Outbox
from airpocket.alerts.subscription import TIERS, Subscription, Subscriptions, Tier
from airpocket.alerts.tier import ALL
from airpocket.errors import InputError, StateError
from airpocket.store.state import State
from tests.alerts.made import HOUR, alert, observed
from tests.alerts.test_outbox import INJECTIONS

NOW_NS = HOUR[1]
CASCADE, SHOCK, HEALTH = Signal.LIQUIDATION_CASCADE, Signal.SHOCK, Signal.FEED_HEALTH
NOTICE = alert(signal=HEALTH, scope="*", phase="unknown")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State(tmp_path / "s.db") as state:
        yield state


def of(state: State, **parts: Any) -> Subscriptions:
    usual = {"channels": ("log", "telegram"), "health_channels": ("ops",)}
    return Subscriptions(state, **{**usual, **parts})


def mine(**parts: Any) -> Subscription:
    return Subscription(**{"name": "mine", "channel": "log", "tier": "pro", **parts})


def test_cascades_on_btc_and_eth_go_everywhere_by_default(state: State) -> None:
    subscriptions = of(state)
    for scope in ("BTC/USDT:USDT", "ETH/USD:ETH"):
        assert subscriptions.route(alert(observed(), scope=scope)) == ("log", "telegram")
    assert subscriptions.route(alert(observed(), scope="SOL/USDT:USDT")) == ()
    assert subscriptions.route(alert(signal=SHOCK)) == ()
    assert subscriptions.route(NOTICE) == ("ops",)
    assert subscriptions.all() == ()


@pytest.mark.parametrize("tier", [*TIERS, Tier(name="least", signals=())])
def test_a_subscription_of_any_tier_has_the_default_unless_it_is_off(
    state: State, tier: Tier
) -> None:
    one = Subscription(name="mine", channel="log", tier=tier.name)
    subscriptions = of(state, tiers=(tier,), channels=("log",))
    subscriptions.add(one, NOW_NS)
    assert subscriptions.route(alert(observed())) == ("log",)
    off = Subscription(name="mine", channel="log", tier=tier.name, is_on=False)
    subscriptions.add(off, NOW_NS, replace=True)
    assert subscriptions.route(alert(observed())) == ()


def test_a_subscription_takes_the_place_of_the_default_on_its_channel(state: State) -> None:
    subscriptions = of(state)
    subscriptions.add(mine(symbols=("SOL",), signals=(SHOCK,)), NOW_NS)
    assert subscriptions.route(alert(observed())) == ("telegram",)
    assert subscriptions.route(alert(signal=SHOCK, scope="SOL/USDT:USDT")) == ("log",)
    subscriptions.add(mine(name="more", symbols=(ALL,), least_usd=1e6), NOW_NS)
    assert subscriptions.route(alert(observed(1e6))) == ("log", "telegram")
    assert subscriptions.route(alert(observed(1e5))) == ("telegram",)


def test_feed_health_has_a_route_of_its_own(state: State) -> None:
    with pytest.raises(InputError, match="'log' is for alerts or for feed health, not for both"):
        of(state, health_channels=("log",))
    subscriptions = of(state)
    with pytest.raises(InputError, match="no channel 'log' for feed health is configured: ops"):
        subscriptions.add(mine(signals=(HEALTH,)), NOW_NS)
    with pytest.raises(InputError, match="no channel 'ops' for alerts is configured: log, tele"):
        subscriptions.add(mine(channel="ops"), NOW_NS)
    subscriptions.add(mine(channel="ops", signals=(HEALTH,), is_on=False), NOW_NS)
    assert subscriptions.route(NOTICE) == ()
    assert of(state, health_channels=()).route(NOTICE) == ()


def test_an_end_goes_to_whoever_got_anything_of_its_id_and_to_nobody_else(state: State) -> None:
    outbox, subscriptions = Outbox(state), of(state, channels=("log", "telegram", "late", "none"))
    large = {"symbols": (ALL,), "least_usd": 1e6, "phases": ("cascade",)}
    subscriptions.add(mine(name="a", **large), NOW_NS)
    subscriptions.add(mine(name="b", channel="late", symbols=(ALL,), least_usd=1e7), NOW_NS)
    subscriptions.add(mine(name="c", channel="none", symbols=("SOL",)), NOW_NS)
    opened = alert(observed(2e6))
    assert subscriptions.route(opened) == ("log", "telegram")
    outbox.file(opened, subscriptions.route(opened), at_ns=NOW_NS)
    update = alert(observed(2e7), stage=Stage.UPDATE, sequence=1)
    assert subscriptions.route(update) == ("log", "telegram", "late")
    outbox.file(update, subscriptions.route(update), at_ns=NOW_NS)
    for stage in (Stage.ALL_CLEAR, Stage.FEED_ENDED):
        end = alert(stage=stage, sequence=2)  # without a size, in another phase
        assert set(subscriptions.route(end)) == {"log", "telegram", "late"}
    subscriptions.remove("a")  # whoever wants no more is still told that it is over
    end = alert(stage=Stage.ALL_CLEAR, sequence=2)
    assert "log" in subscriptions.route(end)
    of_another = alert(stage=Stage.ALL_CLEAR, sequence=2, scope="ETH/USDT:USDT")
    assert subscriptions.route(of_another) == ()
    assert "late" not in of(state).route(end)  # a channel that is no longer configured
    assert of(state).route(end) == ("log", "telegram")


def test_the_end_of_a_notice_goes_where_the_notice_went(state: State) -> None:
    outbox, subscriptions = Outbox(state), of(state)
    outbox.file(NOTICE, subscriptions.route(NOTICE), at_ns=NOW_NS)
    end = alert(signal=HEALTH, scope="*", stage=Stage.ALL_CLEAR, phase="calm", sequence=1)
    assert subscriptions.route(end) == ("ops",)


def test_an_end_that_is_the_first_alert_of_its_id_is_routed_like_any(state: State) -> None:
    assert of(state).route(alert(stage=Stage.ALL_CLEAR)) == ("log", "telegram")


def test_what_was_added_is_there_after_a_restart(tmp_path: Path) -> None:
    with State(tmp_path / "s.db") as state:
        subscriptions = of(state)
        subscriptions.add(mine(name="b", symbols=("SOL", "*"), least_usd=2.5), NOW_NS)
        subscriptions.add(mine(name="a"), NOW_NS)
        subscriptions.add(mine(name="c"), NOW_NS)
        assert subscriptions.remove("c")
        assert not subscriptions.remove("c")
        listed = subscriptions.all()
    with State(tmp_path / "s.db", read_only=True) as state:
        assert of(state).all() == listed
    assert [one.name for one in listed] == ["a", "b"]


def test_one_name_is_one_subscription(state: State) -> None:
    subscriptions = of(state)
    subscriptions.add(mine(), NOW_NS)
    with pytest.raises(InputError, match="there is a subscription 'mine': --replace takes"):
        subscriptions.add(mine(symbols=("SOL",)), NOW_NS)
    assert subscriptions.all() == (mine(),)
    subscriptions.add(mine(symbols=("SOL",)), NOW_NS, replace=True)
    assert subscriptions.all() == (mine(symbols=("SOL",)),)


def test_what_is_configured_goes_first_and_is_changed_in_the_configuration(state: State) -> None:
    of(state).add(mine(symbols=("SOL",)), NOW_NS)
    subscriptions = of(state, configured=(mine(symbols=("XRP",)),))
    assert subscriptions.all() == (mine(symbols=("XRP",)),)
    with pytest.raises(InputError, match="stands in the configuration: change it there"):
        subscriptions.add(mine(), NOW_NS, replace=True)
    with pytest.raises(InputError, match="stands in the configuration: remove it there"):
        subscriptions.remove("mine")
    assert of(state).all() == (mine(symbols=("SOL",)),)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (mine(tier="gold"), "there is no tier 'gold': free, pro"),
        (mine(channel="fax"), "no channel 'fax' for alerts is configured: log, telegram"),
        (mine(tier="free", symbols=(ALL,)), "tier 'free' is not told LIQUIDATION_CASCADE on 'all'"),
    ],
)
def test_what_is_not_granted_is_not_added(state: State, one: Subscription, said: str) -> None:
    with pytest.raises(InputError, match=said):
        of(state).add(one, NOW_NS)
    with pytest.raises(InputError, match=said):
        of(state, configured=(one,))
    assert of(state).all() == ()


def test_the_tier_that_would_be_told_is_named(state: State) -> None:
    wide = mine(tier="free", symbols=("SOL",))
    with pytest.raises(InputError, match=r"'SOL': tier 'pro' is \(--tier pro\)$"):
        of(state).add(wide, NOW_NS)
    with pytest.raises(InputError, match=r"'SOL': tier 'pro' is$"):
        of(state, configured=(wide,))
    with pytest.raises(InputError, match=r"'SOL': no tier is$"):
        of(state, tiers=(Tier(name="free"),)).add(wide, NOW_NS)


def test_a_channel_has_so_many_of_a_tier(state: State) -> None:
    subscriptions = of(state, tiers=(Tier(name="pro", symbols=(ALL,), subscriptions_most=2),))
    subscriptions.add(mine(name="1"), NOW_NS)
    subscriptions.add(mine(name="2"), NOW_NS)
    with pytest.raises(InputError, match="channel 'log' has 2 of tier 'pro' already: remove one"):
        subscriptions.add(mine(name="3"), NOW_NS)
    subscriptions.add(mine(name="2", symbols=("SOL",)), NOW_NS, replace=True)
    subscriptions.add(mine(name="3", channel="telegram"), NOW_NS)


def test_a_change_of_the_configuration_is_told_not_passed_over(state: State) -> None:
    subscriptions = of(state)
    subscriptions.add(mine(name="1", symbols=(ALL,)), NOW_NS)
    subscriptions.add(mine(name="2", channel="telegram"), NOW_NS)
    with state.transaction() as connection:
        connection.exec_driver_sql("INSERT INTO subscription VALUES ('odd', 1, '{}')")
    changed = of(state, tiers=(Tier(name="free"),), channels=("log",))
    first, second, third = changed.problems()
    assert "subscription 'odd' cannot be read" in first
    assert "subscription '1': there is no tier 'pro'" in second
    assert "subscription '2'" in third
    # Of a tier that is gone, what every tier has is left.
    assert changed.route(alert(observed())) == ("log",)
    assert changed.route(alert(observed(), scope="SOL/USDT:USDT")) == ()
    assert changed.remove("odd")
    assert len(changed.problems()) == 2
    assert subscriptions.problems() == ()


@pytest.mark.parametrize("text", INJECTIONS)
def test_names_are_never_part_of_a_statement(state: State, text: str) -> None:
    name, symbol = text[:100], text[:64]
    subscriptions = of(state)
    subscriptions.add(mine(name="bystander"), NOW_NS)
    subscriptions.add(mine(name=name, symbols=(symbol,)), NOW_NS)
    assert of(state).all() == subscriptions.all()
    assert {one.name: one.symbols for one in subscriptions.all()}[name] == (symbol,)
    subscriptions.route(alert(observed()))
    assert subscriptions.remove(name)
    assert [one.name for one in subscriptions.all()] == ["bystander"]


def test_a_look_cannot_change_anything(tmp_path: Path) -> None:
    State(tmp_path / "s.db").close()
    with State(tmp_path / "s.db", read_only=True) as state:
        subscriptions = of(state)
        with pytest.raises(StateError, match="may not be written"):
            subscriptions.add(mine(), NOW_NS)
        assert subscriptions.all() == ()


@settings(deadline=None, max_examples=30)
@given(
    wishes=st.lists(
        st.tuples(
            st.sampled_from(["log", "telegram"]),
            st.sampled_from([("BTC",), ("*",), (ALL,), ("SOL", "ETH")]),
            st.sampled_from([(CASCADE,), (SHOCK,), (CASCADE, SHOCK)]),
            st.sampled_from([(), ("cascade",), ("exhausted",)]),
            st.sampled_from([0.0, 1e6]),
        ),
        max_size=4,
    ),
    sizes=st.lists(st.sampled_from([1e5, 2e6]), min_size=1, max_size=4),
    scope=st.sampled_from(["BTC/USDT:USDT", "SOL/USDT:USDT", "*"]),
    end=st.sampled_from([Stage.ALL_CLEAR, Stage.FEED_ENDED]),
)
def test_no_channel_is_left_with_an_opening_nor_gets_an_end_of_nothing(
    wishes: list[tuple[Any, ...]], sizes: list[float], scope: str, end: Stage
) -> None:
    with TemporaryDirectory() as folder, State(f"{folder}/s.db") as state:
        outbox, subscriptions = Outbox(state), of(state)
        names = ("channel", "symbols", "signals", "phases", "least_usd")
        for count, wish in enumerate(wishes):
            parts = dict(zip(names, wish, strict=True))
            subscriptions.add(mine(name=str(count), **parts), NOW_NS)
        told: set[str] = set()
        for count, usd in enumerate(sizes):
            stage = Stage.UPDATE if count else Stage.OPEN
            one = alert(observed(usd), scope=scope, stage=stage, sequence=count)
            channels = subscriptions.route(one)
            told |= set(channels)
            outbox.file(one, channels, at_ns=NOW_NS)
        last = alert(scope=scope, stage=end, sequence=len(sizes))
        assert set(subscriptions.route(last)) == told
