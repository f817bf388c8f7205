"""Where rows are run: a cluster whose pods reach Valkey by wires that can be spoiled, started once for many rows."""

from types import TracebackType
from typing import Self

from chaos.wire import Wire
from infra.local.child import Sink, no_sink
from infra.local.cluster import Cluster
from infra.local.plan import Plan

# Quick enough to see a dead connection within a row.
SETTINGS = {
    "BELLWIRE_HEARTBEAT_SECONDS": "3",
    "BELLWIRE_SLOW_SECONDS": "5",
    "BELLWIRE_DRAIN_NOTICE_SECONDS": "2",
}


class Place:
    """The cluster and its two wires."""

    def __init__(self, plan: Plan | None = None, sink: Sink = no_sink) -> None:
        self.cluster = Cluster(plan or Plan(), settings=SETTINGS, sink=sink)
        assert self.cluster.valkey is not None
        self.to_apis = Wire(self.cluster.valkey.port)
        self.to_gateways = Wire(self.cluster.valkey.port)

    def __enter__(self) -> Self:
        for wire in (self.to_apis, self.to_gateways):
            wire.start()
        self.cluster.settings_of["api"] = {"BELLWIRE_REDIS_URL": self.to_apis.url}
        self.cluster.settings_of["gateway"] = {"BELLWIRE_REDIS_URL": self.to_gateways.url}
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

    def _cut(self) -> None:
        for wire in (self.to_apis, self.to_gateways):
            wire.stop()
