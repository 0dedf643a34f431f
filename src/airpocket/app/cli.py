"""The command line. Commands import what they need when they run: ``--help`` stays light."""

import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, NoReturn

from cyclopts import App, CycloptsError, Parameter

from airpocket import __version__
from airpocket.errors import AirpocketError

__all__ = ["app", "convert", "demo", "inspect", "main", "parse", "replay"]

app = App(
    name="airpocket",
    help="Liquidation cascades in crypto derivatives: detected, and told in facts.",
    help_format="plaintext",  # markdown would load three times as much
    version=__version__,
    version_flags=["--version"],
    print_error=False,
    exit_on_error=False,
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)


@app.command
def parse(venue: str, file: Path | None = None, /) -> None:
    """Turn raw frames, one JSON a line, into events, one JSON a line.

    Frames that cannot be used are named on stderr with line and reason; the rest gets through.

    Parameters
    ----------
    venue
        aster, binance, bitfinex, bitget, bitmex, bybit, deribit, dydx, htx, hyperliquid,
        kraken-futures, lighter or okx.
    file
        Frames, plain or .gz or .zip; standard input if left out.
    """
    from airpocket.app import parsing

    parsing.run(venue, file)


@app.command
def inspect(*sources: Path, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Say what recordings hold: venues, symbols, channels, range, counts, gaps, defects.

    Parameters
    ----------
    sources
        Files or folders: tapes, Tardis and Binance Vision files, CoinGlass exports, Hyperliquid
        and Aave records.
    json
        Print one JSON object a line and nothing else.
    """
    from airpocket.app import inspecting

    inspecting.run(sources, as_json=json)


@app.command
def replay(
    *sources: Path,
    symbol: tuple[str, ...] = (),
    json: Annotated[bool, Parameter(negative="")] = False,
    verbose: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Play recordings through the detector: when a cascade began, what was seen, when it was over.

    Parameters
    ----------
    sources
        Files or folders, as for inspect. All are played together in the order of their times.
    symbol
        Follow only these unified symbols (and the market); may be given more than once.
    json
        Print one JSON object a line and nothing else: type alert, phase, quality or episode.
    verbose
        Show every step, also those that only set the scene.
    """
    from airpocket.app import replaying

    replaying.run(sources, symbols=symbol, as_json=json, verbose=verbose)


@app.command
def convert(source: Path, out: Path, /) -> None:
    """Write a recording as a tape (OUT ends in .tape) or as Parquet (OUT is a .parquet or folder).

    Parameters
    ----------
    source
        File or folder to read.
    out
        Where to write. An existing file is never overwritten.
    """
    from airpocket.app import converting

    converting.run(source, out)


@app.command
def demo(out: Path | None = None, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Make a small tape with a cascade in it, through real wire formats, and play it.

    Parameters
    ----------
    out
        Keep the tape here; a temporary folder otherwise.
    json
        Print one JSON object a line and nothing else.
    """
    from airpocket.app import demonstrating

    demonstrating.run(out, as_json=json)


def main(tokens: list[str] | None = None) -> None:
    """Run the command line; an error is one sentence on stderr and exit code 2.

    Raises
    ------
    SystemExit
        With 2 for what cannot be used, 130 after Ctrl-C, 141 if whoever read the output has gone.
    """
    _bear_any_text()
    try:
        app(tokens)
        sys.stdout.flush()  # here, where a closed pipe is still ours to notice
    except AirpocketError as error:
        _fail(str(error))
    except CycloptsError as error:
        told = " ".join(str(error).split()).removesuffix(".")
        _fail(f"{told}; see `airpocket --help`")
    except BrokenPipeError:
        _forget_stdout()
        raise SystemExit(141) from None
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        _fail(f"{where}{error.strerror or error}")
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _fail(sentence: str) -> NoReturn:
    from airpocket.app.printing import complain

    sys.stdout.flush()
    complain(f"airpocket: {sentence}")
    raise SystemExit(2) from None


def _bear_any_text() -> None:
    """Let a name that the terminal's encoding lacks be shown by its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _forget_stdout() -> None:
    """Let what is still buffered go nowhere, or the interpreter complains when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
