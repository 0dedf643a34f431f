"""Laws of the eight venues that airpocket reads but does not write."""

import importlib
import json
from math import isfinite
from pathlib import Path
from types import ModuleType

import pytest

from airpocket.errors import InputError
from airpocket.market.events import Liquidation, RawRef, Trade
from airpocket.market.feed_rule import FeedRules
from airpocket.market.instrument import Catalogue
from airpocket.market.wire import Decoded, Wire
from airpocket.units import is_plausible_ns
from tests.venues.mutate import mutations

_FOLDERS = (
    "bitfinex",
    "bitget",
    "bitmex",
    "deribit",
    "dydx",
    "htx",
    "kraken_futures",
    "lighter",
)
_EXCHANGES = {  # as the fixtures call them
    "bitfinex": ("bitfinex-derivatives",),
    "bitget": ("bitget-futures",),
    "bitmex": ("bitmex",),
    "deribit": ("deribit",),
    "dydx": ("dydx-v4",),
    "htx": ("huobi-dm", "huobi-dm-swap", "huobi-dm-linear-swap"),
    "kraken_futures": ("cryptofacilities",),
    "lighter": ("lighter",),
}


def _module(folder: str) -> ModuleType:
    return importlib.import_module(f"airpocket.venues.{folder}.wire")


def _open(folder: str) -> Wire:
    wire: Wire = _module(folder).open_wire()
    return wire


def _frames(folder: str) -> list[bytes]:
    frames: tuple[bytes, ...] = importlib.import_module(f"tests.venues.{folder}.test_wire").FRAMES
    return list(frames)


def _toml(folder: str) -> Path:
    return Path(str(_module(folder).__file__)).with_name("venue.toml")


@pytest.mark.parametrize("folder", _FOLDERS)
def test_encode_says_that_the_venue_is_decode_only(folder: str) -> None:
    with pytest.raises(InputError, match=f"{_open(folder).venue} is decode-only in this version"):
        _open(folder).encode([])


@pytest.mark.parametrize("folder", _FOLDERS)
def test_the_folder_the_id_and_the_shipped_file_agree(folder: str) -> None:
    assert _open(folder).venue == folder.replace("_", "-")
    catalogue = Catalogue.load(_toml(folder))
    assert len(catalogue) > 0
    assert {row.venue for row in catalogue} == {_open(folder).venue}
    assert all(row.source for row in catalogue)


@pytest.mark.parametrize("folder", _FOLDERS)
def test_every_rule_is_open_ended_so_that_no_event_is_lost_for_its_date(folder: str) -> None:
    (rule,) = FeedRules.load(_toml(folder))
    assert (rule.valid_from_ns, rule.valid_to_ns) == (None, None)
    assert rule.said
    assert rule.source


@pytest.mark.parametrize("folder", _FOLDERS)
def test_every_event_carries_venue_clock_and_raw_ref(folder: str) -> None:
    said = _open(folder).decode(_frames(folder)[0], local_ns=123, raw_ref=RawRef("tape", 9))
    assert said.events
    assert said.rejected == ()
    for event in said.events:
        assert (event.venue, event.local_ns) == (_open(folder).venue, 123)
        assert event.raw_ref == RawRef("tape", 9)


@pytest.mark.parametrize("folder", _FOLDERS)
def test_an_unknown_instrument_has_no_notional_and_is_noted(folder: str) -> None:
    wire: Wire = type(_open(folder))(Catalogue(), FeedRules.load(_toml(folder)))  # type: ignore[call-arg]
    said = wire.decode(_frames(folder)[0])
    known = _open(folder).decode(_frames(folder)[0])
    assert len(said.events) == len(known.events)
    for event in said.events:
        assert isinstance(event, Liquidation | Trade)
        assert (event.symbol, event.qty_base, event.notional_usd) == (None, None, None)
        assert f"unknown instrument {event.raw_symbol}: no notional" in said.notes


@pytest.mark.parametrize("folder", _FOLDERS)
def test_damaged_frames_never_raise_and_never_lie(folder: str) -> None:
    _damage(folder, _frames(folder), count=1_000)


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("folder", _FOLDERS)
def test_a_hundred_thousand_damaged_real_frames(folder: str, data_dir: Path) -> None:
    text = (data_dir / "frames" / "tardis_liquidation_fixtures.json").read_text(encoding="utf-8")
    real = [
        json.dumps(fixture["frame"], separators=(",", ":")).encode()
        for fixture in json.loads(text)["fixtures"]
        if fixture["exchange"] in _EXCHANGES[folder]
    ]
    assert real
    _damage(folder, real + _frames(folder), count=100_000)


def _damage(folder: str, frames: list[bytes], count: int) -> None:
    wire = _open(folder)
    good = rejected = 0
    for number, frame in enumerate(mutations(frames, count, seed=20251010)):
        said = wire.decode(frame, local_ns=1_760_130_903_127_000_000)
        _assert_sound(said, frame)
        good += len(said.events)
        rejected += len(said.rejected)
        if number % 500 == 499:
            wire = _open(folder)  # what one frame taught a connection must not hide the next
    assert good > count / 20
    assert rejected > count / 20


def _assert_sound(said: Decoded, frame: bytes) -> None:
    if not (said.events or said.rejected or said.control or said.notes):
        assert b"[]" in frame or b"null" in frame, frame  # an empty list says nothing
    assert all(reason and len(reason) < 300 for reason in said.rejected), said.rejected
    for event in said.events:
        assert isinstance(event, Liquidation | Trade)
        assert event.venue_ns is None or is_plausible_ns(event.venue_ns), frame
        assert 0 < event.qty_raw < 1e18, frame
        for size in (event.qty_base, event.notional_usd):
            assert size is None or (size >= 0 and isfinite(size)), frame
        if isinstance(event, Liquidation):
            prices = (event.order_price, event.fill_price, event.bankruptcy_price)
            assert all(price is None or 0 < price < 1e15 for price in prices), frame
        else:
            assert 0 < event.price < 1e15, frame
