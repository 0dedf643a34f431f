import msgspec
from hypothesis import given
from hypothesis import strategies as st

from airpocket.app.watch_lines import WatchLines
from airpocket.live.view import TapeView, WatchView
from airpocket.units import MINUTE_NS, SECOND_NS
from tests.live import pictures

FIVE = "liquidations, trades, mark, funding, open interest"


def later(view: WatchView, seconds: float) -> WatchView:
    return msgspec.structs.replace(view, now_ns=view.now_ns + round(seconds * SECOND_NS))


def bodies(lines: list[str]) -> list[str]:
    assert all(line[:20].endswith("Z") for line in lines)
    return [line[21:] for line in lines]


def test_nothing_new_is_nothing_said_for_ten_minutes() -> None:
    lines, view = WatchLines(), pictures.calm()
    first = bodies(lines.changes(view))
    assert first[-1] == (
        "still here: feeds ok · 1,649 frames/s · calm: no cascade in 11 symbols that are seen"
    )
    assert lines.changes(later(view, 1)) == []
    assert lines.changes(later(view, 599)) == []
    (still,) = lines.changes(later(view, 600))
    assert "still here" in still
    assert still.startswith("2026-02-05 21:25:03Z ")


def test_a_feed_that_goes_and_comes_is_said_once_each() -> None:
    lines = WatchLines()
    lines.changes(pictures.calm())
    out = bodies(lines.changes(later(pictures.dead(), 1)))
    assert out[:3] == [
        "feed: binance liquidations suspect since 21:14:23: acknowledged, but silent for 60 s",
        "feed: bybit trades blocked since 18:15:03: HTTP 451",
        f"feed: okx {FIVE} dead since 21:03:03: no connection (HTTP 503)",
    ]
    assert out[3] == "outbox: my_phone fails: HTTP 429"
    assert lines.changes(later(pictures.dead(), 2)) == []
    back = bodies(lines.changes(later(pictures.calm(), 3)))
    assert "feed: bybit trades live" in back
    assert f"feed: okx {FIVE} live" in back
    assert "outbox: my_phone delivers again" in back


def test_a_start_that_is_not_known_is_left_out() -> None:
    gone = pictures.channel("okx", "trades", "dead", reason="", since_ns=None)
    lines, view = WatchLines(), pictures.calm(venues=(pictures.venue("okx", trades=gone),))
    assert bodies(lines.changes(view))[0] == "feed: okx trades dead"


def test_a_cascade_is_said_with_its_figures_and_its_end() -> None:
    lines = WatchLines()
    lines.changes(pictures.calm())
    told = bodies(lines.changes(later(pictures.cascade(), 1)))
    assert told[0].startswith("BTC longs: cascade (was calm) at least $134.3M in ")
    assert told[1].startswith("alert: Real liquidations: BTC longs")
    assert not any("building" in line for line in told)
    over = bodies(lines.changes(later(pictures.all_clear(), 2)))
    assert over[0].startswith("BTC longs: settled (was cascade) at least $311.0M")
    assert over[1].startswith("alert: All clear: BTC longs")
    assert lines.changes(later(pictures.all_clear(), 3)) == []


def test_what_is_not_kept_is_said() -> None:
    lines, view = WatchLines(), pictures.calm()
    lines.changes(view)
    full = msgspec.structs.replace(later(view, 1), tape=TapeView(fault="no space left"))
    assert bodies(lines.changes(full)) == ["tape: NOT KEPT, no space left"]
    assert bodies(lines.changes(later(view, 2))) == ["tape: writing again"]


@pictures.SOME
@given(st.lists(pictures.VIEWS, max_size=3))
def test_any_views_make_printable_lines(views: list[WatchView]) -> None:
    lines = WatchLines()
    for view in views:
        assert all(line.isprintable() for line in lines.changes(view))


def test_a_long_run_remembers_only_what_is_shown() -> None:
    lines = WatchLines()
    for minute in range(100):
        alert = msgspec.structs.replace(
            pictures.cascade().alerts[0], time_ns=pictures.NOW + minute * MINUTE_NS
        )
        lines.changes(pictures.calm(alerts=(alert,)))
    assert len(lines._alerts) == 1
