"""Every metric of the pods as a page of Markdown: `docs/metrics.md` is this, and a test holds it to that."""

import sys
from collections.abc import Iterator
from importlib import import_module

from prometheus_client.metrics import MetricWrapperBase

INTRODUCTION = """\
# Metrics

Every pod exports these at `/metrics`, in Prometheus' text format, besides `python_…` and `process_…`.
Names and labels are part of [the contract](protocol.md) and are only ever added to.
No label holds a tenant, a terminal, a phone or a card.
In a pod of several workers any worker answers for all: counters and histograms are added up, gauges as they mean it.
"Used by" names panels of `infra/monitoring/dashboards` and alerts of `infra/monitoring/rules` ([runbook](runbook.md)).
This page is what `bellwire metrics` prints.
"""

SECTIONS = {"backbone": "Both kinds of pod", "api": "API pods", "gateway": "Gateway pods"}

# Panel titles and alert names, as the dashboard and the rules have them; a test compares.
USED_BY: dict[str, tuple[str, ...]] = {
    "bellwire_ack_seconds": ("Commit to first till's ack",),
    "bellwire_alarm_attempts_total": ("Alarms",),
    "bellwire_alarms_acknowledged_total": ("Alarms",),
    "bellwire_api_request_seconds": (
        "Request time",
        "BellwireApiSlow",
        "BellwireApiSlowing",
    ),
    "bellwire_api_requests_total": (
        "Answers that are not 2xx",
        "Requests by route",
        "BellwireApiFailing",
        "BellwireApiFailingOften",
    ),
    "bellwire_events_committed_total": ("Committed",),
    "bellwire_events_published_total": ("Published to Redis",),
    "bellwire_gateway_behind_seconds": ("BellwireGatewayBehind",),
    "bellwire_gateway_closed_total": ("Closes by code",),
    "bellwire_gateway_connections": (
        "Connections by pod",
        "BellwireTerminalsLost",
    ),
    "bellwire_gateway_deliveries_total": ("Delivered to sockets",),
    "bellwire_gateway_delivery_seconds": (
        "Commit to socket",
        "BellwireDeliverySlow",
        "BellwireDeliverySlowing",
        "BellwireGapsFrequent",
    ),
    "bellwire_gateway_gaps_total": (
        "Gaps healed",
        "BellwireGapsFrequent",
    ),
    "bellwire_gateway_head_check_lag_events": ("Behind PostgreSQL",),
    "bellwire_gateway_head_check_timestamp_seconds": ("BellwireHeadChecksStopped",),
    "bellwire_gateway_replayed_events_total": ("Replayed events by source",),
    "bellwire_gateway_slow_closed_total": (
        "Too slow to keep up",
        "BellwireTerminalsSlow",
    ),
    "bellwire_gateway_test_connections": ("BellwireTerminalsLost",),
    "bellwire_gateway_test_slow_closed_total": ("BellwireTerminalsSlow",),
    "bellwire_orders_late_total": (
        "BellwireOrdersLate",
        "BellwireOrdersLateOften",
    ),
    "bellwire_orders_to_see_total": (
        "BellwireOrdersLate",
        "BellwireOrdersLateOften",
    ),
    "bellwire_postgres_partition_days": ("BellwirePartitionsMissing",),
    "bellwire_postgres_pool_wait_seconds_total": ("BellwirePoolBusy",),
    "bellwire_postgres_sessions": ("BellwirePostgresSessions",),
    "bellwire_postgres_sessions_most": ("BellwirePostgresSessions",),
    "bellwire_postgres_standbys": ("BellwireStandbyLost",),
    "bellwire_postgres_sync_waits": ("BellwireWritesWaitForStandby",),
    "bellwire_postgres_sync_wanted": ("BellwireStandbyLost",),
    "bellwire_postgres_up": (
        "PostgreSQL",
        "BellwirePodWithoutPostgres",
        "BellwirePostgresDown",
    ),
    "bellwire_redis_refused_total": (
        "Redis refused",
        "BellwireRedisForged",
        "BellwireRedisUnsigned",
    ),
    "bellwire_redis_up": (
        "Redis",
        "BellwireRedisDown",
    ),
    "bellwire_shared_keys": ("Keys that two devices use",),
    "bellwire_task_deaths_total": ("BellwireTasksDying",),
    "bellwire_unacked_orders": ("Orders nobody has seen",),
    "bellwire_unseen_orders": ("BellwireOrdersUnseen",),
    "bellwire_unseen_shops": ("BellwireOrdersUnseenInManyShops",),
    "bellwire_webhook_deliveries_total": ("Webhook deliveries",),
    "bellwire_webhook_switched_off_total": (
        "Webhook endpoints switched off",
        "BellwireWebhookSwitchedOff",
    ),
    "bellwire_webhooks_late_seconds": ("BellwireWebhooksLate",),
    "bellwire_webhooks_refusing": (
        "Webhook endpoints that refuse",
        "BellwireWebhookRefused",
    ),
    "bellwire_webhooks_waiting": ("BellwireWebhooksWaiting",),
}


def page() -> str:
    """Return the page."""
    for app in ("api.app", "gateway.app"):
        import_module(app)
    rows: dict[str, dict[str, str]] = {package: {} for package in SECTIONS}
    for package, metric in _found():
        name, row = _row(metric)
        rows[package][name] = row
    # A pod's module may import a metric that the backbone made: it belongs to both kinds.
    for package in ("api", "gateway"):
        rows[package] = {name: row for name, row in rows[package].items() if name not in rows["backbone"]}
    return "\n".join([INTRODUCTION, *(_section(title, rows[package]) for package, title in SECTIONS.items())])


def _found() -> Iterator[tuple[str, MetricWrapperBase]]:
    """Every metric that a loaded module of ours holds by a name, with the package that the module is of."""
    for module_name, module in sorted(sys.modules.items()):
        package = module_name.partition(".")[0]
        if package in SECTIONS:
            for value in list(vars(module).values()):
                # A child, which has its labels' values already, is a part of a metric.
                if isinstance(value, MetricWrapperBase) and not value._labelvalues:
                    yield package, value


def _row(metric: MetricWrapperBase) -> tuple[str, str]:
    (family,) = metric.collect()
    name = f"{family.name}_total" if family.type == "counter" else family.name
    # The values that a label has from the start, where they are known then.
    values = {
        label: sorted({sample.labels[label] for sample in family.samples} - {""})
        for label in metric._labelnames
    }
    labels = "; ".join(
        f"`{label}`" + (": " + ", ".join(f"`{value}`" for value in known) if known else "")
        for label, known in values.items()
    )
    used_by = ", ".join(
        f"[{user}](runbook.md#{user.lower()})" if user.startswith("Bellwire") else user
        for user in USED_BY.get(name, ())
    )
    return name, f"| `{name}` | {family.type} | {labels or '–'} | {family.documentation} | {used_by or '–'} |"


def _section(title: str, rows: dict[str, str]) -> str:
    head = ["| metric | type | labels | meaning | used by |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([f"## {title}", "", *head, *(rows[name] for name in sorted(rows)), ""])
