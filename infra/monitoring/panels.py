"""Panels, rows and boards as values, and the PromQL that most of them are made of.

Knows our metrics' shapes. Does not know Grafana: `dashboard.py` writes its JSON.
"""

from dataclasses import dataclass
from typing import Literal

RATE = "$__rate_interval"
# A board's own choice of pods, and the shops that it looks at.
CHOSEN = 'instance=~"$instance"'
SHOPS = 'test=~"$shops"'

Kind = Literal["timeseries", "stat"]


@dataclass(frozen=True, slots=True)
class Query:
    """One line of a panel: PromQL and what the legend calls it."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One figure: what it answers, its queries, its unit, and where it turns red.

    `limit` is a value that must not be reached, `least` one that must not be fallen below. `alerts` are those that ask
    the same question: the panel links to their sections of the runbook. `lowest` None lets the axis begin anywhere.
    """

    title: str
    answers: str
    unit: str
    queries: tuple[Query, ...]
    limit: float | None = None
    least: float | None = None
    alerts: tuple[str, ...] = ()
    kind: Kind = "timeseries"
    lowest: float | None = 0
    highest: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice above the panels: the values of a label, by a query, or a few given ones with their names."""

    name: str
    label: str
    query: str = ""
    given: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard. `name` is its file's and a part of its uid."""

    name: str
    title: str
    says: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()


GATEWAYS = Variable("instance", "Gateway", 'label_values(up{job="bellwire-gateway"}, instance)')
APIS = Variable("instance", "API pod", 'label_values(up{job="bellwire-api"}, instance)')
ROUTES = Variable("route", "Route", "label_values(bellwire_api_requests_total, route)")
SHOPS_CHOICE = Variable("shops", "Shops", given=(("real", "false"), ("test", "true"), ("all", ".*")))


def within(metric: str, *matchers: str) -> str:
    """A metric with matchers."""
    return f"{metric}{{{','.join(matchers)}}}" if matchers else metric


def rate(metric: str, *by: str, of: tuple[str, ...] = ()) -> str:
    """A counter's rate, added up over what `by` does not name."""
    return f"{_sum(by)} (rate({within(metric, *of)}[{RATE}]))"


def increase(metric: str, window: str, *by: str, of: tuple[str, ...] = ()) -> str:
    """By how much a counter rose in a window, added up over what `by` does not name."""
    return f"{_sum(by)} (increase({within(metric, *of)}[{window}]))"


def _sum(by: tuple[str, ...]) -> str:
    return f"sum by ({', '.join(by)})" if by else "sum"


def quantile(q: float, metric: str, *by: str, of: tuple[str, ...] = ()) -> str:
    """A histogram's quantile."""
    grouping = ", ".join(("le", *by))
    return f"histogram_quantile({q}, sum by ({grouping}) (rate({within(f'{metric}_bucket', *of)}[{RATE}])))"


def share_within(bound: str, metric: str, *of: str) -> str:
    """The share of a histogram's values up to one of its bounds: no guess between two of them."""
    below = rate(f"{metric}_bucket", of=(*of, f'le="{bound}"'))
    return f"{below} / {rate(f'{metric}_count', of=of)}"


def process(job: str, of: tuple[str, ...] = (CHOSEN,)) -> tuple[Panel, ...]:
    """The panels that every kind of pod has: CPU, memory, files, bugs that ended a task."""
    mine = (f'job="{job}"', *of)
    return (
        Panel(
            "CPU of a pod",
            "Cores in use; a pod of one worker has one at most. One that is at it answers late.",
            "none",
            (Query(f"rate({within('process_cpu_seconds_total', *mine)}[{RATE}])", "{{instance}}"),),
        ),
        Panel(
            "Memory of a pod",
            "Resident memory; in a pod of several workers of all of them.",
            "bytes",
            (Query(within("process_resident_memory_bytes", *mine), "{{instance}}"),),
        ),
        Panel(
            "Open files of a pod",
            "The share of the descriptors that it may have: a socket is one.",
            "percentunit",
            (
                Query(
                    f"{within('process_open_fds', *mine)} / {within('process_max_fds', *mine)}",
                    "{{instance}}",
                ),
            ),
            limit=0.8,
            highest=1,
        ),
        Panel(
            "Background tasks that died",
            "Of a bug, and were started anew; in the last 15 minutes.",
            "short",
            (
                Query(
                    f"{increase('bellwire_task_deaths_total', '15m', 'task', of=mine)} or vector(0)",
                    "{{task}}",
                ),
            ),
            limit=1,
            alerts=("BellwireTasksDying",),
        ),
    )
