"""Where a message may be sent: public addresses only, looked up anew and pinned at every delivery.

A channel's address is text that somebody typed, and the machine that sends stands inside a network.
So an address is refused if it is written in a disguise, and its host is looked up at delivery: the
connection goes to the very address that was looked at, so that a name which changes its mind
between two questions (DNS rebinding) gains nothing. If one answer of several is not public, none
is used.

Self-hosters who send to their own network say so a channel at a time (``allow_private``). What is
never an address of a receiver (link-local, cloud metadata, multicast, unspecified) stays refused.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias, final
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from msgspec import Struct
from yarl import URL

from airpocket.errors import InputError

__all__ = ["Address", "AddressError", "AddressGuard", "PinnedResolver", "Place", "look_up"]

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_Ask: TypeAlias = Callable[[str, int], Awaitable[list[str]]]

_URL_MAX: Final = 2_048
_NAME: Final = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9-]{1,63}")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LOCAL_NAMES: Final = (
    *("localhost", "localdomain", "local", "internal", "intranet", "lan", "home", "corp"),
    *("home.arpa", "private", "test", "invalid", "onion"),
)


def _networks(*written: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(one) for one in written)


# What is never a receiver's address, whoever hosts it.
_NEVER: Final = {
    "a link-local address": _networks("169.254.0.0/16", "fe80::/10", "fec0::/10"),
    "a multicast or broadcast address": _networks("224.0.0.0/4", "255.255.255.255/32", "ff00::/8"),
    "no address of one machine": _networks("0.0.0.0/8", "::/128"),
    "where a cloud keeps its secrets": _networks(
        "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32", "fd00:ec2::/32"
    ),
    "an IPv4 address in disguise": _networks(
        *("::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "2001::/32", "2002::/16")
    ),
}
_PRIVATE: Final = {
    "a loopback address": _networks("127.0.0.0/8", "::1/128"),
    "shared by the customers of a provider": _networks("100.64.0.0/10"),
    "an address of a private or reserved network": _networks(
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "192.0.0.0/24", "192.88.99.0/24"),
        *("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "240.0.0.0/4"),
        *("::/3", "4000::/2", "8000::/1", "2001:db8::/32", "3fff::/20"),  # all but 2000::/3
    ),
}
_TRANSLATED: Final = ipaddress.IPv6Network("64:ff9b::/96")  # how an IPv6-only network says IPv4


class AddressError(InputError):
    """An address may not be sent to; the message says why, without the address's path."""


class Place(Struct, frozen=True):
    """What an address comes down to: ``scheme``, ``host`` (lower case, ASCII) and ``port``."""

    scheme: str
    host: str
    port: int


async def look_up(host: str, port: int) -> list[str]:
    """Ask the system for the addresses of a name.

    Raises
    ------
    OSError
        If the name cannot be resolved.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


@final
class AddressGuard:
    """Says where a message may go.

    Parameters
    ----------
    allow_private
        Whether loopback and private networks, plain ``http`` to them, and any port are allowed.
    ask
        How a name is looked up; the system's way if not given.

    Examples
    --------
    >>> AddressGuard().check("https://hooks.example.org/T0/B1")
    Place(scheme='https', host='hooks.example.org', port=443)
    >>> AddressGuard().check("https://0x7f.1/")
    Traceback (most recent call last):
        ...
    airpocket.live.address_guard.AddressError: host '0x7f.1': an address in numbers is written as \
four decimal numbers, or as IPv6 in brackets
    """

    def __init__(self, *, allow_private: bool = False, ask: _Ask = look_up) -> None:
        self._allow_private = allow_private
        self._ask = ask

    def check(self, url: str) -> Place:
        """Check how an address is written; nothing is looked up.

        Raises
        ------
        AddressError
            If it may not be sent to.
        """
        if len(url) > _URL_MAX:
            raise AddressError(f"the address is longer than {_URL_MAX:,} characters")
        if not url.isascii() or not url.isprintable() or set(url) & set(" \\"):
            raise AddressError(
                "the address holds spaces, backslashes or characters outside ASCII: write a name"
                " in another script as xn--…"
            )
        try:
            parts, other = urlsplit(url), URL(url)
            port = parts.port
        except ValueError as error:
            raise AddressError("the address is not a URL") from error
        if "@" in parts.netloc:
            raise AddressError("the address holds a user name before its host: leave it out")
        host = (parts.hostname or "").lower()
        if (
            "#" in url
            or not host
            or host != (other.raw_host or "").lower()
            or port != other.explicit_port
        ):
            raise AddressError("the address can be read in two ways: write it as https://host/path")
        return self.check_place(parts.scheme, host, port)

    def check_place(self, scheme: str, host: str, port: int | None) -> Place:
        """Check scheme, host and port of an address that is no single URL (a mail server's).

        Raises
        ------
        AddressError
            If a message may not be sent there.
        """
        scheme, host = scheme.lower(), host.lower()
        if scheme != "https" and not (scheme == "http" and self._allow_private):
            raise AddressError(
                f"scheme {scheme!r:.20}: messages are sent over https"
                " (http only to a network of your own, with allow_private)"
            )
        port = port if port is not None else {"https": 443, "http": 80}[scheme]
        if not self._allow_private and port != 443 and not 1_024 <= port <= 65_535:
            raise AddressError(f"port {port}: messages are sent to port 443 or from 1024 up")
        self._check_host(host)
        place = Place(scheme, host, port)
        if _literal(host) is not None:
            self.checked(place, [host])
        return place

    def _check_host(self, host: str) -> None:
        shown = repr(host[:80])
        literal = _literal(host)
        if literal is not None:
            self._check_address(literal)
            return
        name = host.removesuffix(".")
        labels = name.split(".")
        if ":" in host or "%" in host or _NUMBER.fullmatch(labels[-1]):
            raise AddressError(
                f"host {shown}: an address in numbers is written as four decimal numbers, or as"
                " IPv6 in brackets"
            )
        if len(name) > 253 or not _NAME.fullmatch(name):
            raise AddressError(f"host {shown} is not the name of a machine")
        if self._allow_private:
            return
        if len(labels) == 1 or any(name.endswith(f".{one}") for one in _LOCAL_NAMES):
            raise AddressError(
                f"host {shown} is a name inside a network: use one that the whole internet knows,"
                " or allow_private for a receiver of your own"
            )

    def _check_address(self, address: Address) -> None:
        said = _why_refused(address, allow_private=self._allow_private)
        if said is not None:
            raise AddressError(
                f"{address} is {said}: nothing is sent there"
                + ("" if self._allow_private else " (allow_private for a receiver of your own)")
            )

    async def addresses(self, place: Place) -> list[Address]:
        """Look a host up and give the addresses to connect to, all of them checked.

        Raises
        ------
        AddressError
            If one of them may not be sent to, or it has none.
        OSError
            If the name cannot be resolved now.
        """
        literal = _literal(place.host)
        answers = [str(literal)] if literal else await self._ask(place.host, place.port)
        return self.checked(place, answers)

    def checked(self, place: Place, answers: list[str]) -> list[Address]:
        """Check what a name was resolved to.

        Raises
        ------
        AddressError
            If one of the answers may not be sent to, or there is none.
        """
        found: list[Address] = []
        for answer in dict.fromkeys(answers):
            try:
                address = ipaddress.ip_address(answer)
            except ValueError:
                raise AddressError(f"host {place.host!r:.80} has no usable address") from None
            self._check_address(address)
            if place.scheme == "http" and _why_refused(address) is None:
                raise AddressError(f"{address} is public: what is sent there goes over https")
            found.append(address)
        if not found:
            raise AddressError(f"host {place.host!r:.80} has no address")
        return found


@final
class PinnedResolver(AbstractResolver):
    """Gives a connector the checked addresses of a host, and no others; nothing is remembered.

    Parameters
    ----------
    guard
        Looks up and checks.
    place
        The only place that is connected to.
    """

    def __init__(self, guard: AddressGuard, place: Place) -> None:
        self._guard = guard
        self._place = place

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Look up and check the host.

        Raises
        ------
        AddressError
            If it may not be sent to, or is another host.
        """
        if host.lower() != self._place.host:
            raise AddressError(f"host {host!r:.80} is not the one of the channel")
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in await self._guard.addresses(self._place)
            if family in {socket.AF_UNSPEC, socket.AF_INET if address.version == 4 else family}
        ]

    async def close(self) -> None:
        """Nothing is held."""


def _why_refused(address: Address, *, allow_private: bool = False) -> str | None:
    """Say why an address is not one to send to; ``None`` if it is."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return "an address with a zone"
        if address in _TRANSLATED:
            address = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    for said, networks in (_NEVER | ({} if allow_private else _PRIVATE)).items():
        if any(address.version == one.version and address in one for one in networks):
            return said
    # Python knows the registries of special addresses; whatever is new in them is refused too.
    return None if allow_private or address.is_global else "not a public address"


def _literal(host: str) -> Address | None:
    """Read an address written in its usual form, brackets taken off; ``None`` for all else."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
