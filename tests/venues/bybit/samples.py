"""Frames as Bybit's pages show them (docs/v5/websocket/public, read 2026-11-21)."""

import json
from typing import Any, Final

__all__ = ["ALL_LIQUIDATION", "FRAMES", "REPLIES", "written"]


def written(frame: Any) -> bytes:
    return json.dumps(frame, separators=(",", ":")).encode()


ALL_LIQUIDATION: Final = {
    "topic": "allLiquidation.ROSEUSDT",
    "type": "snapshot",
    "ts": 1739502303204,
    "data": [
        {"T": 1739502302929, "s": "ROSEUSDT", "S": "Sell", "v": "20000", "p": "0.04499"},
        {"T": 1739502302931, "s": "ROSEUSDT", "S": "Buy", "v": "7", "p": "0.04401"},
    ],
}
LIQUIDATION: Final = {
    "data": {
        "price": "0.03803",
        "side": "Buy",
        "size": "1637",
        "symbol": "GALAUSDT",
        "updatedTime": 1673251091822,
    },
    "topic": "liquidation.GALAUSDT",
    "ts": 1673251091822,
    "type": "snapshot",
}
TRADE: Final = {
    "topic": "publicTrade.BTCUSDT",
    "type": "snapshot",
    "ts": 1672304486868,
    "data": [
        {
            "T": 1672304486865,
            "s": "BTCUSDT",
            "S": "Buy",
            "v": "0.001",
            "p": "16578.50",
            "L": "PlusTick",
            "i": "20f43950-d8dd-5b31-9112-a178eb6023af",
            "BT": False,
        }
    ],
}
TICKER: Final = {
    "topic": "tickers.BTCUSDT",
    "type": "snapshot",
    "data": {
        "symbol": "BTCUSDT",
        "tickDirection": "PlusTick",
        "lastPrice": "17216.00",
        "markPrice": "17217.33",
        "indexPrice": "17227.36",
        "openInterest": "68744.761",
        "openInterestValue": "1183601235.91",
        "nextFundingTime": "1673280000000",
        "fundingRate": "-0.000212",
        "ask1Size": "83.020",
    },
    "cs": 24987956059,
    "ts": 1673272861686,
}
BOOK: Final = {
    "topic": "orderbook.50.BTCUSDT",
    "type": "snapshot",
    "ts": 1672304484978,
    "data": {
        "s": "BTCUSDT",
        "b": [["16493.50", "0.006"], ["16493.00", "0.100"]],
        "a": [["16611.00", "0.029"], ["16612.00", "0.213"]],
        "u": 18521288,
        "seq": 7961638724,
    },
}
ADL_ALERT: Final = {
    "topic": "adlAlert.USDT",
    "type": "snapshot",
    "ts": 1757736794000,
    "data": [
        {
            "c": "USDT",
            "s": "FWOGUSDT",
            "b": -5421.29889888,
            "mb": -5421.29889888,
            "i_pr": -0.3,
            "pr": 0,
            "adl_tt": 10000,
            "adl_sr": -0.25,
        },
        {
            "c": "USDT",
            "s": "XRPUSDT",
            "b": "19873.46255153",
            "mb": "",
            "i_pr": "-0.3",
            "pr": "-0.35",
            "adl_tt": "10000",
            "adl_sr": "-0.25",
        },
    ],
}
INSURANCE: Final = {
    "topic": "insurance.USDT",
    "type": "delta",
    "ts": 1747722930000,
    "data": [
        {
            "coin": "USDT",
            "symbols": "GRIFFAINUSDT",
            "balance": "25614.92972633",
            "updateTime": "1747722930000",
        },
        {
            "coin": "BTC",
            "symbols": "BTCUSD,BTCUSDH25",
            "balance": "20352.32665441",
            "updateTime": "1747722930000",
        },
    ],
}
REPLIES: Final = (
    {
        "success": True,
        "ret_msg": "subscribe",
        "conn_id": "2324d924",
        "req_id": "",
        "op": "subscribe",
    },
    {"success": True, "ret_msg": "pong", "conn_id": "0970e817", "req_id": "", "op": "ping"},
    {"req_id": "test", "op": "pong", "args": ["1675418560633"], "conn_id": "cfcb4ocsvfriu23r3er0"},
    {"success": False, "ret_msg": "error:handler not found", "conn_id": "x", "op": "subscribe"},
)
FRAMES: Final[tuple[bytes, ...]] = tuple(
    map(
        written,
        (ALL_LIQUIDATION, LIQUIDATION, TRADE, TICKER, BOOK, ADL_ALERT, INSURANCE, *REPLIES),
    )
)
