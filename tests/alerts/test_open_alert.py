"""An open alert holds what goes on after a restart, and nothing that could be changed."""

import msgspec
import pytest

from airpocket.alerts.alert import Signal
from airpocket.alerts.open_alert import OpenAlert


def test_it_cannot_be_changed_and_survives_being_written_down() -> None:
    known = OpenAlert(
        alert_id="lc-20260205T200000-852864eb", signal=Signal.LIQUIDATION_CASCADE,
        scope="BTC/USDT:USDT", side="longs", onset_ns=1, time_ns=2, sequence=3, updates=2,
    )  # fmt: skip
    with pytest.raises(AttributeError):
        known.sequence = 4  # type: ignore[misc]
    assert msgspec.json.decode(msgspec.json.encode(known), type=OpenAlert) == known
