import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.console import Console
from rich.text import Text

from airpocket.alerts.alert import InformationalAlert
from airpocket.alerts.desk import AlertDesk
from airpocket.alerts.linter import violations
from airpocket.app.printing import show
from airpocket.app.timeline import Line, Timeline
from airpocket.detection.episode import Ending, Episode, Kind, Phase, Transition
from airpocket.market.events import Coverage, Side
from airpocket.market.quality import Finding, FindingCode
from airpocket.units import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from tests.app.sayings import AT_NS, READING, episode, leg, transition

HOSTILE = "a[red]\n\x1b[2J\u202eb"


def shown(lines: list[Line]) -> str:
    out = io.StringIO()
    console = Console(file=out, width=110, color_system=None, emoji=False)
    for line in lines:
        show(console, line.markup, hang=line.hang)
    return out.getvalue()


def many_watched(**changed: Any) -> Any:

    return replace(READING, watched=13, **changed)


def alert_of(step: Transition, desk: AlertDesk | None = None) -> InformationalAlert:
    (alert,) = (desk or AlertDesk()).take((step,))
    return alert


class TestPhases:
    def test_a_step_has_its_figures(self) -> None:
        said = shown(Timeline(SECOND_NS).lines(transition(Phase.CASCADE)))
        assert said.splitlines() == [
            "2026-03-02 (UTC)",
            (
                "09:00:01  BTC/USDT:USDT: cascade (was calm)  score 50 (needs 12) · flow 61 × normal · "
                "price −2.00 % (needs"
            ),
            "          0.50 %)",
        ]

    def test_a_step_that_opens_nothing_is_held_against_nothing(self) -> None:
        line = Timeline(SECOND_NS).lines(transition(Phase.EXHAUSTED, before=Phase.CASCADE))[-1]
        assert "needs" not in line.markup
        assert "flow 61 × normal" in line.markup

    def test_what_sets_the_scene_is_for_the_verbose(self) -> None:
        for phase in (Phase.BUILDING, Phase.CALM):
            assert Timeline(SECOND_NS).lines(transition(phase)) == []
            assert Timeline(SECOND_NS, verbose=True).lines(transition(phase)) != []

    def test_a_day_is_named_once(self) -> None:
        timeline = Timeline(SECOND_NS)
        steps = [transition(Phase.CASCADE, at_ns=AT_NS + n * DAY_NS // 2) for n in range(4)]
        said = shown([line for step in steps for line in timeline.lines(step)])
        assert said.count("(UTC)") == 2

    @pytest.mark.parametrize("width_ns", [MINUTE_NS, HOUR_NS, DAY_NS])
    def test_coarse_bins_carry_their_date(self, width_ns: int) -> None:
        said = shown(Timeline(width_ns).lines(transition(Phase.CASCADE)))
        assert said.startswith("2026-03-02 09:00  BTC/USDT:USDT: cascade")

    def test_missing_figures_are_left_out(self) -> None:

        bare = replace(READING, multiple=None, move=None, move_threshold=None)
        line = Timeline(SECOND_NS).lines(transition(Phase.CASCADE, reading=bare))[-1]
        assert "flow" not in line.markup
        assert "price" not in line.markup

    def test_coincidence_is_told(self) -> None:
        step = transition(Phase.CASCADE, scope="*", reading=many_watched(coincident=10))
        assert "10 of 13 symbols" in shown(Timeline(SECOND_NS).lines(step))
        assert "market: cascade" in shown(Timeline(SECOND_NS).lines(step))


class TestLoneShocks:
    @staticmethod
    def shock(phase: Phase, scope: str = "A/USD", **more: Any) -> Transition:
        whole = episode(kind=Kind.SHOCK, scope=scope)
        return transition(phase, episode=whole, reading=more.pop("reading", READING), **more)

    def test_among_many_they_are_kept_for_the_end(self) -> None:
        timeline = Timeline(SECOND_NS)
        steps = [
            self.shock(Phase.CASCADE, reading=many_watched()),
            self.shock(Phase.EXHAUSTED, before=Phase.CASCADE, reading=many_watched()),
            self.shock(Phase.UNKNOWN, before=Phase.EXHAUSTED),  # the last word knows no number
        ]
        assert [line for step in steps for line in timeline.lines(step)] == []
        timeline.lines(episode(kind=Kind.SHOCK, scope="A/USD", ending=Ending.FEED_ENDED))
        said = shown(timeline.closing())
        assert "3 steps of 1 single symbols are not shown" in said
        assert "A/USD" in said

    def test_the_market_and_a_symbol_with_few_others_speak_for_themselves(self) -> None:
        timeline = Timeline(SECOND_NS)
        assert timeline.lines(self.shock(Phase.CASCADE, "*", reading=many_watched()))
        assert timeline.lines(self.shock(Phase.CASCADE))
        assert timeline.lines(self.shock(Phase.UNKNOWN, before=Phase.CASCADE))

    def test_verbose_shows_them(self) -> None:
        step = self.shock(Phase.CASCADE, reading=many_watched())
        assert Timeline(SECOND_NS, verbose=True).lines(step)


class TestAlerts:
    def test_the_opening_is_one_lean_message(self) -> None:
        step = transition(Phase.CASCADE, episode=episode())
        said = shown(Timeline(SECOND_NS).lines(alert_of(step)))
        assert "Real liquidations: BTC longs, at least $5.0M" in said
        assert "From liquidations" not in said
        full = shown(Timeline(SECOND_NS, verbose=True).lines(alert_of(step)))
        assert "From liquidations (binance)" in full

    def test_the_end_shows_its_facts_but_not_in_a_replay_of_months(self) -> None:
        desk = AlertDesk()
        desk.take((transition(Phase.CASCADE, episode=episode()),))
        whole = episode(ending=Ending.SETTLED, end_ns=AT_NS + 20 * MINUTE_NS)
        step = transition(
            Phase.SETTLED, before=Phase.EXHAUSTED, episode=whole, at_ns=AT_NS + 20 * MINUTE_NS
        )
        alert = alert_of(step, desk)
        assert "From liquidations (binance)" in shown(Timeline(SECOND_NS).lines(alert))
        assert "From liquidations" not in shown(Timeline(HOUR_NS).lines(alert))

    def test_that_it_is_no_plan_is_said_once_at_the_end(self) -> None:
        timeline = Timeline(SECOND_NS, verbose=True)
        told = timeline.lines(alert_of(transition(Phase.CASCADE, episode=episode())))
        timeline.lines(episode())
        assert "Facts only." not in shown(told)
        assert shown(timeline.closing()).count("Facts only.") == 1


class TestClosing:
    def test_nothing_is_said_too(self) -> None:
        assert (
            shown(Timeline(SECOND_NS).closing())
            == "No cascade and no shock was seen; what these sources do not show is not known.\n"
        )

    def test_sources_without_any_event_are_not_called_quiet(self) -> None:
        timeline = Timeline(SECOND_NS)
        said = shown(timeline.closing(is_blind=True))
        assert said.startswith("Nothing was seen: there is no event")
        assert "No cascade" not in said
        timeline.lines(episode())
        assert "Nothing was seen" not in shown(timeline.closing(is_blind=True))

    def test_the_severest_come_first_and_cascades_before_shocks(self) -> None:
        timeline = Timeline(SECOND_NS)
        for scope, kind, severity in (
            ("A/USD", Kind.SHOCK, 3.0), ("B/USD", Kind.SHOCK, None), ("C/USD", Kind.SHOCK, 120.0),
            ("*", Kind.CASCADE, None),
        ):  # fmt: skip
            assert timeline.lines(episode(scope=scope, kind=kind, severity=severity)) == []
        rows = shown(timeline.closing()).splitlines()[2:6]
        assert [row.split()[4] for row in rows] == ["market", "C/USD", "A/USD", "B/USD"]

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"usd": 5e6}, "at least $5.0M"),
            ({"usd": 5e6, "venues": (("okx", Coverage.CENSUS),)}, " $5.0M"),
            ({"usd": None, "count": 1234}, "at least 1,234 prints"),
            ({"leg": None, "severity": None}, "–  feed ended"),
            ({"ending": Ending.SETTLED, "end_ns": AT_NS + 90 * SECOND_NS}, " 90 s  cascade"),
            ({"leg": 0.0}, " 0.0 %"),
            ({"leg": 0.25}, "+25.0 %"),
        ],
    )
    def test_a_row(self, changed: dict[str, Any], said: str) -> None:
        timeline = Timeline(SECOND_NS)
        timeline.lines(episode(**({"ending": Ending.FEED_ENDED} | changed)))
        assert said in shown(timeline.closing()).splitlines()[2]


def test_hostile_names_become_aliases() -> None:
    timeline = Timeline(SECOND_NS, verbose=True)
    finding = Finding(code=FindingCode.BOTH_LEGS, where=HOSTILE, said=HOSTILE)
    told = [
        *timeline.lines(transition(Phase.CASCADE, scope=HOSTILE)),
        *timeline.lines(episode(scope=HOSTILE)),
        *timeline.lines(finding),
        *timeline.closing(),
    ]
    said = shown(told)
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "instrument-" in said
    assert "a[red]" in said, "of a file it is shown, of an instrument it is not"


@given(
    st.sampled_from(Phase), st.sampled_from(Phase), st.sampled_from(Kind), st.booleans(),
    st.text(max_size=20), st.sampled_from([SECOND_NS, HOUR_NS]),
    st.lists(st.floats(-1.0, 50.0), max_size=3), st.sampled_from(Ending),
)  # fmt: skip
def test_whatever_is_said_is_facts_on_lines(
    before: Phase, after: Phase, kind: Kind, verbose: bool, scope: str, width_ns: int,  # noqa: FBT001
    legs: list[float], ending: Ending,
) -> None:  # fmt: skip
    whole = episode(
        kind=kind, scope=scope, ending=ending, side=Side.SHORT,
        legs=tuple(leg(fraction=fraction) for fraction in legs), leg=legs[0] if legs else None,
    )  # fmt: skip
    timeline = Timeline(width_ns, verbose=verbose)
    said: list[Line] = []
    for saying in (transition(after, before=before, episode=whole), whole):
        assert isinstance(saying, Transition | Episode)
        said += timeline.lines(saying)
    for line in (*said, *timeline.closing()):
        text = Text.from_markup(line.markup).plain
        assert text.isprintable()
        assert violations(text) == ()
