"""A. Silence: F01 to F07."""

import asyncio

import pytest

from airpocket.live import pulse
from airpocket.live.pulse import Pulse
from airpocket.market.events import GapCause
from tests.faults.case import Case, case
from tests.live.fake_venue import FakeVenue
from tests.live.watch_rig import Watch


async def _mute(whole: Watch, venue: FakeVenue) -> None:
    await asyncio.sleep(60)
    fault = venue.faults.mute_socket()
    await asyncio.sleep(60)
    fault.end()
    await asyncio.sleep(60)


def _replaced(whole: Watch, venue: FakeVenue) -> None:
    silent = [gap for gap in whole.final.gaps if gap.cause is GapCause.SILENCE]
    assert silent, "no gap of silence"
    noticed = [one for one in whole.healths if one.state.value == "dead"]
    assert noticed, "never said to be dead"


def _believes_pings(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Pulse, "is_socket_silent", lambda _self, _now: False)
    patch.setattr(pulse, "SILENT_SOCKET_S", 1e9)


case(
    Case(
        number="F02",
        title="whole socket mute, pings answered",
        script=_mute,
        expect=_replaced,
        plant=_believes_pings,
    )
)
