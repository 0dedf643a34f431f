"""A world with its venues and the transport to them, put together."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, final

from msgspec import structs

from tests.live.fake_binance import FakeBinance
from tests.live.fake_bybit import FakeBybit
from tests.live.fake_hyperliquid import FakeHyperliquid
from tests.live.fake_okx import FakeOkx
from tests.live.fake_transport import FakeTransport
from tests.live.fake_venue import Dialect, FakeVenue
from tests.live.virtual import Bench
from tests.live.world import Rates, World

__all__ = ["SYMBOLS", "Rig"]

SYMBOLS: Final = {
    "binance": ("BTCUSDT", "ETHUSDT"),
    "bybit": ("BTCUSDT", "ETHUSDT"),
    "okx": ("BTC-USDT-SWAP", "ETH-USDT-SWAP"),
    "hyperliquid": ("BTC", "ETH"),
}
"""What a rig lists if nothing is said: the two coins that everybody follows."""

_DIALECTS: Final[dict[str, Callable[[FakeVenue], Dialect]]] = {
    "binance": FakeBinance,
    "bybit": FakeBybit,
    "okx": FakeOkx,
    "hyperliquid": FakeHyperliquid,
}
_CANARIES: Final = {
    "binance": ("BTCUSDT",),
    "bybit": ("BTCUSDT", "BTCUSD"),
    "okx": ("BTC-USDT-SWAP",),
    "hyperliquid": ("BTC",),
}


@final
class Rig:
    """Everything a live test needs; time begins at once.

    Parameters
    ----------
    bench
        From :func:`tests.live.virtual.run`.
    symbols
        Raw symbols by venue; what a connection needs as its canary is listed too.
    rates
        How busy the markets are.
    depth
        Whether there are books: then a change each half second.
    latency_s
        Between venues and client.
    keep
        Whether the ledger keeps every event.
    """

    def __init__(
        self,
        bench: Bench,
        symbols: Mapping[str, Sequence[str]] | None = None,
        rates: Rates | None = None,
        *,
        depth: bool = False,
        latency_s: float = 0.01,
        keep: bool = True,
    ) -> None:
        chosen = SYMBOLS if symbols is None else symbols
        listed = {
            venue: tuple(dict.fromkeys((*names, *_CANARIES[venue])))
            for venue, names in chosen.items()
        }
        rates = rates or Rates()
        if depth and rates.book_every_s is None:
            rates = structs.replace(rates, book_every_s=0.5)
        self.symbols = {venue: tuple(names) for venue, names in chosen.items()}
        self.bench = bench
        self.world = World(bench, listed, rates, keep=keep)
        self.venues = {venue: FakeVenue(venue, self.world, _DIALECTS[venue]) for venue in listed}
        self.transport = FakeTransport(self.venues.values(), latency_s=latency_s)
        self.world.start()

    def __getitem__(self, venue: str) -> FakeVenue:
        return self.venues[venue]

    @property
    def violations(self) -> list[str]:
        """Offences of the client, in words."""
        return [
            f"{venue.name}: {one.rule}: {one.said}"
            for venue in self.venues.values()
            for one in venue.violations
        ]
