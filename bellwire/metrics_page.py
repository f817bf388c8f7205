"""Every metric of the pods as a page of Markdown: `docs/metrics.md` is this, and a test holds it to that."""

import sys
from collections.abc import Iterator
from importlib import import_module

from prometheus_client.metrics import MetricWrapperBase

from bellwire.metric_users import USED_BY

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
