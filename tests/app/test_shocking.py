from pathlib import Path
from typing import Any

import pytest

from airpocket.app.ladder_commands import ShockOptions
from airpocket.app.shocking import laws_of, payers_of, settled_json, settled_of, shock_of
from airpocket.cascade.impact import SquareRoot
from airpocket.cascade.settle import settle
from airpocket.cascade.shock import Shock
from airpocket.errors import InputError
from airpocket.leverage.ladder import Provenance
from airpocket.leverage.ladder_file import write_ladder
from airpocket.market.events import Side
from tests.app.console import Console
from tests.app.made_books import book_lines
from tests.app.made_ladders import DENSE, TWO_SIDES, ladder, layer, positions_file

ROOT = SquareRoot(daily_volatility=0.03, daily_volume_usd=1e9, y=0.5)


class TestShock:
    @pytest.mark.parametrize(
        ("asked", "side", "move", "usd"),
        [
            (ShockOptions(move="-3%"), Side.LONG, -0.03, None),
            (ShockOptions(move="-0.03"), Side.LONG, -0.03, None),
            (ShockOptions(move="−3%"), Side.LONG, -0.03, None),
            (ShockOptions(move="+3%"), Side.SHORT, 0.03, None),
            (ShockOptions(move="3 %".replace(" ", "")), Side.SHORT, 0.03, None),
            (ShockOptions(sell="50e6"), Side.LONG, None, 50e6),
            (ShockOptions(buy="50M"), Side.SHORT, None, 50e6),
        ],
    )
    def test_what_happens_says_whose_positions_it_threatens(
        self, asked: ShockOptions, side: Side, move: float | None, usd: float | None
    ) -> None:
        shock = shock_of(asked)
        assert (shock.side, shock.order_usd, shock.absorbed) == (side, usd, 0.0)
        assert shock.move == (None if move is None else pytest.approx(move))

    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            (ShockOptions(), "--move, --sell and --buy starts the chain; none given"),
            (ShockOptions(move="-3%", sell="1M"), "--move and --sell given"),
            (
                ShockOptions(sell="-5"),
                "--sell is '-5': give dollars above 0, the option says the side",
            ),
            (ShockOptions(buy="0"), "--buy is '0'"),
            (ShockOptions(move="-3"), "with a percent sign, or below 1"),
            (ShockOptions(move="0%"), "a move of 0 threatens nobody"),
            (ShockOptions(move="-100%"), "a price cannot fall by all of it"),
            (ShockOptions(move="nan"), "finite"),
            (ShockOptions(move="-3%", absorbed="1"), "--absorbed"),
            (ShockOptions(move="-3%", absorbed="-0.1"), "--absorbed"),
        ],
    )
    def test_what_is_no_shock_is_refused(self, asked: ShockOptions, said: str) -> None:
        with pytest.raises(InputError) as caught:
            shock_of(asked)
        assert said in str(caught.value)

    def test_the_laws(self) -> None:
        both = laws_of(ShockOptions(daily_volume="1bn", daily_volatility="3%"))
        assert [(name, law.fall(1e6, Side.LONG, 1.0)) for name, law in both] == [
            ("square root, Y 0.5", ROOT.fall(1e6, Side.LONG, 1.0)),
            ("square root, Y 1", pytest.approx(2 * ROOT.fall(1e6, Side.LONG, 1.0))),
        ]
        one = laws_of(ShockOptions(daily_volume="1bn", daily_volatility="3%", y="0.7"))
        assert [name for name, _ in one] == ["square root, Y 0.7"]
        assert laws_of(ShockOptions()) == []

    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            (ShockOptions(daily_volume="1bn"), "give --daily-volatility too"),
            (ShockOptions(daily_volatility="3%"), "give --daily-volume too"),
            (ShockOptions(y="0.7"), "give --daily-volume and --daily-volatility too"),
            (ShockOptions(daily_volume="1bn", daily_volatility="3%", y="2"), "0.5 to 1"),
            (ShockOptions(daily_volume="1bn", daily_volatility="-3%"), "daily volatility -0.03"),
        ],
    )
    def test_a_law_in_part_is_refused(self, asked: ShockOptions, said: str) -> None:
        with pytest.raises(InputError, match=said):
            laws_of(asked)

    def test_who_pays(self) -> None:
        payers = payers_of(ShockOptions(fund="1M", fee="0.5%", margin_to_fund=True))
        assert (payers.fund_usd, payers.margin_left_to_fund, payers.has_adl) == (1e6, True, True)
        assert payers.fee_rate == pytest.approx(0.005)


class TestSettled:
    def test_it_is_what_settle_says(self) -> None:
        made = ladder(layer(DENSE))
        shock = Shock.by_move(-0.012)
        settled = settled_of(made, None, shock, [("root", ROOT)], payers_of(ShockOptions()))
        (name, one) = settled.cascades[0]
        own = settle(made, ROOT, shock)
        assert (name, one.fall, one.forced_usd) == ("root", own.fall, own.forced_usd)
        told = settled_json(settled)
        assert told["laws"][0]["forced_usd"] == own.forced_usd > 0
        assert told["laws"][0]["waves"][0]["notional_usd"] == own.waves[0].notional_usd

    def test_estimates_are_settled_only_where_nothing_was_measured(self) -> None:
        guess = layer(DENSE, known=Provenance.ESTIMATED)
        alone = settled_of(
            ladder(guess), None, Shock.by_move(-0.02), [("root", ROOT)], payers_of(ShockOptions())
        )
        assert alone.provenance is Provenance.ESTIMATED
        assert alone.cascades[0][1].forced_usd == pytest.approx(4e7)
        both = settled_of(
            ladder(guess, layer([(99.0, 1e5)])), None, Shock.by_move(-0.02), [("root", ROOT)],
            payers_of(ShockOptions()),
        )  # fmt: skip
        assert both.cascades[0][1].forced_usd == 1e5
        assert "what is estimated is not settled together with what was measured" in both.assumed

    def test_a_side_where_nothing_waits_is_said(self) -> None:
        with pytest.raises(
            InputError, match="no shorts of BTC/USDC:USDC are known to wait above 100"
        ):
            settled_of(
                ladder(layer(DENSE)), None, Shock.by_move(0.02), [("root", ROOT)],
                payers_of(ShockOptions()),
            )  # fmt: skip

    def test_lending_has_no_winners_to_bear_a_loss(self) -> None:
        loans = ladder(layer(DENSE), venue="aave", symbol="BTC/USD")
        settled = settled_of(
            loans, None, Shock.by_move(-0.02), [("root", ROOT)], payers_of(ShockOptions())
        )
        assert settled.cascades[0][1].waterfall.adl_usd == 0.0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    positions_file(tmp_path / "p.csv", TWO_SIDES)
    book_lines(tmp_path / "b.raw", 100.0, usd=1e6)
    book_lines(tmp_path / "far.raw", 140.0)
    (tmp_path / "taken.png").write_bytes(b"mine")
    write_ladder(ladder(layer([(99.0, 1e6)])), tmp_path / "longs.json")
    monkeypatch.chdir(tmp_path)
    return tmp_path


ROOTED = ["--daily-volume", "1bn", "--daily-volatility", "3%"]


class TestCommand:
    @pytest.mark.usefixtures("folder")
    @pytest.mark.parametrize("words", [["--move", "-3%"], ["--move=-3%"], ["--move", "-0.03"]])
    def test_a_value_that_begins_with_a_minus(self, airpocket: Console, words: list[str]) -> None:
        (told,) = airpocket("shock", "p.csv", *words, *ROOTED, "--json").rows
        assert told["move"] == pytest.approx(-0.03)
        assert told["side"] == "long"
        assert told["laws"][0]["forced_usd"] == pytest.approx(20_000 * 98.0 + 50_000 * 97.0)

    @pytest.mark.usefixtures("folder")
    def test_it_tells_the_chain(self, airpocket: Console) -> None:
        said = airpocket("shock", "p.csv", "--move", "-2%", "--depth", "b.raw", *ROOTED)
        assert said.code == 0
        for part in (
            "a fall of 2 %: BTC/USDC:USDC on hyperliquid at 100",
            "book walk", "square root, Y 0.5", "square root, Y 1", "price at rest",
            "at least $2.0M", "range of the laws: ", "neither is a bound",
            "assumed: book walk: nobody puts new orders",
        ):  # fmt: skip
            assert part in said.out

    @pytest.mark.usefixtures("folder")
    def test_one_law_is_enough_and_the_other_is_named(self, airpocket: Console) -> None:
        book = airpocket("shock", "p.csv", "--move", "-2%", "--depth", "b.raw").out
        assert "one law only" in book
        assert "--daily-volume and --daily-volatility give the other" in book
        root = airpocket("shock", "p.csv", "--buy", "50M", *ROOTED, "--y", "1").out
        assert "a market purchase of $50.0M" in root
        assert "--depth SOURCE gives the other" in root

    @pytest.mark.usefixtures("folder")
    def test_absorbed_and_thinned(self, airpocket: Console) -> None:
        def fall(*words: str) -> float:
            words = ("shock", "p.csv", "--move", "-2%", "--depth", "b.raw", "--json", *words)
            (told,) = airpocket(*words).rows
            return float(told["fall_most"])

        assert fall("--absorbed", "0.9") < fall() < fall("--depth-factor", "0.5")

    @pytest.mark.parametrize("ending", ["png", "svg", "json"])
    def test_it_is_written_the_same_each_time(
        self, airpocket: Console, folder: Path, ending: str
    ) -> None:
        for name in "ab":
            out = f"{name}.{ending}"
            assert airpocket("shock", "p.csv", "--move", "-2%", *ROOTED, "--out", out).code == 0
        one, other = ((folder / f"{name}.{ending}").read_bytes() for name in "ab")
        assert one == other


BAD: list[tuple[str, list[str], str]] = [
    ("no shock", ["p.csv", *ROOTED], "starts the chain; none given"),
    ("sign", ["p.csv", "--sell", "-5", *ROOTED], "--sell is '-5': give dollars above 0"),
    ("move", ["p.csv", "--move", "-3", *ROOTED], "with a percent sign"),
    ("no law", ["p.csv", "--move", "-3%"], "give a book (--depth SOURCE), or --daily-volume and"),
    ("NaN", ["p.csv", "--move", "nan", *ROOTED], "finite"),
    ("no longs", ["longs.json", "--move", "3%", *ROOTED], "no shorts of BTC/USDC:USDC are known"),
    ("far book", ["p.csv", "--move", "-3%", "--depth", "far.raw"], "--depth-shape"),
    ("symbol", ["p.csv", "--move", "-3%", "--symbol", "ETH", *ROOTED], "ETH is not in it"),
    ("taken", ["p.csv", "--move", "-3%", *ROOTED, "--out", "taken.png"], "ever overwritten"),
    ("ending", ["p.csv", "--move", "-3%", *ROOTED, "--out", "x.csv"], ".png, .svg, .json"),
    ("fund", ["p.csv", "--move", "-3%", *ROOTED, "--fund", "-1"], "--fund is '-1'"),
    ("fee", ["p.csv", "--move", "-3%", *ROOTED, "--fee", "2"], "--fee"),
    ("two words", ["p.csv", "--move", *ROOTED], "--move"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "told"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_what_cannot_be_used_is_one_sentence(
    airpocket: Console, folder: Path, words: list[str], told: str
) -> None:
    before = {one.name for one in folder.iterdir()}
    assert told in airpocket("shock", *words).sentence
    assert {one.name for one in folder.iterdir()} == before
    assert (folder / "taken.png").read_bytes() == b"mine"


@pytest.mark.data
def test_a_fall_into_the_clusters_of_february(airpocket: Console, data_dir: Path) -> None:
    clusters = next((data_dir / "feb2026").glob("hl_top*"))
    book = next((data_dir / "l2_book").glob("binance_um*"))
    words: list[Any] = [
        "shock", clusters, "--symbol", "BTC", "--at", "2026-02-05T14:36", "--move", "-1.8%",
        "--depth", book, "--depth-shape", "--depth-at", "2024-08-08T23:55",
    ]  # fmt: skip
    (whole,) = airpocket(*words, "--json", *ROOTED).rows
    (thin,) = airpocket(*words, "--depth-factor", "0.1", "--json", *ROOTED).rows
    walk, *roots = whole["laws"]
    assert walk["forced_usd"] == pytest.approx(25.4e6, rel=0.01), "the cluster at 69,062"
    assert [one["law"] for one in roots] == ["square_root", "square_root"]
    assert thin["laws"][0]["forced_usd"] > walk["forced_usd"]
    assert thin["laws"][1]["forced_usd"] == roots[0]["forced_usd"], "another law, another depth"
