"""What a feed needs of a socket, so that tests can give it one that misbehaves on command."""

from enum import StrEnum
from typing import Protocol

from airpocket.errors import AirpocketError

__all__ = ["ClosedError", "ConnectError", "ConnectFault", "Connection", "Transport"]


class ConnectFault(StrEnum):
    """Why there is no connection."""

    DNS = "dns"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    TLS = "tls"
    STATUS = "status"  # the server answered, but not with a websocket
    ADDRESS = "address"  # the address cannot be used at all


class ConnectError(AirpocketError):
    """A connection could not be made.

    Parameters
    ----------
    fault
        What went wrong.
    said
        One sentence with the address and the reason.
    status, retry_after_s
        HTTP status and ``Retry-After`` of the answer, where there was one.
    """

    def __init__(
        self,
        fault: ConnectFault,
        said: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(said)
        self.fault = fault
        self.status = status
        self.retry_after_s = retry_after_s


class ClosedError(AirpocketError):
    """A connection is over: closed by the peer (``code`` of its close frame), reset or too large.

    ``code`` is ``None`` where the peer said nothing; 1009 for a frame above the limit.
    """

    def __init__(self, said: str, *, code: int | None = None) -> None:
        super().__init__(said)
        self.code = code


class Connection(Protocol):
    """One websocket connection. Protocol pings of the peer are answered unseen."""

    async def send(self, data: bytes) -> None:
        """Send one text frame.

        Raises
        ------
        ClosedError
            If the connection is over.
        """
        ...

    async def receive(self) -> bytes:
        """Wait for one text or binary frame.

        Raises
        ------
        ClosedError
            When the connection is over.
        """
        ...

    async def close(self) -> None:
        """Close it; never raises, waits at most a second for the peer."""
        ...


class Transport(Protocol):
    """Opens connections."""

    async def connect(self, url: str, *, frame_bytes_most: int) -> Connection:
        """Open one.

        Raises
        ------
        ConnectError
            If that is not possible; certificates are always verified.
        """
        ...

    async def close(self) -> None:
        """Release what is shared between connections."""
        ...
