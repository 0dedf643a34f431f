"""The command line. Commands import what they need when they run: ``--help`` stays light."""

import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, NoReturn

from cyclopts import App, CycloptsError, Parameter

from airpocket import __version__
from airpocket.app.check_command import check
from airpocket.app.ladder_commands import map_forced, shock
from airpocket.app.stress_command import stress
from airpocket.errors import AirpocketError

__all__ = [
    "app",
    "convert",
    "demo",
    "doctor",
    "inspect",
    "main",
    "parse",
    "record",
    "replay",
    "send_test",
    "subscribe",
    "subscriptions",
    "watch",
]


def _shown_default(value: object) -> str | None:
    """Show a default that tells something: that a flag is off and a list is empty does not."""
    return str(value) if isinstance(value, str | int | float) and value is not False else None


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
    default_parameter=Parameter(negative_iterable=(), show_default=_shown_default),
)
app.command(check)
app.command(map_forced, name="map")
app.command(shock)
app.command(stress)


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


@app.command
def watch(
    *symbols: str,
    venues: tuple[str, ...] = (),
    config: Path | None = None,
    quiet: Annotated[bool, Parameter(negative="")] = False,
    seconds: float | None = None,
) -> None:
    """Follow live feeds, keep what they say, and tell of liquidation cascades. No key is needed.

    Ctrl-C ends it within two seconds; nothing that was received is lost.

    Parameters
    ----------
    symbols
        Coins (BTC: its perpetuals on every venue), pairs (BTC/USDT) or contracts (BTC/USDT:USDT);
        those of the configuration if left out.
    venues
        binance, bybit, okx, hyperliquid; may be given more than once, or parted by commas.
    config
        Configuration instead of ./airpocket.toml.
    quiet
        Log lines instead of the screen.
    seconds
        End after so many seconds.
    """
    from airpocket.app import watching

    watching.run(symbols, venues=_parted(venues), config=config, quiet=quiet, seconds=seconds)


@app.command
def record(
    *symbols: str,
    venues: tuple[str, ...] = (),
    config: Path | None = None,
    quiet: Annotated[bool, Parameter(negative="")] = False,
    seconds: float | None = None,
) -> None:
    """Follow live feeds and only keep what they say, on a tape that rotates daily.

    Parameters
    ----------
    symbols
        Coins (BTC: its perpetuals on every venue), pairs (BTC/USDT) or contracts (BTC/USDT:USDT);
        those of the configuration if left out.
    venues
        binance, bybit, okx, hyperliquid; may be given more than once, or parted by commas.
    config
        Configuration instead of ./airpocket.toml.
    quiet
        Log lines instead of the screen.
    seconds
        End after so many seconds.
    """
    from airpocket.app import recording

    recording.run(symbols, venues=_parted(venues), config=config, quiet=quiet, seconds=seconds)


@app.command
def subscribe(
    name: str,
    /,
    *,
    channel: str | None = None,
    tier: str = "free",
    signal: tuple[str, ...] = (),
    symbol: tuple[str, ...] = (),
    phase: tuple[str, ...] = (),
    least_usd: float = 0.0,
    updates: bool = True,
    replace: Annotated[bool, Parameter(negative="")] = False,
    remove: Annotated[bool, Parameter(negative="")] = False,
    config: Path | None = None,
) -> None:
    """Add a subscription (or remove one): what a channel is told.

    Without any, every channel is told of cascades on BTC and ETH.

    Parameters
    ----------
    name
        What the subscription is called.
    channel
        A configured channel; may be left out if there is only one.
    tier
        free, pro, or a configured tier.
    signal
        LIQUIDATION_CASCADE (if left out), SHOCK or FEED_HEALTH; may be given more than once.
    symbol
        Coins, contracts, * for the market as a whole, or all; may be given more than once. BTC and
        ETH if left out.
    phase
        Only these phases of the detector; may be given more than once.
    least_usd
        Only what is at least so large, in dollars.
    updates
        Whether updates are told beside openings and ends.
    replace
        Replace the subscription of this name.
    remove
        Remove the subscription of this name.
    config
        Configuration instead of ./airpocket.toml.
    """
    from airpocket.app import subscribing

    if remove:
        subscribing.remove(name, config=config)
        return
    subscribing.add(
        name,
        channel=channel,
        tier=tier,
        signals=_parted(signal),
        symbols=_parted(symbol),
        phases=_parted(phase),
        least_usd=least_usd,
        with_updates=updates,
        replace=replace,
        config=config,
    )


@app.command
def subscriptions(
    *, json: Annotated[bool, Parameter(negative="")] = False, config: Path | None = None
) -> None:
    """List who is told what: configured, added, and by default.

    Parameters
    ----------
    json
        Print one JSON object a line and nothing else.
    config
        Configuration instead of ./airpocket.toml.
    """
    from airpocket.app import subscribing

    subscribing.show_all(as_json=json, config=config)


@app.command(name="test-alert")
def send_test(
    *,
    channel: tuple[str, ...] = (),
    json: Annotated[bool, Parameter(negative="")] = False,
    config: Path | None = None,
) -> None:
    """Send a test message over the channels, and say whether it arrived. Exit code 1 if not.

    Parameters
    ----------
    channel
        Only these channels; may be given more than once.
    json
        Print one JSON object a line and nothing else.
    config
        Configuration instead of ./airpocket.toml.
    """
    from airpocket.app import testing_alert

    testing_alert.run(_parted(channel), config=config, as_json=json)


@app.command
def doctor(
    *,
    json: Annotated[bool, Parameter(negative="")] = False,
    send: Annotated[bool, Parameter(negative="")] = False,
    example_config: Annotated[bool, Parameter(negative="")] = False,
    config: Path | None = None,
) -> None:
    """Say what works from this machine: venues, clock, disk, store, channels. Exit code 1 if not.

    Parameters
    ----------
    json
        Print one JSON object a line and nothing else.
    send
        Send a test message over each channel.
    example_config
        Only print a configuration to begin with.
    config
        Configuration instead of ./airpocket.toml.
    """
    if example_config:
        from airpocket.app.example_config import EXAMPLE

        print(EXAMPLE, end="")
        return
    from airpocket.app import diagnosing

    diagnosing.run(config=config, as_json=json, send=send)


def _parted(words: tuple[str, ...]) -> tuple[str, ...]:
    """Take ``okx,bybit`` for two words."""
    return tuple(part for word in words for part in word.split(",") if part)


def main(tokens: list[str] | None = None) -> None:
    """Run the command line; an error is one sentence on stderr and exit code 2.

    Raises
    ------
    SystemExit
        With 2 for what cannot be used, 130 after Ctrl-C, 141 if whoever read the output has gone.
    """
    _bear_any_text()
    try:
        if any("\0" in token for token in tokens or ()):
            _fail("an argument holds a NUL, which no name can")  # no shell can pass one
        app(tokens)
        sys.stdout.flush()  # here, where a closed pipe is still ours to notice
    except AirpocketError as error:
        _fail(str(error))
    except CycloptsError as error:
        told = " ".join(str(error).split()).removesuffix(".")
        _fail(f"{told}; see `{' '.join(('airpocket', *(error.command_chain or ())))} --help`")
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
