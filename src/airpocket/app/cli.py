"""The command line. Commands import what they need when they run: ``--help`` stays light."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from airpocket import __version__
from airpocket.errors import AirpocketError

__all__ = ["app", "convert", "demo", "inspect", "main", "parse", "replay"]

app = App(
    name="airpocket",
    help="Liquidation cascades in crypto derivatives: detected, and told in facts.",
    version=__version__,
    version_flags=["--version"],
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
    """Run the command line; an error is one sentence on stderr and exit code 2."""
    try:
        app(tokens)
    except AirpocketError as error:
        print(f"airpocket: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except BrokenPipeError:
        sys.stderr.close()  # whoever read us has gone; nothing is lost
        raise SystemExit(141) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
