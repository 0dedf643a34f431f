"""An account's state becomes a book whose prices are those that the venue's rules find."""

import gzip
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from airpocket.errors import InputError
from airpocket.leverage.inference import largest_leverages
from airpocket.leverage.position_ladder import ladder_of
from airpocket.leverage.position_prices import prices_of
from airpocket.venues.hyperliquid.clearinghouse import (
    book_of,
    claims,
    read_state,
    read_states,
)
from airpocket.venues.hyperliquid.rules import price_from_raw, rules_at, tier_table

AT_MS = 1_760_130_900_000


def _held(
    coin: str = "ETH", szi: str = "0.0335", entry: str = "2986.3", raw: str | None = "-95.059824",
    price: str | None = "2866.26936529", mode: str = "isolated", mark: float = 2_990.0,
    **more: Any,
) -> dict[str, Any]:  # fmt: skip
    """A position as the documentation's example has it: 20x of ETH, largest leverage 50."""
    value = abs(float(szi)) * mark
    leverage: dict[str, Any] = {"type": mode, "value": 20}
    if raw is not None:
        leverage["rawUsd"] = raw
    position = {
        "coin": coin, "szi": szi, "entryPx": entry, "leverage": leverage,
        "positionValue": str(value), "unrealizedPnl": "0", "returnOnEquity": "0",
        "liquidationPx": price, "marginUsed": str(float(szi) * mark + float(raw or -95.059824)),
        "maxLeverage": 50,
        "cumFunding": {"allTime": "0", "sinceOpen": "0", "sinceChange": "0"}, **more,
    }  # fmt: skip
    return {"type": "oneWay", "position": position}


def _state(*held: dict[str, Any], time: int = AT_MS) -> bytes:
    summary = {"accountValue": "13109.48", "totalNtlPos": "100", "totalRawUsd": "13009.4"}
    return msgspec.json.encode({
        "marginSummary": summary, "crossMarginSummary": summary, "withdrawable": "13104.5",
        "crossMaintenanceMarginUsed": "0", "assetPositions": list(held), "time": time,
    })  # fmt: skip


def test_the_example_of_the_documentation() -> None:
    book = book_of([read_state(_state(_held()))], source="docs")
    assert book.size == 1
    assert book.instruments[0].symbol == "ETH/USDC:USDC"
    assert book.margin[0] == pytest.approx(0.0335 * 2_986.3 - 95.059824)
    assert book.liquidation_price[0] == 2_866.26936529
    assert book.mark_of("ETH/USDC:USDC") == pytest.approx(2_990.0)
    assert book.at_ns == AT_MS * 1_000_000
    table = tier_table("ETH/USDC:USDC", [0], [50], "docs")
    assert price_from_raw(0.0335, -95.059824, table) == pytest.approx(2_866.26936529, rel=1e-7)
    # Without the venue's word for it, its rules find the same price.
    unsaid = msgspec.structs.replace(book, liquidation_price=np.array([np.nan]))
    found = prices_of(unsaid, tiers=table, rules=rules_at("perp"))
    assert found.price[0] == pytest.approx(2_866.26936529, rel=1e-7)
    assert largest_leverages(book)["ETH/USDC:USDC"].leverage == 50


def test_a_margin_without_raw_usd_is_the_same() -> None:
    given, used = (
        book_of([read_state(_state(_held(raw=raw)))], source="s") for raw in ("-95.059824", None)
    )
    assert used.margin[0] == pytest.approx(given.margin[0])


def test_an_isolated_short() -> None:
    # 0.00145 BTC sold at 68,139 with 19.72573 behind it: the venue takes it at 80,933.6159.
    raw = 19.72573 + 0.00145 * 68_139
    held = _held("BTC", "-0.00145", "68139", str(raw), "80933.61590987", mark=68_000.0)
    book = book_of([read_state(_state(held))], source="captured")
    assert book.margin[0] == pytest.approx(19.72573)
    assert book.mark_of("BTC") == pytest.approx(68_000.0)
    assert largest_leverages(book)["BTC/USDC:USDC"].leverage == 50  # as it was then


def test_shorts_cross_and_what_no_price_takes() -> None:
    state = read_state(
        _state(
            _held("BTC", "-2", "60000", None, "64000.5", "cross", 61_000.0),
            _held(price=None),
        )
    )
    book = book_of([state], source="s")
    assert book.is_long.tolist() == [False, True]
    assert book.qty_raw.tolist() == [2.0, 0.0335]
    assert book.is_cross.tolist() == [True, False]
    assert np.isnan(book.margin[0])
    assert book.liquidation_price.tolist() == [64_000.5, np.inf]
    assert any("1 cross positions by the venue's own price" in one for one in book.assumed)
    assert ladder_of(book, "BTC", 61_000.0).layers[0].shorts.price.tolist() == [64_000.5]
    none = ladder_of(book, "ETH", 2_990.0).layers[0]
    assert none.longs.size == 0


@pytest.mark.parametrize("kind", ["one", "list", "lines", "gzip", "wrapped", "spread"])
def test_files_of_states(tmp_path: Path, kind: str) -> None:
    first, second = _state(_held()), _state(_held(szi="1.5", raw="-4000"), time=AT_MS + 60_000)
    path = tmp_path / "states.json"
    path.write_bytes({
        "one": first,
        "list": b"[" + first + b",\n" + second + b"]",
        "lines": first + b"\n\n" + second + b"\n",
        "gzip": gzip.compress(first + b"\n" + second),
        "wrapped": b'{"user":"0xab","clearinghouseState":' + first + b"}",
        "spread": msgspec.json.format(first, indent=2),
    }[kind])  # fmt: skip
    assert claims(first[:4096])
    book = read_states(path)
    assert book.size == (1 if kind in {"one", "wrapped", "spread"} else 2)
    said = any("taken as one time" in one for one in book.assumed)
    assert said is (book.size == 2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"szi": "0"}, r"answer 1: ETH: szi 0\.0 is not a number above 0"),
        ({"entry": "-1"}, r"answer 1: ETH: entryPx -1\.0"),
        ({"entry": "nan"}, r"answer 1"),
        ({"mark": 0.0}, r"answer 1: ETH: positionValue 0\.0"),
        ({"price": "0"}, r"answer 1: ETH: liquidationPx 0\.0"),
        ({"raw": "inf"}, r"answer 1"),
        ({"coin": "NOPE"}, r"answer 1: NOPE: no instrument of hyperliquid"),
        ({"mode": "portfolio"}, r"answer 1: not a clearinghouseState .*portfolio"),
        ({"szi": "much"}, r"answer 1"),
    ],
)
def test_bad_positions_are_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    path = tmp_path / "states.json"
    held = _held()
    names = {"szi": "szi", "entry": "entryPx", "price": "liquidationPx", "coin": "coin"}
    for name, value in change.items():
        if name in names:
            held["position"][names[name]] = value
        elif name == "mark":
            held["position"]["positionValue"] = str(value)
        else:
            held["position"]["leverage"]["rawUsd" if name == "raw" else "type"] = value
    path.write_bytes(_state(held))
    with pytest.raises(InputError, match=said) as caught:
        read_states(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[]", b"[1]", b"null", b"\xff", b"[" * 100_000, b'{"assetPositions":[]}']
)
def test_what_is_no_state(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "states.json"
    path.write_bytes(text)
    with pytest.raises(InputError, match=str(path)):
        read_states(path)
    assert not claims(text[:64].replace(b"assetPositions", b""))


def test_a_time_in_another_unit(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="time 1760130900 is no milliseconds"):
        read_state(_state(_held(), time=AT_MS // 1_000))
    path = tmp_path / "states.json"
    path.write_bytes(_state())
    with pytest.raises(InputError, match="holds no position"):
        read_states(path)
