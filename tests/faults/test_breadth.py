"""Six hundred symbols, followed by a whole watcher on venues that punish every excess (F38)."""

import asyncio

import pytest

from airpocket.market.instrument import Catalogue
from airpocket.venues import register
from airpocket.venues.register import LIVE, catalogue_of
from tests.faults.looking import lines_of
from tests.faults.oracle import Leave, judge
from tests.live import world
from tests.live.watch_rig import Watch, watch
from tests.live.world import Rates
from tests.venues.plans import contract
from tests.venues.test_strict_venues import FORMS

_SYMBOLS = 600
_SPARSE = Rates(
    trades_per_s=0.01, mark_every_s=10.0, open_interest_every_s=None, funding_every_s=None,
    liquidations_per_h=1.0,
)  # fmt: skip


@pytest.mark.parametrize("venue", LIVE)
def test_six_hundred_symbols_are_followed_without_an_offence(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [contract(venue, FORMS[venue].format(index)) for index in range(_SYMBOLS)]

    def catalogue(name: str) -> Catalogue:
        known = catalogue_of(name)
        known.learn(rows)
        return known

    for place in (world, register):
        monkeypatch.setattr(place, "catalogue_of", catalogue)

    async def script(whole: Watch) -> tuple[set[str], set[str]]:
        fake = whole.rig[venue]
        await asyncio.sleep(45)
        for session in tuple(fake.live):  # and once more, all of them at once
            session.close(1001, "told to close")
        await asyncio.sleep(75)
        asked = {one.topic for line in lines_of(whole, fake) for one in line.subscriptions}
        return asked, {topic for session in fake.live for topic in session.topics}

    whole, (asked, had) = watch(
        script, symbols={venue: [row.raw_symbol for row in rows]}, rates=_SPARSE
    )
    assert whole.rig.violations == []
    assert had == asked
    assert len({name for name in FORMS if name == venue}) == 1
    covered = {
        one.raw_symbol for line in lines_of(whole, whole.rig[venue]) for one in line.subscriptions
    }
    assert len(covered & {row.raw_symbol for row in rows}) >= (
        _SYMBOLS if venue != "hyperliquid" else 450
    )
    judge(whole, venue, Leave(lines=40, settle_s=45.0))
