"""F. Limits: F37 and F38, a feed that shows a part, and caps on what may be asked for."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import pytest
from msgspec.structs import replace

from airpocket.alerts.alert import Stage
from airpocket.alerts.fact import FactName
from airpocket.alerts.render import as_text
from airpocket.market.events import Coverage, HealthState, Liquidation
from airpocket.market.feed_rule import FeedRules
from tests.faults.case import Case, case, elsewhere
from tests.faults.looking import healths, seconds
from tests.faults.oracle import Leave
from tests.live.fake_venue import FakeVenue
from tests.live.rig import SYMBOLS
from tests.live.watch_rig import Watch
from tests.live.world import Rates

_PARTIAL: Final = {Coverage.THROTTLED, Coverage.SAMPLED}
_SUMS: Final = (FactName.OBSERVED_USD, FactName.OBSERVED_COUNT, FactName.PEAK_MINUTE_USD)

# -- F37: one a second is shown of a hundred -----------------------------------------------------


def _one_coin(venue: str) -> Mapping[str, Any]:
    rates = Rates(
        trades_per_s=0.5, mark_every_s=2.0, open_interest_every_s=5.0, liquidations_per_h=30.0
    )
    return {"symbols": {venue: SYMBOLS[venue][:1]}, "rates": rates}


async def _hundred_a_second(whole: Watch, venue: FakeVenue) -> None:
    if venue.name != "binance":  # that one does so by itself
        venue.faults.throttle(1.0)
    # After 200 s the detector's own baseline is so uncertain that with a part shown nearly half of
    # the runs were missed; after 900 s all of them are told within 7 s.
    await asyncio.sleep(900)
    whole.note("cascade")
    whole.rig.world.cascade(0.0, count=1_500, seconds=15.0, usd=250e6)
    await asyncio.sleep(60)


def _a_least_sum(whole: Watch, venue: FakeVenue) -> None:
    shown = [one for one in whole.final.events if isinstance(one, Liquidation)]
    happened = [
        sent.event for sent in whole.rig.world.happened if isinstance(sent.event, Liquidation)
    ]
    per_second = Counter((one.raw_symbol, (one.local_ns or 0) // 10**9) for one in shown)
    assert max(per_second.values()) <= 2, "it was not throttled"
    assert len(happened) >= 1_500
    for one in shown:
        assert one.coverage in _PARTIAL, f"taken for all there was: {one}"
        assert one.rule_id, "no rule says so"
    states = {one.state for one in healths(whole, venue.name, "liquidations")}
    assert HealthState.THROTTLED in states
    assert HealthState.LIVE not in states, "called whole"
    told = [one for one in whole.market_alerts() if one.stage is Stage.OPEN]
    assert told, "the cascade was not told"
    after_s = seconds(told[0].time_ns - whole.at_ns["cascade"])
    assert after_s <= 20.0, f"told after {after_s:.0f} s"
    for alert in whole.market_alerts():
        for fact in alert.facts:
            assert fact.name not in _SUMS or fact.value is None or fact.at_least, fact
        assert "at least" in as_text(alert)[0] or alert.stage is not Stage.OPEN
    part = sum(one.notional_usd or 0.0 for one in shown)
    whole_usd = sum(one.notional_usd or 0.0 for one in happened)
    assert float(told[0].value(FactName.OBSERVED_USD) or 0) <= whole_usd  # type: ignore[arg-type]
    print(  # noqa: T201 - what is measured is said
        f"{venue.name}: {len(shown)} of {len(happened)} forced closes were shown,"
        f" {part / whole_usd:.1%} of {whole_usd:,.0f} USD; told after {after_s:.0f} s"
    )


def _takes_it_for_all(patch: pytest.MonkeyPatch) -> None:
    """What is shown is taken for all there was."""
    at = FeedRules.at

    def census(self: FeedRules, channel: str, at_ns: int) -> Any:
        return replace(at(self, channel, at_ns), coverage=Coverage.CENSUS)

    patch.setattr(FeedRules, "at", census)


case(
    Case(
        number="F37",
        title="of a hundred forced closes a second one is shown",
        script=_hundred_a_second,
        expect=_a_least_sum,
        plant=_takes_it_for_all,
        leave=Leave(market_alerts=True),  # there is a cascade
        not_for={
            "bybit": "it says that it shows all since 2025-02; one that lies is found by its "
            "silence beside others only (F01b)",
            "hyperliquid": "it shows no liquidations",
        },
        options=_one_coin,
    )
)

elsewhere(
    "F38",
    "caps on topics, requests and connections: 600 symbols and no offence",
    "tests/venues/test_strict_venues.py tests/faults/test_breadth.py",
    "the fakes punish every excess in all runs; here by plans of 600 symbols",
)
