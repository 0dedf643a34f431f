"""What a subscription asks for and a tier allows; cascades on BTC and ETH are everybody's."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.alerts.alert import InformationalAlert, Signal, Stage
from airpocket.alerts.names import instrument_label
from airpocket.alerts.tier import ALL, DEFAULT_SYMBOLS, TIERS, Subscription, Tier, standard
from airpocket.errors import InputError
from tests.alerts.made import UNHURRIED, alert, alerts, observed

CASCADE, SHOCK, HEALTH = Signal.LIQUIDATION_CASCADE, Signal.SHOCK, Signal.FEED_HEALTH


def mine(**parts: Any) -> Subscription:
    return Subscription(**{"name": "mine", "channel": "log", **parts})


@pytest.mark.parametrize(
    ("symbols", "scope", "is_told"),
    [
        (("BTC",), "BTC/USDT:USDT", True),
        (("btc",), "BTC/USD:BTC", True),
        (("BTC",), "BTC/USD:BTC-251226", True),
        (("BTC",), "BTC", True),
        (("BTC",), "BTCDOM/USDT:USDT", False),
        (("BTC",), "*", False),
        (("BTC/USDT:USDT",), "BTC/USDT:USDT", True),
        (("BTC/USDT:USDT",), "BTC/USD:BTC", False),
        (("BTC/USDT:USDT",), "BTC", False),
        (("*",), "*", True),
        (("*",), "BTC/USDT:USDT", False),
        ((ALL,), "*", True),
        ((ALL,), "kPEPE/USDC:USDC", True),
        (("ALL",), "kPEPE/USDC:USDC", False),  # a coin of that name
        (("ETH", "*", "kPEPE"), "kPEPE/USDC:USDC", True),
        (("币安人生",), "币安人生/USDT:USDT", True),
        # A name that an alert may not say: the subscription still finds its alias.
        (("BUY/USDT:USDT",), instrument_label("BUY/USDT:USDT"), True),
    ],
)
def test_symbols_are_coins_contracts_the_market_or_all(
    symbols: tuple[str, ...],
    scope: str,
    is_told: bool,  # noqa: FBT001
) -> None:
    assert mine(symbols=symbols).wants(alert(observed(), scope=scope)) is is_told


def test_signals_phases_updates_and_the_switch() -> None:
    opened, update = alert(observed()), alert(observed(), stage=Stage.UPDATE, sequence=1)
    assert mine().wants(opened)
    assert mine().wants(update)
    assert not mine(with_updates=False).wants(update)
    assert mine(with_updates=False).wants(opened)
    assert not mine(is_on=False).wants(opened)
    assert not mine(signals=(SHOCK,)).wants(opened)
    assert mine(signals=(SHOCK, CASCADE)).wants(opened)
    assert mine(phases=("cascade",)).wants(opened)
    assert not mine(phases=("exhausted", "settled")).wants(opened)


def test_what_is_small_is_not_told_and_what_is_unknown_is() -> None:
    large = mine(least_usd=1e6, symbols=(ALL,), signals=(CASCADE, SHOCK))
    assert large.wants(alert(observed(1e6)))
    assert not large.wants(alert(observed(999_999.0)))
    assert not large.wants(alert(observed(0.0)))
    assert large.wants(alert(observed(None)))
    assert large.wants(alert())
    assert large.wants(alert(signal=SHOCK))


def test_feed_health_is_asked_for_alone_and_has_no_symbols() -> None:
    notice = alert(signal=HEALTH, scope="*", phase="unknown")
    assert mine(signals=(HEALTH,), least_usd=1e9, phases=("calm",)).wants(notice)
    assert mine(signals=(HEALTH,)).is_health
    assert not mine(symbols=(ALL,)).wants(notice)
    with pytest.raises(InputError, match="a route of its own: make a second subscription"):
        mine(signals=(HEALTH, CASCADE))


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"name": ""}, "cannot name a subscription"),
        ({"name": "a\nb"}, "cannot name a subscription"),
        ({"name": "x" * 101}, "cannot name a subscription"),
        ({"tier": ""}, "cannot name a tier"),
        ({"channel": "\x1b"}, "not the name of a channel"),
        ({"signals": ()}, "signals are some of LIQUIDATION_CASCADE, SHOCK"),
        ({"signals": ("BUY",)}, "signals are some of"),
        ({"symbols": ()}, "0 symbols"),
        ({"symbols": ("A",) * 1_001}, "1001 symbols"),
        ({"symbols": ("",)}, "is no symbol"),
        ({"symbols": ("x" * 65,)}, "is no symbol"),
        ({"symbols": ("a\x00",)}, "is no symbol"),
        ({"phases": ("panic",)}, "'panic' is not a phase: building"),
        ({"least_usd": -1.0}, "not dollars from 0"),
        ({"least_usd": float("nan")}, "not dollars from 0"),
        ({"least_usd": float("inf")}, "not dollars from 0"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(parts: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as raised:
        mine(**parts)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "parts", [{"name": ""}, {"symbols": ()}, {"symbols": ("",)}, {"subscriptions_most": 0}]
)
def test_what_can_be_no_tier_is_refused(parts: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="tier"):
        Tier(**{"name": "t", **parts})


@UNHURRIED
@given(
    one=alerts(),
    signals=st.lists(st.sampled_from(Signal), unique=True).map(tuple),
    symbols=st.lists(st.sampled_from(["SOL", "*", ALL, "BTC"]), min_size=1).map(tuple),
)
def test_no_tier_is_without_cascades_on_btc_and_eth(
    one: InformationalAlert, signals: tuple[Signal, ...], symbols: tuple[str, ...]
) -> None:
    tier = Tier(name="t", signals=signals, symbols=symbols)
    coin = one.scope.partition("/")[0]
    if one.signal is HEALTH or (one.signal is CASCADE and coin in DEFAULT_SYMBOLS):
        assert tier.allows(one)
    for symbol in DEFAULT_SYMBOLS:
        assert tier.allows(alert(observed(), scope=f"{symbol}/USDT:USDT"))
        assert tier.beyond(mine(symbols=(symbol, f"{symbol}/USDT:USDT"))) is None


def test_a_tier_allows_its_signals_on_its_symbols_and_says_what_goes_beyond() -> None:
    free, pro = TIERS
    shock, sol = alert(signal=SHOCK), alert(observed(), scope="SOL/USDT:USDT")
    assert [tier.allows(shock) for tier in TIERS] == [False, True]
    assert [tier.allows(sol) for tier in TIERS] == [False, True]
    whole = mine(symbols=(ALL,), signals=(CASCADE, SHOCK))
    assert pro.beyond(whole) is None
    assert free.beyond(whole) == "LIQUIDATION_CASCADE on 'all'"
    assert free.beyond(mine(symbols=("*",))) == "LIQUIDATION_CASCADE on '*'"
    assert free.beyond(mine(signals=(SHOCK,))) == "SHOCK on 'BTC'"
    assert free.beyond(mine(signals=(HEALTH,))) is None
    some = Tier(name="some", signals=(SHOCK,), symbols=("SOL", "XRP/USDT:USDT", "ALL"))
    assert some.beyond(mine(signals=(SHOCK,), symbols=("SOL/USDT:USDT", "sol"))) is None
    assert some.beyond(mine(signals=(SHOCK,), symbols=("XRP",))) == "SHOCK on 'XRP'"
    assert some.beyond(mine(signals=(SHOCK,), symbols=(ALL,))) == "SHOCK on 'all'"
    assert some.beyond(mine(symbols=("SOL",))) == "LIQUIDATION_CASCADE on 'SOL'"


@UNHURRIED
@given(
    one=alerts(),
    symbols=st.lists(
        st.sampled_from(["BTC", "SOL", "*", ALL, "ETH/USD:ETH", "GO"]), min_size=1, max_size=3
    ).map(tuple),
    allowed=st.lists(st.sampled_from(["BTC", "SOL", "*", ALL, "ETH"]), min_size=1).map(tuple),
    signals=st.sampled_from([(CASCADE,), (SHOCK,), (CASCADE, SHOCK)]),
)
def test_what_a_tier_grants_it_tells(
    one: InformationalAlert,
    symbols: tuple[str, ...],
    allowed: tuple[str, ...],
    signals: tuple[Signal, ...],
) -> None:
    tier, asked = Tier(name="t", signals=signals, symbols=allowed), mine(symbols=symbols)
    if tier.beyond(asked) is None and asked.wants(one):
        assert tier.allows(one)


def test_the_default_is_cascades_on_btc_and_eth_or_feed_health() -> None:
    market, health = standard("log"), standard("ops", is_health=True)
    assert (market.signals, market.symbols, market.is_on) == ((CASCADE,), ("BTC", "ETH"), True)
    assert health.is_health
    assert market.wants(alert(observed(1.0)))


def test_a_subscription_survives_being_written_down() -> None:
    one = mine(symbols=("*", "SOL"), phases=("cascade",), least_usd=1.5, is_on=False)
    assert msgspec.json.decode(msgspec.json.encode(one), type=Subscription) == one
