import pytest
from msgspec.structs import replace

from airpocket.alerts import feeds as module
from airpocket.alerts.feeds import ALIVE_NS, Feeds
from airpocket.detection.episode import Kind
from airpocket.market.events import Coverage, Gap, GapCause
from airpocket.units import HOUR_NS, MINUTE_NS, SECOND_NS

T0 = 1_760_130_903_000_000_000
SCOPE = "BTC/USDT:USDT"


def hole(
    venue: str = "okx", from_s: float = 0, to_s: float | None = None, *,
    channel: str = "liquidations", symbol: str | None = "*", raw_symbol: str = "*",
) -> Gap:  # fmt: skip
    return Gap(
        venue=venue, symbol=symbol, raw_symbol=raw_symbol, channel=channel,
        from_ns=T0 + round(from_s * SECOND_NS),
        to_ns=None if to_s is None else T0 + round(to_s * SECOND_NS),
        cause=GapCause.DISCONNECT, proven_by="closed with 1006",
    )  # fmt: skip


def heard(*venues: str, at_ns: int = T0) -> Feeds:
    feeds = Feeds()
    for venue in venues or ("bybit", "okx"):
        feeds.hear(venue, at_ns)
    return feeds


def silent(feeds: Feeds, scope: str = SCOPE, kind: Kind = Kind.CASCADE) -> tuple[str, ...]:
    return feeds.state(scope, kind, T0, T0 + 10 * SECOND_NS).silent


def test_a_venue_is_alive_for_a_minute_after_its_last_frame() -> None:
    feeds = heard("okx")
    feeds.hear("bybit", T0 + ALIVE_NS)
    assert feeds.state(SCOPE, Kind.CASCADE, T0, T0).alive == ("bybit", "okx")
    feeds.hear("bybit", T0 + ALIVE_NS + 1)
    assert feeds.state(SCOPE, Kind.CASCADE, T0, T0).alive == ("bybit",)


def test_throttled_feeds_are_named_apart() -> None:
    feeds = heard("binance", "okx")
    feeds.note_coverage("binance", Coverage.THROTTLED)
    feeds.note_coverage("okx", Coverage.CENSUS)
    state = feeds.state(SCOPE, Kind.CASCADE, T0, T0)
    assert (state.alive, state.throttled, state.is_whole) == (("okx",), ("binance",), True)


def test_an_open_hole_makes_a_venue_silent_until_it_is_closed() -> None:
    feeds = heard()
    feeds.take_gap(hole())
    assert silent(feeds) == ("okx",)
    state = feeds.state(SCOPE, Kind.CASCADE, T0, T0 + 10 * SECOND_NS)
    assert (state.alive, state.is_whole) == (("bybit",), False)
    feeds.take_gap(hole(to_s=5))
    assert silent(feeds) == ()
    assert not feeds.state(SCOPE, Kind.CASCADE, T0, T0 + 10 * SECOND_NS).is_whole, "it lies within"
    later = feeds.state(SCOPE, Kind.CASCADE, T0 + 6 * SECOND_NS, T0 + 10 * SECOND_NS)
    assert later.is_whole


def test_a_feed_that_ended_is_silent_and_its_sum_is_whole_until_then() -> None:
    feeds = heard()
    feeds.take_gap(replace(hole(from_s=3), cause=GapCause.END_OF_RECORDING))
    state = feeds.state(SCOPE, Kind.CASCADE, T0, T0 + 10 * SECOND_NS)
    assert (state.silent, state.is_whole) == (("okx",), True)


def test_a_hole_that_ends_later_than_what_is_told_hides_it() -> None:
    feeds = heard()
    feeds.take_gap(hole(from_s=5, to_s=20))
    assert silent(feeds) == ("okx",)
    feeds.take_gap(hole("bybit", from_s=11, to_s=20))
    assert silent(feeds) == ("okx",), "it begins later than what is told"


@pytest.mark.parametrize(
    ("channel", "kind", "hides"),
    [
        ("liquidations", Kind.CASCADE, True), ("forced_flow", Kind.CASCADE, True),
        ("*", Kind.CASCADE, True), ("trades", Kind.CASCADE, False), ("depth", Kind.CASCADE, False),
        ("trades", Kind.SHOCK, True), ("liquidations", Kind.SHOCK, True),
        ("depth", Kind.SHOCK, False), ("mark", Kind.SHOCK, False),
    ],
)  # fmt: skip
def test_channels_count_for_what_is_followed_by_them(
    channel: str, kind: Kind, hides: object
) -> None:
    feeds = heard()
    feeds.take_gap(hole(channel=channel))
    assert bool(silent(feeds, kind=kind)) is hides


def test_a_hole_of_one_symbol_is_none_of_the_others() -> None:
    feeds = heard()
    feeds.take_gap(hole(symbol=SCOPE, raw_symbol="BTC-USDT-SWAP"))
    assert silent(feeds) == ("okx",)
    assert silent(feeds, "ETH/USDT:USDT") == ()
    assert silent(feeds, "*") == (), "the venue is heard"
    assert not feeds.state("*", Kind.CASCADE, T0, T0 + SECOND_NS).is_whole, "but not all of it"


def test_a_symbol_without_a_unified_name_is_named_by_its_venue() -> None:
    feeds = heard()
    feeds.take_gap(hole(symbol=None, raw_symbol="ODD"))
    assert silent(feeds, "okx ODD") == ("okx",)
    assert silent(feeds, "bybit ODD") == ()


def test_two_holes_of_one_channel_are_two() -> None:
    feeds = heard()
    feeds.take_gap(hole(from_s=0))
    feeds.take_gap(hole(from_s=2, symbol="X", raw_symbol="X"))
    feeds.take_gap(hole(from_s=2, to_s=3, symbol="X", raw_symbol="X"))
    assert silent(feeds) == ("okx",)


def test_holes_do_not_pile_up_and_open_ones_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GAPS_MOST", 10)
    feeds = heard(at_ns=T0 + 7 * HOUR_NS)
    feeds.take_gap(hole("bybit"))
    for second in range(100):
        feeds.take_gap(hole(from_s=second, to_s=second + 0.5))
    assert len(feeds._gaps) <= 11
    assert silent(feeds) == ("bybit",)


def test_however_many_are_open_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GAPS_MOST", 10)
    feeds = heard(at_ns=T0 + MINUTE_NS)
    for second in range(100):
        feeds.take_gap(hole(from_s=second))
    assert len(feeds._gaps) == 10
