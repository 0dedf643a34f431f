"""Frames of positions for tests, and the instruments they are looked up in."""

from typing import Any

import polars as pl

from airpocket.errors import InputError
from airpocket.market.instrument import Catalogue, Instrument, Kind
from tests.leverage.contracts import contract

__all__ = ["BTC", "ETH", "INVERSE", "catalogue_of", "frame"]

BTC = contract("x")
ETH = contract("x", "ETH/USDT:USDT")
INVERSE = contract("x", "BTC/USD:BTC", Kind.INVERSE, 100.0)
_ELSEWHERE = contract("y")


def catalogue_of(venue: str) -> Catalogue:
    """Know two venues, as the register would."""
    known: dict[str, list[Instrument]] = {"x": [BTC, ETH, INVERSE], "y": [_ELSEWHERE]}
    if venue not in known:
        raise InputError(f"{venue!r} is not a venue")
    return Catalogue(known[venue])


def frame(**columns: list[Any]) -> pl.DataFrame:
    """Two good positions, with columns put in or (``None``) taken out."""
    good: dict[str, Any] = {
        "symbol": ["BTC/USDT:USDT", "ETH/USDT:USDT"],
        "side": ["long", "SHORT"],
        "size": [1.5, 20.0],
        "entry_price": [60_000.0, 3_000.0],
        "leverage": [10.0, 5.0],
    }
    good.update(columns)
    return pl.DataFrame({name: column for name, column in good.items() if column is not None})
