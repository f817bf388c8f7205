"""The cursor of a list that runs from new to old: opaque to clients, an order's running number to us."""

import base64
import binascii
import re

from backbone.contract.errors import Problem, Violation

_CURSOR = re.compile(rb"o([1-9][0-9]{0,17})", re.ASCII)


def write_cursor(order_seq: int) -> str:
    """Return the text that continues a list right after this order."""
    return base64.urlsafe_b64encode(b"o%d" % order_seq).rstrip(b"=").decode()


def read_cursor(text: str) -> int:
    """Read what `write_cursor` wrote.

    Raises:
        Violation: it is not one of ours.

    >>> read_cursor(write_cursor(42))
    42
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    match = _CURSOR.fullmatch(raw)
    if match is None:
        raise Violation.field(Problem.BAD_REQUEST, "after", "must be the `next` of an earlier answer")
    return int(match[1])
