"""Connections at the venue's own addresses, or at configured ones."""

import pytest

from airpocket.app.planning import lines_of, redirected
from airpocket.app.symbols import resolve
from airpocket.units import ns_from_iso
from airpocket.venues.register import LIVE, catalogue_of, open_streams

NOW_NS = ns_from_iso("2026-11-20T00:00:00Z")


@pytest.mark.parametrize("venue", LIVE)
def test_only_scheme_host_and_port_change(venue: str) -> None:
    rules = open_streams(venue)
    found = resolve(["BTC"], {venue: catalogue_of(venue)}, at_ns=NOW_NS).instruments[venue]
    own = lines_of(rules, found, at_ns=NOW_NS, depth=True)
    other = lines_of(rules, found, at_ns=NOW_NS, depth=True, base="ws://127.0.0.1:9000")
    assert all(line.url.startswith("wss://") for line in own)
    assert all(line.url.startswith("ws://127.0.0.1:9000/") for line in other)
    assert [line.url.split("/", 3)[3] for line in own] == [
        line.url.split("/", 3)[3] for line in other
    ]
    assert [line.subscriptions for line in own] == [line.subscriptions for line in other]


def test_path_and_query_stay() -> None:
    assert redirected("wss://a.example:8443/ws/v5?x=1", "wss://p.example") == (
        "wss://p.example/ws/v5?x=1"
    )
