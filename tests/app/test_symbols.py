"""What a word means on each venue."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.app.symbols import Resolved, resolve
from airpocket.errors import InputError
from airpocket.market.instrument import Catalogue, Instrument, Kind
from airpocket.units import ns_from_iso
from airpocket.venues.register import LIVE, catalogue_of

NOW_NS = ns_from_iso("2026-11-20T00:00:00Z")
SHIPPED = {venue: catalogue_of(venue) for venue in LIVE}


def perp(venue: str, raw: str, symbol: str, kind: Kind = Kind.LINEAR) -> Instrument:
    base, _, rest = symbol.partition("/")
    quote, _, settle = rest.partition(":")
    return Instrument(
        venue=venue, raw_symbol=raw, symbol=symbol, kind=kind, base=base, quote=quote,
        settle=settle.partition("-")[0] or quote,
    )  # fmt: skip


def named(found: Resolved) -> dict[str, list[str]]:
    return {venue: [row.symbol for row in rows] for venue, rows in found.instruments.items()}


def test_a_coin_is_its_perpetuals_linear_and_inverse_on_every_venue() -> None:
    assert named(resolve(["BTC"], SHIPPED, at_ns=NOW_NS)) == {
        "binance": ["BTC/USDT:USDT", "BTC/USDC:USDC", "BTC/USD:BTC"],
        "bybit": ["BTC/USDT:USDT", "BTC/USD:BTC"],
        "okx": ["BTC/USDT:USDT", "BTC/USD:BTC"],
        "hyperliquid": ["BTC/USDC:USDC"],
    }


def test_a_contract_is_itself_and_a_pair_its_perpetual() -> None:
    one = resolve(["eth/usdt:usdt"], SHIPPED, at_ns=NOW_NS)
    assert named(one) == {venue: ["ETH/USDT:USDT"] for venue in ("binance", "bybit", "okx")}
    assert one.absent == (("hyperliquid", "eth/usdt:usdt"),)
    assert named(resolve(["ETH/USDT"], SHIPPED, at_ns=NOW_NS)) == named(one)


def test_words_keep_their_order_and_repeat_nothing() -> None:
    found = resolve(["ETH", "BTC/USDC:USDC", "btc", "ETH"], SHIPPED, at_ns=NOW_NS)
    rows = [row.symbol for row in found.instruments["binance"]]
    assert rows[:4] == ["ETH/USDT:USDT", "ETH/USDC:USDC", "ETH/USD:ETH", "BTC/USDC:USDC"]
    assert len(rows) == len(set(rows))


def test_coins_counted_by_the_thousand_are_found_by_their_own_name() -> None:
    rows = {
        "binance": Catalogue([perp("binance", "1000SHIBUSDT", "1000SHIB/USDT:USDT")]),
        "hyperliquid": Catalogue([perp("hyperliquid", "kSHIB", "KSHIB/USDC:USDC")]),
        "okx": Catalogue([perp("okx", "SHIB-USDT-SWAP", "SHIB/USDT:USDT")]),
    }
    assert set(named(resolve(["shib"], rows, at_ns=NOW_NS))) == set(rows)
    assert named(resolve(["1000SHIB"], rows, at_ns=NOW_NS)) == {"binance": ["1000SHIB/USDT:USDT"]}
    kas = {"hyperliquid": Catalogue([perp("hyperliquid", "KAS", "KAS/USDC:USDC")])}
    with pytest.raises(InputError):
        resolve(["AS"], kas, at_ns=NOW_NS)


def test_expired_and_outdated_rows_are_not_found() -> None:
    rows = Catalogue(
        [
            perp("okx", "BTC-USDT-251226", "BTC/USDT:USDT-251226"),
            perp("okx", "BTC-USDT-261225", "BTC/USDT:USDT-261225"),
        ]
    )
    with pytest.raises(InputError, match="did you mean BTC/USDT:USDT-261225"):
        resolve(["BTC/USDT:USDT-251226"], {"okx": rows}, at_ns=NOW_NS)
    named_ = named(resolve(["BTC/USDT:USDT-261225"], {"okx": rows}, at_ns=NOW_NS))
    assert named_ == {"okx": ["BTC/USDT:USDT-261225"]}
    # OKX changed its contract in 2020: the row of today is the one that holds.
    (today,) = resolve(["BTC/USDT"], {"okx": SHIPPED["okx"]}, at_ns=NOW_NS).instruments["okx"]
    assert today.contract_value == 0.01


def test_spot_and_what_is_not_in_dollars_is_no_coins_perpetual() -> None:
    rows = Catalogue(
        [
            perp("okx", "BTC-USDT", "BTC/USDT", Kind.SPOT),
            perp("okx", "BTC-EUR-SWAP", "BTC/EUR:EUR"),
            perp("okx", "BTC-USDT-SWAP", "BTC/USDT:USDT"),
        ]
    )
    assert named(resolve(["BTC"], {"okx": rows}, at_ns=NOW_NS)) == {"okx": ["BTC/USDT:USDT"]}
    assert named(resolve(["BTC/EUR"], {"okx": rows}, at_ns=NOW_NS)) == {"okx": ["BTC/EUR:EUR"]}


def test_what_was_learned_is_found() -> None:
    rows = catalogue_of("okx")
    with pytest.raises(InputError):
        resolve(["NEWCOIN"], {"okx": rows}, at_ns=NOW_NS)
    rows.learn([perp("okx", "NEWCOIN-USDT-SWAP", "NEWCOIN/USDT:USDT")])
    assert named(resolve(["NEWCOIN"], {"okx": rows}, at_ns=NOW_NS)) == {
        "okx": ["NEWCOIN/USDT:USDT"]
    }


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("BTCUSDT", "did you mean BTC/USDT:USDT?"),
        ("DOEG", "DOGE"),
        ("BTC/USDT:USTD", "BTC/USDT:USDT"),
        ("zzzzzz", "is not listed on binance, bybit, okx, hyperliquid"),
        ("", "'' is not listed"),
        ("a\n\x1b[2J", "'a\\n\\x1b[2J' is not listed"),
        ("x" * 100_000, "…' is not listed"),
    ],
)
def test_unknown_words_are_refused_with_near_ones(word: str, near: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve([word], SHIPPED, at_ns=NOW_NS)
    assert near in str(caught.value).replace("\\u2026", "…")
    assert len(str(caught.value)) < 400


def test_no_words_and_too_many() -> None:
    with pytest.raises(InputError, match="name at least one symbol"):
        resolve([], SHIPPED, at_ns=NOW_NS)
    with pytest.raises(InputError, match="at most 2,000"):
        resolve(["BTC"] * 2_001, SHIPPED, at_ns=NOW_NS)


@given(
    st.lists(
        st.sampled_from([row.symbol for one in SHIPPED.values() for row in one]),
        min_size=1,
        max_size=5,
    )
)
def test_whatever_is_found_was_asked_for_and_every_word_is_accounted_for(words: list[str]) -> None:
    try:
        found = resolve(words, SHIPPED, at_ns=NOW_NS)
    except InputError:
        return  # an expired one among them
    for rows in found.instruments.values():
        assert {row.symbol for row in rows} <= set(words)
    for word in set(words):
        have = {venue for venue, rows in named(found).items() if word in rows}
        lack = {venue for venue, absent in found.absent if absent == word}
        assert have | lack == set(SHIPPED)
        assert not have & lack
        assert have
