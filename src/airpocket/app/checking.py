"""``airpocket check``: where one position stands under its venue's rules."""

from airpocket.app.check_command import Asked
from airpocket.app.check_facts import facts_json, facts_of
from airpocket.app.check_report import print_facts
from airpocket.app.check_words import market_of
from airpocket.app.printing import json_line

__all__ = ["run"]


def run(asked: Asked, *, as_json: bool) -> None:
    """Print where a position stands.

    Raises
    ------
    InputError
        If it cannot be said; nothing has been printed then.
    """
    market = market_of(asked)
    facts = facts_of(asked, market)
    if as_json:
        json_line(facts_json(facts))
    else:
        print_facts(facts, [], [])
