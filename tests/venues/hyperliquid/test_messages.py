"""Shapes: bounds of the fields, and the channel each belongs to."""

import msgspec
import pytest

from airpocket.venues.hyperliquid.messages import Book, Channel, NodeBlock, Print, SpotContext

_DECODER = msgspec.json.Decoder(Channel, strict=False)


def test_the_channel_names_the_shape() -> None:
    spot = b'{"channel":"activeSpotAssetCtx","data":{"coin":"@107","ctx":{"markPx":"92.7"}}}'
    assert type(_DECODER.decode(spot)) is SpotContext
    book = b'{"channel":"l2Book","data":{"coin":"BTC","time":1737918843542,"levels":[[],[]]}}'
    assert type(_DECODER.decode(book)) is Book


@pytest.mark.parametrize(
    "row",
    [
        b'{"coin":"","side":"A","px":"1","sz":"1","time":1787047504010,"tid":1}',
        b'{"coin":"BTC","side":"S","px":"1","sz":"1","time":1787047504010,"tid":1}',
        b'{"coin":"BTC","side":"A","px":"0","sz":"1","time":1787047504010,"tid":1}',
        b'{"coin":"BTC","side":"A","px":"1","sz":"-1","time":1787047504010,"tid":1}',
        b'{"coin":"BTC","side":"A","px":"1","sz":"1","time":1787047504,"tid":1}',
        b'{"coin":"BTC","side":"A","px":"1","sz":"1","time":1787047504010,"tid":18446744073709551616}',
        b'{"coin":"BTC","side":"A","px":"1e1000000","sz":"1","time":1787047504010,"tid":1}',
    ],
)
def test_values_no_venue_means_are_refused(row: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        msgspec.json.decode(row, type=Print, strict=False)


def test_a_block_without_clocks_is_still_a_block() -> None:
    assert msgspec.json.decode(b'{"events":[]}', type=NodeBlock).block_time is None
