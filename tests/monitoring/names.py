"""Which metrics there are: those that the contract fixes, and those that the code exports.

The code is read, not imported: a metric counts only where it is made, by name, with its labels.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from loadtests.core.exposition import exposition
from loadtests.core.record import Record

ROOT = Path(__file__).resolve().parents[2]
KINDS = {"Counter", "Gauge", "Histogram"}

# Section 8 of the contract: name and labels.
CONTRACT: dict[str, frozenset[str]] = {
    "bellwire_gateway_connections": frozenset({"transport"}),
    "bellwire_gateway_deliveries_total": frozenset({"transport"}),
    "bellwire_gateway_delivery_seconds": frozenset({"test"}),
    "bellwire_gateway_replayed_events_total": frozenset({"source"}),
    "bellwire_gateway_closed_total": frozenset({"code"}),
    "bellwire_gateway_gaps_total": frozenset({"healed_by"}),
    "bellwire_gateway_slow_closed_total": frozenset(),
    "bellwire_gateway_head_check_lag_events": frozenset(),
    "bellwire_redis_up": frozenset(),
    "bellwire_postgres_up": frozenset(),
    "bellwire_api_requests_total": frozenset({"method", "route", "status", "test"}),
    "bellwire_api_request_seconds": frozenset({"route", "test"}),
    "bellwire_events_committed_total": frozenset({"type"}),
    "bellwire_events_published_total": frozenset({"outcome"}),
    "bellwire_ack_seconds": frozenset(),
    "bellwire_unacked_orders": frozenset(),
    "bellwire_webhook_deliveries_total": frozenset({"outcome"}),
}
HISTOGRAMS = {"bellwire_gateway_delivery_seconds", "bellwire_api_request_seconds", "bellwire_ack_seconds"}


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as it is made in the code; a counter's name ends in `_total`, as it is scraped."""

    name: str
    kind: str
    labels: frozenset[str]
    buckets: tuple[float, ...] | None


def exported() -> dict[str, Metric]:
    """Every `Counter("bellwire_…")`, `Gauge` and `Histogram` of the pods' code."""
    found: dict[str, Metric] = {}
    for package in ("backbone", "api", "gateway"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for metric in made_in(ast.parse(path.read_text(encoding="utf-8"))):
                found[metric.name] = metric
    return found


def of_load_tests() -> dict[str, Metric]:
    """The metrics of a load test, whose page is written by itself, as that page has them."""
    record = Record()
    record.note("row", 1, 1.0)
    record.failed("row", 1, "503")
    record.value("connections part", 1, 1.0)
    record.value("cpu part", 1, 1.0)
    found = {}
    for family in text_string_to_metric_families(exposition(record, "profile", "run", 1.0, 1)):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = frozenset(label for sample in family.samples for label in sample.labels) - {"le"}
        found[name] = Metric(name, family.type.capitalize(), labels, None)
    return found


def made_in(tree: ast.Module) -> Iterator[Metric]:
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS):
            continue
        if not (node.args and isinstance(node.args[0], ast.Constant)):
            continue
        name = str(node.args[0].value)
        if node.func.id == "Counter" and not name.endswith("_total"):
            name += "_total"
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        labels = node.args[2] if len(node.args) > 2 else keywords.get("labelnames")
        buckets = keywords.get("buckets")
        if isinstance(buckets, ast.Name):
            buckets = constants.get(buckets.id)
        yield Metric(
            name,
            node.func.id,
            frozenset(ast.literal_eval(labels)) if labels is not None else frozenset(),
            tuple(ast.literal_eval(buckets)) if buckets is not None else None,
        )
