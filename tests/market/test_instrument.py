"""What a contract is worth, and when."""

import math
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.market.instrument import Catalogue, Instrument, Kind
from airpocket.units import ns_from_iso

_SIZES = st.floats(1e-6, 1e9)
_PRICES = st.floats(1e-6, 1e7)


def _instrument(kind: Kind, contract_value: float = 1.0, quote: str = "USDT") -> Instrument:
    return Instrument(
        venue="x", raw_symbol="A", symbol="A/USDT:USDT", kind=kind, base="A", quote=quote,
        settle="USDT", contract_value=contract_value,
    )  # fmt: skip


@given(
    st.sampled_from([Kind.LINEAR, Kind.INVERSE, Kind.SPOT]), st.floats(1e-4, 1e4), _SIZES, _PRICES
)
def test_dollars_are_coins_at_the_price_and_sizes_come_back(
    kind: Kind, contract_value: float, size: float, price: float
) -> None:
    instrument = _instrument(kind, contract_value)
    coins, dollars = instrument.qty_base(size, price), instrument.notional_usd(size, price)
    assert coins is not None
    assert dollars is not None
    assert math.isclose(coins * price, dollars, rel_tol=1e-12)
    back = instrument.qty_raw(coins, price)
    assert back is not None
    assert math.isclose(back, size, rel_tol=1e-12)


def test_by_hand() -> None:
    assert _instrument(Kind.LINEAR, 0.01).qty_base(8.0, 5.0) == 0.08
    assert _instrument(Kind.INVERSE, 100.0).qty_base(3.0, 10_000.0) == 0.03
    assert _instrument(Kind.INVERSE, 100.0).notional_usd(3.0, 10_000.0) == 300.0


def test_what_has_no_dollar_value_has_none() -> None:
    quanto = _instrument(Kind.QUANTO)
    assert quanto.qty_base(1.0, 1.0) is None
    assert quanto.notional_usd(1.0, 1.0) is None
    assert quanto.qty_raw(1.0, 1.0) is None
    assert _instrument(Kind.LINEAR, quote="EUR").notional_usd(1.0, 1.0) is None
    assert _instrument(Kind.LINEAR, quote="EUR").qty_base(1.0, 1.0) == 1.0


def test_a_contract_that_changed_its_size_is_two_rows() -> None:
    old = msgspec.structs.replace(_instrument(Kind.LINEAR, 1.0), valid_to_ns=100)
    new = msgspec.structs.replace(
        _instrument(Kind.LINEAR, 10.0), valid_from_ns=100, symbol="A/USDC:USDC"
    )
    catalogue = Catalogue([old, new])
    assert len(catalogue) == 2
    assert list(catalogue) == [old, new]
    assert [catalogue.find("A", at) for at in (0, 99, 100, None)] == [old, old, new, new]
    assert catalogue.find("B") is None
    assert catalogue.find_symbol("A/USDT:USDT", 99) == old
    assert catalogue.find_symbol("A/USDT:USDT", 100) is None
    assert catalogue.find_symbol("A/USDC:USDC") == new
    ended = Catalogue([old])
    assert ended.find("A", 100) is None
    assert ended.find("A") is None  # without a time: what holds now


_ROW = 'raw_symbol = "BTC_Q", symbol = "BTC/USD:BTC-261225", kind = "inverse"'


def _toml(folder: Path, text: str) -> Path:
    path = folder / "venue.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_row_of_a_file_says_what_differs_from_the_defaults(tmp_path: Path) -> None:
    path = _toml(
        tmp_path,
        'venue = "x"\ninstruments = [\n'
        f"  {{ {_ROW}, contract_value = 100, tick = 0.1, valid_from = 2025-01-02 }},\n"
        '  { raw_symbol = "ETH-USD", symbol = "ETH/USD", kind = "spot" },\n]\n',
    )
    future, spot = Catalogue.load(path)
    assert (future.venue, future.base, future.quote, future.settle) == ("x", "BTC", "USD", "BTC")
    assert (future.contract_value, future.tick, future.lot) == (100.0, 0.1, None)
    assert future.valid_from_ns == ns_from_iso("2025-01-02")
    assert future.valid_to_ns is None
    assert (spot.settle, spot.contract_value) == ("USD", 1.0)


@pytest.mark.parametrize(
    "text",
    [
        "instruments = [",
        'instruments = [{ symbol = "A/B:B", kind = "linear" }]',
        'instruments = [{ raw_symbol = "A", symbol = "A/B:B", kind = "bent" }]',
        f'instruments = [{{ {_ROW}, contract_value = "many" }}]',
        f'instruments = [{{ {_ROW}, valid_from = "soon" }}]',
    ],
)
def test_a_file_that_is_no_catalogue_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"venue\.toml"):
        Catalogue.load(_toml(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no\.toml: not a readable"):
        Catalogue.load(tmp_path / "no.toml")


def _shipped() -> list[Path]:
    folder = Path(__file__).resolve().parents[2] / "src" / "airpocket" / "venues"
    return sorted(folder.glob("*/venue.toml"))


@pytest.mark.parametrize("path", _shipped(), ids=lambda path: path.parent.name)
def test_shipped_rows_can_be_used_and_never_hold_twice_at_a_time(path: Path) -> None:
    rows = list(Catalogue.load(path))
    for row in rows:
        assert row.contract_value > 0
        assert row.tick is None or row.tick > 0
        assert row.lot is None or row.lot > 0
        begin = row.valid_from_ns if row.valid_from_ns is not None else 0
        assert row.valid_to_ns is None or begin < row.valid_to_ns
        same = [other for other in rows if other.raw_symbol == row.raw_symbol]
        assert sum(other.holds_at(begin) for other in same) == 1
