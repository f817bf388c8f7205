"""Claims: of several terminals one does a thing with an order, such as printing it. Pure: what may be asked, and what
is answered.

The holder of a claim is the database's to say, behind its order's lock and by its own clock.

Why: docs/decisions/0125-claims.md
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from backbone.contract.errors import BellwireError, FieldError, Problem, Refused, Violation

MAX_PURPOSES = 32
"""So many purposes of one order may be claimed; one that is claimed stays one for as long as the order."""
DEFAULT_TTL_SECONDS, MAX_TTL_SECONDS = 30, 3600

_PURPOSE = re.compile(r"[a-z0-9-]{1,32}", re.ASCII)


def is_purpose(text: str) -> bool:
    """Whether this may be the name of a purpose.

    >>> is_purpose("print-kitchen"), is_purpose("Print")
    (True, False)
    """
    return _PURPOSE.fullmatch(text) is not None


class Claiming(StrEnum):
    """The end of asking for a claim; the database names these."""

    GRANTED = "granted"
    TAKEN_OVER = "taken_over"
    RENEWED = "renewed"
    HELD = "held"
    DONE = "done"
    WRONG_STEP = "wrong_step"
    TOO_MANY = "too_many"
    NOT_FOUND = "not_found"


class Finishing(StrEnum):
    """The end of saying that it is done; likewise."""

    DONE = "done"
    REPEATED = "repeated"
    STALE = "stale"
    HELD = "held"
    DONE_BY_OTHER = "done_by_other"
    NEVER_GIVEN = "never_given"
    NOT_CLAIMED = "not_claimed"
    NOT_FOUND = "not_found"


_HELD = (Problem.CLAIM_HELD, "Terminal {holder[name]} holds it until {expiresAt}")
_DONE = (Problem.CLAIM_DONE, "Terminal {holder[name]} has done it")
_NO_ORDER = (Problem.NOT_FOUND, "There is no such order")

_CLAIMING: Mapping[Claiming, tuple[Problem, str]] = {
    Claiming.HELD: _HELD,
    Claiming.DONE: _DONE,
    Claiming.WRONG_STEP: (Problem.WRONG_STEP, "The order is {status}"),
    Claiming.TOO_MANY: (
        Problem.TOO_MANY_CLAIMS,
        f"{MAX_PURPOSES} purposes of this order are claimed, or were; take one of them",
    ),
    Claiming.NOT_FOUND: _NO_ORDER,
}
_FINISHING: Mapping[Finishing, tuple[Problem, str]] = {
    Finishing.STALE: (Problem.STALE_FENCE, "The claim has run out, and was given on with fence {fence}"),
    Finishing.HELD: _HELD,
    Finishing.DONE_BY_OTHER: _DONE,
    Finishing.NOT_CLAIMED: (Problem.NOT_FOUND, "This was claimed by nobody"),
    Finishing.NOT_FOUND: _NO_ORDER,
}


def refusal(outcome: Claiming | Finishing, facts: Mapping[str, Any]) -> BellwireError | None:
    """The problem that a terminal is told, with the database's `facts` as its members; None where all went well."""
    if outcome is Finishing.NEVER_GIVEN:
        error = FieldError("fence", f"is later than the newest one, {facts['fence']}")
        return Violation(Problem.INVALID_FIELDS, "Wrong: fence", (error,))
    found = _CLAIMING.get(outcome) if isinstance(outcome, Claiming) else _FINISHING.get(outcome)
    if found is None:
        return None
    problem, detail = found
    return Refused(problem, detail.format(**facts), **facts)
