"""The published table of positions: margins at entry, prices that are none, marks."""

from pathlib import Path

import numpy as np
import pytest

from airpocket.errors import InputError
from airpocket.leverage.position_ladder import ladder_of
from airpocket.store import files
from airpocket.venues.hyperliquid.positions import claims, read_table

HEADER = (
    "user_address,coin,market_type,direction,size,entry_price,liquidation_price,position_value,"
    "unrealized_pnl,pnl_percent,leverage_type,leverage_value,margin_used,risk_level\n"
)
LONG = (
    "0xbb,HYPE,HyperCore,LONG,6.9,29.8692,25.1853943555,206.9793,0.88,0.4,isolated,5,41.88904,L\n"
)
SHORT = "0xcc,BTC,HyperCore,SHORT,0.1,90000,99000,9100,-100,-1,isolated,10,800,L\n"
CROSS = "0xdd,SOL,HyperCore,LONG,16.87,199.94,,2256.8686,-1116,-49,cross,20,112.84343,U\n"


def test_rows(tmp_path: Path) -> None:
    path = tmp_path / "positions.csv"
    path.write_text(HEADER + LONG + SHORT + CROSS)
    assert claims(path.read_bytes())
    assert not claims(b"coin,size\n")
    book = read_table(path, at_ns=7)
    assert book.is_long.tolist() == [True, False, True]
    assert book.is_cross.tolist() == [False, False, True]
    # margin_used is at the mark of 29.997 and 91,000; a cross one is the account's.
    np.testing.assert_allclose(
        book.margin, [41.88904 - 6.9 * (206.9793 / 6.9 - 29.8692), 900.0, np.nan]
    )
    assert book.liquidation_price.tolist() == [25.1853943555, 99_000.0, np.inf]
    assert book.mark_of("BTC") == 91_000.0
    assert book.at_ns == 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER, "holds no position"),
        (HEADER + LONG.replace("6.9,", "-6.9,"), r"row 2: size -6\.9"),
        (HEADER + LONG.replace("LONG", "UP"), "row 2: direction 'UP'"),
        (HEADER + SHORT.replace("0.1,90000", "0.1,x"), "line 2 entry_price cannot be 'x'"),
        (HEADER + LONG.replace("HYPE", "NOPE"), "row 2: coin 'NOPE' is no instrument"),
        (HEADER.replace("margin_used", "margin") + LONG, "lacks the columns|has no column"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "positions.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_table(path)


@pytest.mark.data
def test_the_recorded_table_as_a_ladder(data_dir: Path) -> None:
    path = data_dir / "hl_positions" / "basedapp_positions_detail_hypercore_20251208.csv.gz"
    assert claims(files.head(path))
    book = read_table(path)
    assert (book.size, len(book.symbols), int(book.is_cross.sum())) == (5_398, 173, 2_619)
    longs = shorts = held = 0.0
    counted = 0
    for symbol in book.symbols:
        mark = book.mark_of(symbol)
        assert mark is not None
        layer = ladder_of(book, symbol, mark).layers[0]
        longs += layer.longs.total_usd
        shorts += layer.shorts.total_usd
        counted += layer.longs.size + layer.shorts.size
        held += float((book.of(symbol).qty_raw * mark).sum())
    assert counted == 5_398 - 889  # those without a price
    assert held == pytest.approx(48.77e6, rel=1e-3)
    assert longs == pytest.approx(12_274_659, rel=1e-6)
    assert shorts == pytest.approx(44_965_483, rel=1e-6)
    bitcoin = ladder_of(book, "BTC", 91_242.0).layers[0]
    assert (bitcoin.longs.size, bitcoin.shorts.size) == (481, 178)
    assert bitcoin.longs.total_usd == pytest.approx(4_607_002.6, rel=1e-6)
    assert bitcoin.shorts.total_usd == pytest.approx(11_868_207.4, rel=1e-6)
