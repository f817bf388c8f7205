"""Gift card numbers: 16 symbols of Crockford's base32, 80 bits, and a check symbol.

A number is stored nowhere. It is derived from a secret and a salt, so that the answer to a retried sale can
be given again; it is found by its HMAC. Secrets and the salt's bytes come in from outside.

Why: docs/decisions/0007-gift-card-numbers.md, docs/decisions/0107-secrets-that-change.md
"""

import hashlib
import hmac
from collections.abc import Iterable

import orjson

from api.core.money import DECIMALS, json_cents

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUE = {symbol: value for value, symbol in enumerate(_ALPHABET)}
# Symbols that a hand writes and an eye misreads.
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})

SALT_BYTES = 16
_TAG_BYTES = 8
_NUMBER_BYTES = 10
NUMBER_SYMBOLS = 17
_SHOWN = 4


def make_salt(secret: bytes, entropy: bytes) -> str:
    """Return a salt that says under which secret it is: 16 random bytes, and 8 of their keyed hash."""
    if len(entropy) != SALT_BYTES:
        raise ValueError(f"a salt is made from {SALT_BYTES} random bytes, not {len(entropy)}")
    return entropy.hex() + _tag(secret, entropy)


def is_tagged(salt: str) -> bool:
    """Whether a salt says under which secret it is; one of before release 0.2 does not."""
    return len(salt) > 2 * SALT_BYTES


def secret_of_salt(salt: str, secrets: Iterable[bytes]) -> bytes | None:
    """Return the one of `secrets` that a salt says; None when it is none of them, or it says none."""
    entropy, tag = bytes.fromhex(salt[: 2 * SALT_BYTES]), salt[2 * SALT_BYTES :]
    return next((secret for secret in secrets if hmac.compare_digest(_tag(secret, entropy), tag)), None)


def _tag(secret: bytes, entropy: bytes) -> str:
    return hmac.digest(secret, b"bellwire gift card salt\0" + entropy, hashlib.sha256)[:_TAG_BYTES].hex()


def derive_number(secret: bytes, salt: bytes) -> str | None:
    """Return the card number that belongs to `salt`; None when its check symbol is not one that a till types.

    Crockford's check symbol is a remainder by 37; five of them are signs (`*~$=U`), for which the caller
    draws a new salt.
    """
    digest = hmac.digest(secret, b"bellwire gift card number\0" + salt, hashlib.sha256)
    number = int.from_bytes(digest[:_NUMBER_BYTES])
    check = number % 37
    if check >= len(_ALPHABET):
        return None
    symbols = [_ALPHABET[number >> shift & 31] for shift in range(75, -1, -5)]
    return "".join(symbols) + _ALPHABET[check]


def normalise_number(typed: str) -> str | None:
    """Return the number that somebody typed or read aloud; None when it cannot be one.

    Case, dashes and spaces do not matter; O is read as 0, I and L as 1.
    """
    if len(typed) > 4 * NUMBER_SYMBOLS:
        return None
    number = typed.upper().translate(_READ_AS)
    if len(number) != NUMBER_SYMBOLS or any(symbol not in _VALUE for symbol in number):
        return None
    value = 0
    for symbol in number[:-1]:
        value = value << 5 | _VALUE[symbol]
    return number if value % 37 == _VALUE[number[-1]] else None


def number_hmac(secret: bytes, number: str) -> bytes:
    """Return what a card is found by."""
    return hmac.digest(secret, b"bellwire gift card look-up\0" + number.encode(), hashlib.sha256)


def mask_number(number: str) -> str:
    """Return the number with everything hidden but its last four symbols.

    >>> mask_number("0123456789ABCDEFG")
    '*************DEFG'
    """
    return "*" * (len(number) - _SHOWN) + number[-_SHOWN:]


def last_four(number: str) -> str:
    """The part that may be shown."""
    return number[-_SHOWN:]


def purchased_data(
    number: str,
    cents: int,
    purchased_by: str,
    recipient_name: str | None,
    recipient_email: str | None,
    expiry_date: str | None,
    decimals: int = DECIMALS,
) -> bytes:
    """Return the `data` of the `gift_card_purchased` event."""
    return orjson.dumps(
        {
            "cardNumber": mask_number(number),
            "balance": json_cents(cents, decimals),
            "purchasedBy": purchased_by,
            "recipientName": recipient_name,
            "recipientEmail": recipient_email,
            "expiryDate": expiry_date,
        }
    )


def redeemed_data(number: str, cents: int, order_id: str | None, decimals: int = DECIMALS) -> bytes:
    """Return the `data` of the `gift_card_redeemed` event, but for what the database adds: `redemptionId`, `balance`,
    `by`.
    """
    return orjson.dumps(
        {"cardNumber": mask_number(number), "amount": json_cents(cents, decimals), "orderId": order_id}
    )
