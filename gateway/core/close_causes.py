"""The cause of a connection's end in a word for the log, and whether somebody may want to know of it. Pure."""

from backbone.contract.errors import CloseCode

LOST = 1006
"""The code of a connection that ended without a word: the network, or a till that was switched off."""

_ORDINARY = frozenset({CloseCode.BYE, CloseCode.GOING_AWAY, CloseCode.RESTART})


def cause_of(code: int) -> str:
    """Return the cause as a word.

    >>> cause_of(4408), cause_of(1006), cause_of(3000)
    ('too_slow', 'lost', 'other')
    """
    if code == LOST:
        return "lost"
    try:
        return CloseCode(code).name.lower()
    except ValueError:
        return "other"


def is_ordinary(code: int) -> bool:
    """Whether tills end like that all day long: by themselves, by their network, or because a pod goes."""
    return code == LOST or code in _ORDINARY
