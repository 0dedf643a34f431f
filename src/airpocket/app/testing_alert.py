"""``airpocket test-alert``: one message over each channel, marked as a test, and its outcome."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from airpocket.alerts.alert import InformationalAlert, Signal, Stage, alert_id
from airpocket.alerts.fact import FactName, fact
from airpocket.alerts.feed_wording import OURSELVES
from airpocket.alerts.message import message_id
from airpocket.alerts.names import EVERYTHING, source_of
from airpocket.app.channels import channel_specs, secrets_of
from airpocket.app.config import load
from airpocket.app.journal import Journal
from airpocket.app.printing import console, json_line, show
from airpocket.errors import AirpocketError, InputError
from airpocket.live.channel import ChannelSpec, Delivery, Outcome
from airpocket.live.clock import Clock, SystemClock
from airpocket.live.sinks import open_sink

__all__ = ["Try", "run", "send_trial", "trial_alert"]

_SEND_S: Final = 30.0
_TRIALS: Final = "trial"


class _Trial(Struct, frozen=True):
    """A message that no outbox knows."""

    channel: str
    alert: InformationalAlert
    message_id: str
    first_ns: int
    row: int = 0
    attempts: int = 0


class Try(Struct, frozen=True):
    """What came of the message to one channel."""

    channel: str
    kind: str
    delivery: Delivery

    @property
    def is_delivered(self) -> bool:
        """Whether it arrived."""
        return self.delivery.outcome is Outcome.DELIVERED


def run(channels: Sequence[str], *, config: Path | None, as_json: bool) -> None:
    """Send the message and print the outcome of each channel.

    Raises
    ------
    InputError
        If a named channel is not configured.
    SystemExit
        With 1 if a channel did not take it.
    """
    settings = load(config)
    specs = _chosen(channel_specs(settings), channels)
    with Journal(settings.log, secrets=secrets_of(specs)) as journal:
        tries = asyncio.run(send_trial(specs, clock=SystemClock()))
    for one in tries:
        reason = journal.mask(one.delivery.reason)
        if as_json:
            json_line(
                {
                    "type": "try",
                    "channel": one.channel,
                    "kind": one.kind,
                    "delivered": one.is_delivered,
                    "reason": reason or None,
                }
            )
            continue
        told = "delivered" if one.is_delivered else f"FAILED: {reason or one.delivery.outcome}"
        show(console(), f"{one.channel:<20} {one.kind:<8} {told}".replace("[", r"\["), hang=30)
    if not all(one.is_delivered for one in tries):
        raise SystemExit(1)


def trial_alert(now_ns: int) -> InformationalAlert:
    """Make the message: informational, about airpocket itself, over as soon as it is sent.

    Examples
    --------
    >>> trial_alert(1_790_000_000_000_000_000).signal.value
    'FEED_HEALTH'
    """
    source = source_of("health", OURSELVES)
    return InformationalAlert(
        alert_id=alert_id(Signal.FEED_HEALTH, EVERYTHING, now_ns, _TRIALS),
        signal=Signal.FEED_HEALTH,
        stage=Stage.ALL_CLEAR,  # nothing that a receiver would have to keep open
        phase="calm",
        scope=EVERYTHING,
        side=None,
        time_ns=now_ns,
        onset_ns=now_ns,
        sequence=0,
        facts=(
            fact(FactName.FEED_VENUES, (OURSELVES,), source=source),
            fact(FactName.FEED_CAUSE, "test", source=source),
        ),
    )


async def send_trial(specs: Sequence[ChannelSpec], *, clock: Clock) -> list[Try]:
    """Send the message over some channels at once.

    Parameters
    ----------
    specs
        The channels.
    clock
        For the time of the message.
    """
    alert = trial_alert(clock.wall_ns())
    return list(await asyncio.gather(*(_send(spec, alert, clock) for spec in specs)))


async def _send(spec: ChannelSpec, alert: InformationalAlert, clock: Clock) -> Try:
    trial = _Trial(spec.name, alert, message_id(alert, spec.name), alert.time_ns)
    try:
        sink = open_sink(spec, clock=clock)
    except AirpocketError as error:
        return Try(spec.name, spec.kind.value, Delivery(Outcome.REFUSED, str(error)))
    try:
        async with asyncio.timeout(_SEND_S):
            delivery = await sink.send(trial)
    except TimeoutError:
        delivery = Delivery(Outcome.RETRY, f"no answer within {_SEND_S:g} s")
    finally:
        await sink.close()
    return Try(spec.name, spec.kind.value, delivery)


def _chosen(specs: Sequence[ChannelSpec], names: Sequence[str]) -> tuple[ChannelSpec, ...]:
    known = {spec.name: spec for spec in specs}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(f"no channel {unknown[0]!a} is configured: {', '.join(known)}")
    return tuple(known[name] for name in dict.fromkeys(names)) if names else tuple(specs)
