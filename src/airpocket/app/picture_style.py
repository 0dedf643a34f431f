"""One look for all pictures, and the same bytes for the same input."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from airpocket.app.printing import plain
from airpocket.errors import InputError
from airpocket.store.aside import aside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BACKGROUND",
    "BOOK",
    "DIM",
    "GUESS",
    "INK",
    "LONG",
    "POCKET",
    "SHORT",
    "figure",
    "save",
    "shown",
    "tag",
    "under_tag",
    "wrapped",
]

BACKGROUND: Final = "#0e1117"
INK: Final = "#e8eaed"
DIM: Final = "#9aa4b2"
LONG: Final = "#ff5c67"
SHORT: Final = "#2fbf9b"
BOOK: Final = "#5b87c9"
GUESS: Final = "#b9a7f5"
POCKET: Final = "#ffc145"

_TAG: Final = 0.025  # of the axis: half the height of a tag
_DPI: Final = 150
_INCHES: Final = (7.2, 9.0)  # 1080 by 1350 points: what phones show whole
_SALT: Final = "airpocket"  # ids in an SVG follow from it, not from chance
_LOOK: Final[dict[str, Any]] = {
    "axes.edgecolor": DIM, "axes.facecolor": BACKGROUND, "axes.labelcolor": DIM,
    "figure.facecolor": BACKGROUND, "font.family": "DejaVu Sans", "font.size": 11.0,
    "savefig.facecolor": BACKGROUND, "svg.fonttype": "path", "svg.hashsalt": _SALT,
    "text.color": INK, "text.parse_math": False, "xtick.color": DIM, "ytick.color": INK,
}  # fmt: skip


@contextmanager
def figure() -> Iterator["Figure"]:
    """Give an empty figure in the look of the house, whatever the reader's own settings are."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(cast("Any", _LOOK))
        made = Figure(figsize=_INCHES, dpi=_DPI)
        FigureCanvasAgg(made)
        yield made


def save(made: "Figure", out: Path) -> None:
    """Write a figure as PNG or SVG, whole or not at all, with no date in it.

    Parameters
    ----------
    made
        Of :func:`figure`, within its context.
    out
        Ends in ``.png`` or ``.svg``; an existing file is never overwritten.

    Raises
    ------
    InputError
        If the name ends otherwise or is taken.
    """
    kind = out.suffix.lower().removeprefix(".")
    if kind not in {"png", "svg"}:
        raise InputError(f"{out}: a picture ends in .png or .svg")
    metadata = {"Software": None} if kind == "png" else {"Date": None, "Creator": "airpocket"}
    with aside(out) as path:
        made.savefig(path, format=kind, dpi=_DPI, metadata=metadata)


def tag(axes: "Axes", price: float) -> None:
    """Draw a price as charts do: a line, and the figure as a tag on the axis."""
    axes.axhline(price, color=INK, linewidth=1.4, zorder=6)
    axes.text(
        -0.012, price, f"{price:,.8g}", transform=axes.get_yaxis_transform(), ha="right",
        va="center", size=12, weight="bold", color=BACKGROUND, zorder=8, clip_on=False,
        bbox={"boxstyle": "round,pad=0.22", "facecolor": INK, "edgecolor": "none"},
    )  # fmt: skip


def under_tag(price: float, tagged: float, limits: tuple[float, float]) -> bool:
    """Tell whether a label of the axis would lie under the tag.

    Examples
    --------
    >>> under_tag(70_000.0, 70_328.0, (50_000.0, 90_000.0))
    True
    """
    return abs(price - tagged) < _TAG * (limits[1] - limits[0])


def shown(text: str) -> str:
    r"""Keep a text on its line, and to marks that the picture's font has.

    Examples
    --------
    >>> shown("a\n行")
    'a\\n\\u884c'
    """
    known = _marks()
    return "".join(mark if ord(mark) in known else ascii(mark)[1:-1] for mark in plain(text))


def _marks() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


def wrapped(text: str, width: int, most: int = 3) -> list[str]:
    """Break a text into lines of at most so many marks; what is too long ends in an ellipsis.

    Examples
    --------
    >>> wrapped("one two three", 7), wrapped("one two three four", 7, most=2)
    (['one two', 'three'], ['one two', 'three…'])
    """
    import textwrap

    return textwrap.wrap(text, width, max_lines=most, placeholder="…")
