from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.cascade.parameters import ParameterSet, read_parameters
from airpocket.cascade.partial import FULL, Partial
from airpocket.errors import InputError
from airpocket.leverage.tiers import table_of

PRESENT = table_of("X/USDT:USDT", [(0, 3e5, 0.004, 0, 150), (3e5, 8e5, 0.005, 300, 100)], "page")

WHOLE = """
name = "half the depth"
absorbed = 0.2
depth_factor = 0.5
fee_rate = 0.005
fund_usd = 5_000_000
tiers = [[0, 300_000, 0.004, 0, 125], [300_000, inf, 0.01, 1800, 50]]

[partial]
share = 0.2
above_usd = 100_000
"""


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "A.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    read = read_parameters(_file(tmp_path, WHOLE))
    assert read.name == "half the depth"
    assert (read.absorbed, read.depth_factor, read.fee_rate) == (0.2, 0.5, 0.005)
    assert read.fund_usd == 5e6
    assert read.partial == Partial(share=0.2, above_usd=1e5)
    assert read.tiers is not None
    assert read.tiers.maintenance(1e6) == pytest.approx(1e4 - 1800)
    assert read.tiers_from(PRESENT) is read.tiers


def test_an_empty_file_is_the_present(tmp_path: Path) -> None:
    read = read_parameters(_file(tmp_path, ""))
    assert read == ParameterSet(name="A")
    assert read.partial is FULL or read.partial == FULL
    assert read.tiers_from(PRESENT) is PRESENT


@given(st.floats(0.1, 20), st.floats(1, 8e5))
def test_a_maintenance_factor_multiplies_what_is_required(factor: float, size: float) -> None:
    scaled = ParameterSet(name="a", maintenance_factor=factor).tiers_from(PRESENT)
    assert scaled.maintenance(size) == pytest.approx(factor * PRESENT.maintenance(size))


def test_a_rate_above_one_is_refused() -> None:
    with pytest.raises(InputError, match=r"maintenance_factor = 100 makes a rate of 2, above 1"):
        ParameterSet(name="a", maintenance_factor=100).tiers_from(
            table_of("X", [(0, 1, 0.02, 0, 1)], "made up")
        )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("absorb = 0.5", r"'absorb' = 0.5 is no parameter; there are absorbed, depth_factor, fee_"),
        ("absorbed = 1.5", r"absorbed = 1.5 is not a number from 0 and below 1"),
        ("absorbed = nan", r"absorbed = nan is not a number"),
        ("absorbed = true", r"absorbed = True is not a number"),
        ("absorbed = '0.5'", r"absorbed = '0.5' is not a number"),
        ("depth_factor = 0", r"depth_factor = 0 is not a number above 0 to 1,000"),
        ("depth_factor = inf", r"depth_factor = inf is not"),
        ("fee_rate = -0.1", r"fee_rate = -0.1 is not a number from 0 to 0.5"),
        ("fund_usd = -1", r"fund_usd = -1 is not a number from 0 to"),
        ("maintenance_factor = 0", r"maintenance_factor = 0 is not a number above 0 to 100"),
        ("fee_to_fund = 1", r"fee_to_fund = 1 is not true or false"),
        ("fee_to_fund = true", r"fee_to_fund needs the fund: give fund_usd"),
        ("name = 3", r"name = 3 is not a text"),
        ("name = ''", r"name = '' is not a text"),
        ("partial = 'full'", r"partial = 'full' is not a table; write \[partial\]"),
        (
            "[partial]\nshares = 0.2",
            r"partial.shares = 0.2 is no parameter; there are share \(a nu",
        ),
        ("[partial]\nshare = 0", r"partial.share = 0 is not a number above 0 to 1"),
        (
            "[partial]\ntiers_down = 1.5",
            r"partial.tiers_down = 1.5 is not a whole number from 0 to",
        ),
        ("[partial]\ntiers_down = 1\nshare = 0.2", r"either a share above a value, or tiers_down"),
        ("tiers = []", r"tiers = \[\] is not rows of"),
        ("tiers = 3", r"tiers = 3 is not rows of"),
        ("tiers = [[0, 1, 2]]", r"tiers, row 1: \[0, 1, 2\] is not \[above"),
        ("tiers = [[0, 1, nan, 0, 1]]", r"tiers, row 1: "),
        ("tiers = [[5, 9, 0.1, 0, 9]]", r"A.toml: tiers: .*do not begin at 0"),
        ("tiers = [[0, 9, 0.1, 0, 9], [8, 10, 0.2, 0, 9]]", r"a tier begins at 8, not at 9"),
        ("absorbed = ", r"is not TOML"),
    ],
)
def test_what_is_no_parameter_is_refused_by_name(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as error:
        read_parameters(_file(tmp_path, text))
    assert "A.toml" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_parameters(tmp_path / "absent.toml")
    binary = tmp_path / "B.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not TOML"):
        read_parameters(binary)
    large = tmp_path / "C.toml"
    large.write_text("# " + "x" * (1 << 20), encoding="utf-8")
    with pytest.raises(InputError, match="larger than 1 MiB"):
        read_parameters(large)


@pytest.mark.parametrize(
    "figures", [{"absorbed": 1.0}, {"depth_factor": 0.0}, {"fund_usd": -1.0}, {"fee_rate": 2.0}]
)
def test_the_struct_keeps_the_same_ranges(figures: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(figures))):
        ParameterSet(name="a", **figures)  # type: ignore[arg-type]
