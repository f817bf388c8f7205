"""Every query of the load tests' dashboard has something to say during one, asked of a real Prometheus."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.child import Child
from infra.local.cluster import Cluster
from infra.local.plan import Plan
from infra.local.ports import free_port
from infra.local.prometheus import Prometheus
from infra.local.waiting import wait_until
from infra.monitoring.boards.load_tests import LOAD_TESTS
from infra.monitoring.targets import targets

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]
ROOT = Path(__file__).resolve().parents[2]
ASK_SECONDS = 150.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(Plan(api_pods=1, gateway_pods=1)) as cluster:
        yield cluster


def test_every_query_of_its_panels_has_something_to_say(cluster: Cluster, tmp_path: Path) -> None:
    port, key = free_port(), tmp_path / "key"
    key.write_text(cluster.operator_key, encoding="utf-8")
    # A storm has everything: also terminals that come back.
    words = [
        sys.executable,
        "-m",
        "loadtests",
        "run",
        "storm",
        "--host",
        cluster.url,
        "--operator-key-file",
        str(key),
    ]
    words += ["--shops", "4", "--terminals", "20", "--rate", "6", "--seconds", "180", "--warm-up", "1"]
    words += ["--quiet", "--results", str(tmp_path), "--metrics-port", str(port)]
    prometheus = Prometheus(seconds=1.0)
    load = Child("load", words, cwd=ROOT)
    prometheus.start()
    try:
        load.start()
        ours = {"targets": [f"127.0.0.1:{port}"], "labels": {"job": "bellwire-load"}}
        prometheus.watch([*targets({"processes": cluster.processes()}), ours])
        wanted = {
            f"{panel.title} / {query.legend}": re.sub(
                r"\$\w+", ".*", query.expr.replace("$__rate_interval", "15s")
            )
            for row in LOAD_TESTS.rows
            for panel in row.panels
            for query in panel.queries
        }

        def asked() -> bool:
            for name, expr in list(wanted.items()):
                if any(series["value"][1] != "NaN" for series in prometheus.ask(expr)):
                    del wanted[name]
            return not wanted

        wait_until(asked, ASK_SECONDS)
        assert wanted == {}, load.tail
    finally:
        # It deletes its tenants first.
        load.stop(60.0)
        prometheus.stop()
