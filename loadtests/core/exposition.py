"""The figures of a running load test, in Prometheus' text format: `bellwire_load_…`. Counters begin with the run."""

from collections.abc import Iterator, Mapping

from loadtests.core.histogram import edge_of
from loadtests.core.record import FAULTS, Cell, Record
from loadtests.core.rows import EXPECTED

EDGES_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
# Name, kind and meaning of each; docs/load-testing.md has the same table.
METRICS = {
    "bellwire_load_info": ("gauge", "The run: its profile and its name; always 1."),
    "bellwire_load_asked_orders": (
        "gauge",
        "Orders a second that the course asks for now; 0 while all settles.",
    ),
    "bellwire_load_seconds": ("histogram", "How long it took, by row; a row of the load test's report."),
    "bellwire_load_failures_total": ("counter", "Failures, by row."),
    "bellwire_load_faults_total": ("counter", "Promises that were broken, by kind."),
    "bellwire_load_terminals": ("gauge", "Terminals that are connected now, by the process that has them."),
    "bellwire_load_cpu_cores": ("gauge", "Cores that a process of the load test used in the last second."),
}


def exposition(record: Record, profile: str, run: str, asked: float, now: int) -> str:
    """The page."""
    totals = {row: record.totals.get(row) or Cell() for row in sorted({*EXPECTED, *record.totals})}
    lines = [
        *_head("bellwire_load_info"),
        f'bellwire_load_info{{profile="{profile}",run="{run}"}} 1',
        *_head("bellwire_load_asked_orders"),
        f"bellwire_load_asked_orders {asked:g}",
        *_head("bellwire_load_seconds"),
        *(line for row, total in totals.items() for line in _histogram(row, total)),
        *_head("bellwire_load_failures_total"),
        *(
            f'bellwire_load_failures_total{{row="{_escaped(row)}"}} {total.failures}'
            for row, total in totals.items()
        ),
        *_head("bellwire_load_faults_total"),
        *(f'bellwire_load_faults_total{{kind="{kind}"}} {record.faults.get(kind, 0)}' for kind in FAULTS),
        *_head("bellwire_load_terminals"),
        *_newest("bellwire_load_terminals", "connections", record.values, now),
        *_head("bellwire_load_cpu_cores"),
        *_newest("bellwire_load_cpu_cores", "cpu", record.values, now),
    ]
    return "\n".join(lines) + "\n"


def _head(name: str) -> list[str]:
    kind, text = METRICS[name]
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]


def _histogram(row: str, total: Cell) -> Iterator[str]:
    buckets, label = total.buckets, f'row="{_escaped(row)}"'
    for edge in EDGES_SECONDS:
        below = sum(count for bucket, count in buckets.items() if edge_of(bucket) <= edge * 1000)
        yield f'bellwire_load_seconds_bucket{{{label},le="{edge:g}"}} {below}'
    count = sum(buckets.values())
    yield f'bellwire_load_seconds_bucket{{{label},le="+Inf"}} {count}'
    seconds = sum(edge_of(bucket) * times for bucket, times in buckets.items()) / 1000
    yield f"bellwire_load_seconds_sum{{{label}}} {seconds:.6f}"
    yield f"bellwire_load_seconds_count{{{label}}} {count}"


def _newest(name: str, what: str, values: Mapping[str, Mapping[int, float]], now: int) -> Iterator[str]:
    """The newest value of each part, where it is not an old one."""
    for full in sorted(values):
        kind, _, part = full.partition(" ")
        if kind == what and (seconds := values[full]) and max(seconds) >= now - 10:
            yield f'{name}{{part="{_escaped(part)}"}} {seconds[max(seconds)]:g}'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
