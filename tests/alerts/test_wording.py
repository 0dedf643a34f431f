import pytest
from hypothesis import given

from airpocket.alerts.alert import InformationalAlert, Signal, Stage
from airpocket.alerts.fact import Fact, FactName, Unit, fact
from airpocket.alerts.linter import violations
from airpocket.alerts.wording import (
    NO_PLAN,
    NOT_MEASURED,
    STANDING,
    completed,
    lines,
    say,
    sentences,
)
from airpocket.units import ns_from_iso
from tests.alerts.made import (
    DETECTOR,
    HOUR,
    SOURCE,
    UNHURRIED,
    alert,
    alerts,
    facts,
    full,
    observed,
)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (FactName.OBSERVED_USD, 134.3e6, "$134.3M"),
        (FactName.OBSERVED_USD, 0.0, "$0"),
        (FactName.OPEN_INTEREST_CHANGE_COINS, -0.031, "−3.1 %"),
        (FactName.PRICE_LEG, -0.774, "−77.4 %"),
        (FactName.PRICE_LEG, 0.0, "0 %"),
        (FactName.PRICE_LEG, -1e-9, "0 %"),
        (FactName.SNAPBACK_SHARE, 1.234, "123 %"),
        (FactName.FUNDING_BEFORE, 0.0001, "0.01 %"),
        (FactName.FUNDING_BEFORE, 0.000013, "0.0013 %"),
        (FactName.MULTIPLE_OF_BASELINE, 61.2, "61 ×"),
        (FactName.MULTIPLE_OF_BASELINE, 9.13, "9.1 ×"),
        (FactName.OBSERVED_COUNT, 49_310, "49,310"),
        (FactName.DURATION, 300.0, "5 min"),
        (FactName.PRICE_REFERENCE, 65_726.5, "65,726.5"),
        (FactName.ADL_STARTED, 1_760_130_964_800_000_000, "2025-10-10 21:16:04.800 UTC"),
        (FactName.PROVISIONAL, False, "no"),
        (FactName.VENUES_SILENT, (), "none"),
        (FactName.FEED_GAP, "end_of_recording", "end of recording"),
    ],
)
def test_values_are_said_as_a_person_reads_them(name: FactName, value: object, said: str) -> None:
    assert say(fact(name, value, source=SOURCE)) == said
    assert say(fact(name, value, source=SOURCE, at_least=True)) == f"at least {said}"


@pytest.mark.parametrize("name", FactName)
def test_what_was_not_measured_is_said_so_and_never_zero(name: FactName) -> None:
    assert say(fact(name, None)) == NOT_MEASURED
    assert "0" not in say(fact(name, None, source=SOURCE, window_ns=HOUR, at_least=True))


def test_coins_and_windows_are_said() -> None:
    coins = fact(FactName.OPEN_INTEREST_CHANGE_COINS, -1234.5, source=SOURCE, unit=Unit.COINS)
    assert say(coins) == "−1,234.5 coins"
    assert say(observed()) == "at least $134.3M in 60 min"


@UNHURRIED
@given(facts())
def test_no_fact_says_advice(one: Fact) -> None:
    assert violations(say(one)) == ()


@UNHURRIED
@given(alerts())
def test_sentences_are_facts_and_never_empty(one: InformationalAlert) -> None:
    told = sentences(one)
    assert told
    assert all(sentence.endswith(".") and not sentence[0].islower() for sentence in told)
    assert violations(NO_PLAN) == ()


@UNHURRIED
@given(alerts())
def test_every_fact_has_a_line_and_standing_ones_always(one: InformationalAlert) -> None:
    names = [part.name for part in completed(one)]
    own = [part for part in completed(one) if part.scope in {None, one.scope}]
    apart = {(part.scope, part.source) for part in completed(one)} - {
        (part.scope, part.source) for part in own
    }
    assert len(lines(one)) == len(own) + len(apart)
    assert set(STANDING[one.signal]) <= set(names)
    assert set(one.facts) <= set(completed(one))
    assert [list(FactName).index(name) for name in names] == sorted(
        list(FactName).index(name) for name in names
    )


def test_studies_that_were_not_run_say_so() -> None:
    told = {label: value for label, value, _ in lines(alert())}
    assert told["Reward to risk"] == told["Past cascades studied"] == NOT_MEASURED
    share = fact(FactName.REWARD_TO_RISK, 0.83, source="airpocket:study")
    told = {label: value for label, value, _ in lines(alert(share))}
    assert (
        told["Reward to risk"]
        == "moves of this size stayed inside the noise floor in 83 % of past cases"
    )


def test_the_opening_says_what_was_seen_first() -> None:
    assert sentences(alert(*full())) == [
        "Real liquidations: BTC longs, at least $134.3M in 60 min (binance, bybit), since 20:00 UTC.",
        "61 × its normal.",
        "Price −8.2 %.",
        "No data from okx.",
        "Book at 16 % of its normal depth.",
        "Open interest −3.1 % in coins.",
        "Throttled: binance.",
    ]


def test_what_is_unknown_is_said_first_too() -> None:
    count = fact(FactName.OBSERVED_COUNT, 4_931, source="hyperliquid:liquidations", at_least=True)
    unconfirmed = fact(FactName.PRICE_CONFIRMATION, "unconfirmed", source=DETECTOR)
    assert sentences(alert(count, unconfirmed, side=None, scope="*")) == [
        "Real liquidations: whole market, side unknown, at least 4,931 forced closes (hyperliquid), since 20:00 UTC.",
        "Against its normal: not measured.",
        "Price unconfirmed.",
    ]
    assert "amount not measured" in sentences(alert())[0]


def test_a_flow_that_was_inferred_is_not_called_real() -> None:
    coverage = fact(FactName.COVERAGE, "inferred", source=SOURCE)
    side = fact(FactName.INFERRED, True, source=SOURCE)
    assert sentences(alert(observed(), coverage))[0].startswith("Liquidations, inferred: ")
    assert "BTC longs (side inferred)" in sentences(alert(observed(), side))[0]


def test_a_provisional_baseline_says_its_history() -> None:
    told = sentences(
        alert(
            fact(FactName.MULTIPLE_OF_BASELINE, 9.13, source=DETECTOR),
            fact(FactName.PROVISIONAL, True, source=DETECTOR),
            fact(FactName.HISTORY_LENGTH, 300.0, source=DETECTOR),
        )
    )
    assert "9.1 × its normal (provisional: 5 min of history)." in told


@pytest.mark.parametrize(
    ("phase", "state"),
    [
        ("cascade", "Wave 2 of the cascade"),
        ("exhausted", "Forced flow has faded, not over yet"),
        ("snapback", "Snap-back, not over yet"),
        ("unknown", "Feed interrupted, outcome unknown"),
        ("settled", "Cascade, update"),
    ],
)
def test_an_update_says_where_it_stands(phase: str, state: str) -> None:
    assert sentences(alert(*full(), stage=Stage.UPDATE, phase=phase))[0].startswith(
        f"{state}: BTC longs, "
    )


def test_the_first_wave_goes_on() -> None:
    assert sentences(alert(stage=Stage.UPDATE))[0].startswith("Cascade goes on: ")


def test_an_all_clear_says_its_proof() -> None:
    told = sentences(
        alert(
            *full(),
            fact(
                FactName.ALL_CLEAR_PROOF,
                ("forced_flow", "price_range", "later_events"),
                source=DETECTOR,
            ),
            fact(FactName.DURATION, 18_600.0, source=DETECTOR),
            fact(FactName.SNAPBACK_SHARE, 0.43, source=DETECTOR),
            stage=Stage.ALL_CLEAR,
        )
    )
    assert told[:5] == [
        "All clear: BTC longs, cascade of 20:00 UTC over after 5.17 h.",
        "At least $134.3M liquidated in 2 waves.",
        "Back to normal: forced flow, price range (later events show it).",
        "Price −8.2 %.",
        "43 % of the price leg taken back.",
    ]
    only = fact(FactName.ALL_CLEAR_PROOF, ("later_events",), source=DETECTOR)
    assert "Later events show it." in sentences(alert(only, stage=Stage.ALL_CLEAR))


@pytest.mark.parametrize("signal", [Signal.LIQUIDATION_CASCADE, Signal.SHOCK])
def test_an_ended_feed_is_never_an_all_clear(signal: Signal) -> None:
    last = fact(FactName.LAST_EVENT, ns_from_iso("2026-02-05T20:59:57Z"), source=SOURCE)
    told = sentences(alert(last, signal=signal, stage=Stage.FEED_ENDED))
    assert told[0].startswith("Feed ended, outcome unknown: ")
    assert told[1:3] == ["Nothing seen after 20:59:57 UTC.", "This is not an all-clear."]


def test_auto_deleveraging_is_told() -> None:
    told = sentences(
        alert(
            fact(FactName.ADL_STARTED, ns_from_iso("2025-10-10T21:16:04.8Z"), source=SOURCE),
            fact(FactName.ADL_USD, 2.103e9, source=SOURCE, at_least=True),
        )
    )
    assert "Auto-deleveraging since 21:16:04 UTC, at least $2.10bn." in told


def test_a_shock_is_told_as_one() -> None:
    leg = fact(
        FactName.PRICE_LEG,
        -0.0312,
        source="binance:trades",
        window_ns=(HOUR[0], HOUR[0] + 18 * 10**9),
    )
    told = sentences(alert(leg, signal=Signal.SHOCK, scope="AVAX/USD:AVAX"))
    assert told[:2] == [
        "Price shock: AVAX −3.1 % in 18 s, since 20:00 UTC.",
        "Inferred from trades: no liquidation feed seen.",
    ]
    symbols = fact(
        FactName.SYMBOLS_IN_MOVE, ("AVAX/USD:AVAX", "ATOM/USD:ATOM"), source="binance:trades"
    )
    told = sentences(alert(symbols, signal=Signal.SHOCK, scope="*", stage=Stage.UPDATE))
    assert told[0] == "Price shock, update: 2 symbols, not measured, since 20:00 UTC."


def test_feed_health_says_what_cannot_be_seen() -> None:
    health = "airpocket:health"
    channel = fact(FactName.FEED_CHANNEL, "liquidations", source=health)
    silent = fact(FactName.VENUES_SILENT, ("okx",), source=health)
    live = fact(FactName.VENUES_LIVE, ("binance",), source=health)
    told = sentences(alert(channel, silent, live, signal=Signal.FEED_HEALTH))
    assert told == [
        "Feed health: okx liquidations silent since 20:00 UTC.",
        "What happens there is not seen.",
        "Live: binance.",
    ]
    state = fact(FactName.FEED_STATE, "throttled", source=health)
    told = sentences(alert(channel, state, signal=Signal.FEED_HEALTH))
    assert told == [
        "Feed health: liquidations throttled since 20:00 UTC.",
        "Totals are lower bounds.",
    ]
    told = sentences(alert(channel, signal=Signal.FEED_HEALTH, stage=Stage.ALL_CLEAR))
    assert (
        told[0]
        == "Feed back: liquidations live again, after a gap from 20:00 UTC to 21:00 UTC (60 min)."
    )
    assert (
        sentences(alert(silent, signal=Signal.FEED_HEALTH, stage=Stage.FEED_ENDED))[0]
        == "Feed ended: okx feed."
    )
