"""The metrics of an API pod. No label ever holds a tenant, a terminal, a phone or a card."""

import math
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from api.core.claims import Claiming, Finishing
from api.core.delivery import Outcome
from backbone.contract.event import EventType
from backbone.contract.slug import is_test_slug
from backbone.runtime.metrics import adder

REQUESTS = Counter(
    "bellwire_api_requests",
    "Requests answered, by method, route template and status; `test`: whether of test tenants, by their slugs.",
    ["method", "route", "status", "test"],
)
REQUEST_SECONDS = Histogram(
    "bellwire_api_request_seconds",
    "From the request's head to the last byte of the answer, by route template; `test` as of the requests.",
    ["route", "test"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
COMMITTED = Counter(
    "bellwire_events_committed", "Events committed to the log by this pod, by type.", ["type"]
)
PUBLISHED = Counter(
    "bellwire_events_published",
    "Committed events by what became of announcing them: ok, stale (the stream had a later one), failed "
    "(Redis was away or refused it), dropped (the queue was full).",
    ["outcome"],
)
LIMITED = Counter(
    "bellwire_api_limited",
    "Requests answered with 429, by what was exceeded: key, tenant, address, terminal_guesses, storefront_guesses, "
    "tenant_guesses, pairing, pairing_address, at_once.",
    ["limit"],
)
QUOTA_REFUSED = Counter(
    "bellwire_api_quota_refused",
    "Requests refused because their tenant has as much of a kind as it may have: terminals, webhooks, keys (409), "
    "answers to requests with an Idempotency-Key (429).",
    ["quota"],
)
UNACKED_ORDERS = Gauge(
    "bellwire_unacked_orders",
    "Pending orders of broadcast sources past the deadline that no terminal has acked; the same figure on every pod.",
)
UNSEEN_ORDERS = Gauge(
    "bellwire_unseen_orders",
    "The same orders by age: fresh (their deadline passed within the last hour), old (before that; their shop has been "
    "told again and again).",
    ["age"],
)
UNSEEN_SHOPS = Gauge(
    "bellwire_unseen_shops", "Tenants with a fresh one of these orders; the same on every pod."
)
TO_SEE = Counter(
    "bellwire_orders_to_see_total",
    "Orders whose `new_order` was committed by this pod, those of test tenants left out, by their slugs.",
)
LATE = Counter(
    "bellwire_orders_late_total",
    "Those of them that nobody who counts saw within their tenant's deadline, seen later or never; counted by the pod "
    "that told their first alarm.",
)

ATTEMPTS = 11
"""The most that an alarm may have: the first, and ten repeats."""

HEAD_QUESTIONS = Counter(
    "bellwire_api_head_questions",
    "Questions to PostgreSQL on behalf of all who poll and wait, by what made them: wake (Redis), fallback (time).",
    ["reason"],
)

ALARM_ATTEMPTS = Counter(
    "bellwire_alarm_attempts",
    "Alarms of orders that nobody who counts has seen, raised by this pod, by the attempt's number.",
    ["attempt"],
)
ALARMS_ENDED = Counter(
    "bellwire_alarms_acknowledged",
    "Alarms that ended because somebody who counts has seen the order, told by this pod, by what that is: terminal, "
    "webhook.",
    ["by"],
)

WEBHOOK_DELIVERIES = Counter(
    "bellwire_webhook_deliveries",
    "Attempts to deliver an event to a webhook endpoint, by outcome.",
    ["outcome"],
)

WEBHOOKS_SWITCHED_OFF = Counter(
    "bellwire_webhook_switched_off",
    "Webhook endpoints that were switched off, by reason: gone (they answered 410), exhausted (tries used up); `test`: "
    "whether of test tenants, by their slugs.",
    ["reason", "test"],
)

ATTEMPTS_FORGOTTEN = Counter(
    "bellwire_webhook_attempts_forgotten",
    "Attempts at webhook endpoints that their shops cannot look at, because too many waited to be written.",
)

WEBHOOKS_REFUSING = Gauge(
    "bellwire_webhooks_refusing",
    "Webhook endpoints that refuse what comes next: the last two answers or more were a 4xx that no other try mends; "
    "the same figure on every pod.",
)

WEBHOOKS_WAITING = Gauge(
    "bellwire_webhooks_waiting",
    "Webhook endpoints with events to deliver that failed at the first of them, or whose turn is 30 s late; the same "
    "figure on every pod.",
)
WEBHOOKS_LATE_SECONDS = Gauge(
    "bellwire_webhooks_late_seconds",
    "By how much the turn of the endpoint that waits longest is late, of those that failed at nothing: no pod came.",
)

STANDBYS = Gauge(
    "bellwire_postgres_standbys",
    "Servers that receive this PostgreSQL's log; 0 where pods reach a pooler or a standby.",
)
SYNC_WANTED = Gauge(
    "bellwire_postgres_sync_wanted", "1 where PostgreSQL is set to wait for a synchronous standby, else 0."
)
SYNC_WAITS = Gauge(
    "bellwire_postgres_sync_waits",
    "Commits of API pods that have waited for a synchronous standby for more than a second, at the last look.",
)
PARTITION_DAYS = Gauge(
    "bellwire_postgres_partition_days",
    "Days ahead, today not counted, for which the event log has its partitions without a gap; -1: not even today's.",
)
DATABASE_BYTES = Gauge("bellwire_postgres_database_bytes", "Size of the database, as PostgreSQL says.")
SESSIONS = Gauge("bellwire_postgres_sessions", "Sessions of PostgreSQL that are taken, everybody's.")
SESSIONS_MOST = Gauge("bellwire_postgres_sessions_most", "Sessions that PostgreSQL takes (max_connections).")

SHARED_KEYS = Gauge(
    "bellwire_shared_keys",
    "Terminals whose key two devices use: they keep replacing each other's connection; the same figure on every pod.",
)

SHARED_COMMITS = Histogram(
    "bellwire_api_orders_a_commit",
    "Orders that shared a commit because they waited in their tenant's queue at the same time.",
    buckets=(1, 2, 4, 8, 16, 32),
)

TICKETS_MADE = Counter("bellwire_tickets_made_total", "Tickets that terminals asked for.")

CLAIMS = Counter(
    "bellwire_claims",
    "Answers to terminals that claimed an order's purpose: granted, taken_over (another's had run out), renewed, held, "
    "done, wrong_step (cancelled), too_many, not_found.",
    ["result"],
)
CLAIMS_DONE = Counter(
    "bellwire_claims_done",
    "Answers to terminals that said that a claim is done: done, repeated, stale (it had run out, and was given on), "
    "held, done_by_other, never_given, not_claimed, not_found.",
    ["result"],
)

for _claiming in Claiming:
    CLAIMS.labels(_claiming.value)
for _finishing in Finishing:
    CLAIMS_DONE.labels(_finishing.value)
for _quota in ("terminals", "webhooks", "keys", "answers"):
    QUOTA_REFUSED.labels(_quota)
for _age in ("fresh", "old"):
    UNSEEN_ORDERS.labels(_age)
# Before the first look nothing is known to be wrong.
PARTITION_DAYS.set(math.nan)
_NEW_ORDER = EventType.NEW_ORDER.value
_to_see = adder(TO_SEE)
_COMMITTED = {member.value: adder(COMMITTED.labels(member.value)) for member in EventType}
for _number in range(1, ATTEMPTS + 1):
    ALARM_ATTEMPTS.labels(str(_number))
for _receiver in ("terminal", "webhook"):
    ALARMS_ENDED.labels(_receiver)
for _attempt in Outcome:
    WEBHOOK_DELIVERIES.labels(_attempt.value)
for _off in ("gone", "exhausted"):
    WEBHOOKS_SWITCHED_OFF.labels(_off, "false")
for _reason in ("wake", "fallback"):
    HEAD_QUESTIONS.labels(_reason)
for _outcome in ("ok", "stale", "failed", "dropped"):
    PUBLISHED.labels(_outcome)


def count_committed(tenant: str, type_: str) -> None:
    """Count an event that was committed; its child is looked up once, not by its label each time."""
    _COMMITTED[type_](1.0)
    if type_ == _NEW_ORDER and not is_test_slug(tenant):
        _to_see(1.0)


def count_alarm(tenant: str, type_: str, data: dict[str, Any]) -> None:
    """Count an attempt, or the end of an alarm, by what its event says."""
    if type_ == EventType.ORDER_UNACKNOWLEDGED.value:
        ALARM_ATTEMPTS.labels(str(data["attempt"])).inc()
        if data["attempt"] == 1 and not is_test_slug(tenant):
            LATE.inc()
    else:
        ALARMS_ENDED.labels("terminal" if "terminalId" in data else "webhook").inc()


NOT_RETURNED = Counter(
    "bellwire_gift_cards_not_returned_total",
    "Redemptions of orders that were cancelled whose money could not go back, because the gift card was voided.",
)
UNREADABLE_PHONES = Counter(
    "bellwire_unreadable_phones_total",
    "Orders that were taken although their customerPhone is no phone number; they earn no points.",
)
