"""A handshake that was refused: counted, and told at `debug`. The doorkeeper tells those of strangers besides."""

import logging

from starlette.types import Scope

from backbone.contract.errors import BellwireError, Problem, Refused, Violation
from backbone.contract.slug import is_slug
from gateway import metrics

log = logging.getLogger("bellwire.terminals")


def note_refused(scope: Scope, door: str, error: BellwireError, status: int) -> None:
    """Note that a request at a door was answered with this."""
    metrics.REFUSED.labels(str(status)).inc()
    if not log.isEnabledFor(logging.DEBUG):
        return
    tenant = scope.get("path_params", {}).get("tenant", "")
    problem = error.problem if isinstance(error, Refused | Violation) else Problem.UNAVAILABLE
    # In the path anything may stand; a word that is no slug is no tenant.
    facts = {"tenant": tenant if is_slug(tenant) else None, "door": door, "status": status}
    log.debug("handshake.refused", extra={**facts, "problem": problem.code})
