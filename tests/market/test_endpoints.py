"""Addresses hold between two dates; limits are named as they are known."""

from pathlib import Path

import pytest

from airpocket.errors import InputError
from airpocket.market.endpoints import Endpoint, Endpoints
from airpocket.units import ns_from_iso
from airpocket.venues import register
from airpocket.venues.register import LIVE, VENUES

FILE = """
venue = "x"

[limits]
connections_per_s = 3
requests_per_hour = 480
args_bytes_per_connection = 100
frame_bytes_most = 7
source = "a page"

[[endpoints]]
route = "public"
url = "wss://old"
topics = ["trades"]
valid_to = "2026-04-23"
source = "a page"

[[endpoints]]
route = "public"
url = "wss://new"
path = "/stream"
valid_from = 2026-04-23

[[endpoints]]
url = "https://rest"
topic = "not a stream"
"""


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "venue.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_addresses_are_found_by_route_and_date(tmp_path: Path) -> None:
    known = Endpoints.load(_file(tmp_path, FILE))
    edge_ns = ns_from_iso("2026-04-23")
    assert len(known.rows) == 2, "what has no route is no stream"
    old = Endpoint(
        route="public", url="wss://old", topics=("trades",), valid_to_ns=edge_ns, source="a page"
    )
    assert known.at("public", edge_ns - 1) == known.at("public", 0) == old
    assert known.at("public", edge_ns).url == "wss://new/stream"
    with pytest.raises(InputError, match=r"route 'market' at 2026-04-23.*of: public"):
        known.at("market", edge_ns)


def test_limits_that_are_not_stated_are_none(tmp_path: Path) -> None:
    known = Endpoints.load(_file(tmp_path, FILE))
    limits = known.limits
    assert (limits.connections_per_s, limits.requests_per_hour) == (3.0, 480)
    assert (limits.frame_bytes_most, limits.source) == (7, "a page")
    assert (known.args_bytes_per_connection, known.topics_most) == (100, None)
    assert limits.lifetime_s is limits.ping_every_s is limits.connections_most is None
    assert Endpoints.load(_file(tmp_path, "")).limits.frame_bytes_most == 8 << 20


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[limits]\nidle_s = 3", "unknown names: idle_s; known are connections_per_s"),
        ('[limits]\nidle_close_s = "long"', "cannot be used"),
        ("[limits]\ntopics_most = 1.5", "cannot be used"),
        ('[[endpoints]]\nroute = "a"', "endpoint .*KeyError"),
        ('[[endpoints]]\nroute = "a"\nurl = 3', "endpoint .*TypeError"),
        ('[[endpoints]]\nroute = "a"\nurl = "wss://a"\nvalid_to = "soon"', "endpoint .*soon"),
        ('[[endpoints]]\nroute = 5\nurl = "wss://a"', "cannot be used"),
        ("[limits", "not a readable venue.toml"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Endpoints.load(_file(tmp_path, text))
    with pytest.raises(InputError, match="not a readable"):
        Endpoints.load(tmp_path / "nothing.toml")


@pytest.mark.parametrize("venue", LIVE)
def test_the_shipped_files_state_their_limits_and_sources(venue: str) -> None:
    folder = Path(register.__file__).parent / VENUES[venue]
    known = Endpoints.load(folder / "venue.toml")
    limits = known.limits
    assert limits.source
    assert all(row.source and row.url.startswith("wss://") for row in known.rows)
    assert 1 << 20 <= limits.frame_bytes_most <= 8 << 20
    counts = [
        limits.connections_per_5_min, limits.connections_per_s, limits.topics_per_connection,
        limits.requests_per_s, limits.requests_per_hour, limits.idle_close_s, limits.lifetime_s,
    ]  # fmt: skip
    assert all(count is None or count > 0 for count in counts)
    assert limits.idle_close_s is not None
    if limits.ping_every_s is not None:
        assert limits.ping_every_s < limits.idle_close_s
