"""What is configured joins what was added."""

from pathlib import Path

import pytest

from airpocket.alerts.alert import Signal
from airpocket.alerts.tier import Subscription
from airpocket.app.channels import channel_specs
from airpocket.app.config import Settings
from airpocket.app.routes import (
    configured_subscriptions,
    open_subscriptions,
    tiers_of,
    told_by_default,
)
from airpocket.app.settings import Channel, SubscriptionSettings, TierSettings
from airpocket.errors import InputError
from airpocket.store.state import State

CHANNELS = {
    "phone": Channel.model_validate({"kind": "log"}),
    "ops": Channel.model_validate({"kind": "log", "health": True}),
}


def test_every_field_of_a_subscription_is_carried_over() -> None:
    asked = SubscriptionSettings(
        name="big", channel="phone", tier="pro", signals=(Signal.SHOCK,), symbols=("all",),
        phases=("cascade",), least_usd=5e6, with_updates=False, is_on=False,
    )  # fmt: skip
    (one,) = configured_subscriptions(Settings(subscriptions=(asked,)))
    assert one == Subscription(
        name="big", channel="phone", tier="pro", signals=(Signal.SHOCK,), symbols=("all",),
        phases=("cascade",), least_usd=5e6, with_updates=False, is_on=False,
    )  # fmt: skip
    assert set(SubscriptionSettings.model_fields) == set(Subscription.__struct_fields__)


def test_a_configured_tier_takes_the_place_of_the_usual_one() -> None:
    tier = TierSettings(signals=(Signal.SHOCK,), symbols=("SOL",), subscriptions_most=3)
    tiers = {one.name: one for one in tiers_of(Settings(tiers={"pro": tier, "desk": tier}))}
    assert set(tiers) == {"free", "pro", "desk"}
    assert (tiers["pro"].symbols, tiers["desk"].subscriptions_most) == (("SOL",), 3)


def test_joined_with_the_state_each_on_its_route(tmp_path: Path) -> None:
    settings = Settings(
        channels=CHANNELS, subscriptions=(SubscriptionSettings(name="mine", channel="phone"),)
    )
    specs = channel_specs(settings)
    with State(tmp_path / "state.db") as state:
        joined = open_subscriptions(state, settings, specs)
        assert [one.name for one in joined.all()] == ["mine"]
        with pytest.raises(InputError, match="no channel 'ops' for alerts"):
            joined.add(Subscription(name="other", channel="ops"), 1)
    (default,) = told_by_default(specs, joined.all())
    assert (default.channel, default.is_health) == ("ops", True)


def test_a_subscription_to_a_channel_that_is_not_there(tmp_path: Path) -> None:
    settings = Settings(subscriptions=(SubscriptionSettings(name="mine", channel="phone"),))
    with State(tmp_path / "state.db") as state, pytest.raises(InputError, match="no channel"):
        open_subscriptions(state, settings, channel_specs(settings))
