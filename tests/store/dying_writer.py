"""A process that writes a tape until it is killed, and says what was acknowledged.

``python dying_writer.py serve`` forks a writer for each line ``path<TAB>seed<TAB>bug`` it reads,
so that a thousand deaths cost one start of the interpreter; ``… write PATH SEED BUG`` writes two
sessions of some commits and ends. Both say ``ack N`` for an acknowledged ordinal.

The bugs are planted: the tests that find nothing must find these.
"""

import os
import random
import sys
from pathlib import Path

from airpocket.errors import TapeError
from airpocket.store import tape_file
from airpocket.store.tape import TapeWriter

_COMMITS = 8


def content(ordinal: int) -> bytes:
    """Return the bytes of a frame, from 0 to 3,000, known from its ordinal alone."""
    draws = random.Random(ordinal)
    return draws.randbytes(draws.choice((0, 1, 50, 200, 200, 3_000)))


def say(word: str, number: int) -> None:
    """Write one line to the parent, at once."""
    os.write(1, f"{word} {number}\n".encode())


def opened(path: Path, draws: random.Random, bug: str) -> TapeWriter:
    """Open the tape; its log is folded into the file often, so that deaths fall there too."""
    if bug == "continued log":
        tape_file._start_afresh = lambda connection, path: None
    writer = TapeWriter(path, "crash")
    writer._connection.execute(f"PRAGMA wal_autocheckpoint={draws.choice((5, 30, 1000))}")
    if bug.startswith("synchronous="):
        writer._connection.execute(f"PRAGMA {bug}")
    return writer


def opened_at_last(path: Path, draws: random.Random, bug: str) -> TapeWriter | None:
    """Open the tape on a disk that refuses now and then; None if it refuses in step with us."""
    for _ in range(20):
        try:
            return opened(path, draws, bug)
        except TapeError:
            say("refused", -1)
    return None


def commit(writer: TapeWriter, draws: random.Random, bug: str) -> None:
    """Append some frames, commit them, and say so."""
    for _ in range(draws.choice((1, 3, 40))):
        writer.append("okx", str(draws.randrange(3)), None, content(writer.next_ordinal))
    if bug == "early":
        say("ack", writer.next_ordinal - 1)
    try:
        acknowledged = writer.commit()
    except TapeError:
        say("refused", writer.next_ordinal - 1)
    else:
        say("ack", acknowledged)


def write(path: Path, seed: int, bug: str) -> None:
    """Write two sessions; the first is closed or given up."""
    draws = random.Random(seed)
    for session in range(2):
        writer = opened_at_last(path, draws, bug)
        if writer is None:
            return
        for _ in range(_COMMITS):
            commit(writer, draws, bug)
        if session == 0 and draws.random() < 0.5:
            try:
                writer.close()
            except TapeError:
                say("refused", writer.next_ordinal - 1)
        writer.abandon()


def write_for_ever(path: Path, seed: int, bug: str) -> None:
    """Write until killed, closing the tape now and then."""
    draws = random.Random(seed)
    while True:
        with opened(path, draws, bug) as writer:
            for _ in range(draws.randrange(30)):
                commit(writer, draws, bug)


def serve() -> None:
    """Fork a writer for each line, and say when it is dead."""
    for line in sys.stdin:
        path, seed, bug = line.rstrip("\n").split("\t")
        child = os.fork()
        if child == 0:
            try:
                write_for_ever(Path(path), int(seed), bug)
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
