"""The ways in which it can end or fail, each with the sentence for a person."""

from typing import Any


class TerminalError(Exception):
    """An error of this package's own."""


class Unreachable(TerminalError):
    """No answer. `reached` is false where nothing answered at all, not even a proxy."""

    def __init__(self, why: str, *, reached: bool) -> None:
        super().__init__(why)
        self.reached = reached


class Stopped(TerminalError):
    """The stream is over and does not come back. `reason`, `code` and `detail` are the machine's."""

    def __init__(self, reason: str, code: int | None = None, detail: str = "") -> None:
        super().__init__(f"{reason} {code or ''}".strip() + (f": {detail}" if detail else ""))
        self.reason, self.code, self.detail = reason, code, detail


class Revoked(Stopped):
    """With this key there is no way in any more."""


class Replaced(Stopped):
    """Another device connected with this terminal's key, and the owner left the place to it."""


class StorageFailed(Stopped):
    """The disk does not take what has to be kept."""


class CursorDamaged(Stopped):
    """The cursor's file is damaged, or another shop's; nothing was opened, and nothing skipped."""


class InUse(TerminalError):
    """Another terminal, of this process or another, has the outbox's file."""


class Refused(TerminalError):
    """The server said no. `problem` is its code, `status` the HTTP status, `body` its document."""

    def __init__(self, status: int | None, problem: str | None, body: dict[str, Any] | None) -> None:
        said = (body or {}).get("detail") or (body or {}).get("title") or ""
        super().__init__(f"{status or ''} {problem or 'no answer of Bellwire'} {said}".strip())
        self.status, self.problem, self.body = status, problem, body or {}


class Conflict(Refused):
    """A command was not done and never will be, or (`outcome-unknown`) nobody can know."""


class Unfinished(TerminalError):
    """The outbox was closed before a command had its answer. `kept`: it is on the disk, and done from there."""

    def __init__(self, *, kept: bool) -> None:
        then = (
            "the command is on the disk, and the next outbox with this file carries it out"
            if kept
            else "nothing keeps the command: whether it was done, nobody knows"
        )
        super().__init__(f"the outbox was closed before there was an answer; {then}")
        self.kept = kept


class ClaimLost(TerminalError):
    """The claim ran out while it was held, and another terminal took it."""


class NotGenuine(TerminalError):
    """A webhook's message is not signed by its secret, or too old."""


STOPS: dict[str, type[Stopped]] = {
    "unauthorized": Revoked,
    "forbidden": Revoked,
    "replaced": Replaced,
    "storage": StorageFailed,
    "cursor-damaged": CursorDamaged,
}
