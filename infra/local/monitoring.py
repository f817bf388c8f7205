"""Prometheus, Alertmanager and exporters beside a cluster: `make demo MONITORING=1`, and what a drill looks through.

Promise: what the cluster has is scraped under the jobs that the alert rules ask for. Knows which servers belong
together. Does not know what an alert means.
"""

import functools
from pathlib import Path

from infra.local.alertmanager import Alertmanager
from infra.local.child import Sink, no_sink
from infra.local.cluster import Cluster, Say, together
from infra.local.exporters import PostgresExporter, RedisExporter
from infra.local.prometheus import RULES, Prometheus
from infra.local.tool_server import ToolServer
from infra.monitoring.targets import targets

NEEDED: tuple[type[ToolServer], ...] = (Prometheus, Alertmanager, RedisExporter, PostgresExporter)


class Monitoring:
    """All of it. `fetch` before the cluster starts, `start` when it serves, `stop` in any case."""

    def __init__(
        self,
        *,
        rules: Path = RULES,
        alertmanager: str | None = None,
        seconds: float = 5.0,
        sink: Sink = no_sink,
    ) -> None:
        """`alertmanager` is a configuration in place of ours; `seconds` lie between two scrapes."""
        self.alertmanager = Alertmanager(configuration=alertmanager, sink=sink)
        self.prometheus = Prometheus(
            rules=rules, alertmanagers=[self.alertmanager.address], seconds=seconds, sink=sink
        )
        self._exporters: list[RedisExporter | PostgresExporter] = []
        self._sink = sink

    @property
    def servers(self) -> list[ToolServer]:
        return [self.prometheus, self.alertmanager, *self._exporters]

    @staticmethod
    def fetch(say: Say) -> None:
        """Have every program here, before anything is started.

        Raises:
            CannotStart: one is not here and cannot be had; the text has the command to type.
        """
        for kind in NEEDED:
            kind.tool(say)

    def start(self, cluster: Cluster) -> None:
        """Start all of it, and scrape the cluster; an exporter only beside a server of its own.

        Raises:
            CannotStart: one of them did not come up.
        """
        if cluster.valkey is not None:
            self._exporters.append(RedisExporter(cluster.valkey, self._sink))
        if cluster.postgres is not None:
            self._exporters.append(PostgresExporter(cluster.postgres, self._sink))
        self.look(cluster)
        together([server.start for server in self.servers])

    def look(self, cluster: Cluster) -> None:
        """Follow the cluster's present processes."""
        own = [{"targets": [each.address], "labels": {"job": each.job}} for each in self._exporters]
        self.prometheus.watch(targets({"processes": cluster.processes()}) + own)

    def stop(self) -> None:
        """Stop all of it; a second call does nothing."""
        together([functools.partial(ToolServer.stop, server) for server in self.servers])
