"""Tickets: what a page puts into an address where it cannot send a key. Good once, for a minute. Pure.

Hexadecimal, so that no encoding of an address changes one, and none looks like a key. Kept as SHA-256 only.
"""

import hashlib
import re

LIFE_SECONDS = 60
TICKET_BYTES = 32
PARAMETER = "ticket"
"""Where a ticket stands in a query, and the only place where one may."""
_PREFIX = "bw_ticket_"
_TICKET = re.compile(_PREFIX + "[0-9a-f]{64}", re.ASCII)


def make_ticket(entropy: bytes) -> str:
    """Return the ticket of 32 random bytes: `bw_ticket_` and 64 hexadecimal digits."""
    if len(entropy) != TICKET_BYTES:
        raise ValueError(f"a ticket is made from {TICKET_BYTES} random bytes, not {len(entropy)}")
    return _PREFIX + entropy.hex()


def hash_ticket(ticket: str) -> bytes | None:
    """Return the SHA-256 a ticket is stored under, or None for a text that cannot be one.

    >>> hash_ticket("bw_ticket_") is None
    True
    """
    if _TICKET.fullmatch(ticket) is None:
        return None
    return hashlib.sha256(ticket.encode()).digest()


def looks_like_ticket(text: str) -> bool:
    """Whether a text carries something shaped like a ticket; such a text never goes into a log or an answer."""
    return _PREFIX in text.lower()
