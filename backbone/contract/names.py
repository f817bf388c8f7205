"""Names of stations and categories: what one is, and when two are the same. Pure."""

import unicodedata
from unicodedata import normalize

MAX_NAME = 64
# Letters and symbols by their category that fonts draw as nothing.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\ufffc\U0001d159")
# L, N, P, S: letters, numbers, punctuation, symbols. Co: private use, which a till's font may draw.
_VISIBLE = frozenset("LNPS")


def is_name(text: str) -> bool:
    """Whether this can name a station or a category: on one line, something to see, and no comma, which parts a list.

    >>> [is_name(text) for text in ("Pizza oven", "a,b", " ", "a\\tb", "x" * 65)]
    [True, False, False, False, False]
    """
    return len(text) <= MAX_NAME and "," not in text and text.isprintable() and any(map(is_visible, text))


def folded(name: str) -> str:
    """Return the form of a name that those which differ in case alone have in common.

    An accent may be a character of its own or part of its letter, as the sender's keyboard had it: one sees no
    difference (Unicode's canonical caseless matching).

    >>> folded("Grill") == folded("GRILL")
    True
    >>> folded("CAFE\u0301") == folded("caf\u00e9")
    True
    """
    if name.isascii():
        return name.casefold()
    return normalize("NFC", normalize("NFD", name).casefold())


def is_visible(character: str) -> bool:
    """Whether one sees something of a character."""
    if "!" <= character <= "~":
        return True
    category = unicodedata.category(character)
    if category == "Cn":
        # Not assigned in this Python's tables: a newer symbol, unless Unicode keeps the place for invisible ones.
        return not _is_reserved_invisible(ord(character))
    return (category[0] in _VISIBLE or category == "Co") and character not in _BLANK


def _is_reserved_invisible(code: int) -> bool:
    return (
        0xE0000 <= code <= 0xE0FFF
        or code == 0x2065
        or 0xFFF0 <= code <= 0xFFF8
        or 0xFDD0 <= code <= 0xFDEF
        or code & 0xFFFE == 0xFFFE
    )
