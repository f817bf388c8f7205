"""Webhook messages: genuine ones by the specification's own library, and every other kind."""

from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from bellwire_terminal import NotGenuine
from bellwire_terminal.webhooks import verify

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
NOW = 1_764_000_000
BODY = b'{"type":"new_order","offset":"1-42","data":{}}'


def headers(secret: str = SECRET, body: bytes = BODY, at: int = NOW) -> dict[str, str]:
    signature = Webhook(secret).sign("1-42", datetime.fromtimestamp(at, UTC), body.decode())
    return {"Webhook-Id": "1-42", "Webhook-Timestamp": str(at), "Webhook-Signature": signature}


def test_what_the_specification_s_library_signs_is_genuine() -> None:
    assert verify(SECRET, headers(), BODY, now=NOW)["offset"] == "1-42"


def test_of_two_signatures_either_will_do() -> None:
    both = headers()
    both["Webhook-Signature"] = headers(OTHER)["Webhook-Signature"] + " " + both["Webhook-Signature"]
    for secret in (SECRET, OTHER):
        assert verify(secret, both, BODY, now=NOW)["type"] == "new_order"


@pytest.mark.parametrize(
    "change",
    [
        {"secret": OTHER},
        {"body": BODY + b" "},
        {"now": NOW + 301},
        {"now": NOW - 301},
        {"headers": {**headers(), "Webhook-Id": "1-43"}},
        {"headers": {**headers(), "Webhook-Timestamp": "soon"}},
        {"headers": {**headers(), "Webhook-Signature": "v2,AAAA v1,?"}},
        {"headers": {}},
        {"secret": "whsec_?"},
    ],
)
def test_anything_else_is_not(change: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"secret": SECRET, "headers": headers(), "body": BODY, "now": NOW, **change}
    with pytest.raises(NotGenuine):
        verify(asked["secret"], asked["headers"], asked["body"], now=asked["now"])


def test_a_message_that_is_no_object_is_not() -> None:
    for body in (b"[]", b"no"):
        with pytest.raises(NotGenuine):
            verify(SECRET, headers(body=body), body, now=NOW)
