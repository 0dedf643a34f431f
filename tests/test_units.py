"""Times and amounts are written and read without loss."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket import units
from airpocket.errors import InputError

_TIMES = st.integers(units.EARLIEST_NS, units.LATEST_NS - 1)


@given(_TIMES)
def test_a_time_written_is_read_back_to_the_nanosecond(time_ns: int) -> None:
    text = units.iso(time_ns)
    assert units.ns_from_iso(text) == time_ns
    assert len(text) in {20, 24, 27, 30}
    if "." in text:
        assert not text.endswith("000Z")  # no more decimals than it needs


@given(_TIMES)
def test_a_time_is_plausible_in_its_own_unit_only(time_ns: int) -> None:
    assert units.is_plausible_ns(time_ns)
    for wrong in (time_ns // 10**3, time_ns // 10**6, time_ns // 10**9, time_ns * 10**3, -time_ns):
        assert not units.is_plausible_ns(wrong)


def test_the_bounds_of_plausible_times_are_dates() -> None:
    assert units.iso(units.EARLIEST_NS).startswith("2009-01-03")  # the first bitcoin block
    assert datetime.fromtimestamp(units.LATEST_NS // 10**9, tz=UTC).year == 2100
    assert not units.is_plausible_ns(units.LATEST_NS)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2025-10-10", "2025-10-10T00:00:00Z"),
        ("2025-10-10T23:15:03+02:00", "2025-10-10T21:15:03Z"),
        ("2025-10-10 21:15:03", "2025-10-10T21:15:03Z"),  # no zone means UTC
        ("2025-10-10T21:15:03.1Z", "2025-10-10T21:15:03.100000000+00:00"),
        ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500Z"),
    ],
)
def test_ways_to_write_the_same_time(text: str, same: str) -> None:
    assert units.ns_from_iso(text) == units.ns_from_iso(same)


def test_before_1970_decimals_still_count_forwards() -> None:
    assert units.ns_from_iso("1969-12-31T23:59:59.25Z") == -750_000_000


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2025-13-01", "2025-10-10T25:00", "2025-10-10T21:15:03.", "1" * 10_000,
     "2025-10-10T21:15:03.1234567890Z", "2025-10-10T21:15:03.x"],
)  # fmt: skip
def test_what_is_no_time_is_refused_shortly(text: str) -> None:
    with pytest.raises(InputError, match="is not an ISO 8601 time") as raised:
        units.ns_from_iso(text)
    assert len(str(raised.value)) < 100


@given(st.text(max_size=50))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        units.ns_from_iso(text)
    except InputError:
        return


@pytest.mark.parametrize(
    ("usd", "said"),
    [(999_999_999.0, "$1000.0M"), (1e9, "$1.00bn"), (-2.5e6, "$-2.5M"), (12_345.0, "$12k"),
     (9_999.4, "$9,999"), (0.0, "$0")],
)  # fmt: skip
def test_amounts(usd: float, said: str) -> None:
    assert units.say_usd(usd) == said


@pytest.mark.parametrize(
    ("span_ns", "said"),
    [(0, "0 s"), (119 * units.SECOND_NS, "119 s"), (2 * units.MINUTE_NS, "2 min"),
     (119 * units.MINUTE_NS, "119 min"), (2 * units.HOUR_NS, "2 h"), (3 * units.DAY_NS, "3 d")],
)  # fmt: skip
def test_spans(span_ns: int, said: str) -> None:
    assert units.say_duration(span_ns) == said
