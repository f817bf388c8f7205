"""A terminal's request as both doors read it: whose it is, from where, and which events."""

from collections.abc import Iterable
from dataclasses import dataclass

from backbone.contract.errors import Problem, Violation
from backbone.contract.event_filter import EventFilter
from backbone.contract.offset import Offset
from backbone.contract.tickets import PARAMETER


@dataclass(frozen=True, slots=True)
class Credential:
    """A key, or a ticket in its place."""

    text: str
    is_ticket: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """The request of a terminal."""

    credential: Credential | None
    after: Offset | None
    filter: EventFilter


def credential_of(ticket: str | None, keys: Iterable[str]) -> Credential | None:
    """Return what a request comes with: the ticket of its query, or the first of its `keys`; None for neither.

    Raises:
        Violation: a ticket beside a key; which of them is meant, two readers might see differently.
    """
    key = next(iter(keys), None)
    if ticket is not None and key is not None:
        raise Violation.field(Problem.BAD_REQUEST, PARAMETER, "stands beside a key; send one of the two")
    if ticket is not None:
        return Credential(ticket, is_ticket=True)
    return None if key is None else Credential(key)
