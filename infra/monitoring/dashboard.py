"""Write the Grafana dashboards from the boards of `boards/`.

    python -m infra.monitoring.dashboard            # rewrites dashboards/*.json

Knows Grafana's classic (v1) dashboard JSON, which Grafana 8 to 13 import. Does not know any Grafana or Prometheus
server. The JSON is committed; tests hold it to the boards, to the types of Grafana's own SDK, and each query to a real
Prometheus. Why: docs/decisions/0149-four-dashboards.md
"""

import json
from pathlib import Path
from typing import Any

from infra.monitoring.boards import BOARDS
from infra.monitoring.panels import Board, Panel, Query, Variable
from infra.monitoring.service_levels import RUNBOOK

FOLDER = Path(__file__).parent / "dashboards"
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH, HEIGHT, GRID = 8, 8, 24
OURS = 'job=~"bellwire-(api|gateway)"'
VERSIONS = "count by (version) (bellwire_build_info)"
VERSIONS_BEFORE = "count by (version) (bellwire_build_info offset 5m)"
# Drawn across all panels: what may explain a change in them.
ANNOTATIONS = (
    (
        "Alerts",
        "red",
        'ALERTS{alertstate="firing",alertname=~"Bellwire.*",severity!="none"}',
        "{{alertname}}",
    ),
    (
        "Releases",
        "blue",
        f"{VERSIONS} unless on (version) {VERSIONS_BEFORE}",
        "release {{version}}",
    ),
    (
        "Pods that began",
        "purple",
        f"count by (job) (time() - process_start_time_seconds{{{OURS}}} < 60)",
        "{{job}}",
    ),
)


def dashboard(board: Board) -> dict[str, Any]:
    """The whole dashboard, ready for Grafana's import or provisioning."""
    panels: list[dict[str, Any]] = []
    y = 0
    for row in board.rows:
        panels.append(heading(row.title, len(panels) + 1, y))
        y += 1
        for index, panel in enumerate(row.panels):
            # Three to a line; ids rise with the position, so they are unique by construction.
            x = index * WIDTH % GRID
            panels.append(figure(panel, len(panels) + 1, x, y + index * WIDTH // GRID * HEIGHT))
        y += HEIGHT * -(-len(row.panels) * WIDTH // GRID)
    return {
        "uid": f"bellwire-{board.name}",
        "title": board.title,
        "description": f"{board.says} Alerts and what to do: {RUNBOOK}",
        "tags": ["bellwire"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "10s",
        "time": {"from": "now-30m", "to": "now"},
        "templating": {"list": [datasource_variable(), *(variable(each) for each in board.variables)]},
        "annotations": {"list": [annotation(*each) for each in ANNOTATIONS]},
        "links": [
            link("Bellwire", "", kind="dashboards", tags=("bellwire",), icon="external link"),
            link("Runbook", RUNBOOK, icon="doc"),
        ],
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


def variable(each: Variable) -> dict[str, Any]:
    """A choice of a label's values, several or all of them; or of given ones, of which the first stands."""
    common: dict[str, Any] = {"name": each.name, "label": each.label, "hide": 0, "skipUrlSync": False}
    if each.given:
        return {
            **common,
            "type": "custom",
            "query": ", ".join(f"{name} : {value}" for name, value in each.given),
            "multi": False,
            "includeAll": False,
            "current": {"text": each.given[0][0], "value": each.given[0][1], "selected": True},
            "options": [
                {"text": name, "value": value, "selected": index == 0}
                for index, (name, value) in enumerate(each.given)
            ],
        }
    return {
        **common,
        "type": "query",
        "datasource": DATASOURCE,
        "definition": each.query,
        "query": {"query": each.query, "refId": f"variable-{each.name}"},
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all", "selected": True},
        "options": [],
        # With the time range: pods come and go.
        "refresh": 2,
        "regex": "",
        "sort": 1,
    }


def annotation(name: str, colour: str, expr: str, text: str) -> dict[str, Any]:
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        "expr": expr,
        "step": "60s",
        "titleFormat": text,
        "useValueForTime": False,
    }


def link(
    title: str, url: str, *, kind: str = "link", tags: tuple[str, ...] = (), icon: str = "external link"
) -> dict[str, Any]:
    return {
        "title": title,
        "type": kind,
        "url": url,
        "icon": icon,
        "tooltip": "",
        "tags": list(tags),
        "asDropdown": kind == "dashboards",
        "targetBlank": kind == "link",
        "includeVars": False,
        "keepTime": kind == "dashboards",
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
        "links": [link(name, f"{RUNBOOK}#{name.lower()}") for name in panel.alerts],
        "fieldConfig": {"defaults": field_defaults(panel), "overrides": []},
        "options": options(panel),
        "targets": [target(query, chr(ord("A") + index), panel) for index, query in enumerate(panel.queries)],
    }


def target(query: Query, ref: str, panel: Panel) -> dict[str, Any]:
    return {
        "refId": ref,
        "datasource": DATASOURCE,
        "expr": query.expr,
        "legendFormat": query.legend,
        "editorMode": "code",
        "range": panel.kind == "timeseries",
        "instant": panel.kind == "stat",
    }


def field_defaults(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.least is not None:
        steps = [{"color": "red", "value": None}, {"color": "green", "value": panel.least}]
    elif panel.limit is not None:
        steps.append({"color": "red", "value": panel.limit})
    defaults: dict[str, Any] = {
        "unit": panel.unit,
        "color": {"mode": "thresholds" if panel.kind == "stat" else "palette-classic"},
        "thresholds": {"mode": "absolute", "steps": steps},
    }
    if panel.lowest is not None:
        defaults["min"] = panel.lowest
    if panel.highest is not None:
        defaults["max"] = panel.highest
    if panel.kind == "timeseries":
        line = "line" if len(steps) > 1 else "off"
        # A gap is a gap: a line over it would say that nothing was the matter.
        custom = {"lineWidth": 1, "fillOpacity": 8, "spanNulls": False, "thresholdsStyle": {"mode": line}}
        defaults["custom"] = custom
    return defaults


def options(panel: Panel) -> dict[str, Any]:
    if panel.kind == "stat":
        last = {"calcs": ["lastNotNull"], "fields": "", "values": False}
        return {"reduceOptions": last, "colorMode": "background", "graphMode": "area", "textMode": "auto"}
    return {
        "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def text(board: Board) -> str:
    return json.dumps(dashboard(board), indent=2, ensure_ascii=False) + "\n"


def path(board: Board) -> Path:
    return FOLDER / f"{board.name}.json"


if __name__ == "__main__":
    for each in BOARDS:
        path(each).write_text(text(each), encoding="utf-8")
