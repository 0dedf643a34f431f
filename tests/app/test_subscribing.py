"""Who is told what: added, listed, replaced, removed, refused."""

from pathlib import Path

import pytest

from airpocket.app.config import load
from airpocket.store.state import State
from tests.app.console import Console


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "airpocket.toml"
    file.write_text(
        f"[store]\nfolder = '{tmp_path}/data'\n[channels.phone]\nkind='log'\n"
        "[channels.ops]\nkind='log'\nhealth=true\n"
        "[[subscriptions]]\nname='fixed'\nchannel='phone'\nsymbols='BTC'\n",
        encoding="utf-8",
    )
    return str(file)


def listed(airpocket: Console, config: str) -> dict[str, dict[str, object]]:
    said = airpocket("subscriptions", "--json", "--config", config)
    assert (said.code, said.err) == (0, "")
    return {f"{row['origin']} {row['name']} {row['channel']}": row for row in said.rows}


def test_cascades_on_btc_and_eth_are_on_without_any(airpocket: Console, tmp_path: Path) -> None:
    file = tmp_path / "airpocket.toml"
    file.write_text(f"[store]\nfolder = '{tmp_path}/data'\n")
    said = airpocket("subscriptions", "--config", file)
    first, second = said.out.splitlines()
    assert first == (
        "(by default)         log gets LIQUIDATION_CASCADE on BTC, ETH, tier free · default"
    )
    assert second.startswith("(by default)         health_log gets FEED_HEALTH")
    assert not (tmp_path / "data").exists()


def test_added_listed_and_removed(airpocket: Console, config: str) -> None:
    assert set(listed(airpocket, config)) == {"configured fixed phone", "default default ops"}
    said = airpocket(
        "subscribe", "big", "--channel", "phone", "--tier", "pro", "--signal", "shock",
        "--signal", "LIQUIDATION_CASCADE", "--symbol", "SOL,all", "--phase", "cascade",
        "--least-usd", "5e6", "--no-updates", "--config", config,
    )  # fmt: skip
    assert said.code == 0
    assert " ".join(said.out.split()) == (
        "big: phone gets SHOCK, LIQUIDATION_CASCADE on SOL, all in cascade from 5,000,000 USD on"
        " without updates, tier pro"
    )
    row = listed(airpocket, config)["added big phone"]
    assert row["signals"] == ["SHOCK", "LIQUIDATION_CASCADE"]
    assert (row["symbols"], row["least_usd"]) == (["SOL", "all"], 5e6)
    assert airpocket("subscribe", "big", "--remove", "--config", config).out == "big is removed\n"
    assert "added big phone" not in listed(airpocket, config)


def test_the_only_channel_need_not_be_named(airpocket: Console, config: str) -> None:
    assert airpocket("subscribe", "mine", "--config", config).code == 0
    assert "added mine phone" in listed(airpocket, config)


def test_replaced_when_asked_to(airpocket: Console, config: str) -> None:
    assert airpocket("subscribe", "mine", "--config", config).code == 0
    again = airpocket("subscribe", "mine", "--symbol", "ETH", "--config", config)
    assert "there is a subscription 'mine': --replace takes its place" in again.sentence
    assert (
        airpocket("subscribe", "mine", "--symbol", "ETH", "--replace", "--config", config).code == 0
    )
    assert listed(airpocket, config)["added mine phone"]["symbols"] == ["ETH"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["x", "--channel", "nope"], "no channel 'nope' for alerts"),
        (["x", "--channel", "ops"], "no channel 'ops' for alerts"),
        (["x", "--signal", "buy"], "'buy' is not a signal"),
        (["x", "--phase", "boom"], "'boom' is not a phase"),
        (["x", "--tier", "gold"], "there is no tier 'gold'"),
        (
            ["x", "--symbol", "SOL"],
            "tier 'free' is not told LIQUIDATION_CASCADE on 'SOL': tier 'pro' is (--tier pro)",
        ),
        (
            ["x", "--symbol", "BTC,NOSUCH"],
            "'NOSUCH' is not listed on binance, bybit, okx, hyperliquid",
        ),
        (["x", "--symbol", "BTCUSDT"], "did you mean BTC/USDT:USDT?"),
        (["x", "--least-usd", "-1"], "least_usd is -1.0"),
        (["x", "--least-usd", "nan"], "least_usd is nan"),
        (["x\n\x1b[2J"], "cannot name a subscription"),
        (["fixed"], "stands in the configuration"),
        (["fixed", "--remove"], "stands in the configuration"),
        (["nope", "--remove"], "there is no subscription 'nope': fixed"),
    ],
)
def test_what_cannot_be_granted(
    airpocket: Console, config: str, words: list[str], told: str
) -> None:
    sentence = airpocket("subscribe", *words, "--config", config).sentence
    assert told in sentence
    assert sentence.isprintable()


def test_a_second_process_on_the_same_store(airpocket: Console, config: str) -> None:
    settings = load(Path(config), environ={})
    settings.folder.mkdir()
    with State(settings.state_file):
        assert (
            "in use by another airpocket"
            in airpocket("subscribe", "x", "--config", config).sentence
        )
        assert set(listed(airpocket, config)) == {"configured fixed phone", "default default ops"}


def test_a_folder_that_cannot_be(airpocket: Console, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    config = tmp_path / "airpocket.toml"
    config.write_text(f"[store]\nfolder = '{tmp_path}/file/data'\n")
    assert (
        "cannot be made (Not a directory)"
        in airpocket("subscribe", "x", "--config", config).sentence
    )


def test_configured_ones_are_checked_before_there_is_a_state(
    airpocket: Console, tmp_path: Path
) -> None:
    config = tmp_path / "airpocket.toml"
    config.write_text(
        f"[store]\nfolder = '{tmp_path}/data'\n[[subscriptions]]\nname='a'\nchannel='nope'\n"
    )
    assert "no channel 'nope'" in airpocket("subscriptions", "--config", config).sentence
