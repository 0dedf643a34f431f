"""The subscriptions there are, kept in the state, and which channels an alert goes to."""

from collections.abc import Sequence
from typing import Final, final

import msgspec
from sqlalchemy import delete, select

from airpocket.alerts.alert import InformationalAlert, Signal, Stage
from airpocket.alerts.filed import channels_of
from airpocket.alerts.tier import TIERS, Subscription, Tier, standard
from airpocket.errors import AirpocketError, InputError
from airpocket.store.state import State
from airpocket.store.state_tables import SUBSCRIPTION, SubscriptionRow

__all__ = ["TIERS", "Subscription", "Subscriptions", "Tier"]

_DECODER: Final = msgspec.json.Decoder(Subscription)


@final
class Subscriptions:
    """All subscriptions, and the way of an alert through them.

    Parameters
    ----------
    state
        Where those that were added are kept.
    channels
        Configured channels for alerts; one that no subscription names gets cascades on BTC and
        ETH.
    health_channels
        Configured channels for notices about our own feeds; one that no subscription names gets
        all of them.
    configured
        Subscriptions of the configuration; one goes before an added one of the same name.
    tiers
        Tiers there are.

    Raises
    ------
    InputError
        If a channel is on both routes, or a configured subscription cannot be granted.
    StateError
        If the state cannot be read.
    """

    def __init__(
        self,
        state: State,
        *,
        channels: Sequence[str] = (),
        health_channels: Sequence[str] = (),
        configured: Sequence[Subscription] = (),
        tiers: Sequence[Tier] = TIERS,
    ) -> None:
        both = set(channels) & set(health_channels)
        if both:
            raise InputError(
                f"channel {min(both)!a} is for alerts or for feed health, not for both: make two"
            )
        self._state = state
        self._channels = tuple(dict.fromkeys(channels))
        self._health_channels = tuple(dict.fromkeys(health_channels))
        self._tiers = {tier.name: tier for tier in tiers}
        self._configured = {one.name: one for one in configured}
        for one in configured:
            self._require_granted(one, configured)
        self._added, self._unreadable = self._load()

    def all(self) -> tuple[Subscription, ...]:
        """List configured ones, then those that were added, by name."""
        added = {name: one for name, one in self._added.items() if name not in self._configured}
        return (*self._configured.values(), *added.values())

    def add(self, subscription: Subscription, at_ns: int, *, replace: bool = False) -> None:
        """Add one, from the next alert on.

        Parameters
        ----------
        subscription
            What to add.
        at_ns
            Now.
        replace
            Whether it takes the place of an added one of the same name.

        Raises
        ------
        InputError
            If its name is taken, its tier or channel is not configured, or the tier does not allow
            what it asks for.
        """
        name = subscription.name
        if name in self._configured:
            raise InputError(f"subscription {name!a} stands in the configuration: change it there")
        if name in self._added and not replace:
            raise InputError(
                f"there is a subscription {name!a}: --replace takes its place, --remove removes it"
            )
        others = [one for one in self.all() if one.name != name]
        self._require_granted(subscription, (*others, subscription))
        body = msgspec.json.encode(subscription).decode()
        row = {"name": name, "changed_ns": at_ns, "body": body}
        with self._state.transaction() as connection:
            connection.execute(delete(SUBSCRIPTION).where(SUBSCRIPTION.c.name == name))
            connection.execute(SUBSCRIPTION.insert().values(row))
        self._added, self._unreadable = self._load()

    def remove(self, name: str) -> bool:
        """Remove an added one; False if there is none of that name.

        What it was told the opening of, it is still told the end of.

        Raises
        ------
        InputError
            If it stands in the configuration.
        """
        if name in self._configured:
            raise InputError(f"subscription {name!a} stands in the configuration: remove it there")
        gone = delete(SUBSCRIPTION).where(SUBSCRIPTION.c.name == name)
        with self._state.transaction() as connection:
            is_gone = bool(connection.execute(gone).rowcount)
        self._added, self._unreadable = self._load()
        return is_gone

    def route(self, alert: InformationalAlert) -> tuple[str, ...]:
        """Channels that get an alert.

        An end goes to every channel that anything was filed for under its id, and to no other:
        nobody is left with an opening, and nobody gets the end of what they were not told. Call it
        in one transaction with the filing if several threads file.
        """
        is_health = alert.signal is Signal.FEED_HEALTH
        known = self._health_channels if is_health else self._channels
        if alert.sequence > 0 and alert.stage in {Stage.ALL_CLEAR, Stage.FEED_ENDED}:
            told = channels_of(self._state, alert.alert_id)
            return tuple(name for name in told if name in known)
        wanted = [one.channel for one in self._effective() if self._grants(one, alert)]
        return tuple(name for name in known if name in wanted)

    def problems(self) -> tuple[str, ...]:
        """Sentences about subscriptions that tell less than they ask for, or nothing."""
        found = list(self._unreadable)
        for one in self.all():
            if one.name in self._configured:
                continue
            try:
                self._require_granted(one, ())
            except InputError as error:
                found.append(str(error))
        return tuple(found)

    def _effective(self) -> list[Subscription]:
        named = self.all()
        taken = {one.channel for one in named}
        left = [standard(name) for name in self._channels if name not in taken]
        kept = [standard(n, is_health=True) for n in self._health_channels if n not in taken]
        return [*named, *left, *kept]

    def _grants(self, one: Subscription, alert: InformationalAlert) -> bool:
        # A tier that is no longer configured has what every tier has.
        tier = self._tiers.get(one.tier) or Tier(name=one.tier)
        return one.wants(alert) and tier.allows(alert)

    def _require_granted(self, one: Subscription, beside: Sequence[Subscription]) -> None:
        about = f"subscription {one.name!a}"
        tier = self._tiers.get(one.tier)
        if tier is None:
            raise InputError(
                f"{about}: there is no tier {one.tier!a}: {', '.join(sorted(self._tiers))}"
            )
        known = self._health_channels if one.is_health else self._channels
        if one.channel not in known:
            what = "feed health" if one.is_health else "alerts"
            raise InputError(
                f"{about}: no channel {one.channel!a} for {what} is configured:"
                f" {', '.join(known) or 'there is none'}"
            )
        beyond = tier.beyond(one)
        if beyond is not None:
            wider = [name for name, other in self._tiers.items() if other.beyond(one) is None]
            way = f"tier {wider[0]!a} is" if wider else "no tier is"
            if wider and one.name not in self._configured:
                way += f" (--tier {wider[0]})"
            raise InputError(f"{about}: tier {tier.name!a} is not told {beyond}: {way}")
        same = sum((other.channel, other.tier) == (one.channel, one.tier) for other in beside)
        if same > tier.subscriptions_most:
            raise InputError(
                f"{about}: channel {one.channel!a} has {tier.subscriptions_most} of tier"
                f" {tier.name!a} already: remove one"
            )

    def _load(self) -> tuple[dict[str, Subscription], tuple[str, ...]]:
        rows = self._state.rows(SubscriptionRow, select(SUBSCRIPTION).order_by(SUBSCRIPTION.c.name))
        added, unreadable = {}, []
        for row in rows:
            try:
                added[row.name] = _DECODER.decode(row.body)
            except (msgspec.DecodeError, AirpocketError) as error:
                unreadable.append(f"subscription {row.name!a} cannot be read ({error}): remove it")
        return added, tuple(unreadable)
