"""The signature that goes with every event through Redis and says that a pod said it. Pure.

Redis may lie. A pod that knows the secret signs what it puts there, and believes only what was signed with it: a keyed
hash (BLAKE2b, 16 bytes, in hexadecimal) of the tenant and of the live message, which holds offset, type, commit time
and payload, so everything that an event is and all that filters read.

Why: docs/decisions/0098-signed-messages.md
"""

from hashlib import blake2b
from hmac import compare_digest
from typing import Any

from backbone.contract.errors import Problem, Violation
from backbone.contract.event import Event, decode_live

SIGNATURE_BYTES = 16
_KEY_BYTES = 32
_PERSON = b"bellwire redis 1"
"""BLAKE2's personalisation: another use of the same secret gives other keys."""
_BETWEEN = b","
_MOST_CHARACTERS = 256


class Signatures:
    """Signs with every secret that it was given, believes what is signed with any of them.

    While a secret is changed pods have two, so that those that know the old one alone and those that know the new one
    believe each other.
    """

    __slots__ = ("_hashes",)

    def __init__(self, *secrets: str) -> None:
        assert secrets, "somebody who knows no secret signs nothing"
        # Copied for each message: the block that holds the key is hashed once.
        self._hashes = tuple(_hash_with(secret) for secret in secrets)

    def sign(self, tenant: str, live: bytes) -> bytes:
        """Return the signatures of a live message, one for each secret, with commas between them."""
        prefix = tenant.encode() + b" "
        return _BETWEEN.join([_digest(keyed, prefix, live) for keyed in self._hashes])

    def fits(self, tenant: str, live: bytes, signatures: bytes) -> bool:
        """Whether one of the signatures is of this message of this tenant, made with a secret that is ours."""
        if len(signatures) > _MOST_CHARACTERS:
            return False
        prefix = tenant.encode() + b" "
        for keyed in self._hashes:
            expected = _digest(keyed, prefix, live)
            # Nearly always there is one of each.
            if compare_digest(expected, signatures):
                return True
            for signature in signatures.split(_BETWEEN):
                if compare_digest(expected, signature):
                    return True
        return False

    def seal(self, tenant: str, live: bytes) -> bytes:
        """Return the message of the signed channel: the signatures, a space, the live message untouched."""
        return b"%b %b" % (self.sign(tenant, live), live)

    def unseal(self, tenant: str, message: bytes) -> Event:
        """Read what `seal` wrote.

        Raises:
            Violation: it is not of this form, or not signed for this tenant with a secret of ours.
        """
        signatures, _, live = message.partition(b" ")
        if not self.fits(tenant, live, signatures):
            raise Violation(Problem.BAD_REQUEST, "not signed with a secret of ours")
        return decode_live(live)


def _hash_with(secret: str) -> Any:
    key = blake2b(secret.encode(), digest_size=_KEY_BYTES, person=_PERSON).digest()
    return blake2b(key=key, digest_size=SIGNATURE_BYTES, person=_PERSON)


def _digest(keyed: Any, prefix: bytes, live: bytes) -> bytes:
    # A slug has no space in it, so there is one way to read the two.
    one = keyed.copy()
    one.update(prefix)
    one.update(live)
    digest: bytes = one.hexdigest().encode()
    return digest
