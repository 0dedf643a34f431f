"""History files of Binance: dumps of data.binance.vision, recorded orders and recorded frames."""

from typing import Final

from airpocket.market.source import Archive
from airpocket.market.wire import Wire
from airpocket.venues.binance.book_depth import BookDepth
from airpocket.venues.binance.forced_orders import LiquidationSnapshot, RecordedForceOrders
from airpocket.venues.binance.klines import Klines
from airpocket.venues.binance.metrics import Metrics
from airpocket.venues.raw_lines import RawLines

__all__ = ["ARCHIVES"]

# What the combined stream, a single stream and a REST snapshot begin with. Aster and others speak
# the same dialect: their recordings must name the venue in another way.
_BEGINNINGS: Final = (b'{"stream":"', b'{"e":"', b'{"lastUpdateId":')


def _is_frame(frame: bytes) -> bool:
    return frame.startswith(_BEGINNINGS)


def _open_wire() -> Wire:
    from airpocket.venues.binance.wire import open_wire  # noqa: PLC0415 - only where frames are

    return open_wire()


ARCHIVES: tuple[Archive, ...] = (
    BookDepth(),
    Klines(),
    Metrics(),
    LiquidationSnapshot(),
    RecordedForceOrders(),
    RawLines("binance", _is_frame, _open_wire),
)
