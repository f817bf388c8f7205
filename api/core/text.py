"""The rules for texts: line ends read one way, no control characters, and something to see in a name. Pure."""

import re

from backbone.contract.names import MAX_NAME, is_name, is_visible

_LINE_ENDS = re.compile("\r\n?")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


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
    if any(is_visible(character) for character in text):
        return text
    raise ValueError("must have a visible character")


def is_plain_name(text: str) -> bool:
    """Whether a name, not empty, is one as it stands: printed characters alone, something to see first, no blank last.

    >>> [is_plain_name(text) for text in ("Ayran", " Ayran", "\u3164")]
    [True, False, False]
    """
    first = text[0]
    return text.isprintable() and ("!" <= first <= "~" or is_visible(first)) and text[-1] != " "


def route_name(text: str) -> str:
    """Return the name of a station or a category as it is.

    Raises:
        ValueError: it is none that a filter could ask for.

    >>> route_name("Pizza oven")
    'Pizza oven'
    """
    if is_name(text):
        return text
    raise ValueError(f"must be a name of 1 to {MAX_NAME} visible characters without a comma")


def external_id(text: str) -> str:
    """Return an id of somebody else's as it is.

    Raises:
        ValueError: it holds something that one could not see, a space too.

    >>> external_id("UE#4F-12")
    'UE#4F-12'
    """
    if all(is_visible(character) for character in text):
        return text
    raise ValueError("must be visible characters alone, without spaces")
