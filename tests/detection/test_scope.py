"""Which gap hides which source, and what a scope remembers of it."""

import msgspec
import pytest

from airpocket.detection.episode import Kind
from airpocket.detection.ledger import Ledger
from airpocket.detection.scope import Scope, concerns, lose
from airpocket.market.events import Gap, GapCause, Side
from tests.detection.made import AAA, SECONDS, forced, gap

OKX, BINANCE = ("okx", "AAA-USDT-SWAP"), ("binance", "AAAUSDT")


def hole(venue: str, symbol: str | None, raw_symbol: str) -> Gap:
    return Gap(
        venue=venue, symbol=symbol, raw_symbol=raw_symbol, channel="*", from_ns=0, to_ns=None,
        cause=GapCause.SEQUENCE, proven_by="made by hand",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("told", "source", "hides"),
    [
        (hole("okx", "*", "*"), OKX, True),
        (hole("okx", AAA, "AAA-USDT-SWAP"), OKX, True),
        (hole("okx", AAA, "AAA_spelt_otherwise"), OKX, True),
        (hole("okx", None, "AAA-USDT-SWAP"), OKX, True),
        (hole("okx", "BBB/USDT:USDT", "BBB-USDT-SWAP"), OKX, False),
        (hole("binance", "*", "*"), OKX, False),
        (hole("binance", AAA, "AAAUSDT"), OKX, False),
        (hole("binance", AAA, "AAAUSDT"), BINANCE, True),
    ],
)
def test_a_gap_hides_what_it_names(told: Gap, source: tuple[str, str], *, hides: bool) -> None:
    assert concerns(told, AAA, source) is hides


def scope_with_episode() -> tuple[Scope, Ledger]:
    scope = Scope(AAA, Kind.CASCADE, SECONDS)
    scope.sources = {OKX: True, BINANCE: True}
    ledger = scope.ledger = Ledger(
        scope=AAA, kind=Kind.CASCADE, side=Side.LONG, side_inferred=False, onset_ns=0, said_ns=0,
        unit="usd", bin_ns=1, wave_ns=1, baseline=None, history_ns=0, provisional=True,
        confirmed=None,
    )  # fmt: skip
    return scope, ledger


def test_a_lost_source_is_listed_in_the_episode_and_the_other_goes_on() -> None:
    scope, ledger = scope_with_episode()
    lose(scope, gap(0), [OKX])
    assert scope.sources == {OKX: False, BINANCE: True}
    assert ledger.gaps == [gap(0)]
    assert scope.gap == gap(0)


def test_a_gap_of_nothing_that_is_followed_changes_nothing() -> None:
    scope, ledger = scope_with_episode()
    lose(scope, gap(0), [])
    assert scope.sources == {OKX: True, BINANCE: True}
    assert ledger.gaps == []
    assert scope.gap is None


def test_a_scope_is_blind_without_most_of_what_fed_its_episode() -> None:
    scope, ledger = scope_with_episode()
    assert not scope.is_blind()  # nothing of its own to lose: it is fed by its symbols
    scope.rows = {Side.LONG: 0}
    for venue, raw_symbol, usd in ((*OKX, 10.0), (*BINANCE, 30.0)):
        flow = forced(0, [usd], venue=venue)
        ledger.add_flow(msgspec.structs.replace(flow, raw_symbol=raw_symbol))
    scope.sources = {OKX: False, BINANCE: True}
    assert not scope.is_blind()
    scope.sources = {OKX: True, BINANCE: False}
    assert scope.is_blind()
    scope.ledger = None
    assert not scope.is_blind()
    scope.sources = {OKX: False, BINANCE: False}
    assert scope.is_blind()


def test_rows_of_both_measures_and_both_sides() -> None:
    scope = Scope(AAA, Kind.CASCADE, SECONDS)
    assert scope.all_rows() == ()
    scope.rows, scope.count_rows = {Side.LONG: 0, Side.SHORT: 2}, {Side.LONG: 1}
    assert scope.all_rows() == (0, 2, 1)
