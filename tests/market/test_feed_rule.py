"""Rules of feeds hold between two dates."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.errors import InputError
from airpocket.market.events import Coverage
from airpocket.market.feed_rule import FeedRule, FeedRules
from airpocket.units import ns_from_iso


def _rule(name: str, from_ns: int | None, to_ns: int | None, channel: str = "c") -> FeedRule:
    return FeedRule(
        rule_id=name, channel=channel, coverage=Coverage.CENSUS, said="",
        valid_from_ns=from_ns, valid_to_ns=to_ns,
    )  # fmt: skip


_RULES = [_rule("late", 200, None), _rule("early", None, 100), _rule("middle", 100, 200)]


@given(st.lists(st.one_of(st.none(), st.integers(0, 300)), max_size=20))
def test_the_rule_of_a_time_does_not_depend_on_what_was_asked_before(
    times: list[int | None],
) -> None:
    rules = FeedRules([*_RULES, _rule("other", None, None, "d")])
    for at_ns in times:
        expected = (
            "late" if at_ns is None or at_ns >= 200 else "middle" if at_ns >= 100 else "early"
        )
        assert rules.at("c", at_ns).rule_id == expected
        assert rules.at("d", at_ns).rule_id == "other"


def test_a_time_without_a_rule_is_refused() -> None:
    rules = FeedRules([_rule("middle", 100, 200)])
    for at_ns in (99, 200, None):
        with pytest.raises(InputError, match="no rule is stated for channel 'c'"):
            rules.at("c", at_ns)
    with pytest.raises(InputError, match="channel 'e'"):
        rules.at("e", 150)


def test_breaks_are_in_order_of_time() -> None:
    rules = FeedRules(_RULES)
    assert [rule.rule_id for rule in rules.breaks("c")] == ["early", "middle", "late"]
    assert rules.breaks("e") == ()
    assert list(rules) == _RULES


def test_a_row_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "venue.toml"
    path.write_text(
        '[[feeds]]\nrule_id = "x-1"\nchannel = "c"\ncoverage = "throttled"\nsaid = "Some."\n'
        "valid_from = 2021-04-27\nvalid_to = 2026-04-10T00:00:00Z\nper_symbol_per_s = 1\n",
        encoding="utf-8",
    )
    (rule,) = FeedRules.load(path)
    assert (rule.coverage, rule.per_symbol_per_s) == (Coverage.THROTTLED, 1)
    assert rule.valid_from_ns == ns_from_iso("2021-04-27")
    assert rule.valid_to_ns == ns_from_iso("2026-04-10")


@pytest.mark.parametrize(
    "text",
    [
        "[[feeds]",
        '[[feeds]]\nrule_id = "x"',
        'feeds = [{ rule_id = "x", channel = "c", coverage = "most", said = "" }]',
    ],
)
def test_a_file_that_states_no_rules_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "venue.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"venue\.toml"):
        FeedRules.load(path)
    with pytest.raises(InputError, match=r"no\.toml"):
        FeedRules.load(tmp_path / "no.toml")


def _shipped() -> list[Path]:
    folder = Path(__file__).resolve().parents[2] / "src" / "airpocket" / "venues"
    return sorted(folder.glob("*/venue.toml"))


@pytest.mark.parametrize("path", _shipped(), ids=lambda path: path.parent.name)
def test_shipped_rules_have_names_of_their_own_and_do_not_overlap(path: Path) -> None:
    rules = FeedRules.load(path)
    names = [(rule.channel, rule.rule_id) for rule in rules]
    assert len(set(names)) == len(names)
    for channel in {rule.channel for rule in rules}:
        for one, next_one in zip(rules.breaks(channel), rules.breaks(channel)[1:], strict=False):
            assert one.valid_to_ns is not None
            assert next_one.valid_from_ns is not None
            assert one.valid_to_ns <= next_one.valid_from_ns
    assert all(rule.said and rule.source for rule in rules)
