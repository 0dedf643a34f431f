"""Subscriptions and tiers of the configuration, joined with those that the state keeps."""

from collections.abc import Sequence

from airpocket.alerts.subscription import Subscriptions
from airpocket.alerts.tier import TIERS, Subscription, Tier, standard
from airpocket.app.config import Settings
from airpocket.live.channel import ChannelSpec
from airpocket.store.state import State

__all__ = ["configured_subscriptions", "open_subscriptions", "tiers_of", "told_by_default"]


def configured_subscriptions(settings: Settings) -> tuple[Subscription, ...]:
    """Give the subscriptions of the configuration.

    Raises
    ------
    InputError
        If one asks for what cannot be asked for.
    """
    return tuple(
        Subscription(
            name=one.name,
            channel=one.channel,
            tier=one.tier,
            signals=one.signals,
            symbols=one.symbols,
            phases=one.phases,
            least_usd=one.least_usd,
            with_updates=one.with_updates,
            is_on=one.is_on,
        )
        for one in settings.subscriptions
    )


def tiers_of(settings: Settings) -> tuple[Tier, ...]:
    """Give the tiers there are: the usual ones, and those configured in their place or beside.

    Examples
    --------
    >>> [tier.name for tier in tiers_of(Settings())]
    ['free', 'pro']
    """
    tiers = {tier.name: tier for tier in TIERS}
    for name, one in settings.tiers.items():
        tiers[name] = Tier(
            name=name,
            signals=one.signals,
            symbols=one.symbols,
            subscriptions_most=one.subscriptions_most,
        )
    return tuple(tiers.values())


def open_subscriptions(
    state: State, settings: Settings, specs: Sequence[ChannelSpec]
) -> Subscriptions:
    """Join what is configured with what was added.

    Parameters
    ----------
    state
        Where added ones are kept.
    settings, specs
        The configuration, and its channels.

    Raises
    ------
    InputError
        If a configured subscription names no channel, or more than its tier has.
    StateError
        If the state cannot be read.
    """
    return Subscriptions(
        state,
        channels=[spec.name for spec in specs if not spec.is_health_route],
        health_channels=[spec.name for spec in specs if spec.is_health_route],
        configured=configured_subscriptions(settings),
        tiers=tiers_of(settings),
    )


def told_by_default(
    specs: Sequence[ChannelSpec], named: Sequence[Subscription]
) -> tuple[Subscription, ...]:
    """Give what channels are told that no subscription names."""
    taken = {one.channel for one in named}
    return tuple(
        standard(spec.name, is_health=spec.is_health_route)
        for spec in specs
        if spec.name not in taken
    )
