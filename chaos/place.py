"""Where rows are run: a cluster whose pods reach Valkey by wires that can be spoiled, started once for many rows.

Its pods know a second address of PostgreSQL, for a standby that may take over.
"""

from types import TracebackType
from typing import Self

from chaos.wire import Wire
from infra.local.child import Sink, no_sink
from infra.local.cluster import Cluster
from infra.local.plan import Plan
from infra.local.ports import free_port
from infra.local.standby import Standby

# Quick enough to see a dead connection within a row.
SETTINGS = {
    "BELLWIRE_HEARTBEAT_SECONDS": "3",
    "BELLWIRE_SLOW_SECONDS": "5",
    "BELLWIRE_DRAIN_NOTICE_SECONDS": "2",
}


class Place:
    """The cluster, its two wires, and the place for a standby."""

    def __init__(self, plan: Plan | None = None, sink: Sink = no_sink) -> None:
        self.cluster = Cluster(plan or Plan(), settings=SETTINGS, sink=sink)
        self.free_postgres_port = free_port()
        self.to_apis = Wire(self.cluster.own_valkey.port)
        self.to_gateways = Wire(self.cluster.own_valkey.port)

    def __enter__(self) -> Self:
        for wire in (self.to_apis, self.to_gateways):
            wire.start()
        both = {"BELLWIRE_DATABASE_URL": self._database_url()}
        self.cluster.settings_of["api"] = {**both, "BELLWIRE_REDIS_URL": self.to_apis.url}
        self.cluster.settings_of["gateway"] = {**both, "BELLWIRE_REDIS_URL": self.to_gateways.url}
        try:
            self.cluster.__enter__()
        except BaseException:
            self._cut()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.cluster.stop()
        finally:
            self._cut()

    def take_over(self, standby: Standby) -> None:
        """The standby, which was promoted, is the cluster's server from now on; the old one's place is free."""
        old, self.cluster.postgres = self.cluster.own_postgres, standby
        self.free_postgres_port = old.port
        old.stop()

    def _database_url(self) -> str:
        """Both addresses."""
        before, _, database = self.cluster.own_postgres.url.rpartition("/")
        return f"{before},127.0.0.1:{self.free_postgres_port}/{database}"

    def _cut(self) -> None:
        for wire in (self.to_apis, self.to_gateways):
            wire.stop()
