"""BitMEX against the worked examples of its pages."""

from pathlib import Path
from typing import Any

import pytest

from airpocket.errors import InputError
from airpocket.leverage.ranks import allocate, percentiles
from airpocket.leverage.values import profit_at, value_at
from airpocket.market.instrument import Kind
from airpocket.units import ns_from_iso
from airpocket.venues.bitmex.rules import (
    CLOSED_NS,
    adl_score,
    fair_price,
    funding_payment,
    funding_rate,
    refuse_after_close,
)
from tests.leverage.contracts import contract, held
from tests.venues.vectors import near, vectors_of

XBT = contract("bitmex", "BTC/USD:BTC", Kind.INVERSE)


def test_every_vector_is_met(data_dir: Path) -> None:
    found = vectors_of(data_dir, "bitmex")
    assert len(found) == 5
    queue = found["bitmex-adl-pct"]["inputs"]["accounts"]
    accounts = {name: (row["qty"], row["rank"]) for name, row in queue.items()}
    assert percentiles(accounts) == near(found["bitmex-adl-pct"])
    fill = found["bitmex-adl-fill"]
    assert allocate(accounts, fill["inputs"]["size"]) == near(fill)
    given = found["bitmex-funding"]["inputs"]
    one = held(XBT, 1, given["qty"], given["px"], leverage=1)
    rate = funding_rate(given["interest_quote"], given["interest_base"], given["times_per_day"])
    paid = {
        "rate": rate,
        "value_xbt": value_at(one, given["px"]),
        "payment_xbt": funding_payment(one, given["px"], rate),
    }
    assert paid == near(found["bitmex-funding"])
    given = found["bitmex-exit"]["inputs"]
    one = held(XBT, 1, given["qty"], given["entry"], leverage=1)
    assert profit_at(one, given["exit"]) == near(found["bitmex-exit"])
    given = found["bitmex-fair"]["inputs"]
    fair = fair_price(given["index"], given["funding_rate"], given["frac"])
    assert fair == near(found["bitmex-fair"])


def test_the_page_of_funding_and_exit() -> None:
    one = held(XBT, 1, 15_000.0, 750.0, leverage=1)
    assert funding_payment(one, 750.0, funding_rate(0.01, 0.0025)) == pytest.approx(0.05)
    assert profit_at(one, 800.0) - 0.05 == pytest.approx(1.2)
    short = held(XBT, -1, 15_000.0, 750.0, leverage=1)
    assert funding_payment(short, 750.0, 0.0025) == pytest.approx(-0.05)


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan")])
def test_a_fraction_out_of_range_is_refused(fraction: float) -> None:
    with pytest.raises(InputError, match="not within 0 to 1"):
        fair_price(100.0, 0.01, fraction)


def test_winners_rank_by_leverage_and_losers_last() -> None:
    def score(leverage: float, price: float) -> float:
        one: Any = held(XBT, 1, 1000.0, 500.0, leverage=leverage)
        return adl_score(one, price)

    assert score(50, 510.0) > score(10, 510.0) > 0 > score(10, 495.0)


def test_no_rules_hold_after_the_close() -> None:
    refuse_after_close(CLOSED_NS - 1)
    with pytest.raises(InputError, match="closed on 2026-09-23"):
        refuse_after_close(ns_from_iso("2026-09-23T04:00:00Z"))
