"""Plans of hundreds of symbols, asked of venues that punish every excess."""

import asyncio
import contextlib

import pytest

from airpocket.market.instrument import Catalogue
from airpocket.market.stream import Answer, Line, StreamRules
from airpocket.venues.register import LIVE, catalogue_of, open_streams
from tests.live import world
from tests.live.rig import Rig
from tests.live.virtual import Bench, run
from tests.live.world import Rates
from tests.venues.plans import contract

NOTHING = Rates(
    trades_per_s=None,
    mark_every_s=None,
    open_interest_every_s=None,
    funding_every_s=None,
    liquidations_per_h=None,
)
FORMS = {
    "binance": "C{}USDT",
    "bybit": "C{}USDT",
    "okx": "C{}-USDT-SWAP",
    "hyperliquid": "C{}",
}


async def ask(rig: Rig, rules: StreamRules, line: Line) -> list[Answer]:
    """Ask for a line within the venue's limits; what was answered to it."""
    connection = await rig.transport.connect(
        line.url, frame_bytes_most=rules.limits.frame_bytes_most
    )
    requests = rules.subscribe(line.subscriptions, 1)
    pause_s = 1.05 / (rules.limits.requests_per_s or 1000.0)
    answers: list[Answer] = []

    async def hear() -> None:
        while True:
            answer = rules.answer(await connection.receive())
            if answer is not None:
                answers.append(answer)

    task = asyncio.create_task(hear())
    for request in requests:
        await connection.send(request)
        await asyncio.sleep(pause_s)
    await asyncio.sleep(1.0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return answers


@pytest.mark.parametrize("depth", [False, True])
@pytest.mark.parametrize("venue", LIVE)
def test_six_hundred_symbols_are_served_and_no_rule_is_broken(
    venue: str, monkeypatch: pytest.MonkeyPatch, *, depth: bool
) -> None:
    rows = [contract(venue, FORMS[venue].format(index)) for index in range(600)]

    def catalogue(name: str) -> Catalogue:
        known = catalogue_of(name)
        known.learn(rows)
        return known

    monkeypatch.setattr(world, "catalogue_of", catalogue)

    async def follow(bench: Bench) -> tuple[list[str], list[tuple[Line, list[Answer], set[str]]]]:
        rig = Rig(bench, {venue: [row.raw_symbol for row in rows]}, NOTHING, keep=False)
        rules = open_streams(venue)
        asked = []
        for line in rules.lines(rows, rig.world.now_ns(), depth=depth):
            answers = await ask(rig, rules, line)
            asked.append((line, answers, set(rig[venue].sessions[-1].topics)))
        return rig.violations, asked

    violations, asked = run(follow)
    assert violations == []
    for line, answers, served in asked:
        topics = {one.topic for one in line.subscriptions}
        assert [one.reason for one in answers if one.reason] == []
        assert served == topics
        named = {topic for one in answers for topic in one.topics}
        numbers = [one.request_id for one in answers]
        assert named == topics or numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("venue", LIVE)
def test_an_unknown_symbol_is_refused_by_its_name(venue: str) -> None:
    row = contract(venue, FORMS[venue].format(1))

    async def follow(bench: Bench) -> list[Answer]:
        rig = Rig(bench, {venue: []}, NOTHING)
        rules = open_streams(venue)
        (line,) = rules.lines([row], rig.world.now_ns())
        return [one for one in await ask(rig, rules, line) if one.reason]

    refused = run(follow)
    # Binance acknowledges it like any other: there only its silence tells.
    assert bool(refused) is (venue != "binance")
    for one in refused:
        assert one.reason is not None
        assert row.raw_symbol in one.reason
        named = any(row.raw_symbol in topic for topic in one.topics)
        assert one.request_id is not None or named
