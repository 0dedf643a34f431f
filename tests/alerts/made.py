"""Alerts made by hand, and strategies that make any."""

from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from airpocket.alerts.alert import PHASES, InformationalAlert, Signal, Stage, alert_id
from airpocket.alerts.fact import KINDS, Fact, FactName, Unit, fact
from airpocket.errors import InputError
from airpocket.units import ns_from_iso

UNHURRIED = settings(deadline=None)  # the machine is shared
SOURCE = "binance:liquidations, bybit:liquidations"
DETECTOR = "airpocket:detector"
HOUR = (ns_from_iso("2026-02-05T20:00:00Z"), ns_from_iso("2026-02-05T21:00:00Z"))

# What nobody may say in an alert, in the many ways it is said.
ADVICE = (
    """\
Entry 65,000|entry: 60k|re-entry|Stop-loss at 3|stoploss|SL 64k|TP1 70k|take profit|go long|Going short
buy the dip|Buy now|sell here|short here|long from here|LONG|Short BTC|open a long|add to the long
5x leverage|leverage: 10|use 10x|risk 2 % of equity|position size 2|half size|should|opportunity
recommended|likely|probably|we expect|will bounce|is going to fall|about to break|R:R 1:3|RR 2.5
risk:reward 1:3|reward to risk 3|1:3 rr|3R|reclaim 65k|reclaims 65,000|breaks below 60,000|support at 60k
if it holds 60k|target 70,000|price target|watch for the low|wait for it|stay away|consider it|you
time to act|exit|profit|bullish|oversold|bids at 60k|fade this|catch the knife|bottom is in|scale in
forced buy now|the setup|dca|cut your loss|sell|buying|price -> 60k|:rocket:|rebound|advice|imminent
→ 60k|↑|🚀|📈|🟢|做多|买入 BTC|stор|buу|st\u200bop|ｂｕｙ|e n t r y|s t o p|g o  l o n g|s-t-o-p|s.e.l.l
5t0p|3ntry|l0ng here|s3ll|t4rget|st<b>op</b>|<b>buy</b>|&#98;uy|%62uy|\\u0062uy|st\\op|sto\\*p|bu**y|go_long
takeProfit|stopLoss|entry_price|𝐛𝐮𝐲|ʙᴜʏ|🅱🆄🆈|{"en\\u0074ry": 1}|{"tp1": 1}|["go long"]|eNtRy|b\u0301uy
""".replace("\n", "|")
    .strip("|")
    .split("|")
)

# What a fact needs, and the linter must let through.
FACTS = (
    """\
Real liquidations: BTC longs, at least $134.3M in 1 h|longs were liquidated|shorts were liquidated
short squeeze of BTC|long liquidations of $3.1M|the long side was closed|forced sells of 12 BTC
forced buying of at least $3M|Feed ended, outcome unknown|This is not an all-clear|61 × its normal
BTC/USDT:USDT|kPEPE/USDC:USDC|1000SHIB/USDT:USDT|币安人生/USDT:USDT|BTC/USD:BTC-251226|instrument-3f2a9c71
lc-20251010T211503-5e115e11|Reward to risk: not measured|Past cascades studied: 212|reward_to_risk
moves of this size stayed inside the noise floor in 83.5 % of past cases|2026-02-05T20:00:00Z/2026-02-05T21:00:00Z
Open interest −3.1 % in coins|Book at 16 % of its normal depth|Price −8.2 %|multiple_of_baseline|5e11
open_interest_change_coins|all_clear_proof|Auto-deleveraging since 21:16:04 UTC|1 h 3 d 4 s|binance:trades
takers sold $3M more than they bought|the price leg was taken back|stage: open|wave 3 of the cascade
""".replace("\n", "|")
    .strip("|")
    .split("|")
)


def alert(
    *facts: Fact,
    signal: Signal = Signal.LIQUIDATION_CASCADE,
    stage: Stage = Stage.OPEN,
    **parts: Any,
) -> InformationalAlert:
    """Make an alert, with whatever its stage demands."""
    scope, onset_ns = parts.get("scope", "BTC/USDT:USDT"), parts.get("onset_ns", HOUR[0])
    side = "longs" if signal is Signal.LIQUIDATION_CASCADE else None
    phase = {Stage.ALL_CLEAR: "settled", Stage.FEED_ENDED: "unknown"}.get(stage, "cascade")
    names = {one.name for one in facts}
    needed = []
    if stage is Stage.ALL_CLEAR and FactName.ALL_CLEAR_PROOF not in names:
        needed.append(fact(FactName.ALL_CLEAR_PROOF, ("forced_flow", "depth"), source=DETECTOR))
    if stage is Stage.FEED_ENDED and FactName.FEED_GAP not in names:
        needed.append(fact(FactName.FEED_GAP, "end_of_recording", source=SOURCE))
    made = {
        "alert_id": alert_id(signal, scope, onset_ns),
        "signal": signal,
        "stage": stage,
        "phase": phase,
        "scope": scope,
        "side": side,
        "time_ns": HOUR[1],
        "onset_ns": onset_ns,
        "sequence": 0,
        "facts": (*facts, *needed),
        **parts,
    }
    return InformationalAlert(**made)


def observed(usd: float | None = 134.3e6) -> Fact:
    return fact(FactName.OBSERVED_USD, usd, source=SOURCE, window_ns=HOUR, at_least=True)


def full() -> tuple[Fact, ...]:
    """Make the facts of 2026-02-05 20:00, as a good feed would give them."""
    return (
        observed(),
        fact(FactName.COVERAGE, "throttled", source=SOURCE),
        fact(FactName.MULTIPLE_OF_BASELINE, 61.2, source=DETECTOR),
        fact(FactName.WAVES, 2, source=DETECTOR),
        fact(FactName.PRICE_LEG, -0.0824, source="binance:mark", window_ns=HOUR),
        fact(FactName.PRICE_CONFIRMATION, "confirmed", source="binance:mark"),
        fact(FactName.DEPTH_SHARE_OF_NORMAL, 0.16, source="okx:depth"),
        fact(FactName.OPEN_INTEREST_CHANGE_COINS, -0.031, source="binance:open_interest"),
        fact(FactName.VENUES_LIVE, ("bybit",), source="airpocket:health"),
        fact(FactName.VENUES_THROTTLED, ("binance",), source="airpocket:health"),
        fact(FactName.VENUES_SILENT, ("okx",), source="airpocket:health"),
    )


SYMBOLS = st.sampled_from(
    [
        *("BTC/USDT:USDT", "ETH/USD:ETH", "GO/USDT:USDT", "kPEPE/USDC:USDC", "币安人生/USDT:USDT"),
        *("PUMP/USDT:USDT", "S/USDT:USDT", "0G/USDT:USDT", "BTC/USD:BTC-251226", "RR/USDT"),
        *("A" * 24 + "/USDT:USDT-251226", "ADD/USDT", "SIZE/USDT", "TAKE/USDT", "AT/USDT"),
        "instrument-3f2a9c71",
    ]
)
VENUES = st.sampled_from(["binance", "okx", "kraken-futures", "hyperliquid", "go", "at"])
TIMES = st.integers(ns_from_iso("2020-01-01"), ns_from_iso("2027-01-01"))


def values(name: FactName, unit: Unit) -> st.SearchStrategy[Any]:
    """Values that a fact of a name and unit may hold."""
    kind = KINDS[name]
    low, high = -1e12 if kind.signed else 0.0, min(kind.most, 1e12)
    return {
        Unit.YES_NO: st.booleans(),
        Unit.COUNT: st.integers(0, 10**12),
        Unit.UTC: TIMES,
        Unit.WORD: st.sampled_from(sorted(kind.words) or [""]),
        Unit.WORDS: st.lists(st.sampled_from(sorted(kind.words) or [""]), unique=True).map(tuple),
        Unit.SYMBOLS: st.lists(SYMBOLS, unique=True).map(tuple),
        Unit.VENUES: st.lists(VENUES, unique=True).map(tuple),
        Unit.PRICE: st.floats(1e-9, 1e9),
        Unit.SECONDS: st.floats(0.0, 1e8),
    }.get(unit, st.floats(low, high))


def _ordered(pair: tuple[int, int]) -> tuple[int, int]:
    return min(pair), max(pair)


@st.composite
def facts(draw: st.DrawFn, name: FactName | None = None) -> Fact:
    name = name or draw(st.sampled_from(FactName))
    unit = draw(st.sampled_from(KINDS[name].units))
    window = draw(st.none() | st.tuples(TIMES, TIMES).map(_ordered))
    return Fact(
        name=name,
        value=draw(st.none() | values(name, unit)),
        unit=unit,
        window_ns=window,
        source=draw(st.sampled_from([SOURCE, DETECTOR, "kraken-futures:mark"])),
        at_least=draw(st.booleans()),
        scope=draw(st.sampled_from([None, None, None, "*", "okx", "ETH/USDT:USDT"])),
    )


@st.composite
def alerts(draw: st.DrawFn) -> InformationalAlert:
    """Any alert in any market regime: phase, side, signal and stage are independent of another.

    Those that the laws of an alert refuse are drawn again.
    """
    signal, stage = draw(st.sampled_from(Signal)), draw(st.sampled_from(Stage))
    names = draw(st.lists(st.sampled_from(FactName), unique=True, max_size=len(FactName)))
    onset_ns, later_ns = sorted((draw(TIMES), draw(TIMES)))
    chosen = [draw(facts(name)) for name in names]
    parts = {
        "scope": draw(SYMBOLS | st.just("*")),
        "side": draw(st.sampled_from([None, "longs", "shorts"])),
        "phase": draw(st.sampled_from(sorted(PHASES))),
        "onset_ns": onset_ns,
        "time_ns": later_ns,
        "sequence": draw(st.integers(0, 999)),
    }
    try:
        return alert(*chosen, signal=signal, stage=stage, **parts)
    except InputError:
        lawful = [one for one in chosen if one.name in _HARMLESS]
        del parts["side"], parts["phase"]
        return alert(*lawful, signal=signal, stage=stage, **parts)


_HARMLESS = frozenset(FactName) - {
    FactName.OBSERVED_USD,
    FactName.OBSERVED_COUNT,
    FactName.PEAK_MINUTE_USD,
    FactName.WAVE_PEAK_USD,
    FactName.ADL_USD,
    FactName.ADL_COUNT,
    FactName.ADL_STARTED,
    FactName.LARGEST_LIQUIDATION_USD,
    FactName.LIQUIDATED_SIDE,
    FactName.ALL_CLEAR_PROOF,
    FactName.FEED_GAP,
}


@st.composite
def disguised(draw: st.DrawFn, words: st.SearchStrategy[str]) -> str:
    """Advice in a disguise: other capitals, set apart, full width, marked up, padded."""
    text = draw(words)
    unseen = draw(st.sampled_from("\u200b\u2060\ufeff\u00ad"))
    ways: list[Callable[[], str]] = [
        lambda: "".join(draw(st.sampled_from([mark.upper(), mark.lower()])) for mark in text),
        lambda: " ".join(text),
        lambda: "".join(chr(ord(mark) + 0xFEE0) if "!" <= mark <= "~" else mark for mark in text),
        lambda: unseen.join(text),
        lambda: "".join(f"&#{ord(mark)};" for mark in text),
        lambda: f"<b>{text[:2]}</b>{text[2:]}",
        lambda: f"{text}\u0301",
        lambda: f"{draw(st.sampled_from(FACTS))}. {text}",
    ]
    return draw(st.sampled_from(ways))()
