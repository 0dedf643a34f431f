"""A process that files and delivers alerts until it is killed, and says what it did.

``python dying_outbox.py serve`` forks one for each line ``path<TAB>seed<TAB>bug`` it reads;
``… write PATH SEED BUG`` files some alerts and ends. ``filed N`` (and ``ack N`` for the model of a
disk) means that the filing of alert N has returned, ``sent CHANNEL ID`` that a receiver got a
message, ``noted CHANNEL ID`` that the outbox has written that down.

The bugs are planted: the tests that find nothing must find these.
"""

import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airpocket.alerts.alert import InformationalAlert, Stage
from airpocket.alerts.outbox import Outbox
from airpocket.store.state import State
from airpocket.store.state_tables import ALERT, OUTBOX, WAITING
from tests.alerts.made import HOUR, alert, observed

CHANNELS = ("discord", "log", "telegram")
NOW_NS = HOUR[1]
LAST = 4


def numbered(count: int) -> InformationalAlert:
    """Alert N of a story in which each cascade is opened, updated three times, and ends."""
    onset_ns, sequence = HOUR[0] + count // (LAST + 1), count % (LAST + 1)
    stage = {0: Stage.OPEN, LAST: Stage.ALL_CLEAR}.get(sequence, Stage.UPDATE)
    return alert(observed(), onset_ns=onset_ns, sequence=sequence, stage=stage)


class TwoTransactions(Outbox):  # type: ignore[misc]
    """Files the alert first, and what has to be sent of it after."""

    def file(self, alert: InformationalAlert, channels: Sequence[str], **more: Any) -> bool:
        if not super().file(alert, (), **more):
            return False
        add_rows(self._state, alert, channels, more["at_ns"])
        return True


def add_rows(state: State, alert: InformationalAlert, channels: Sequence[str], at_ns: int) -> None:
    same = (ALERT.c.alert_id == alert.alert_id) & (ALERT.c.sequence == alert.sequence)
    with state.transaction() as connection:
        place = connection.execute(ALERT.select().where(same)).one().place
        for name in channels:
            row = {"alert": place, "channel": name, "standing": WAITING, "attempts": 0}
            times = {"filed_ns": at_ns, "due_ns": at_ns}
            connection.execute(OUTBOX.insert().values({**row, **times}))


def say(*words: object) -> None:
    """Write one line to the parent, at once."""
    os.write(1, f"{' '.join(map(str, words))}\n".encode())


def opened(state: State, bug: str) -> Outbox:
    if bug.startswith("synchronous="):
        state._connection.execute(f"PRAGMA {bug}")
    state._connection.execute("PRAGMA wal_autocheckpoint=20")  # so that deaths fall there too
    return TwoTransactions(state) if bug == "two transactions" else Outbox(state)


def file_next(outbox: Outbox, count: int, bug: str) -> None:
    if bug == "early":
        say("filed", count)
    outbox.file(numbered(count), CHANNELS, at_ns=NOW_NS + count, episode=b"{}")
    if bug != "early":
        say("filed", count)


def deliver(outbox: Outbox, draws: random.Random, count: int) -> None:
    for due in outbox.due(NOW_NS + count + 10):
        say("sent", due.channel, due.message_id)
        if draws.random() < 0.2:
            outbox.failed(due, NOW_NS + count, retry_ns=NOW_NS + count + 20, reason="HTTP 500")
        else:
            outbox.delivered(due, NOW_NS + count)
            say("noted", due.channel, due.message_id)


def live(path: Path, seed: int, bug: str) -> None:
    """File and deliver until killed, from where the last one was cut off."""
    draws = random.Random(seed)
    with State(path) as state:
        outbox = opened(state, bug)
        with state.transaction() as connection:
            stored = len(connection.execute(ALERT.select()).all())
        count = max(0, stored - 1)  # what may not have been said to be filed is filed again
        while True:
            file_next(outbox, count, bug)
            count += 1
            if draws.random() < 0.6:
                deliver(outbox, draws, count)


def write(path: Path, seed: int, bug: str) -> None:
    """File some alerts and deliver some of them, in two sessions."""
    draws = random.Random(seed)
    count = 0
    for _ in range(2):
        with State(path) as state:
            outbox = opened(state, bug)
            for _ in range(8):
                file_next(outbox, count, bug)
                say("ack", count)
                count += 1
                deliver(outbox, draws, count)


def serve() -> None:
    """Fork one for each line, and say when it is dead."""
    for line in sys.stdin:
        path, seed, bug = line.rstrip("\n").split("\t")
        child = os.fork()
        if child == 0:
            try:
                live(Path(path), int(seed), bug)
            finally:
                os._exit(1)
        say("pid", child)
        _, status = os.waitpid(child, 0)
        say("dead", os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    else:
        write(Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
