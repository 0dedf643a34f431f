"""Frames as OKX's pages show them (okx.com/docs-v5, copy of 2026-07-21)."""

import json
from typing import Any, Final

__all__ = ["ACK", "FRAMES", "LIQUIDATIONS", "REPLIES", "written"]


def written(frame: Any) -> bytes:
    return json.dumps(frame, separators=(",", ":")).encode()


LIQUIDATIONS: Final = {
    "arg": {"channel": "liquidation-orders", "instType": "SWAP"},
    "data": [
        {
            "details": [
                {
                    "bkLoss": "0",
                    "bkPx": "0.007831",
                    "ccy": "",
                    "posSide": "short",
                    "side": "buy",
                    "sz": "13",
                    "ts": "1692266434010",
                },
                {
                    "bkLoss": "0",
                    "bkPx": "0.0078",
                    "ccy": "",
                    "posSide": "net",
                    "side": "sell",
                    "sz": "7",
                    "ts": "1692266434009",
                },
            ],
            "instFamily": "IOST-USDT",
            "instId": "IOST-USDT-SWAP",
            "instType": "SWAP",
            "uly": "IOST-USDT",
        },
        {
            "details": [
                {
                    "bkPx": "30000",
                    "posSide": "long",
                    "side": "sell",
                    "sz": "2",
                    "ts": "1692266434011",
                }
            ],
            "instId": "BTC-USD-SWAP",
        },
    ],
}
POLLED: Final = {
    "arg": {"channel": "liquidations", "instId": "BTC-USDT-211231", "generated": True},
    "data": [
        {
            "bkLoss": "0",
            "bkPx": "49674.2",
            "ccy": "",
            "posSide": "short",
            "side": "buy",
            "sz": "40",
            "ts": "1640140211925",
        }
    ],
}
OLD: Final = {
    "table": "swap/liquidation",
    "generated": True,
    "data": [
        {
            "loss": "0",
            "size": "30",
            "price": "22376.9",
            "created_at": "2020-12-18T00:31:08.794Z",
            "type": "3",
            "instrument_id": "BTC-USDT-SWAP",
        }
    ],
}
TRADE: Final = {
    "arg": {"channel": "trades", "instId": "BTC-USDT-SWAP"},
    "data": [
        {
            "instId": "BTC-USDT-SWAP",
            "tradeId": "130639474",
            "px": "42219.9",
            "sz": "12",
            "side": "buy",
            "ts": "1630048897897",
            "count": "3",
        }
    ],
}
MARK: Final = {
    "arg": {"channel": "mark-price", "instId": "BTC-USDT-SWAP"},
    "data": [
        {"instType": "SWAP", "instId": "BTC-USDT-SWAP", "markPx": "42310.6", "ts": "1630049139746"}
    ],
}
FUNDING: Final = {
    "arg": {"channel": "funding-rate", "instId": "BTC-USD-SWAP"},
    "data": [
        {
            "formulaType": "noRate",
            "fundingRate": "0.0001875391284828",
            "fundingTime": "1700726400000",
            "instId": "BTC-USD-SWAP",
            "instType": "SWAP",
            "nextFundingRate": "",
            "nextFundingTime": "1700755200000",
            "ts": "1700724675402",
        }
    ],
}
INTEREST: Final = {
    "arg": {"channel": "open-interest", "instId": "BTC-USDT-SWAP"},
    "data": [
        {
            "instId": "BTC-USDT-SWAP",
            "instType": "SWAP",
            "oi": "2216113.01000000009",
            "oiCcy": "22161.1301000000009",
            "oiUsd": "1939251795.54769270396321",
            "ts": "1743041250440",
        }
    ],
}
BOOK: Final = {
    "arg": {"channel": "books", "instId": "BTC-USDT-SWAP"},
    "action": "update",
    "data": [
        {
            "asks": [["8476.98", "415", "0", "13"], ["8477", "0", "0", "0"]],
            "bids": [["8476.97", "256", "0", "12"]],
            "ts": "1597026383085",
            "checksum": 0,
            "prevSeqId": 123456,
            "seqId": 123457,
        }
    ],
}
ADL: Final = {
    "arg": {"channel": "adl-warning", "instType": "FUTURES", "instFamily": "BTC-USDT"},
    "data": [
        {
            "instType": "FUTURES",
            "instFamily": "BTC-USDT",
            "state": "warning",
            "bal": "280784384.9564228289548144",
            "ccy": "",
            "maxBal": "",
            "maxBalTs": "",
            "adlType": "",
            "adlBal": "",
            "adlRecBal": "",
            "ts": "1700210763001",
            "decRate": "",
            "adlRate": "",
            "adlRecRate": "",
        }
    ],
}
OLD_ADL: Final = {
    "arg": {"channel": "adl-warning", "instType": "SWAP", "instFamily": "BTC-USDT"},
    "data": [
        {
            "decRate": "0.31",
            "maxBal": "406933891.2",
            "bal": "280784384.95642283",
            "instFamily": "BTC-USDT",
            "ccy": "USDT",
            "state": "adl",
            "adlType": "rate_adl_start",
            "ts": "1700210763001",
        }
    ],
}
ACK: Final = {
    "id": "1512",
    "event": "subscribe",
    "arg": {"channel": "liquidation-orders", "instType": "SWAP"},
    "connId": "48d8960a",
}
REPLIES: Final = (
    ACK,
    {"event": "unsubscribe", "arg": {"channel": "trades", "instId": "X"}, "connId": "a4d3ae55"},
    {"event": "channel-conn-count", "channel": "orders", "connCount": "2", "connId": "abcd1234"},
    {"event": "notice", "code": "64008", "msg": "The connection will soon be closed."},
    {"id": "1512", "event": "error", "code": "60012", "msg": "Invalid request", "connId": "a4d3"},
)
_PUSHES: Final = (LIQUIDATIONS, POLLED, OLD, TRADE, MARK, FUNDING, INTEREST, BOOK, ADL, OLD_ADL)
FRAMES: Final[tuple[bytes, ...]] = (*map(written, (*_PUSHES, *REPLIES)), b"pong")
