from airpocket.app.watch_feeds import feed_rows
from airpocket.live.view import VenueView
from tests.live import pictures


def test_every_state_is_a_word_and_a_shape() -> None:
    _, rows = feed_rows(pictures.dead(), 80)
    told = [row.plain.rstrip() for row in rows]
    assert told[0].startswith(" ? binance        suspect 1 of 5 NOT SEEN")
    assert told[1] == "   └ liquidations suspect since 21:14:23: acknowledged, but silent for 60 s"
    assert told[2].startswith(" ■ bybit          blocked 1 of 5 census")
    assert told[4].startswith(" ✗ okx            dead           NOT SEEN            0.0     12 min")
    assert told[5] == "   └ all channels dead since 21:03:03: no connection (HTTP 503)"
    assert told[6].startswith(" ● hyperliquid    live           sampled")


def test_a_start_that_is_not_known_is_left_out() -> None:
    gone = pictures.channel("okx", "trades", "dead", reason="refused", since_ns=None)
    _, rows = feed_rows(pictures.calm(venues=(pictures.venue("okx", trades=gone),)), 80)
    assert rows[1].plain == "   └ trades dead: refused"


def test_throttled_is_live_and_said_of_its_liquidations() -> None:
    _, rows = feed_rows(pictures.calm(), 80)
    assert rows[0].plain.split()[:4] == ["●", "binance", "live", "throttled"]
    assert rows[1].plain.split()[:4] == ["●", "bybit", "live", "census"]


def test_a_venue_that_has_said_nothing_is_waited_for() -> None:
    _, rows = feed_rows(pictures.first(), 80)
    assert rows[0].plain.split() == ["○", "binance", "waiting", "waiting", "–", "–", "0"]
    bare = pictures.calm(venues=(VenueView(venue="okx"),))
    assert "not followed" in feed_rows(bare, 80)[1][0].plain


def test_a_wide_terminal_shows_every_channel() -> None:
    title, rows = feed_rows(pictures.dead(), 120)
    assert title.plain.endswith("channels")
    assert rows[0].plain.endswith("? liq ● trades ● mark ● fund ● oi")
    assert "liq" not in feed_rows(pictures.calm(), 80)[1][0].plain
