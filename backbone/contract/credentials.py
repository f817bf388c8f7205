"""Where a key may be in a request: in one Authorization header, never in a URL; a ticket in `ticket` alone. Pure."""

from collections.abc import Iterable, Sequence

from backbone.contract.errors import Problem, Violation
from backbone.contract.keys import looks_like_key
from backbone.contract.tickets import PARAMETER, looks_like_ticket

_NAMES_OF_KEYS = frozenset({"key", "token", "access_token", "api_key", "apikey", "authorization", "bearer"})


def refuse_key_in_query(parameters: Iterable[tuple[str, str]]) -> None:
    """Refuse a key in a query string, so that nobody gets used to it: URLs end up in logs.

    Raises:
        Violation: a parameter is named like a key, or looks like one, or like a ticket elsewhere than in `ticket`:
            an answer that names what is wrong would repeat it.
    """
    for name, value in parameters:
        if name.lower() in _NAMES_OF_KEYS or looks_like_key(value) or looks_like_key(name):
            raise Violation(
                Problem.KEY_IN_QUERY, "Send the key in the Authorization header: URLs end up in logs"
            )
        if looks_like_ticket(name) or (looks_like_ticket(value) and name != PARAMETER):
            raise Violation(Problem.KEY_IN_QUERY, f"A ticket belongs in the parameter `{PARAMETER}` alone")


def bearer_key(authorization: Sequence[str]) -> str | None:
    """Return the key of the one `Authorization: Bearer …` header; None without one.

    Raises:
        Violation: there are several; which of them is meant, two readers might see differently.

    >>> bearer_key(["Bearer bw_term_x"])
    'bw_term_x'
    >>> bearer_key([]) is None
    True
    """
    if len(authorization) > 1:
        raise Violation.field(Problem.BAD_REQUEST, "Authorization", "is given twice")
    if not authorization:
        return None
    scheme, _, key = authorization[0].partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None
