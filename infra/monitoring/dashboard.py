"""Write the Grafana dashboard from a short list of panels.

    python -m infra.monitoring.dashboard            # rewrites dashboards/bellwire.json

Knows Grafana's classic (v1) dashboard JSON, which Grafana 8 to 13 import, and our metrics' names. Does not
know any Grafana or Prometheus server. The JSON is committed; a test holds it to this file.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent / "dashboards" / "bellwire.json"
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH, HEIGHT, GRID = 8, 8, 24
RATE = "$__rate_interval"


@dataclass(frozen=True, slots=True)
class Query:
    """One line of a panel: PromQL and what the legend calls it."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One figure: what it answers, its queries, its unit, and the value that must not be passed, if any.

    `kind` is `timeseries` for a course over time, `stat` for a figure of now.
    """

    title: str
    answers: str
    unit: str
    queries: tuple[Query, ...]
    limit: float | None = None
    kind: str = "timeseries"


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


def quantile(q: float, metric: str) -> str:
    return f"histogram_quantile({q}, sum by (le) (rate({metric}_bucket[{RATE}])))"


def rate(metric: str, *by: str) -> str:
    grouping = f" by ({', '.join(by)})" if by else ""
    return f"sum{grouping} (rate({metric}[{RATE}]))"


ROWS = (
    Row(
        "Are orders seen?",
        (
            Panel(
                "Orders nobody has seen",
                "Online orders past their deadline that no till has acked. Anything but 0 is an alarm.",
                "short",
                (Query("max(bellwire_unacked_orders)", "unseen"),),
                limit=1,
                kind="stat",
            ),
            Panel(
                "Alarms",
                "Orders that nobody has seen, by the attempt that told it, and those of them that were seen after all.",
                "short",
                (
                    Query(
                        f"sum by (attempt) (increase(bellwire_alarm_attempts_total[{RATE}]))",
                        "attempt {{attempt}}",
                    ),
                    Query(f"sum(increase(bellwire_alarms_acknowledged_total[{RATE}]))", "seen after all"),
                ),
            ),
            Panel(
                "Commit to first till's ack",
                "How long until some till has stored an order, as the tills themselves say.",
                "s",
                (
                    Query(quantile(0.5, "bellwire_ack_seconds"), "p50"),
                    Query(quantile(0.99, "bellwire_ack_seconds"), "p99"),
                ),
            ),
            Panel(
                "Commit to socket",
                "Live deliveries, from the commit in PostgreSQL to the write on the till's socket. "
                "The promise is 100 ms for 99.9 % of them.",
                "s",
                (
                    Query(quantile(0.5, "bellwire_gateway_delivery_seconds"), "p50"),
                    Query(quantile(0.99, "bellwire_gateway_delivery_seconds"), "p99"),
                ),
                limit=0.1,
            ),
        ),
    ),
    Row(
        "Events",
        (
            Panel(
                "Committed",
                "Facts that PostgreSQL holds, by kind.",
                "cps",
                (Query(rate("bellwire_events_committed_total", "type"), "{{type}}"),),
            ),
            Panel(
                "Published to Redis",
                "The outcome of each publish after its commit. A failed one is healed by the head check.",
                "cps",
                (Query(rate("bellwire_events_published_total", "outcome"), "{{outcome}}"),),
            ),
            Panel(
                "Delivered to sockets",
                "Frames written to terminals, by transport.",
                "cps",
                (Query(rate("bellwire_gateway_deliveries_total", "transport"), "{{transport}}"),),
            ),
        ),
    ),
    Row(
        "Terminals",
        (
            Panel(
                "Connections by pod",
                "Open sockets. A drain shows as one line falling and the others rising by as much.",
                "short",
                (Query("sum by (instance) (bellwire_gateway_connections)", "{{instance}}"),),
            ),
            Panel(
                "Closes by code",
                "1012 is a drain, 4408 a till that does not read, 4409 one that came twice, 1011 our bug.",
                "cps",
                (Query(rate("bellwire_gateway_closed_total", "code"), "{{code}}"),),
            ),
            Panel(
                "Too slow to keep up",
                "Sockets closed because their terminal made no progress.",
                "cps",
                (Query(rate("bellwire_gateway_slow_closed_total", "instance"), "{{instance}}"),),
            ),
            Panel(
                "Keys that two devices use",
                "Terminals whose connections keep replacing each other: the key was copied. Each device needs its own.",
                "short",
                (Query("max(bellwire_shared_keys)", "terminals"),),
            ),
        ),
    ),
    Row(
        "Healing",
        (
            Panel(
                "Gaps healed",
                "Holes in the live feed, by the store that filled them.",
                "cps",
                (Query(rate("bellwire_gateway_gaps_total", "healed_by"), "{{healed_by}}"),),
            ),
            Panel(
                "Replayed events by source",
                "Events given to reconnecting tills: ring is cheapest, postgres was asked late.",
                "cps",
                (Query(rate("bellwire_gateway_replayed_events_total", "source"), "{{source}}"),),
            ),
            Panel(
                "Behind PostgreSQL",
                "Events that the last head check found and the gateway had not yet heard of.",
                "short",
                (Query("max by (instance) (bellwire_gateway_head_check_lag_events)", "{{instance}}"),),
            ),
        ),
    ),
    Row(
        "HTTP",
        (
            Panel(
                "Requests by route",
                "The requests of storefronts and tills.",
                "reqps",
                (Query(rate("bellwire_api_requests_total", "method", "route"), "{{method}} {{route}}"),),
            ),
            Panel(
                "Answers that are not 2xx",
                "4xx is the callers' side, 5xx is ours.",
                "reqps",
                (Query(rate('bellwire_api_requests_total{status!~"2.."}', "status"), "{{status}}"),),
            ),
            Panel(
                "Request time",
                "From the request to the last byte of the answer, all routes; long polls included.",
                "s",
                (
                    Query(quantile(0.5, "bellwire_api_request_seconds"), "p50"),
                    Query(quantile(0.99, "bellwire_api_request_seconds"), "p99"),
                ),
            ),
        ),
    ),
    Row(
        "The ground it stands on",
        (
            Panel(
                "PostgreSQL",
                "1 when every pod reaches it, 0 when at least one does not.",
                "bool_yes_no",
                (Query("min(bellwire_postgres_up)", "reachable"),),
                kind="stat",
            ),
            Panel(
                "Redis",
                "1 when every pod reaches it. Without it nothing is lost, but deliveries take seconds.",
                "bool_yes_no",
                (Query("min(bellwire_redis_up)", "reachable"),),
                kind="stat",
            ),
            Panel(
                "Redis refused",
                "Messages and entries from Redis that no pod signed. None is shown; PostgreSQL has the truth.",
                "cps",
                (Query(rate("bellwire_redis_refused_total", "way, reason"), "{{way}} {{reason}}"),),
            ),
            Panel(
                "Webhook deliveries",
                "Attempts at shops' own endpoints, by outcome.",
                "cps",
                (Query(rate("bellwire_webhook_deliveries_total", "outcome"), "{{outcome}}"),),
            ),
            Panel(
                "Webhook endpoints that refuse",
                "They answered a 4xx twice in a row, of those that no other try mends: what comes behind waits.",
                "short",
                (Query("max(bellwire_webhooks_refusing)", "refuse"),),
                limit=1,
            ),
            Panel(
                "Webhook endpoints switched off",
                "In the last hour, by reason: they said that they are gone, or ten tries in a row failed.",
                "short",
                (Query("sum by (reason) (increase(bellwire_webhook_switched_off_total[1h]))", "{{reason}}"),),
            ),
        ),
    ),
)


def dashboard(rows: tuple[Row, ...] = ROWS) -> dict[str, Any]:
    """The whole dashboard, ready for Grafana's import or provisioning."""
    panels: list[dict[str, Any]] = []
    y = 0
    for row in rows:
        panels.append(heading(row.title, len(panels) + 1, y))
        y += 1
        for index, panel in enumerate(row.panels):
            # Three to a line; ids rise with the position, so they are unique by construction.
            x = index * WIDTH % GRID
            panels.append(figure(panel, len(panels) + 1, x, y + index * WIDTH // GRID * HEIGHT))
        y += HEIGHT * -(-len(row.panels) * WIDTH // GRID)
    return {
        "uid": "bellwire",
        "title": "Bellwire",
        "description": "Is every order on a till, and how fast? Alerts and what to do: docs/runbook.md.",
        "tags": ["bellwire"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "10s",
        "time": {"from": "now-30m", "to": "now"},
        "templating": {"list": [datasource_variable()]},
        "annotations": {"list": []},
        "links": [],
        "panels": panels,
    }


def datasource_variable() -> dict[str, Any]:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "hide": 0,
        "multi": False,
        "includeAll": False,
        "options": [],
        "current": {},
        "refresh": 1,
        "regex": "",
    }


def heading(title: str, number: int, y: int) -> dict[str, Any]:
    place = {"h": 1, "w": GRID, "x": 0, "y": y}
    return {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}


def figure(panel: Panel, number: int, x: int, y: int) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.answers,
        "datasource": DATASOURCE,
        "gridPos": {"h": HEIGHT, "w": WIDTH, "x": x, "y": y},
        "fieldConfig": {"defaults": field_defaults(panel), "overrides": []},
        "options": options(panel),
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": DATASOURCE,
                "expr": query.expr,
                "legendFormat": query.legend,
                "editorMode": "code",
                "range": panel.kind == "timeseries",
                "instant": panel.kind == "stat",
            }
            for index, query in enumerate(panel.queries)
        ],
    }


def field_defaults(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.unit == "bool_yes_no":
        steps = [{"color": "red", "value": None}, {"color": "green", "value": 1}]
    elif panel.limit is not None:
        steps.append({"color": "red", "value": panel.limit})
    defaults: dict[str, Any] = {
        "unit": panel.unit,
        "min": 0,
        "color": {"mode": "thresholds" if panel.kind == "stat" else "palette-classic"},
        "thresholds": {"mode": "absolute", "steps": steps},
    }
    if panel.kind == "timeseries":
        line = "line" if panel.limit is not None else "off"
        defaults["custom"] = {"lineWidth": 1, "fillOpacity": 8, "thresholdsStyle": {"mode": line}}
    return defaults


def options(panel: Panel) -> dict[str, Any]:
    if panel.kind == "stat":
        last = {"calcs": ["lastNotNull"], "fields": "", "values": False}
        return {"reduceOptions": last, "colorMode": "background", "graphMode": "area", "textMode": "auto"}
    return {
        "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def text() -> str:
    return json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
