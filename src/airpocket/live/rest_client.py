"""What ``Rest`` needs of an HTTP client, so that tests can give it one that fails on command."""

from enum import StrEnum
from typing import Any, Protocol

from airpocket.errors import AirpocketError
from airpocket.market.rest_rules import Call

__all__ = ["RestClient", "RestError", "RestFault"]


class RestFault(StrEnum):
    """Why a request brought nothing."""

    LIMITED = "limited"  # 429, 418 or the venue's own code for too many requests
    BLOCKED = "blocked"  # 451, 403: not for this address or country
    REFUSED = "refused"  # the venue understood and said no: a delisted symbol, a bad parameter
    UNAVAILABLE = "unavailable"  # no connection, 5xx, maintenance
    TLS = "tls"  # the certificate is not the venue's
    UNREADABLE = "unreadable"  # an answer that is not what was asked for


class RestError(AirpocketError):
    """A request brought nothing that can be used.

    Parameters
    ----------
    fault
        What kind of failure.
    said
        One sentence with the venue, the endpoint and the reason.
    status, retry_after_s
        HTTP status and how long the venue wants to be left alone, where it said so.
    """

    def __init__(
        self,
        fault: RestFault,
        said: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(said)
        self.fault = fault
        self.status = status
        self.retry_after_s = retry_after_s


class RestClient(Protocol):
    """Sends public requests of one venue. Raises :class:`RestError` for all that goes wrong."""

    async def get(self, call: Call) -> bytes:
        """Send a request once and give the body as received."""
        ...

    async def markets(self) -> tuple[list[Any], list[str]]:
        """Ask what the venue lists: ccxt's markets, and a sentence for each that it cannot read."""
        ...

    async def funding(self) -> list[Any]:
        """Ask for the funding rates of all that :meth:`markets` listed, as ccxt structures."""
        ...

    async def tiers(self, symbol: str) -> list[Any]:
        """Ask for the margin tiers of a unified symbol, as ccxt structures."""
        ...

    async def close(self) -> None:
        """Release the connections."""
        ...
