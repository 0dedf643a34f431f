"""``airpocket check``: where one position stands under its venue's rules, and among others."""

from typing import TYPE_CHECKING

from airpocket.app.check_command import Asked
from airpocket.app.check_facts import Facts, facts_json, facts_of
from airpocket.app.check_report import print_facts
from airpocket.app.check_words import market_of
from airpocket.app.ladder_commands import DepthOptions
from airpocket.app.printing import json_line

if TYPE_CHECKING:
    from airpocket.app.check_chain import Chain

__all__ = ["run", "told"]


def run(asked: Asked, book: DepthOptions, *, as_json: bool) -> None:
    """Print where a position stands.

    Raises
    ------
    InputError
        If it cannot be said; nothing has been printed then.
    """
    facts, chain = told(asked, book)
    if not as_json:
        print_facts(facts, chain)
        return
    found = None
    if chain is not None:
        from airpocket.app.check_chain import chain_json

        found = chain_json(chain)
    json_line(facts_json(facts) | {"chain": found})


def told(asked: Asked, book: DepthOptions) -> tuple[Facts, "Chain | None"]:
    """Work out what is known of a position, and of its place among others if they were given.

    Raises
    ------
    InputError
        If a word cannot be used, the rules refuse the position, or a source cannot be read.
    """
    market = market_of(asked)
    if not _asks_of_others(asked, book):
        return facts_of(asked, market), None
    # Half a second of loading that a position by itself does not need.
    from airpocket.app.check_chain import chain_of, surroundings_of

    around = surroundings_of(asked, book, market)
    seen_mark = None if around is None else around.ladder.mark_price
    facts = facts_of(asked, market, seen_mark=seen_mark)
    return facts, None if around is None else chain_of(facts, around)


def _asks_of_others(asked: Asked, book: DepthOptions) -> bool:
    given = (asked.positions, asked.daily_volume, asked.absorbed)
    return book != DepthOptions() or any(word is not None for word in given)
