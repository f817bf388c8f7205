"""The secrets of a pod, of which one is the newest and the others are kept until nothing stands under them. Pure.

A secret is called by eight bytes of a keyed hash, which stand beside what is under it: a name gives nothing away, and
all pods call a secret alike, whichever of them is the newest to them.

Why: docs/decisions/0107-secrets-that-change.md
"""

import hashlib
import hmac
from collections.abc import Iterable

ID_BYTES = 8
_LABEL = b"bellwire name of a secret\0"


def id_of(secret: bytes) -> bytes:
    """Return what a secret is called."""
    return hmac.digest(secret, _LABEL, hashlib.sha256)[:ID_BYTES]


class SecretRing:
    """Secrets, the newest first; one at least. One that is given twice counts once."""

    __slots__ = ("_by_id",)

    def __init__(self, newest: bytes, before: Iterable[bytes] = ()) -> None:
        self._by_id = {id_of(secret): secret for secret in [newest, *before]}

    @property
    def all(self) -> list[bytes]:
        """The secrets, newest first."""
        return list(self._by_id.values())

    @property
    def ids(self) -> list[bytes]:
        """Their names, likewise."""
        return list(self._by_id)

    @property
    def newest(self) -> bytes:
        """The one under which everything new stands."""
        return self.all[0]

    @property
    def newest_id(self) -> bytes:
        """Its name."""
        return self.ids[0]

    def get(self, secret_id: bytes) -> bytes | None:
        """Return the secret of this name, where it is one of these."""
        return self._by_id.get(secret_id)

    def joined(self, others: "SecretRing") -> "SecretRing":
        """Return a ring with the secrets of `others` behind these."""
        return SecretRing(self.newest, [*self.all, *others.all])
