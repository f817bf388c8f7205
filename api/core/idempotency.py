"""The rule by which two requests are the same one: the key that the client chose, and a fingerprint of what it asks.

The database decides to which owner a key belongs.

Why: docs/decisions/0097-keys-have-a-life.md
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import orjson

from backbone.contract.errors import Problem, Violation

HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)


def parse_key(header: str | None) -> str | None:
    """Read the header; None stays None.

    Raises:
        Violation: it is not 1 to 255 visible ASCII characters.
    """
    if header is None or _KEY.fullmatch(header) is not None:
        return header
    raise Violation.field(Problem.BAD_REQUEST, HEADER, "must be 1 to 255 visible ASCII characters")


def fingerprint(method: str, template: str, path: Mapping[str, str], body: Any) -> bytes:
    """Return the SHA-256 of what is asked; the order of members and the spaces between them do not count."""
    asked = [method, template, path, body]
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).digest()
