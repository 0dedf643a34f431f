import msgspec
from hypothesis import given

from airpocket.alerts.linter import violations
from airpocket.app.watch_banners import NEWS_NS, banners, calm_line, outages_of
from airpocket.live.view import ScopeView, TapeView, WatchView
from airpocket.market.events import HealthState
from airpocket.units import MINUTE_NS
from tests.live import pictures
from tests.live.pictures import NOW


def words(view: WatchView) -> list[str]:
    return [one.word for one in banners(view)]


def test_calm_has_no_banner() -> None:
    view = pictures.calm()
    assert banners(view) == []
    assert calm_line(view) == "calm: no cascade in 11 symbols that are seen"


def test_calm_is_not_claimed_before_anything_was_seen() -> None:
    assert "calm" not in calm_line(pictures.first())
    assert calm_line(pictures.first()) == (
        "connecting: no data yet from binance, bybit, okx, hyperliquid"
    )
    nothing = pictures.calm(scopes=(ScopeView(symbol="BTC", phase="calm", seen=False),))
    assert "calm" not in calm_line(nothing)


def test_a_cascade_is_told_first_and_by_a_lower_bound() -> None:
    (banner,) = banners(pictures.cascade())
    assert (banner.word, banner.about) == ("CASCADE", "BTC longs")
    assert banner.detail.startswith("at least $134.3M in 4 min")


def test_several_cascades_are_one_banner_with_the_largest_first() -> None:
    scopes = tuple(
        pictures.scope(f"C{number}", "cascade", side="longs", usd=float(number))
        for number in range(8)
    )
    (banner,) = banners(pictures.calm(scopes=scopes))
    assert banner.about == "C7 longs, C6 longs, C5 longs, C4 longs, C3 longs and 3 more"
    assert banner.detail == "C7: at least $7"


def test_a_cascade_that_fades_is_not_over() -> None:
    for phase, word in (
        ("exhausted", "FADED, NOT OVER"),
        ("snapback", "SNAP-BACK, NOT OVER"),
        ("unknown", "OUTCOME UNKNOWN"),
    ):
        assert words(pictures.calm(scopes=(pictures.scope("BTC", phase),))) == [word]


def test_a_shock_is_not_called_a_cascade() -> None:
    scope = pictures.scope("SOL", "cascade", kind="shock", move=-0.03)
    assert words(pictures.calm(scopes=(scope,))) == ["PRICE SHOCK"]


def test_an_all_clear_stands_as_long_as_it_is_news() -> None:
    view = pictures.all_clear()
    assert words(view) == ["ALL CLEAR", "OUTCOME UNKNOWN"]
    first = banners(view)[0]
    assert first.about == "BTC longs, cascade of 20:33:03 over since 21:13:03"
    assert first.detail == "lasted 40 min · at least $311.0M · price −9.1 % · 3 waves"
    assert "not an all-clear" in banners(view)[1].detail
    later = msgspec.structs.replace(view, now_ns=view.now_ns + NEWS_NS)
    assert words(later) == []


def test_an_open_episode_is_no_all_clear() -> None:
    view = pictures.cascade()
    assert "ALL CLEAR" not in words(view)
    ended = msgspec.structs.replace(view.episodes[0], end_ns=NOW - MINUTE_NS)
    assert "ALL CLEAR" not in words(msgspec.structs.replace(view, episodes=(ended,)))


def test_what_is_not_seen_is_said_and_is_not_calm() -> None:
    (banner,) = banners(pictures.dead())
    assert banner.word == "NOT SEEN"
    assert banner.about == "binance liquidations suspect · bybit trades blocked · okx dead"
    assert "silence there is not calm" in banner.detail


def test_what_is_not_kept_comes_before_all_else() -> None:
    view = msgspec.structs.replace(pictures.cascade(), tape=TapeView(fault="no space left"))
    assert words(view) == ["NOT KEPT", "CASCADE"]


def test_outages_stand_together_by_state_and_reason() -> None:
    okx = pictures.dead().venues[2]
    ((state, reason, since_ns, names),) = outages_of(okx)
    assert (state, reason, names) == (
        HealthState.DEAD, "no connection (HTTP 503)", pictures.NAMES,
    )  # fmt: skip
    assert since_ns == NOW - 12 * MINUTE_NS
    assert outages_of(pictures.venue("binance")) == []


def test_banners_state_facts_only() -> None:
    for view in (pictures.cascade(), pictures.dead(), pictures.all_clear(), pictures.first()):
        for banner in banners(view):
            assert violations(f"{banner.word}. {banner.about}. {banner.detail}") == ()
        assert violations(calm_line(view)) == ()


@pictures.SOME
@given(pictures.VIEWS)
def test_any_view_has_banners_of_printable_text(view: WatchView) -> None:
    for banner in banners(view):
        assert f"{banner.word}{banner.about}{banner.detail}".isprintable()
    assert calm_line(view).isprintable()
