"""Load for a running demo, and a gate: does every order reach every till, once, in order, and in time?

    make load
    .venv/bin/locust -f loadtests/locustfile.py --headless -u 40 -r 20 -t 30s

Three storefronts to one terminal. Ends with 1 when anything failed, or when the 99th percentile of
"order → till" is over `--slo-ms`. Reads `.bellwire/demo.json`, or what `--demo-file` names.
"""

import sys
from pathlib import Path
from typing import Any

from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from loadtests.cluster import Cluster
from loadtests.demo import DEFAULT_FILE, NoDemo, read_demo
from loadtests.gate import Figures, complaints, report
from loadtests.storefront import StorefrontUser
from loadtests.terminal import ORDER_TO_TILL, TerminalUser

__all__ = ["StorefrontUser", "TerminalUser"]


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]  # locust is untyped here
def add_options(parser: LocustArgumentParser, **_: Any) -> None:
    group = parser.add_argument_group("Bellwire")
    group.add_argument("--slo-ms", type=float, default=100.0, help="limit of p99 from order to till (100)")
    group.add_argument("--demo-file", default=str(DEFAULT_FILE), help="what describes the running cluster")
    group.add_argument(
        "--reconnect-seconds", type=float, default=10.0, help="a till drops its socket this often; 0 is never"
    )


@events.init.add_listener  # type: ignore[untyped-decorator]
def find_demo(environment: Any, **_: Any) -> None:
    try:
        demo = read_demo(Path(environment.parsed_options.demo_file))
    except NoDemo as exc:
        sys.exit(str(exc))
    environment.host = environment.host or demo.url


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def prepare(environment: Any, **_: Any) -> None:
    # The master of several processes has no users. All others find what they share at their environment,
    # which locust hands to each user; this event comes before the first of them starts.
    if isinstance(environment.runner, MasterRunner):
        return
    options = environment.parsed_options
    cluster = Cluster(read_demo(Path(options.demo_file)), options.reconnect_seconds)
    environment.cluster = cluster
    environment.events.spawning_complete.add_listener(lambda **_: cluster.spawned())


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def judge(environment: Any, **_: Any) -> None:
    # A worker sees a part of the run; the one who sees all judges.
    if isinstance(environment.runner, WorkerRunner):
        return
    slo_ms = environment.parsed_options.slo_ms
    figures = figures_of(environment)
    print("\n" + report(figures, slo_ms), file=sys.stderr)
    environment.process_exit_code = 1 if complaints(figures, slo_ms) else 0


def figures_of(environment: Environment) -> Figures:
    total = environment.stats.total
    kind, name = ORDER_TO_TILL
    seen = environment.stats.entries.get((name, kind))
    if seen is None or seen.num_requests == 0:
        return Figures(total.num_requests, total.num_failures, 0, None, None)
    return Figures(
        requests=total.num_requests,
        failures=total.num_failures,
        seen=seen.num_requests,
        p50_ms=seen.get_response_time_percentile(0.50),
        p99_ms=seen.get_response_time_percentile(0.99),
    )
