"""E. Payload: F33 and F36, what venues change without a word: meanings, proofs of integrity."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import pytest

from airpocket.alerts.alert import Stage
from airpocket.alerts.fact import FactName
from airpocket.live import book_repair
from airpocket.live.plausible import Plausible
from airpocket.market.events import HealthState
from tests.faults.case import Case, case
from tests.faults.looking import healths, holes, lines_of, notices, seconds
from tests.faults.oracle import Leave
from tests.live.fake_venue import FakeVenue
from tests.live.faults import Fault
from tests.live.rig import SYMBOLS
from tests.live.virtual import BEGIN_S, START_NS
from tests.live.watch_rig import Watch
from tests.live.world import Rates

# -- F33: the form stays, the meaning changes ----------------------------------------------------


def _one_coin(venue: str) -> Mapping[str, Any]:
    rates = Rates(
        trades_per_s=0.5, mark_every_s=5.0, open_interest_every_s=10.0, liquidations_per_h=None
    )
    # Binance's open interest has to be asked for.
    return {"symbols": {venue: SYMBOLS[venue][:1]}, "rest": venue == "binance", "rates": rates}


async def _other_meaning(whole: Watch, venue: FakeVenue) -> None:
    await asyncio.sleep(120)
    await _fall(whole, "sides", venue.faults.flip_side())
    await _fall(whole, "honest")
    assert len(whole.notices()) == 2, "an honest fall does not end the doubt"
    await _fall(whole, "sizes", venue.faults.multiply(100.0))
    await asyncio.sleep(600)
    for market in whole.rig.world.of_venue(venue.name):
        whole.rig.world.liquidate(venue.name, market.instrument.raw_symbol)
    await asyncio.sleep(70)


async def _fall(whole: Watch, name: str, fault: Fault | None = None) -> None:
    """Let the price fall by 5 % within four minutes, and longs be closed."""
    whole.note(name)
    whole.rig.world.cascade(0.0, seconds=240.0, move=0.05, count=200, usd=8e6)
    await asyncio.sleep(300)
    if fault is not None:
        fault.end()
    whole.note(f"{name} end")


def _told_of_it(whole: Watch, venue: FakeVenue) -> None:
    said = [
        one
        for one in healths(whole, venue.name, "liquidations")
        if one.state is HealthState.SUSPECT
    ]
    reasons = [one.reason for one in said]
    assert [reason.split(":")[0] for reason in reasons] == [
        "sides contradict the price", "sizes exceed open interest",
    ], reasons  # fmt: skip
    for one, name in zip(said, ("sides", "sizes"), strict=True):
        assert whole.at_ns[name] < (one.local_ns or 0) < whole.at_ns[f"{name} end"], one
    opened = notices(whole)
    assert len(opened) == 2, f"{len(opened)} notices"
    assert len(notices(whole, Stage.ALL_CLEAR)) == 2
    for notice in opened:
        assert notice.value(FactName.FEED_CAUSE) == "implausible"
        assert notice.value(FactName.FEED_GAP) is None
    assert not holes(whole, venue.name), "what flows is no hole"


def _believes_words(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Plausible, "contradictions", lambda _self: [])


case(
    Case(
        number="F33",
        title="the meaning changes and the form does not: sides the other way, sizes by 100",
        script=_other_meaning,
        expect=_told_of_it,
        plant=_believes_words,
        leave=Leave(market_alerts=True, may_alter=True),  # four cascades that happen
        not_for={"hyperliquid": "it shows no liquidations"},
        options=_one_coin,
    )
)  # fmt: skip


# -- F36: what proved a book's integrity is not sent any more ------------------------------------

_INTEGRITY: Final = {"binance": "pu", "bybit": "seq", "okx": "checksum"}
_BOOKS: Final = {"binance": "*@depth*", "bybit": "orderbook.*", "okx": '{"channel":"books"*'}


async def _withdrawn(whole: Watch, venue: FakeVenue) -> None:
    await asyncio.sleep(30)
    whole.note("on")
    fault = venue.faults.withdraw(_INTEGRITY[venue.name], pattern=_BOOKS[venue.name])
    await asyncio.sleep(200)
    whole.note("skipped")
    venue.faults.skip_update(SYMBOLS[venue.name][0])
    await asyncio.sleep(100)
    fault.end()
    whole.note("off")
    await asyncio.sleep(60)


def _numbers_suffice(whole: Watch, venue: FakeVenue) -> None:
    assert len(venue.sessions) == len(lines_of(whole, venue)), "a connection was replaced"
    on_s, off_s = (BEGIN_S + seconds(whole.at_ns[name] - START_NS) for name in ("on", "off"))
    asked = [at_s for at_s in _snapshots(whole, venue) if on_s < at_s < off_s + 60.0]
    books = len(SYMBOLS[venue.name])
    found = [gap for gap in holes(whole, venue.name, "depth") if gap.from_ns >= whole.at_ns["on"]]
    if (
        venue.name == "binance"
    ):  # nothing else proves that none is missing: a hole, asked for slowly
        assert len(asked) <= books * (300 / 25 + 4), f"{len(asked)} snapshots asked for in a loop"
        open_s = sum(seconds((gap.to_ns or 0) - gap.from_ns) for gap in found)
        assert open_s > books * 290, f"unproven for {open_s:.0f} s only"
        return
    assert [gap.raw_symbol for gap in found] == [SYMBOLS[venue.name][0]], f"holes: {found}"
    assert abs(seconds(found[0].from_ns - whole.at_ns["skipped"])) < 2.0, found[0]
    assert len(asked) <= 2 * len(lines_of(whole, venue)), f"{len(asked)} snapshots asked for"


def _snapshots(whole: Watch, venue: FakeVenue) -> list[float]:
    """List when books were asked for."""
    if venue.name == "binance":
        return [at_s for at_s, call in whole.clients["binance"].asked if "Depth" in call.endpoint]
    return [at_s for one in venue.sessions for at_s, data in one.received if b"book" in data]


def _insists(patch: pytest.MonkeyPatch) -> None:
    """A book that is not whole is asked for at once, again and again."""
    patch.setattr(book_repair, "_FIRST_S", 1.0)
    patch.setattr(book_repair, "_CAP_S", 1.0)


case(
    Case(
        number="F36",
        title="what proved a book's integrity is not sent any more",
        script=_withdrawn,
        expect=_numbers_suffice,
        plant=_insists,
        leave=Leave(may_alter=True),
        not_for={"hyperliquid": "its books carry nothing of the kind"},
        options={"depth": True, "rest": True, "rates": Rates(trades_per_s=0.2, mark_every_s=5.0)},
    )
)
