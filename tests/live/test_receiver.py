"""What a frame turned out to say."""

from airpocket.live.receiver import Reading
from airpocket.market.wire import NOTHING


def test_a_reading_is_kept_unless_said_otherwise() -> None:
    assert Reading(local_ns=1, events=(), said=NOTHING).kept
