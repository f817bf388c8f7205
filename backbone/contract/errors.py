"""The four voices in which something fails, and the one table of problems and close codes.

`Refused`: the business says no. `Violation`: the peer broke the contract. `Unavailable`: something is away.
Anything else is a bug of ours and stays loud.
"""

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any


class Problem(Enum):
    """Every problem a client can meet over HTTP: name, status, title (RFC 9457)."""

    BAD_REQUEST = ("bad-request", 400, "The request cannot be read")
    BAD_JSON = ("bad-json", 400, "The body is not JSON")
    KEY_IN_QUERY = ("key-in-query", 400, "A key does not belong in a query string")
    UNAUTHORIZED = ("unauthorized", 401, "No valid key")
    FORBIDDEN = ("forbidden", 403, "This kind of key may not do this")
    ORIGIN = ("origin-not-allowed", 403, "This origin may not connect")
    NOT_FOUND = ("not-found", 404, "Not found")
    METHOD = ("method-not-allowed", 405, "Method not allowed")
    TIMEOUT = ("request-timeout", 408, "The request took too long")
    WRONG_STEP = ("wrong-step", 409, "The order cannot take this step")
    EXTERNAL_ID_TAKEN = ("external-id-taken", 409, "Another order has this id of its sender's")
    CLAIM_HELD = ("claim-held", 409, "Another terminal does this")
    CLAIM_DONE = ("claim-done", 409, "This is done")
    STALE_FENCE = ("stale-fence", 409, "The claim was given on")
    TOO_MANY_CLAIMS = ("too-many-claims", 409, "The order has as many purposes as it may have")
    OVERPAID = ("overpaid", 409, "More would be paid than the order comes to")
    REFUND_TOO_HIGH = ("refund-too-high", 409, "More would go back than was paid")
    TOO_MANY_PAYMENTS = ("too-many-payments", 409, "The order has as many payments or refunds as it may have")
    INSUFFICIENT_BALANCE = ("insufficient-balance", 409, "Not enough balance")
    CARD_EXPIRED = ("card-expired", 409, "The gift card has expired")
    CARD_VOIDED = ("card-voided", 409, "The gift card was voided")
    NOT_REDEEMED = ("not-redeemed", 409, "So much was not redeemed, or is given back already")
    TOO_MANY_REDEMPTIONS = ("too-many-redemptions", 409, "The order has as many redemptions as it may have")
    INSUFFICIENT_POINTS = ("insufficient-points", 409, "Not enough points")
    TOO_MANY_WEBHOOKS = ("too-many-webhooks", 409, "The tenant has as many webhooks as it may have")
    TOO_MANY_TERMINALS = ("too-many-terminals", 409, "The tenant has as many terminals as it may have")
    NOT_STUCK = ("not-stuck", 409, "The endpoint is not stuck at this message")
    TOO_MANY_KEYS = ("too-many-keys", 409, "There are as many valid keys as there may be")
    TOO_MANY_PAIRINGS = ("too-many-pairings", 409, "The tenant has as many open pairing codes as it may have")
    TENANT_EXISTS = ("tenant-exists", 409, "The slug is taken")
    CURRENCY_IN_USE = ("currency-in-use", 409, "The tenant has amounts in the currency that it has")
    NOT_A_TEST = ("not-a-test", 409, "Only a test tenant can be deleted")
    LAST_GATEWAY = ("last-gateway", 409, "No other gateway takes terminals")
    STILL_RUNNING = ("still-running", 409, "A request with this Idempotency-Key is still running")
    TOO_LARGE = ("too-large", 413, "The body is too large")
    UNKNOWN_ENCODING = ("unknown-encoding", 415, "The body is encoded in a way that is not known here")
    INVALID_FIELDS = ("invalid-fields", 422, "Some fields are wrong")
    KEY_REUSED = ("idempotency-key-reused", 422, "This Idempotency-Key came with another body before")
    EVENT_TOO_LARGE = ("event-too-large", 422, "The event would be too large")
    UPGRADE_REQUIRED = ("upgrade-required", 426, "This is a WebSocket")
    TOO_MANY = ("too-many-requests", 429, "Too many requests")
    TOO_MANY_ANSWERS = ("too-many-answers", 429, "The tenant has as many stored answers as it may have")
    INTERNAL = ("internal", 500, "A fault of ours")
    UNAVAILABLE = ("unavailable", 503, "Something that this needs is away")

    def __init__(self, code: str, status: int, title: str) -> None:
        self.code = code
        self.status = status
        self.title = title


class CloseCode(IntEnum):
    """Why a WebSocket was closed by us. `retry` says what a terminal does next."""

    BYE = 1000
    GOING_AWAY = 1001
    BAD_DATA = 1007
    TOO_BIG = 1009
    INTERNAL = 1011
    RESTART = 1012
    BAD_MESSAGES = 4400
    UNAUTHORIZED = 4401
    REVOKED = 4403
    NOT_FOUND = 4404
    TOO_SLOW = 4408
    REPLACED = 4409
    TOO_MANY_MESSAGES = 4429
    UNAVAILABLE = 4503

    @property
    def retry(self) -> bool:
        """Whether a terminal should come back by itself.

        4401, 4403, 4404: not with this key; 4409: another device took its place, only a person knows which is right.
        """
        return self not in _FINAL


_FINAL = frozenset(
    {CloseCode.BYE, CloseCode.UNAUTHORIZED, CloseCode.REVOKED, CloseCode.NOT_FOUND, CloseCode.REPLACED}
)


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: `loc` is a dotted path such as `items.0.quantity`."""

    loc: str
    msg: str


class BellwireError(Exception):
    """The base of the three voices that a caller may catch."""


class Refused(BellwireError):
    """The business says no. `facts` become extra members of the problem document."""

    def __init__(self, problem: Problem, detail: str, **facts: Any) -> None:
        super().__init__(detail)
        self.problem = problem
        self.detail = detail
        self.facts = facts


class TooMany(Refused):
    """Too often: more than `count` within `seconds`; `retry_after` seconds from now one is free again."""

    def __init__(self, count: int, seconds: float, retry_after: int) -> None:
        super().__init__(Problem.TOO_MANY, f"At most {count} in {seconds:g} s; come back in {retry_after} s")
        self.count = count
        self.retry_after = retry_after


class TooManyAtOnce(TooMany):
    """More than `count` at the same time."""

    def __init__(self, count: int) -> None:
        super().__init__(count, 1.0, 1)
        self.detail = f"At most {count} at once; come back when one of them is done"


class TooManyAnswers(TooMany):
    """A tenant has `count` answers to requests with an Idempotency-Key stored; places come back as they grow old."""

    def __init__(self, count: int, days: int, retry_after: int) -> None:
        super().__init__(count, days * 86_400.0, retry_after)
        self.problem = Problem.TOO_MANY_ANSWERS
        self.detail = (
            f"{count} answers are stored, for {days} days each; ask later, or without an Idempotency-Key"
        )


class Violation(BellwireError):
    """The peer broke the contract; `errors` names every wrong field."""

    def __init__(self, problem: Problem, detail: str, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(detail)
        self.problem = problem
        self.detail = detail
        self.errors = errors

    @classmethod
    def field(cls, problem: Problem, loc: str, msg: str) -> "Violation":
        """One wrong field."""
        return cls(problem, f"{loc}: {msg}", (FieldError(loc, msg),))


class Unavailable(BellwireError):
    """Something this needs is away; `retry_after` seconds is a fair time to come back."""

    def __init__(self, what: str, retry_after: int = 1) -> None:
        super().__init__(f"{what[:1].upper()}{what[1:]} is unavailable")
        self.what = what
        self.retry_after = retry_after
