"""What can be set: bounds, names, and channels that are complete."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from airpocket.app import settings
from airpocket.app.settings import (
    Channel,
    LogSettings,
    Section,
    ServerSettings,
    StoreSettings,
    SubscriptionSettings,
    VenueSettings,
    WatchSettings,
    is_loopback,
)

EVERYWHERE = "0.0.0.0"  # noqa: S104 — what must be refused
SECRET = "whsec_" + "c2VjcmV0" * 5


def _all_sections() -> list[type[BaseModel]]:
    return [
        one for one in vars(settings).values() if isinstance(one, type) and issubclass(one, Section)
    ]


@pytest.mark.parametrize("section", _all_sections())
def test_every_section_refuses_what_it_does_not_know_and_stays_as_it_is(
    section: type[BaseModel],
) -> None:
    assert section.model_config["extra"] == "forbid"
    assert section.model_config["frozen"] is True


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("[::1]", True),
        ("localhost", True), (EVERYWHERE, False), ("::", False), ("", False), ("10.0.0.1", False),
        ("localhost.evil.example", False), ("127.0.0.1.nip.io", False), ("2130706433", False),
    ],
)  # fmt: skip
def test_loopback_is_this_machine_only(host: str, loopback: bool) -> None:  # noqa: FBT001
    assert is_loopback(host) is loopback


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "10.1.2.3", "example.org", ""])
def test_the_server_is_for_this_machine(host: str) -> None:
    with pytest.raises(ValidationError, match="can be reached from other machines"):
        ServerSettings(host=host)
    assert ServerSettings().host == "127.0.0.1"


@pytest.mark.parametrize(
    "kind",
    [
        {"kind": "webhook", "url": "https://x.example"},
        {"kind": "webhook", "url": "https://x.example", "secrets": []},
        {"kind": "webhook", "url": "https://x.example", "secrets": [""]},
        {"kind": "webhook", "secrets": [SECRET]},
        {"kind": "webhook", "url": "https://x.example", "secrets": [SECRET], "secrets_file": "s"},
        {"kind": "webhook", "url": "https://x.example", "url_file": "u", "secrets": [SECRET]},
        {"kind": "apprise"},
        {"kind": "apprise", "url": ""},
        {"kind": "apprise", "url": "tgram://a/b", "secrets": [SECRET]},
        {"kind": "log", "url": "https://x.example"},
        {"kind": "jsonl"},
        {"kind": "log", "path": "x"},
        {"kind": "jsonl", "path": "a\0b"},
        {"kind": "mail"},
        {},
        {"kind": "log", "rate_per_min": 0},
        {"kind": "log", "token": "x"},
    ],
)
def test_a_channel_is_complete_or_refused(kind: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Channel.model_validate(kind)


@pytest.mark.parametrize(
    "kind",
    [
        {"kind": "log"},
        {"kind": "jsonl", "path": "alerts.jsonl", "health": True},
        {"kind": "webhook", "url": "https://x.example", "secrets": [SECRET]},
        {"kind": "webhook", "url_file": "u", "secrets_file": "s", "allow_private": True},
        {"kind": "apprise", "url_file": "u", "rate_per_min": 20},
    ],
)
def test_complete_channels(kind: dict[str, Any]) -> None:
    channel = Channel.model_validate(kind)
    assert SECRET not in repr(channel)
    assert SECRET not in str(channel.model_dump())
    assert SECRET not in channel.model_dump_json()


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("ws_url", "ws://10.0.0.1:80"), ("ws_url", "https://x.example"), ("ws_url", "x.example"),
        ("ws_url", "wss://"), ("ws_url", "wss://u:p@x.example"), ("ws_url", "wss://x.example?a=1"),
        ("ws_url", "wss://x.example#a"), ("ws_url", "wss://x.example/path"), ("ws_url", "ws://localhost.evil.example"),
        ("ws_url", "wss://x.example:0"), ("ws_url", "wss://x.example:99999"),
        ("ws_url", "wss://[::1"), ("ws_url", "wss://a b"), ("ws_url", ""),
        ("rest_url", "http://x.example"), ("rest_url", "wss://x.example"),
        ("rest_url", "file:///etc/passwd"),
    ],
)  # fmt: skip
def test_addresses_of_venues_are_encrypted_and_hold_no_key(key: str, url: str) -> None:
    with pytest.raises(ValidationError):
        VenueSettings.model_validate({key: url})


def test_addresses_for_tests_and_proxies() -> None:
    one = VenueSettings(ws_url="ws://127.0.0.1:8080/", rest_url="http://[::1]:8081")
    assert (one.ws_url, one.rest_url) == ("ws://127.0.0.1:8080", "http://[::1]:8081")
    assert VenueSettings(ws_url="wss://proxy.example").ws_url == "wss://proxy.example"


def test_lists_may_be_written_in_one_text() -> None:
    watch = WatchSettings.model_validate({"symbols": " BTC,ETH/USDT:USDT, ", "venues": "okx"})
    assert watch.symbols == ("BTC", "ETH/USDT:USDT")
    assert watch.venues == ("okx",)
    with pytest.raises(ValidationError):
        WatchSettings.model_validate({"venues": "kraken"})


@pytest.mark.parametrize("days", [0, -1, 10**9, float("nan"), 1.5, "x"])
def test_figures_have_bounds(days: Any) -> None:
    with pytest.raises(ValidationError):
        StoreSettings.model_validate({"retention_days": days})


def test_a_subscription_is_to_cascades_on_btc_and_eth_unless_said_otherwise() -> None:
    one = SubscriptionSettings(name="desk", channel="phone")
    assert [signal.value for signal in one.signals] == ["LIQUIDATION_CASCADE"]
    assert one.symbols == ("BTC", "ETH")
    with pytest.raises(ValidationError):
        SubscriptionSettings.model_validate({"name": "desk", "channel": "phone", "phases": "boom"})
    with pytest.raises(ValidationError):
        SubscriptionSettings.model_validate({"name": "desk", "channel": "../phone"})


def test_logging_is_json_by_its_key() -> None:
    assert LogSettings.model_validate({"json": True}).as_json is True
    assert LogSettings().as_json is None
