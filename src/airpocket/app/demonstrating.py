"""``airpocket demo``: events → venue frames → tape → events → detector → alerts, on one screen."""

import tempfile
from pathlib import Path

from airpocket.app.demo_market import STREAMS, events
from airpocket.app.printing import console, show
from airpocket.app.replaying import play
from airpocket.errors import InputError
from airpocket.store.tape import TapeWriter
from airpocket.units import MILLISECOND_NS
from airpocket.venues import register

__all__ = ["make_tape", "run"]

_DELAY_NS = 25 * MILLISECOND_NS
_CHUNK = 2_000


def run(out: Path | None, *, as_json: bool) -> None:
    """Make the demo tape and play it.

    Raises
    ------
    InputError
        If ``out`` exists.
    """
    if out is not None:
        _show(out, as_json=as_json)
        return
    with tempfile.TemporaryDirectory(prefix="airpocket-demo-") as folder:
        _show(Path(folder) / "demo.tape", as_json=as_json)


def _show(path: Path, *, as_json: bool) -> None:
    frames = make_tape(path)
    if not as_json:
        out = console()
        show(
            out,
            f"[bold]{frames:,} frames[/] of Binance, Bybit and OKX written to a tape in their own "
            "wire formats, now read back and played. The market in it is made up; the machinery "
            "is what a real recording goes through.",
        )
        show(out, "")
    play(register.recordings_in(path)[0], as_json=as_json, verbose=False)


def make_tape(path: Path, seed: int = 7) -> int:
    """Write the demo market to a new tape through each venue's ``encode``.

    Returns
    -------
    int
        Number of frames.

    Raises
    ------
    InputError
        If the file exists.
    """
    if path.exists():
        raise InputError(f"{path} exists: name another file, nothing is ever overwritten")
    wires = {venue: register.open_wire(venue) for venue in STREAMS}
    frames = 0
    with TapeWriter(path, f"demo-{seed}") as tape:
        for event in events(seed):
            for data in wires[event.venue].encode([event]):
                local_ns = (event.venue_ns or 0) + _DELAY_NS
                tape.append(event.venue, STREAMS[event.venue], local_ns, data)
                frames += 1
                if frames % _CHUNK == 0:
                    tape.commit()
        tape.commit()
    return frames
