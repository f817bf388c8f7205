"""A page of events, as polling answers it."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from api.http.documents.values import Moment, Position
from backbone.runtime.openapi import Answer


class EventDocument(Answer):
    """One event, the same on every door; `data` is as its type has it."""

    type: str
    tenant: str
    offset: Position
    id: str
    timestamp: Moment
    data: dict[str, Any]


class Reset(Answer):
    """History before `to` cannot be replayed."""

    to: Position
    reason: Literal["retention", "epoch", "unknown_offset"]


class EventPage(Answer):
    """The next events; ask on with `offset`."""

    events: list[EventDocument]
    offset: Position
    head: Position
    more: bool
    reading: UUID = Field(description="The name of the reading that an ack of this page belongs to.")
    reset: Reset = Field(default=None, description="Only there when something cannot be replayed.")  # type: ignore[assignment]
