from airpocket.alerts.alert import Signal, Stage
from airpocket.alerts.fact import FactName, fact
from airpocket.alerts.phrases import cut_off, listed, say_clock, say_names
from airpocket.units import ns_from_iso
from tests.alerts.made import DETECTOR, alert


def test_a_time_of_day_has_seconds_only_where_they_count() -> None:
    assert say_clock(ns_from_iso("2026-02-05T20:00:00.9Z")) == "20:00 UTC"
    assert say_clock(ns_from_iso("2026-02-05T20:00:09Z")) == "20:00:09 UTC"


def test_long_lists_are_cut_and_counted() -> None:
    assert say_names(("a", "open_interest", "c"), shown=2) == "a, open interest and 1 more"
    assert say_names(()) == ""
    assert say_names(None) == ""


def test_a_list_that_is_empty_is_not_announced() -> None:
    names = fact(FactName.VENUES_SILENT, ("okx",), source=DETECTOR)
    none = fact(FactName.VENUES_LIVE, (), source=DETECTOR)
    told = alert(names, none, signal=Signal.FEED_HEALTH)
    assert listed(told, FactName.VENUES_SILENT, "no data from") == "no data from okx"
    assert listed(told, FactName.VENUES_LIVE, "live") == ""


def test_what_is_cut_off_is_no_all_clear() -> None:
    last = fact(FactName.FEED_GAP_FROM, ns_from_iso("2026-02-05T20:30:00Z"), source=DETECTOR)
    told = cut_off(alert(last, signal=Signal.FEED_HEALTH, stage=Stage.FEED_ENDED))
    assert told == ["nothing seen after 20:30 UTC", "this is not an all-clear"]
