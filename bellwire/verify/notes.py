"""The notes of the checker while it drives a cluster. Values only; `judge` reads them afterwards.

A client takes an offset as opaque; a judge may not. Here `<epoch>-<seq>` is read.
"""

from dataclasses import dataclass, field
from typing import Any


def parse(offset: str) -> tuple[int, int]:
    """`"1-42"` as `(1, 42)`, and `"0"`, before everything, as `(0, 0)`; another form is a `ValueError`."""
    epoch, _, seq = offset.partition("-")
    return int(epoch), int(seq or 0)


@dataclass(frozen=True, slots=True)
class Seen:
    """One event as it came through a door. `digest` stands for its whole content; times are seconds since 1970.

    `live` says that the terminal wanted to be connected when the event was committed, so that its delay counts.
    """

    offset: str
    tenant: str
    type: str
    digest: str
    committed_at: float
    seen_at: float
    live: bool = True


@dataclass(slots=True)
class Connection:
    """One connection, or one answer to a poll: asked from `asked`, started behind `after`, raw as it came.

    `acked` is how far the acks on it came that were taken; one that is `over` may have lost some on the way.
    """

    asked: str | None
    after: str
    tenant: str
    raw: list[Seen] = field(default_factory=list)
    resets: list[str] = field(default_factory=list)
    acked: str | None = None
    over: bool = False


@dataclass(slots=True)
class TerminalNotes:
    """All that one terminal saw. `applied` is what its handler took; `start` is where its history begins.

    One that `ended` before the run did owes nothing beyond its position. `said` is how far it ever acked, whether that
    was heard or not; None of one that never did.
    """

    tenant: str
    terminal: str
    transport: str
    types: frozenset[str] | None = None
    start: str | None = None
    ended: bool = False
    said: str | None = None
    connections: list[Connection] = field(default_factory=list)
    applied: list[Seen] = field(default_factory=list)

    @property
    def position(self) -> str | None:
        """The offset of the last event applied, or where the terminal started."""
        return self.applied[-1].offset if self.applied else self.start


@dataclass(frozen=True, slots=True)
class Listed:
    """One event as the events endpoint lists it at the end; `committed_at` in seconds since 1970, by the cluster."""

    offset: str
    tenant: str
    type: str
    digest: str
    data: dict[str, Any]
    committed_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A final answer to a write: not one of those that say "ask again"."""

    status: int
    body: dict[str, Any]

    @property
    def accepted(self) -> bool:
        """Whether the write was done."""
        return 200 <= self.status < 300


@dataclass(slots=True)
class Write:
    """One write. Several answers come from repeats with the same key; none means that its outcome stayed unknown.

    `amount` is cents for orders and cards, points for loyalty, with the sign of the change; `target` is the card, the
    phone or the order that it moves. `decided_at` is the moment of the first final answer, in seconds since 1970.
    """

    kind: str
    tenant: str
    key: str
    amount: int = 0
    target: str = ""
    detail: str = ""
    attempts: int = 0
    decided_at: float = 0.0
    answers: list[Answer] = field(default_factory=list)

    @property
    def accepted(self) -> bool:
        """Whether any answer said yes."""
        return any(answer.accepted for answer in self.answers)


@dataclass(frozen=True, slots=True)
class Balance:
    """The cluster's last word on a card (cents) or an account (points); None: it does not know it."""

    tenant: str
    target: str
    amount: int | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The cluster's word that a terminal's stream brought it an order; `acked_at` in seconds since 1970."""

    terminal: str
    acked_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the order at `offset`, at the end.

    `pending` is whether it was then, `age_seconds` how long ago its write was answered. `deadline_seconds` is how long
    the shop's orders wait for an ack; None: it is not known.
    """

    tenant: str
    offset: str
    receipts: tuple[Receipt, ...] = ()
    pending: bool = True
    age_seconds: float = 0.0
    deadline_seconds: int | None = None


@dataclass(slots=True)
class Notes:
    """Everything that was written down in one run.

    `waited` is for each tenant the offset up to which terminals were waited for; they owe no event behind it, since one
    that came when they were cut may have found some and not others. `later` are events that the log had when orders
    were looked at.
    """

    terminals: list[TerminalNotes] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    listed: dict[str, list[Listed]] = field(default_factory=dict)
    balances: list[Balance] = field(default_factory=list)
    waited: dict[str, str] = field(default_factory=dict)
    looks: list[Look] = field(default_factory=list)
    later: dict[str, list[Listed]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise: which, whose, and what exactly."""

    invariant: str
    tenant: str
    text: str
