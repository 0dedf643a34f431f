"""The many ways to write one word, folded into few: what the linter reads instead of the text.

Capitals, HTML and Markdown, escapes, camelCase, l33t and l e t t e r s set apart all hide a word
from a word list. Each folding here undoes some of them. Letters of other alphabets
are not folded but refused outright (:func:`strangers`): templates are English, so a Cyrillic "о" in
an alert has no honest reason to be there.
"""

import html
import re
import unicodedata
from collections.abc import Iterator
from itertools import groupby
from typing import Final
from urllib.parse import unquote

from airpocket.alerts.banned import PHRASES, WORDS

__all__ = ["foldings", "is_allowed", "set_apart", "strangers", "words_of_key"]

# Signs that the templates use beside ASCII and Chinese.
_TYPOGRAPHY: Final = frozenset("×−–—…≥≤≈±·•")
_TAG: Final = re.compile(r"<[^<>]{0,300}>")
_ESCAPE: Final = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z]{2})(?=[0-9])")
_SPACES: Final = re.compile(r"[ \t\r\f\v]+")
_TOKEN: Final = re.compile(r"[a-z0-9$@!|+]{3,}")
_LETTER: Final = re.compile("[a-z]")
_NUMBER: Final = re.compile(r"\d{1,30}e\d{1,5}")  # 5e11 is a number, not "sell"
_INSIDE: Final = re.compile(r"(?<=[a-z0-9])[-_.*~'\"`·+/\\|,]{1,3}(?=[a-z0-9])")
_NOT_WORD: Final = re.compile(r"[^a-z0-9$%×]+")
_NOT_MARK: Final = re.compile(r"[^a-z0-9$@!|]+")
# Every word that a rule speaks of, alone or in a phrase.
_KNOWN: Final = frozenset(
    {*WORDS, *(word for _, one in PHRASES for word in re.findall("[a-z]{2,}", one.pattern))}
)
_LEET: Final = (
    str.maketrans("013456789$@!|+", "oleasgtbgsallt"),
    str.maketrans("013456789$@!|+", "oieasgtbysaiit"),
)


def is_allowed(character: str) -> bool:
    r"""Tell whether a character may appear in an alert at all.

    Examples
    --------
    >>> is_allowed("a"), is_allowed("×"), is_allowed("币"), is_allowed("\u043e")  # Cyrillic o
    (True, True, True, False)
    """
    return (
        " " <= character <= "~"
        or character == "\n"
        or "\u4e00" <= character <= "\u9fff"
        or character in _TYPOGRAPHY
    )


def strangers(text: str) -> str:
    r"""List the characters of a text that no alert may contain, each once, escaped to be seen.

    Examples
    --------
    >>> print(strangers("st\u043e\u0440 \x1b[2J 🚀"))
    \u043e \u0440 \x1b \U0001f680
    """
    strange = dict.fromkeys(character for character in text if not is_allowed(character))
    return " ".join(ascii(character)[1:-1] for character in strange)


def foldings(text: str) -> tuple[str, ...]:
    """Every folding of a text that the word list is held against, without repetition.

    Examples
    --------
    >>> "take profit" in foldings("<b>takeProfit</b>")
    True
    >>> "stop" in foldings("5t0p"), "stop" in foldings("s-t.op")
    (True, True)
    """
    folded: dict[str, None] = {}
    for bare in _bare(text):
        flat = _flat(bare)
        leet = [_unleet(flat, table) for table in _LEET]
        for view in (flat, _flat(_CAMEL.sub(" ", bare)), *leet):
            folded[view] = None
            folded[_INSIDE.sub("", view)] = None
            folded[_NOT_WORD.sub(" ", view).strip()] = None
    return tuple(folded)


def set_apart(text: str) -> Iterator[str]:
    """Words whose letters were set apart, put together again.

    Examples
    --------
    >>> list(set_apart("an e n t r y, and a s.t.0.p"))
    ['entry', 'astop']
    """
    for bare in _bare(text):
        marks = _NOT_MARK.split(_flat(bare))
        for alone, run in groupby(marks, key=lambda mark: len(mark) == 1):
            letters = list(run)
            if alone and len(letters) >= 3:
                joined = "".join(letters)
                yield from dict.fromkeys(joined.translate(table) for table in _LEET)


def words_of_key(key: str) -> tuple[str, ...]:
    """Split the name of a field into its words.

    Examples
    --------
    >>> words_of_key("entryPrice"), words_of_key("stop_loss"), words_of_key("TP1")
    (('entry', 'price'), ('stop', 'loss'), ('tp', '1'))
    """
    split = _CAMEL.sub(" ", unicodedata.normalize("NFKC", key))
    return tuple(_NOT_WORD.sub(" ", split.lower()).split())


def _bare(text: str) -> tuple[str, ...]:
    """Give the text as written, and with markup and escapes taken off, joined and spaced."""
    wide = unicodedata.normalize("NFKC", text)
    bare = wide
    for _ in range(3):  # an escape within an escape within an escape
        bare = unquote(html.unescape(_ESCAPE.sub(_character, bare)))
    bare = unicodedata.normalize("NFKC", bare).replace("\\n", "\n").replace("\\", "")
    return tuple(dict.fromkeys((wide, _TAG.sub("", bare), _TAG.sub(" ", bare))))


def _flat(text: str) -> str:
    lines = text.casefold().replace("_", " ").replace("\n", " ; ")
    return _SPACES.sub(" ", lines).strip()


def _unleet(text: str, table: dict[int, int]) -> str:
    """Read l33t, but only where it spells a word that a rule knows: ``3m`` and ``20h`` stay."""

    def read(match: re.Match[str]) -> str:
        token = match[0]
        if token.isdigit() or not _LETTER.search(token) or _NUMBER.fullmatch(token):
            return token  # the 51st second is not "sl"
        word = token.translate(table)
        return word if word in _KNOWN else token

    return _TOKEN.sub(read, text)


def _character(match: re.Match[str]) -> str:
    return chr(int(match[1] or match[2], 16))
