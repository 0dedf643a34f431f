from pathlib import Path

import matplotlib as mpl
import pytest

from airpocket.app.picture_style import figure, save, shown, tag, under_tag, wrapped
from airpocket.errors import InputError


def _written(out: Path) -> bytes:
    with figure() as made:
        axes = made.add_axes((0.2, 0.2, 0.7, 0.7))
        axes.set_ylim(0.0, 10.0)
        tag(axes, 5.0)
        axes.set_title("$1 and $2")
        save(made, out)
    return out.read_bytes()


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_same_input_gives_the_same_bytes(tmp_path: Path, ending: str) -> None:
    one, other = _written(tmp_path / f"a.{ending}"), _written(tmp_path / f"b.{ending}")
    assert one == other
    assert b"date" not in one
    assert b"atplotlib version" not in one


def test_a_picture_has_the_size_of_a_phone(tmp_path: Path) -> None:
    data = _written(tmp_path / "a.png")
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == (1080, 1350)


def test_the_readers_own_settings_do_not_matter(tmp_path: Path) -> None:
    before = _written(tmp_path / "a.svg")
    with mpl.rc_context({"font.size": 30, "axes.grid": True, "svg.fonttype": "none"}):
        assert _written(tmp_path / "b.svg") == before
        assert mpl.rcParams["font.size"] == 30


def test_nothing_is_overwritten_and_no_other_ending_written(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"mine")
    with pytest.raises(InputError, match="nothing is ever overwritten"):
        _written(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"ends in \.png or \.svg"):
        _written(tmp_path / "a.pdf")
    assert [one.name for one in tmp_path.iterdir()] == ["a.png"]


def test_text_from_outside_stays_on_its_line() -> None:
    assert shown("a\u202eb\x1b[2J 行") == "a\\u202eb\\x1b[2J \\u884c"
    assert wrapped("one two three four", 9, 2) == ["one two", "three…"]
    assert under_tag(5.0, 5.1, (0.0, 10.0))
    assert not under_tag(6.0, 5.1, (0.0, 10.0))
