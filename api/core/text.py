"""The rules for texts: line ends read one way, no control characters, and something to see in a name. Pure."""

import re
import unicodedata

_LINE_ENDS = re.compile("\r\n?")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Letters and symbols by their category that fonts draw as nothing.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\ufffc\U0001d159")
# L, N, P, S: letters, numbers, punctuation, symbols. Co: private use, which a till's font may draw.
_VISIBLE = frozenset("LNPS")


def clean_text(text: str) -> str:
    """Return `text` with CR LF and CR as newlines.

    Raises:
        ValueError: it holds a control character (C0, DEL or C1) other than tab and newline: printers obey those.

    >>> clean_text("no onions\\r\\nextra hot")
    'no onions\\nextra hot'
    """
    if text.isprintable():
        return text
    text = _LINE_ENDS.sub("\n", text)
    found = _CONTROLS.search(text)
    if found is not None:
        raise ValueError(f"must not contain control characters, such as U+{ord(found[0]):04X}")
    return text


def require_visible(text: str) -> str:
    """Return `text` as it is.

    Raises:
        ValueError: it has nothing that one could see: only spaces, joiners, marks of direction and the like.
    """
    if any(_is_visible(character) for character in text):
        return text
    raise ValueError("must have a visible character")


def is_plain_name(text: str) -> bool:
    """Whether a name, not empty, is one as it stands: printed characters alone, something to see first, no blank last.

    >>> [is_plain_name(text) for text in ("Ayran", " Ayran", "\u3164")]
    [True, False, False]
    """
    first = text[0]
    return text.isprintable() and ("!" <= first <= "~" or _is_visible(first)) and text[-1] != " "


def route_name(text: str) -> str:
    """Return the name of a station or a category as it is.

    Raises:
        ValueError: it holds a comma, which parts names in a list, or something that is no printed character.

    >>> route_name("Pizza oven")
    'Pizza oven'
    """
    if "," in text or not text.isprintable():
        raise ValueError("must be a name without a comma, on one line")
    return text


def external_id(text: str) -> str:
    """Return an id of somebody else's as it is.

    Raises:
        ValueError: it holds something that one could not see, a space too.

    >>> external_id("UE#4F-12")
    'UE#4F-12'
    """
    if all(_is_visible(character) for character in text):
        return text
    raise ValueError("must be visible characters alone, without spaces")


def _is_visible(character: str) -> bool:
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
