"""The secrets of endpoints: derived from those of the pods, and stored nowhere, so that no database gives one away.

An endpoint stands under one of the pods' secrets and stays there until it is rotated, which brings it under the newest:
its shop knows the secret that it was shown, and no other.

Why: docs/decisions/0107-secrets-that-change.md
"""

from uuid import UUID

from api.core.secret_ring import SecretRing
from api.core.signing import Signing
from api.webhooks.message import derive_secret
from backbone.contract.errors import Unavailable


class EndpointSecrets:
    """A pod's way to them, from its ring."""

    def __init__(self, ring: SecretRing) -> None:
        self._ring = ring

    @property
    def ids(self) -> list[bytes]:
        """The names of the pods' secrets that are known here."""
        return self._ring.ids

    @property
    def newest_id(self) -> bytes:
        """The name of the one that new endpoints stand under."""
        return self._ring.newest_id

    def newest(self, endpoint: UUID, generation: int) -> str:
        """Return the secret of an endpoint that was just made or rotated."""
        return derive_secret(self._ring.newest, endpoint, generation)

    def signers(self, endpoint: UUID, signing: Signing) -> list[str]:
        """Return the secrets that sign, the newest first. One of before that is not known here signs no more.

        Raises:
            Unavailable: the newest one is not known here.
        """
        found = self._derive(endpoint, signing.generation, signing.secret_id)
        if found is None:
            raise Unavailable("the secret of this webhook")
        before = None
        if signing.rotating:
            before = self._derive(endpoint, signing.generation - 1, signing.previous_secret_id)
        return [found] if before is None else [found, before]

    def _derive(self, endpoint: UUID, generation: int, secret_id: bytes | None) -> str | None:
        secret = self._ring.all[-1] if secret_id is None else self._ring.get(secret_id)
        return None if secret is None else derive_secret(secret, endpoint, generation)
