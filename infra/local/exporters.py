"""The well-known exporters of what our own pods cannot see: Redis' memory, PostgreSQL's sessions and lag.

Each comes from Debian. They are told where their server is by their environment.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.local.child import Sink, no_sink
from infra.local.postgres import Postgres
from infra.local.tool_server import ToolServer
from infra.local.valkey import Valkey


class RedisExporter(ToolServer):
    """redis_exporter beside one server."""

    name = "redis-exporter"
    program = "prometheus-redis-exporter"
    package = "prometheus-redis-exporter"
    job = "bellwire-redis"

    def __init__(self, valkey: Valkey, sink: Sink = no_sink) -> None:
        super().__init__(sink=sink)
        self._valkey = valkey

    def words(self, folder: Path) -> Sequence[str | Path]:
        return ["-web.listen-address", self.address]

    def variables(self) -> Mapping[str, str]:
        return {
            "REDIS_ADDR": f"redis://127.0.0.1:{self._valkey.port}",
            "REDIS_PASSWORD": self._valkey.password,
        }


class PostgresExporter(ToolServer):
    """postgres_exporter beside one server, as its superuser."""

    name = "postgres-exporter"
    program = "prometheus-postgres-exporter"
    package = "prometheus-postgres-exporter"
    job = "bellwire-postgres"

    def __init__(self, postgres: Postgres, sink: Sink = no_sink) -> None:
        super().__init__(sink=sink)
        self._postgres = postgres

    def words(self, folder: Path) -> Sequence[str | Path]:
        return [f"--web.listen-address={self.address}", "--log.level=error"]

    def variables(self) -> Mapping[str, str]:
        return {"DATA_SOURCE_NAME": f"{self._postgres.url}?sslmode=disable"}
