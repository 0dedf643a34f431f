"""Where the positions of a venue are force-closed, against its order book, on one price axis.

Run it anywhere, it reads only what lies beside it (positions.csv and book.raw, both made up):

    python examples/02_venue_ladder.py [OUT.png]

The command line does the same:

    airpocket map examples/positions.csv --depth examples/book.raw --within 8%

What it prints is committed beside it as 02_venue_ladder.md; a name that ends in .png or .svg gets
the picture.
"""

import sys
from pathlib import Path

from rich.text import Text

from airpocket.app.ladder_buckets import LadderMap
from airpocket.app.ladder_drawing import lines_of
from airpocket.app.ladder_picture import draw_map
from airpocket.app.ladder_sources import Wanted
from airpocket.app.mapping import Book, map_of
from airpocket.market.events import Side

HERE = Path(__file__).parent
SYMBOL = "BTC/USDC:USDC"


def drawn_map() -> LadderMap:
    """Lay the positions out by the venue's rules, and the book beside them."""
    wanted = Wanted(symbol=SYMBOL)
    book = Book(path=HERE / "book.raw")
    return map_of([HERE / "positions.csv"], wanted, book, within=0.08)


def main() -> None:
    """Print the map, and draw it if a name is given."""
    drawn = drawn_map()
    print(f"# Where forced orders wait: {SYMBOL}, made up\n\n```")
    for line in lines_of(drawn):
        print(Text.from_markup(line).plain)
    print("```\n\nWhat a move of 5 % would reach:\n")
    for side, name in ((Side.LONG, "longs below"), (Side.SHORT, "shorts above")):
        levels = drawn.ladder.side(side)
        away = levels.price / drawn.ladder.mark_price - 1
        met = abs(away) <= 0.05
        print(
            f"- {int(met.sum())} {name}, {levels.notional_usd[met].sum():,.0f} USD in all, the "
            f"first at {levels.price[0]:,.1f} ({away[0]:+.2%})"
        )
    if len(sys.argv) > 1:
        draw_map(drawn, Path(sys.argv[1]))


if __name__ == "__main__":
    main()
