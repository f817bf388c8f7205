"""The answers about storefront keys and pairing codes."""

from uuid import UUID

from api.http.documents.values import Moment
from backbone.runtime.openapi import Answer


class StorefrontKey(Answer):
    """A storefront key by its name; `createdBy` is the name of the key that made it."""

    key_id: str
    name: str | None
    created_at: Moment
    created_by: str | None
    expires_at: Moment | None
    last_used_at: Moment | None
    may_pair: bool


class KeyMade(StorefrontKey):
    """A new storefront key; the key is said here, once."""

    key: str


class KeyList(Answer):
    """The storefront keys of a tenant that are valid, oldest first."""

    keys: list[StorefrontKey]


class PairingStanding(Answer):
    """A pairing code, never itself; `terminalId` is the terminal that came of it."""

    pairing_id: UUID
    name: str
    role: str | None
    created_at: Moment
    created_by: str
    expires_at: Moment
    terminal_id: UUID | None


class PairingMade(PairingStanding):
    """A new pairing code; it is said here, once."""

    code: str


class PairingList(Answer):
    """The codes of a tenant that may still be typed, oldest first."""

    pairings: list[PairingStanding]
