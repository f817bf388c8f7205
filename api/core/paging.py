"""The cursors of lists that run from new to old: opaque to clients, an order's number or a report's place to us."""

import base64
import binascii
import re

from backbone.contract.errors import Problem, Violation

_CURSOR = re.compile(rb"o([1-9][0-9]{0,17})", re.ASCII)
_REPORT = re.compile(
    rb"d([0-9]{4}-[0-9]{2}-[0-9]{2})/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.ASCII
)


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
    match = _CURSOR.fullmatch(_decoded(text))
    if match is None:
        raise no_cursor()
    return int(match[1])


def write_report_cursor(day: str, terminal: str) -> str:
    """Return the text that continues a list of daily reports right after a terminal's of a day."""
    return base64.urlsafe_b64encode(f"d{day}/{terminal}".encode()).rstrip(b"=").decode()


def read_report_cursor(text: str) -> tuple[str, str]:
    """Read what `write_report_cursor` wrote: a day and a terminal, each of its form.

    Raises:
        Violation: it is not one of ours.

    >>> read_report_cursor(write_report_cursor("2026-11-28", "0f8fad5b-d9cb-469f-a165-70867728950e"))[0]
    '2026-11-28'
    """
    match = _REPORT.fullmatch(_decoded(text))
    if match is None:
        raise no_cursor()
    return match[1].decode(), match[2].decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""


def no_cursor() -> Violation:
    """The answer to a text that is no cursor of ours."""
    return Violation.field(Problem.BAD_REQUEST, "after", "must be the `next` of an earlier answer")
