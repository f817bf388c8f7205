"""Each kind of pods and what it may do in the database, where it has a role of its own. Values alone.

An API pod may read and write the rows of every table but for what stands here. A gateway may do what stands here and
nothing else, so that each new table takes a decision: in `GATEWAY` or in `NOT_FOR_GATEWAYS`, or a test fails.

Why: docs/decisions/0108-three-database-roles.md
"""

from collections.abc import Mapping
from enum import Enum

READ = frozenset({"SELECT"})
ADD = frozenset({"SELECT", "INSERT"})
CHANGE = frozenset({"SELECT", "INSERT", "UPDATE"})
ALL_ROWS = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
NOTHING = frozenset[str]()


class PodKind(Enum):
    """The two kinds of pods. The values are in the database."""

    API = "api"
    GATEWAY = "gateway"


API_EXCEPTIONS: Mapping[str, frozenset[str]] = {
    # Added to, and by no pod changed or taken away: the log, the ledgers, who did what.
    "pos_sync_logs": ADD,
    "pos_gift_card_transactions": ADD,
    "pos_loyalty_transactions": ADD,
    "order_status_history": ADD,
    "audit_trail": ADD,
    # So are these, but for texts, which go when a customer is forgotten; a trigger holds them to that.
    "order_payments": CHANGE,
    "order_refunds": CHANGE,
    # A tenant and its stream stay; their end is a function of the owner's.
    "tenants": CHANGE,
    "tenant_streams": CHANGE,
    # The histories that the database went through are entered by a function of the owner's.
    "cluster_epochs": READ,
    "stream_forks": READ,
    "schema_migrations": READ,
    # Told once.
    "first_secret": ADD,
    "pod_roles": NOTHING,
}

GATEWAY: Mapping[str, frozenset[str]] = {
    # Whose key is it, and is it still good?
    "tenants": READ,
    "terminals": READ,
    "api_keys": READ,
    # What happened, and where do the histories part?
    "tenant_streams": READ,
    "pos_sync_logs": READ,
    "cluster_epochs": READ,
    "stream_forks": READ,
    "erasures": READ,
    "schema_migrations": READ,
    # A ticket is looked up, and used up.
    "tickets": frozenset({"SELECT", "UPDATE", "DELETE"}),
    # Refusals are noted, and the trail is not read.
    "audit_trail": frozenset({"INSERT"}),
    # Its word about itself, each second; taken away at its end.
    "pod_samples": ALL_ROWS,
    # Who is connected, how far did it come, and what did it say?
    "gateways": CHANGE,
    "readings": CHANGE,
    "coverage": CHANGE,
    "terminal_acks": ADD,
    # An ack takes an order off; no gateway puts one there.
    "unseen_orders": frozenset({"SELECT", "UPDATE", "DELETE"}),
}

GATEWAY_COLUMNS: Mapping[tuple[str, str], frozenset[str]] = {
    # A terminal's connection and its acks, and neither its tenant nor whether it is revoked.
    ("terminals", "UPDATE"): frozenset(
        {
            "gateway", "connection_id", "connected_at", "last_seen", "changed_at",
            "acked_epoch", "acked_seq", "acked_at",
        }
    ),
}  # fmt: skip

NOT_FOR_GATEWAYS = frozenset(
    {
        "accounts_to_read", "first_secret", "further_idempotency_keys", "gift_card_notes", "gift_cards",
        "idempotency_keys", "loyalty_accounts", "order_claims", "order_items", "order_payments", "order_receipts",
        "order_refunds", "order_status_history", "order_step_notes", "orders", "pairings", "pod_roles",
        "pos_daily_reports", "pos_gift_card_transactions", "pos_loyalty_transactions", "stored_answers",
        "webhook_attempts", "webhook_endpoints",
    }
)  # fmt: skip

OWNERS_FUNCTIONS: Mapping[str, frozenset[PodKind]] = {
    "ensure_event_partitions": frozenset({PodKind.API}),
    "drop_event_partitions": frozenset({PodKind.API}),
    "purge_deleted_tenant": frozenset({PodKind.API}),
    "forget_audit": frozenset({PodKind.API}),
    "erase_event": frozenset({PodKind.API}),
    "enter_epoch": frozenset({PodKind.API, PodKind.GATEWAY}),
}
"""The functions that run as their owner, and who may call them. Every other one runs as the role that calls it."""


def may(kind: PodKind, table: str) -> frozenset[str]:
    """Return what pods of this kind may do with a table as a whole."""
    if kind is PodKind.API:
        return API_EXCEPTIONS.get(table, ALL_ROWS)
    return GATEWAY.get(table, NOTHING)


def may_columns(kind: PodKind, table: str) -> Mapping[str, frozenset[str]]:
    """Return what they may do with some of its columns besides: privilege to columns."""
    if kind is PodKind.API:
        return {}
    return {privilege: columns for (of, privilege), columns in GATEWAY_COLUMNS.items() if of == table}
