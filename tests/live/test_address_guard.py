import asyncio
import ipaddress

import pytest
from aiohttp import TCPConnector
from hypothesis import given
from hypothesis import strategies as st

from airpocket.live.address_guard import AddressError, AddressGuard, PinnedResolver, Place

PUBLIC = "93.184.216.34"

# S13: what must never be sent to, however it is written.
REFUSED = [
    # schemes
    *("http://hooks.example.org/", "ftp://hooks.example.org/", "file:///etc/passwd", "gopher://a.b/"),
    *("javascript:alert(1)", "//hooks.example.org/", "hooks.example.org", "", "https://", "https:///x"),
    # loopback and its names
    *("https://localhost/", "https://LOCALHOST./", "https://a.localhost/", "https://127.0.0.1/"),
    *("https://127.1/", "https://127.0.0.1./", "https://0/", "https://0.0.0.0/", "https://[::1]/"),
    *("https://[::]/", "https://[0:0:0:0:0:0:0:1]/", "https://127.255.255.254/"),
    # decimal, hexadecimal, octal, short and mixed
    *("https://2130706433/", "https://0x7f000001/", "https://017700000001/", "https://0177.0.0.1/"),
    *("https://0x7f.1/", "https://0x7f.0x0.0x0.0x1/", "https://127.0x1/", "https://10.1/"),
    *("https://127.000.000.001/", "https://4294967295/", "https://0x/", "https://a.0x7f/"),
    # private, shared, link-local, metadata, multicast, reserved
    *("https://10.0.0.1/", "https://172.16.0.1/", "https://172.31.255.255/", "https://192.168.1.1/"),
    *("https://100.64.0.1/", "https://100.127.255.255/", "https://169.254.169.254/latest/meta-data/"),
    *("https://168.63.129.16/", "https://100.100.100.200/", "https://192.0.0.192/", "https://0.1.2.3/"),
    *("https://224.0.0.1/", "https://239.255.255.250/", "https://255.255.255.255/", "https://240.0.0.1/"),
    *("https://198.18.0.1/", "https://192.0.2.1/", "https://192.88.99.1/", "https://203.0.113.9/"),
    # IPv6: ULA, link-local, zones, site-local, multicast, documentation
    *("https://[fc00::1]/", "https://[fd12:3456::1]/", "https://[fd00:ec2::254]/", "https://[fe80::1]/"),
    *("https://[fe80::1%25eth0]/", "https://[2606:4700::1%25eth0]/", "https://[fec0::1]/"),
    *("https://[ff02::1]/", "https://[2001:db8::1]/", "https://[100::1]/", "https://[4000::1]/"),
    # IPv4 inside IPv6: mapped, compatible, translated, 6to4, Teredo
    *("https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[::ffff:93.184.216.34]/"),
    *("https://[::127.0.0.1]/", "https://[64:ff9b::7f00:1]/", "https://[64:ff9b::10.0.0.1]/"),
    *("https://[64:ff9b:1::808:808]/", "https://[2002:7f00:1::]/", "https://[2002:a9fe:a9fe::1]/"),
    *("https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", "https://[::ffff:0:127.0.0.1]/"),
    # who reads this differently from whom
    *("https://hooks.example.org@127.0.0.1/", "https://user:pw@hooks.example.org/"),
    *("https://127.0.0.1\\@hooks.example.org/", "https://hooks.example.org\\.evil.org/"),
    *("https://hooks.example.org#@127.0.0.1:22/", "https://127.0.0.1%2f@hooks.example.org/"),
    *("https://hooks.example.org:443:80/", "https://hooks.example.org:x/", "https://[::1/"),
    *("https://hooks.example.org/a b", "https://hooks.example.org\r\nHost: evil/", "https://\t127.0.0.1/"),
    *("https://１２７.0.0.1/", "https://ⓛocalhost/", "https://hooks.example.org/\u202e", "https://1。2.3.4/"),
    *("https://%6c%6f%63alhost/", "https://hooks%2eexample.org/", "https://a..b/", "https://-.-/x/"),
    # names of a network
    *("https://intranet/", "https://metadata.google.internal/", "https://printer.local/"),
    *("https://router.lan/", "https://nas.home.arpa/", "https://db.corp/", "https://x.onion/"),
    # ports
    *("https://hooks.example.org:22/", "https://hooks.example.org:25/", "https://hooks.example.org:80/"),
    *("https://hooks.example.org:0/", "https://hooks.example.org:65536/", "https://hooks.example.org:-1/"),
    "https://hooks.example.org/" + "a" * 2_048,
]  # fmt: skip
ALLOWED = [
    "https://hooks.example.org/T0/B1?x=1",
    "https://hooks.example.org:8443/",
    "HTTPS://Hooks.Example.ORG./a",
    f"https://{PUBLIC}/",
    "https://[2606:4700:4700::1111]/",
    "https://[64:ff9b::808:808]/",
    "https://xn--bcher-kva.example.org/",
    "https://a_b.example.org/%2e%2e/x",
]


@pytest.mark.parametrize("url", REFUSED)
def test_no_disguise_gets_through(url: str) -> None:
    with pytest.raises(AddressError) as caught:
        AddressGuard().check(url)
    assert "\n" not in str(caught.value)
    assert len(REFUSED) >= 40


@pytest.mark.parametrize("url", ALLOWED)
def test_public_receivers_are_let_through(url: str) -> None:
    place = AddressGuard().check(url)
    assert place.scheme == "https"
    assert place.host == place.host.lower()


def test_an_error_does_not_show_the_path() -> None:
    for url in (
        "https://127.0.0.1/canary",
        "http://a.example.org/canary",
        "https://u:canary@h.org/",
    ):
        with pytest.raises(AddressError) as caught:
            AddressGuard().check(url)
        assert "canary" not in str(caught.value)


@given(st.ip_addresses(v=4))
def test_only_what_the_registries_call_global(address: ipaddress.IPv4Address) -> None:
    special = address.is_private or address.is_loopback or address.is_link_local
    special |= address.is_multicast or address.is_reserved or address.is_unspecified
    special |= not address.is_global
    if special:
        with pytest.raises(AddressError):
            AddressGuard().check(f"https://{address}/")


@given(st.ip_addresses(v=4, network="10.0.0.0/8") | st.ip_addresses(v=4, network="169.254.0.0/16"))
def test_a_private_address_stays_private_in_every_wrapping(inside: ipaddress.IPv4Address) -> None:
    number = int(inside)
    high, low = number >> 16, number & 0xFFFF
    wrapped = [
        str(number), hex(number), f"0{number:o}", f"[::ffff:{inside}]", f"[::{inside}]",
        f"[64:ff9b::{inside}]", f"[2002:{high:x}:{low:x}::1]", f"[2001:0:{high:x}:{low:x}::]",
        ".".join(f"0{int(part):o}" for part in str(inside).split(".")),
        ".".join(hex(int(part)) for part in str(inside).split(".")),
    ]  # fmt: skip
    for host in wrapped:
        with pytest.raises(AddressError):
            AddressGuard().check(f"https://{host}/")


def _asking(*answers: list[str]) -> AddressGuard:
    given_out = iter(answers)

    async def ask(host: str, port: int) -> list[str]:
        return next(given_out)

    return AddressGuard(ask=ask)


HOOK = Place("https", "hooks.example.org", 443)


@pytest.mark.parametrize(
    "answers",
    [
        *(["127.0.0.1"], ["::1"], ["10.1.2.3"], ["fd00::1"], ["169.254.169.254"], ["100.64.0.1"]),
        *(["::ffff:10.0.0.1"], ["64:ff9b::a00:1"], ["fe80::1%eth0"], ["::"], ["no address"]),
        [PUBLIC, "127.0.0.1"],  # one of several is enough
        ["2606:4700::1", "::1"],
        [],
    ],
)
def test_a_name_is_as_bad_as_its_worst_address(answers: list[str]) -> None:
    with pytest.raises(AddressError):
        asyncio.run(_asking(answers).addresses(HOOK))


def test_a_name_that_changes_its_mind_is_looked_at_again() -> None:
    async def go() -> None:
        guard = _asking([PUBLIC], ["127.0.0.1"])
        resolver = PinnedResolver(guard, HOOK)
        (first,) = await resolver.resolve("hooks.example.org", 443)
        assert first["host"] == PUBLIC  # what was checked is what is connected to
        with pytest.raises(AddressError):
            await resolver.resolve("hooks.example.org", 443)
        with pytest.raises(AddressError):
            await resolver.resolve("evil.example.org", 443)

    asyncio.run(go())


def test_the_connector_connects_to_what_was_checked_and_asks_once() -> None:
    async def go() -> list[str]:
        asked: list[str] = []

        async def ask(host: str, port: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"] if len(asked) == 1 else [PUBLIC]

        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        guard = AddressGuard(allow_private=True, ask=ask)
        place = guard.check(f"http://hooks.example.org:{port}/")
        connector = TCPConnector(resolver=PinnedResolver(guard, place), use_dns_cache=False)
        found = await connector._resolve_host(place.host, port)
        await connector.close()
        server.close()
        await server.wait_closed()
        return [*asked, *(one["host"] for one in found)]

    assert asyncio.run(go()) == ["hooks.example.org", "127.0.0.1"]


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:8080/", "http://localhost/", "https://10.0.0.5:22/", "http://[::1]:80/"),
        *("http://nas/hook", "https://[fd12::1]/", "http://printer.lan/", "https://hooks.example.org/"),
    ],
)  # fmt: skip
def test_a_network_of_ones_own_is_allowed_if_said(url: str) -> None:
    AddressGuard(allow_private=True).check(url)


@pytest.mark.parametrize(
    "url",
    [
        *("http://169.254.169.254/", "http://[fe80::1]/", "http://0.0.0.0/", "http://224.0.0.1/"),
        *("http://[::ffff:127.0.0.1]/", "http://2130706433/", "http://[fd00:ec2::254]/"),
        *("http://93.184.216.34/", "http://u@127.0.0.1/", "ftp://127.0.0.1/", "http://100.100.100.200/"),
    ],
)  # fmt: skip
def test_even_then_not_everything(url: str) -> None:
    with pytest.raises(AddressError):
        AddressGuard(allow_private=True).check(url)


def test_plain_http_does_not_leave_the_own_network() -> None:
    async def ask(host: str, port: int) -> list[str]:
        return [PUBLIC]

    guard = AddressGuard(allow_private=True, ask=ask)
    with pytest.raises(AddressError, match="https"):
        asyncio.run(guard.addresses(guard.check("http://hooks.example.org/")))
    assert asyncio.run(guard.addresses(HOOK)) == [ipaddress.ip_address(PUBLIC)]


def test_the_systems_own_answer_is_checked() -> None:
    with pytest.raises((AddressError, OSError)):
        asyncio.run(AddressGuard().addresses(Place("https", "localhost", 443)))
    (found, *_) = asyncio.run(
        AddressGuard(allow_private=True).addresses(Place("http", "localhost", 80))
    )
    assert found.is_loopback
