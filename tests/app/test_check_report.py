"""What is printed is short, aligned, and says what is not known."""

from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs
from rich.text import Text

from airpocket.alerts.linter import violations
from airpocket.app.check_chain import Chain, Surroundings, chain_of
from airpocket.app.check_command import Asked
from airpocket.app.check_facts import Facts, facts_of
from airpocket.app.check_report import line, money, percent, price, print_facts
from airpocket.app.check_words import market_of
from airpocket.cascade.impact import SquareRoot
from airpocket.leverage.ladder import Provenance
from tests.leverage.ladders import ladder

LONG = Asked(
    venue="binance", symbol="BTCUSDT", side="long", size=1.5, entry=100_000.0, leverage=20.0,
)  # fmt: skip


def facts(**changed: Any) -> Facts:
    asked = replace(LONG, **changed)
    return facts_of(asked, market_of(asked))


def chain_with(found: Facts, **more: Any) -> Chain:
    waits = ladder([(99_000.0, 5e6, 50.5)], [], mark=100_000.0, **more)
    root = SquareRoot(daily_volatility=0.06, daily_volume_usd=1e9, y=1.0)
    laws = (("square root, Y 1", root),)
    made = chain_of(found, Surroundings(ladder=waits, seen=None, laws=laws, absorbed=0.0))
    assert made is not None
    return made


def printed(capsys: pytest.CaptureFixture[str], found: Facts, chain: Chain | None = None) -> str:
    capsys.readouterr()
    print_facts(found, chain)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "tick", "said"),
    [
        (95_381.5261, 0.1, "95,381.5"),
        (95_381.5261, 0.5, "95,381.5"),
        (95_381.5261, 1.0, "95,382"),
        (95_381.5261, None, "95,381.5"),
        (0.123456789, None, "0.123457"),
        (0.00001234567, None, "0.0000123457"),
        (1_234_567.0, None, "1,234,567"),
    ],
)
def test_prices(value: float, tick: float | None, said: str) -> None:
    assert price(value, tick) == said


def test_amounts_and_shares() -> None:
    assert money(1_234.5, "USDT") == "1,234.50"
    assert money(0.005120, "BTC") == "0.00512"
    assert percent(-0.0461848) == "−4.62 %"
    assert percent(0.0001) == "+0.010 %"
    assert percent(0.0000123, sign=False) == "0.0012 %"
    assert percent(0.0) == "+0.00 %"


def test_rows_stand_in_columns() -> None:
    row = Text.from_markup(line("liquidation", "95,381.5", "one", "", "two")).plain
    assert row == "liquidation          95,381.5   one   two"


def test_a_position_in_a_dozen_rows(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(
        capsys, facts(survive="-8%", daily_volatility="2.5%", funding_rate="0.01%")
    ).splitlines()
    assert out[0] == "BTC/USDT:USDT on binance, long 1.5 BTC at 100,000.0, isolated 20×"
    assert out[2:12] == [
        "mark                100,000.0   the position is worth 150,000.00 USDT",
        "liquidation          95,381.5   −4.62 %   46,185 ticks   1.85 daily sigmas",
        "bankruptcy           95,000.0   −5.00 %",
        "maintenance            600.00   USDT, 0.40 % of the value",
        "initial margin       7,500.00   USDT, 5.00 % of the value at entry",
        "tier                  1 of 12   up to 300,000 USDT, at most 150×",
        "funding                 15.00   USDT paid every 8 h at +0.010 %",
        "at −8.00 %           92,000.0   not held as it is",
        "  leverage             11.95×   the largest that holds, 11× in whole numbers",
        "  margin            12,552.01   USDT, the smallest that holds: 5,052.01 more than now",
    ]
    assert len(out) < 25
    assert max(map(len, out)) <= 110


def test_what_is_not_known_is_said_with_the_way_to_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = printed(capsys, facts(venue="hyperliquid", symbol="ETH", entry=4_000.0))
    (row,) = [row for row in out.splitlines() if row.startswith("not known")]
    assert "daily sigmas (--daily-volatility), funding (--funding-rate), the tick" in row
    assert "ticks" not in out
    known = printed(capsys, facts(daily_volatility="2%", funding_rate="0.01%"))
    assert "not known" not in known


def test_a_position_that_no_price_reaches(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, facts(leverage=1.0))
    assert "none   what stands behind it covers every price" in out
    assert "none   no price above 0 uses up what stands behind it" in out
    assert "when taken" not in out


def test_a_mark_beyond_it_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert "passed: at this mark the venue takes it" in printed(capsys, facts(mark=95_000.0))


def test_cross_tells_the_wallet(capsys: pytest.CaptureFixture[str]) -> None:
    cross = facts(margin_mode="cross", wallet=5_000.0, survive="-8%")
    out = printed(capsys, cross)
    assert "wallet               5,000.00   USDT" in out
    assert "  wallet            12,552.01   USDT, the smallest that holds: 7,552.01 more" in out


def test_survival_in_its_other_shapes(capsys: pytest.CaptureFixture[str]) -> None:
    assert "none   of 1× or more holds it" in printed(capsys, facts(side="short", survive="150%"))
    capped = printed(capsys, facts(leverage=5.0, survive="-0.1%"))
    assert "150×   holds, and no more is allowed" in capped
    assert "held as it is" in capped
    assert "less than now" in capped


def test_the_steps_of_a_closing_in_one_row(capsys: pytest.CaptureFixture[str]) -> None:
    out = " ".join(printed(capsys, facts()).split())
    assert "when taken all to the book, no worse than 95,000.0, fee 1,788.40 USDT;" in out
    assert "then what is left to fund or vault at 95,000.0" in out
    parts = " ".join(printed(capsys, facts(venue="hyperliquid", symbol="BTC")).split())
    assert "when taken 20.00 % to the book; then what is left to the book" in parts
    large = " ".join(printed(capsys, facts(size=5000.0, leverage=2.0)).split())
    assert "when taken less than 0.010 % to the book" in large


def test_a_small_size_is_written_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert "long 0.00001 BTC at" in printed(capsys, facts(size=1e-5))


def test_a_position_among_others(capsys: pytest.CaptureFixture[str]) -> None:
    found = facts()
    out = printed(capsys, found, chain_with(found))
    assert (
        "ahead of it             $5.0M   of longs are forced nearer to the price, at least" in out
    )
    assert "reached by            −4.62 %   the price alone, without a chain" in out
    assert "square root, Y 1: a move, then 1 wave forcing $5.0M" in out
    assert "or a sale" in out
    assert "sources        made up" in out
    assert "the ladder does not hold this position itself" in out
    guessed = printed(capsys, found, chain_with(found, provenance=Provenance.ESTIMATED))
    assert "nearer to the price (estimated)" in guessed


def test_without_a_law_the_chain_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    found = facts()
    bare = Surroundings(ladder=ladder([], [], mark=100_000.0), seen=None, laws=(), absorbed=0.0)
    out = " ".join(printed(capsys, found, chain_of(found, bare)).split())
    assert "the chain (--depth, or --daily-volume and --daily-volatility)" in out


def test_what_files_say_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    found = facts()
    chain = chain_with(found)
    (layer,) = chain.around.ladder.layers
    hostile = structs.replace(layer, source="a\x1b[2Jb [red]c[/]", assumed=("d\ne\x9b",))
    waits = structs.replace(chain.around.ladder, layers=(hostile,))
    shown = printed(
        capsys, found, structs.replace(chain, around=structs.replace(chain.around, ladder=waits))
    )
    assert "[red]c[/]" in shown
    assert not any(mark in shown for mark in "\x1b\x9b")
    assert all(row.isprintable() for row in shown.splitlines())


def test_facts_only(capsys: pytest.CaptureFixture[str]) -> None:
    """Words of advice, forecast or judgement stand nowhere; what was asked about may."""
    found = facts(survive="-8%", daily_volatility="2.5%", funding_rate="0.01%")
    shown = printed(capsys, found, chain_with(found))
    told = {one.rule for one in violations(shown)}
    assert told.isdisjoint({"advice", "forecast", "judgement", "stop", "target", "exit", "profit"})
