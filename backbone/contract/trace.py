"""The W3C trace context of a request, as far as it travels with an event: `traceparent`, version 00. Pure.

Why: docs/decisions/0055-traceparent.md
"""

import re
from collections.abc import Sequence

HEADER = "traceparent"
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
# The envelope is ours, so its beginning has one form; see `encode_event`.
_IN_EVENT = re.compile(
    rb'\{"type":"[a-z_]+","tenant":"[a-z0-9-]+","offset":"[0-9-]+","id":"[a-z0-9_-]+","timestamp":"[0-9TZ:.-]+",'
    rb'"traceparent":"([0-9a-f-]{55})","data":'
)


def parse_traceparent(values: Sequence[str]) -> str | None:
    """Return the trace context of a request's headers.

    None without one, with several, or with one that is not well-formed: then there is no trace, and nothing else is
    different.

    >>> parse_traceparent(["00-" + 32 * "a" + "-" + 16 * "b" + "-01"])
    '00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01'
    >>> parse_traceparent([]) is None
    True
    """
    if len(values) != 1 or _TRACEPARENT.fullmatch(values[0]) is None:
        return None
    return values[0]


def traceparent_of(payload: bytes) -> str | None:
    """Return the trace context that an event carries; None when it carries none."""
    found = _IN_EVENT.match(payload)
    return None if found is None else found[1].decode()


def trace_id(traceparent: str | None) -> str | None:
    """Return the id of the trace alone, as logs have it.

    >>> trace_id("00-" + 32 * "a" + "-" + 16 * "b" + "-01") == 32 * "a"
    True
    """
    return None if traceparent is None else traceparent.split("-")[1]
