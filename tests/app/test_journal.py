"""One line an event, no cursor moved, no secret told, whoever logs it."""

import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from airpocket.app.journal import HIDDEN, Journal, Mask
from airpocket.app.settings import LogSettings

TOKEN = "s3cr3t-t0ken/with+signs"  # noqa: S105 — made up
URL = f"https://hooks.example.org/T01/{TOKEN}?key=abcdefgh12"
HOSTILE = "BTC\n2026-01-01 error all is lost\r\x1b[2J\x1b]0;x\x07\u2028\x85\x7f\u202e"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def failing(log: Any, why: str) -> None:
    try:
        int(why, base=99)
    except ValueError as error:
        error.args = (why,)
        log.exception("failed")


@pytest.fixture
def log() -> Iterator[Any]:
    before = sys.excepthook
    yield structlog.get_logger()
    sys.excepthook = before
    structlog.reset_defaults()


def plain(**more: Any) -> tuple[Journal, io.StringIO]:
    stream = Terminal()
    return Journal(LogSettings(), stream=stream, **more), stream


def as_json(**more: Any) -> tuple[Journal, io.StringIO]:
    stream = io.StringIO()
    return Journal(LogSettings(), stream=stream, **more), stream


def test_people_get_lines_and_machines_get_json(log: Any) -> None:
    journal, stream = plain()
    with journal:
        log.warning("feed is silent", venue="okx", seconds=61.5, symbols=["BTC", "ETH"], why="a b")
    told = stream.getvalue()
    assert told.endswith(
        'Z warning feed is silent  venue=okx  seconds=61.5  symbols="[\\"BTC\\", \\"ETH\\"]"  why="a b"\n'
    )
    journal, stream = as_json()
    with journal:
        log.warning("feed is silent", venue="okx", seconds=float("inf"))
    row = json.loads(stream.getvalue())
    assert list(row)[:3] == ["timestamp", "level", "event"]
    assert (row["level"], row["venue"], row["seconds"]) == ("warning", "okx", None)


@pytest.mark.parametrize(("wanted", "json_expected"), [(True, True), (False, False), (None, False)])
def test_the_setting_is_above_the_terminal(
    log: Any, *, wanted: bool | None, json_expected: bool
) -> None:
    stream = Terminal()
    with Journal(LogSettings.model_validate({"json": wanted}), stream=stream):
        log.info("x")
    assert stream.getvalue().startswith("{") is json_expected


def test_the_level_holds(log: Any) -> None:
    stream = io.StringIO()
    with Journal(LogSettings.model_validate({"level": "error"}), stream=stream):
        log.warning("no")
        logging.getLogger("aiohttp").warning("no")
        log.error("yes")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["yes"]


@pytest.mark.parametrize("make", [plain, as_json])
def test_a_hostile_symbol_is_one_line(log: Any, make: Any) -> None:
    journal, stream = make()
    with journal:
        log.info(HOSTILE, symbol=HOSTILE, nested={HOSTILE: [HOSTILE]}, raw=HOSTILE.encode())
    told = stream.getvalue()
    assert told.count("\n") == 1
    assert len(told.splitlines()) == 1
    assert told[:-1].isprintable()


@given(
    st.text(),
    st.text(min_size=1),
    st.recursive(st.text() | st.floats() | st.integers() | st.binary(), st.lists),
)
def test_whatever_is_logged_is_one_printable_line(event: str, key: str, value: Any) -> None:
    for make in (plain, as_json):
        journal, stream = make()
        with journal:
            structlog.get_logger().info("x", **{f"k{key}": value, "said": event})
        told = stream.getvalue()
        assert told.endswith("\n")
        assert told[:-1].isprintable()


@pytest.mark.parametrize("make", [plain, as_json])
def test_secrets_are_masked_wherever_they_stand(log: Any, make: Any) -> None:
    journal, stream = make(secrets=[URL, TOKEN])
    with journal:
        log.info("POST", url=URL, parts=[{"a": TOKEN}, (TOKEN,)], raw=URL.encode())
        log.info("at hooks.example.org", timestamps=1, **{TOKEN: 1}, deep={TOKEN: {TOKEN: TOKEN}})
        log.info("path only", path=f"/T01/{TOKEN}", query="key=abcdefgh12", error=OSError(URL))
        failing(log, f"no connection to {URL}")
        logging.getLogger("aiohttp.client").error("cannot reach %s", URL)
        logging.getLogger("x").error("odd %s %s", URL)  # noqa: PLE1206 — a library's mistake
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn(f"deprecated {URL}", stacklevel=1)
        sys.excepthook(ValueError, ValueError(URL), None)
    told = stream.getvalue()
    assert "s3cr3t" not in told
    assert "abcdefgh12" not in told
    assert told.count(HIDDEN) >= 10
    assert "at hooks.example.org" in told  # where to, may be said
    assert "Traceback" in told


def test_rows_of_a_traceback_cannot_pass_for_events(log: Any) -> None:
    journal, stream = plain()
    with journal:
        failing(log, HOSTILE)
    first, *rest = stream.getvalue().splitlines()
    assert first.endswith("failed")
    assert rest
    assert all(row.startswith("  | ") and row.isprintable() for row in rest)


def test_what_libraries_say_comes_out_the_same_way(log: Any) -> None:
    journal, stream = as_json()
    with journal:
        logging.getLogger("asyncio").error("Task exception was never retrieved")
        logging.getLogger("aiohttp.access").info("not this")
    (row,) = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (row["level"], row["logger"]) == ("error", "asyncio")


def test_afterwards_all_is_as_it_was(log: Any) -> None:
    root = logging.getLogger()
    before = (root.handlers[:], root.level, sys.excepthook)
    journal, _ = plain()
    with journal:
        assert root.handlers != before[0]
    assert (root.handlers, root.level, sys.excepthook) == before
    assert not structlog.is_configured()


def test_an_error_on_its_way_out_is_masked_too(log: Any) -> None:
    journal, stream = plain(secrets=[URL, "timestamp", "level", "event"])

    def run() -> None:
        with journal:
            log.info("still told")
            raise RuntimeError(URL + HOSTILE)

    with pytest.raises(RuntimeError) as caught:
        run()
    sys.excepthook(RuntimeError, caught.value, caught.value.__traceback__)
    assert "s3cr3t" not in stream.getvalue()
    assert "RuntimeError" in stream.getvalue()
    assert stream.getvalue().replace("\n", "").isprintable()


def test_the_mask_knows_the_parts_of_an_address() -> None:
    mask = Mask(["tgram://123456:ABC-def/4711", "whsec_c2VjcmV0c2VjcmV0", "a%2Fbcdefg", ""])
    assert mask("bot123456 ABC-def whsec_c2VjcmV0c2VjcmV0 c2VjcmV0c2VjcmV0 a/bcdefg") == (
        f"bot{HIDDEN} {HIDDEN} {HIDDEN} {HIDDEN} {HIDDEN}"
    )
    assert mask("ordinary words stay: 4711") == "ordinary words stay: 4711"
    assert "c2Vj" not in repr(mask)


def test_long_values_are_cut(log: Any) -> None:
    journal, stream = as_json()
    with journal:
        log.info("x", frame=b"y" * 10_000_000, many=list(range(10_000)), huge=10**400)
    assert len(stream.getvalue()) < 10_000


def test_secrets_that_are_written_otherwise_in_json_are_masked_too(log: Any) -> None:
    odd = 'p"a\\ss-wörd-1'
    for make in (plain, as_json):
        journal, stream = make(secrets=[odd])
        with journal:
            log.info("x", told=odd, nested=[{"a": odd}], raw=odd.encode())
            failing(log, odd)
        told = stream.getvalue()
        assert "ss-w" not in told
        assert told.count(HIDDEN) >= 4


def test_the_end_of_a_long_traceback_is_kept(log: Any) -> None:
    journal, stream = as_json()
    with journal:
        failing(log, "x" * 100_000 + " and this is why")
    assert json.loads(stream.getvalue())["exception"].endswith("and this is why")
    assert len(stream.getvalue()) < 20_000
