"""The answers about terminals: their connections, their keys' owners."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from api.http.documents.values import Moment, Position
from backbone.runtime.openapi import Answer


class Connection(Answer):
    """A time for which a terminal was connected; `to` is null while it is."""

    from_: Moment = Field(alias="from")
    to: Moment | None
    gateway: str | None = Field(description="Null for one that polled.")
    door: Literal["websocket", "sse", "polling"]
    code: int | None = Field(description="With which the connection was closed, where that is known.")


class ConnectionInFull(Connection):
    """The same, with where it came from and what it was sent."""

    address: str | None = Field(default=None, description="For operators, and for 30 days.")
    agent: str | None = Field(default=None, description="For operators.")
    first_offset: Position = Field(description="Behind which it began.")
    last_offset: Position = Field(description="Up to which it was sent.")


class ConnectionList(Answer):
    """A terminal's last connections, newest first."""

    connections: list[ConnectionInFull]
    shared_key: bool = Field(description="Two devices use its key, and throw each other out.")


class TerminalRegistered(Answer):
    """A new terminal; the key is said here, once."""

    terminal_id: UUID
    name: str
    role: str | None
    key: str


class TicketMade(Answer):
    """A ticket, said here, once; until then it is good for one stream of its terminal."""

    ticket: str
    expires_at: Moment


class TerminalRotated(Answer):
    """A terminal's new key, said here, once; until then the one before is valid too."""

    terminal_id: UUID
    key: str
    previous_valid_until: Moment | None


class TerminalPaired(Answer):
    """A terminal that came of a code; the key is said here, once."""

    tenant: str
    terminal_id: UUID
    name: str
    key: str


class TerminalStanding(Answer):
    """A terminal, and whether it listens."""

    terminal_id: UUID
    name: str
    role: str | None
    online: bool
    gateway: str | None
    last_seen: Moment | None
    acked_offset: Position | None
    lag: int | None


class TerminalList(Answer):
    """The terminals of a tenant, oldest first."""

    terminals: list[TerminalStanding]


class Whoami(Answer):
    """The kind and the owner of a key; a field that does not apply is null."""

    kind: Literal["op", "store", "term"]
    tenant: str | None
    terminal_id: UUID | None
    acked_offset: Position | None = Field(description="A terminal's newest ack.")


class Till(Answer):
    """A terminal, and its shop as it needs it."""

    tenant: str
    shop: str = Field(description="The shop's name, for people.")
    terminal_id: UUID
    name: str
    role: str | None
    currency: str | None
    time_zone: str
    country: str | None
    ack_deadline_seconds: int
    preparation_minutes: int
    paused: bool
    paused_reason: str | None
