"""How Hyperliquid is asked over REST: its clock. Everything else that is public is pushed.

Past trades are not documented for the public; what a gap swallowed stays a gap.

Sources: docs mirror dzmbs/hyperliquid-docs of 2026-08-22 (info endpoint; 1,200 weight a minute, 20
for an info request, 2 for ``exchangeStatus``).
"""

from collections.abc import Sequence
from typing import Final, final

import msgspec
from msgspec import Struct

from airpocket.errors import InputError
from airpocket.market.events import Trade
from airpocket.market.fields import BAD_FRAME, TimeMs, why
from airpocket.market.rest_rules import Allowance, Call, TradePage, TradeSpan
from airpocket.units import MILLISECOND_NS

__all__ = ["HyperliquidRest", "open_rest"]


class _Status(Struct, frozen=True):
    time: TimeMs


_read_status: Final = msgspec.json.Decoder(_Status, strict=False).decode


@final
class HyperliquidRest:
    """See :class:`~airpocket.market.rest_rules.RestRules`.

    Examples
    --------
    >>> HyperliquidRest().trades(TradeSpan("BTC", 0, 1), None) is None
    True
    """

    venue: Final = "hyperliquid"
    allowance: Final = Allowance(1200.0, 60.0, "hyperliquid docs: 1,200 weight a minute an IP")
    listing_weight: Final = 260.0  # 20 for each of its markets of markets, ten at most

    def server_time(self) -> Call:
        """Ask for the state of the exchange, which carries its clock."""
        return Call("publicPostInfo", {"type": "exchangeStatus"}, 2.0)

    def read_server_time(self, data: bytes) -> int:
        """Read ``time``."""
        try:
            return _read_status(data).time * MILLISECOND_NS
        except BAD_FRAME as error:
            raise InputError(f"hyperliquid's answer is no server time: {why(error)}") from error

    def depth(self, raw_symbol: str) -> None:  # noqa: ARG002 - every frame is a whole book
        """Nothing to ask: every frame of ``l2Book`` is a whole book."""
        return

    def depth_frame(self, raw_symbol: str, data: bytes) -> bytes:
        """Refuse: there is no such request."""
        raise InputError(
            f"hyperliquid sends books of {raw_symbol} over its stream ({len(data)} bytes)"
        )

    def open_interest(self, raw_symbol: str) -> None:  # noqa: ARG002 - activeAssetCtx says it
        """Nothing to ask: ``activeAssetCtx`` pushes it."""
        return

    def trades(self, span: TradeSpan, before: TradePage | None) -> None:  # noqa: ARG002 - none
        """Nothing to ask: past trades are not served."""
        return

    def read_trades(self, span: TradeSpan, data: bytes) -> TradePage:
        """Refuse: there is no such request."""
        raise InputError(f"hyperliquid serves no past trades of {span.raw_symbol} ({len(data)} B)")

    def covered(self, span: TradeSpan, pages: Sequence[TradePage]) -> None:  # noqa: ARG002 - none
        """Nothing is covered."""
        return

    def wanted(self, span: TradeSpan, trades: Sequence[Trade]) -> list[Trade]:  # noqa: ARG002 - none
        """Nothing is wanted."""
        return []

    def trade_frames(self, trades: Sequence[Trade]) -> list[bytes]:
        """Refuse: there are none."""
        raise InputError(f"hyperliquid serves no past trades ({len(trades)} given)")


def open_rest() -> HyperliquidRest:
    """Tell how Hyperliquid is asked."""
    return HyperliquidRest()
