"""The audit trail as an answer: of one shop, and of the installation."""

from typing import Any

from api.db.audit_trail import AuditEntry
from api.http.answer import ready_json
from backbone.runtime.routes import Query

DEFAULT_LIMIT, MAX_LIMIT = 50, 200
PAGE_QUERY = (
    Query(
        "limit",
        "So many at most.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    ),
    Query("after", "The `next` of an earlier answer.", {"type": "string"}),
)


def entry_document(entry: AuditEntry) -> dict[str, Any]:
    """One row."""
    return {
        "at": entry.at,
        "kind": entry.kind,
        "keyId": entry.key_id,
        "terminalId": None if entry.terminal_id is None else str(entry.terminal_id),
        "address": entry.address,
        "action": entry.action,
        "facts": ready_json(entry.facts),
        "count": entry.count,
    }
