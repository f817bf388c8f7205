"""Pairing codes: eight characters that a person types into a new till. Pure.

Crockford's base32, so that nothing is mistaken for something else; 40 random bits, good for ten minutes and once. Kept
as an HMAC only, since 40 bits of a plain hash are found by trying all.
"""

import hmac

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_BITS = 40
CODE_LENGTH = 8
LIFE_SECONDS = 600
_READ = {**{symbol: symbol for symbol in ALPHABET}, "O": "0", "I": "1", "L": "1"}


def write_code(number: int) -> str:
    """Return the code of a number of 40 bits.

    >>> write_code(0)
    '00000000'
    """
    return "".join(ALPHABET[number >> shift & 31] for shift in range(CODE_BITS - 5, -1, -5))


def read_code(text: str) -> str | None:
    """Read what somebody typed: without case and dashes, O as 0, I and L as 1; None for what cannot be a code.

    >>> read_code("o1il-abcd")
    '0111ABCD'
    """
    symbols = [_READ.get(symbol) for symbol in text.strip().upper() if symbol != "-"]
    if len(symbols) != CODE_LENGTH or None in symbols:
        return None
    return "".join(symbol for symbol in symbols if symbol is not None)


def code_hmac(secret: bytes, code: str) -> bytes:
    """Return what a code is stored as and found by."""
    return hmac.digest(secret, b"pairing/" + code.encode(), "sha256")
