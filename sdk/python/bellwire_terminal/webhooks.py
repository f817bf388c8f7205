"""Is a webhook's message genuine? Standard Webhooks: an HMAC-SHA256 over its id, its time and its bytes."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

from bellwire_terminal.errors import NotGenuine

TOLERANCE_SECONDS = 300.0
PREFIX = "whsec_"


def verify(
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: float | None = None,
    tolerance: float = TOLERANCE_SECONDS,
) -> dict[str, Any]:
    """Return the message, when its signature fits the endpoint's secret and it is of now.

    `headers` are looked up whatever their case; `body` are the bytes as they came, not parsed and written again. While
    a secret is being changed the message has two signatures, and either will do.

    Raises:
        NotGenuine: it is not signed by this secret, too old or from the future, or no JSON object.
    """
    found = {name.lower(): value for name, value in headers.items()}
    try:
        id_, moment, said = (found[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        age = (time.time() if now is None else now) - int(moment)
    except (KeyError, ValueError, binascii.Error) as exc:
        raise NotGenuine(f"a header or the secret is missing or malformed ({exc})") from exc
    if abs(age) > tolerance:
        raise NotGenuine(f"the message is {age:.0f} s old")
    wanted = hmac.new(key, b"%b.%b." % (id_.encode(), moment.encode()) + body, hashlib.sha256).digest()
    if not any(hmac.compare_digest(wanted, _signature(one)) for one in said.split()):
        raise NotGenuine("no signature fits")
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise NotGenuine("the message is no JSON") from exc
    if not isinstance(message, dict):
        raise NotGenuine("the message is no object")
    return message


def _signature(text: str) -> bytes:
    version, _, encoded = text.partition(",")
    if version != "v1":
        return b""
    try:
        return base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        return b""
