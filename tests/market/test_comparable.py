"""A record is only a record under one rule of the feed."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import airpocket.venues.coinglass
from airpocket.errors import InputError
from airpocket.market.comparable import require_comparable
from airpocket.market.events import Coverage
from airpocket.market.feed_rule import FeedRule, FeedRules
from airpocket.units import MILLISECOND_NS, ns_from_iso

EDGES = (100, 200)
RULES = FeedRules(
    FeedRule(
        rule_id=f"rule-{n}",
        channel="liquidations",
        coverage=Coverage.THROTTLED,
        said=f"rule {n} held",
        valid_from_ns=since,
        valid_to_ns=until,
    )
    for n, (since, until) in enumerate([(None, 100), (100, 200), (200, None)])
)


@given(st.lists(st.integers(0, 300), min_size=1, max_size=9))
def test_figures_are_comparable_exactly_within_one_rule(times: list[int]) -> None:
    held = {sum(time >= edge for edge in EDGES) for time in times}
    if len(held) == 1:
        assert require_comparable(RULES, "liquidations", times).rule_id == f"rule-{held.pop()}"
    else:
        with pytest.raises(
            InputError, match=r"cannot be compared across 1970-01-01T00:00:00\.0000"
        ):
            require_comparable(RULES, "liquidations", times)


def test_the_message_names_both_rules_and_the_way_out() -> None:
    with pytest.raises(InputError, match=r"before, rule 0 held; since then, rule 1 held.*Compare"):
        require_comparable(RULES, "liquidations", [99, 100])


def test_nothing_to_compare_and_unknown_channels_are_refused() -> None:
    with pytest.raises(InputError, match="no times"):
        require_comparable(RULES, "liquidations", [])
    with pytest.raises(InputError, match="no rule"):
        require_comparable(RULES, "trades", [1])


@pytest.mark.data
def test_the_largest_day_ever_is_refused_since_the_throttle_it_is_not(data_dir: Path) -> None:
    path = data_dir / "coinglass_daily/liquidation_aggregated_coin_history_BTC.csv.gz"
    rows = gzip.decompress(path.read_bytes()).decode().splitlines()[1:]
    days = {
        int(t) * MILLISECOND_NS: float(a) + float(b) for t, a, b in (r.split(",") for r in rows)
    }
    rules = FeedRules.load(Path(airpocket.venues.coinglass.__path__[0]) / "venue.toml")
    with pytest.raises(InputError, match="2021-04-27"):
        require_comparable(rules, "liquidations", list(days))
    since = {t: usd for t, usd in days.items() if t >= ns_from_iso("2021-04-27")}
    assert require_comparable(rules, "liquidations", list(since)).rule_id == "coinglass-throttled"
    assert max(since, key=lambda t: since[t]) == ns_from_iso("2021-05-19")
    # What the refusal is for: the largest day of all was before the throttle, by a factor of 7.
    assert max(days, key=lambda t: days[t]) == ns_from_iso("2021-04-18")
