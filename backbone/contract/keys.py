"""API keys: three kinds told apart by prefix, stored as SHA-256 only.

Pure: the random bytes of a new key come in from outside.
"""

import base64
import hashlib
import re
from enum import Enum

KEY_BYTES = 32
_KEY = re.compile(r"bw_(op|store|term)_[A-Za-z0-9_-]{43}", re.ASCII)


class KeyKind(Enum):
    """The kinds of key: whom they speak for."""

    OPERATOR = "op"
    STOREFRONT = "store"
    TERMINAL = "term"


def make_key(kind: KeyKind, entropy: bytes) -> str:
    """Return the key text for 32 random bytes, e.g. `bw_term_…` (43 URL-safe characters after the prefix)."""
    if len(entropy) != KEY_BYTES:
        raise ValueError(f"a key is made from {KEY_BYTES} random bytes, not {len(entropy)}")
    return f"bw_{kind.value}_{base64.urlsafe_b64encode(entropy).rstrip(b'=').decode()}"


def hash_key(key: str) -> bytes | None:
    """Return the SHA-256 a key is stored under, or None for a text that cannot be a key."""
    if _KEY.fullmatch(key) is None:
        return None
    return hashlib.sha256(key.encode()).digest()


def key_name(key_hash: bytes) -> str:
    """Return what a key is called where it must not be shown: the beginning of its hash, 12 hexadecimal digits."""
    return key_hash[:6].hex()


def looks_like_key(text: str) -> bool:
    """Whether a text carries something shaped like a key; such a text never goes into a log."""
    return re.search(r"bw_(op|store|term)_", text) is not None
