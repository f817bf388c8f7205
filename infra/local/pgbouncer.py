"""A real PgBouncer in front of a `Postgres`, in transaction mode: each statement may meet another connection behind it.

Knows Debian's package and its configuration file. Does not know what goes through it.
"""

import os
import socket
from urllib.parse import urlsplit

from infra.local.account import unprivileged
from infra.local.child import Child, Sink, no_sink
from infra.local.debian_tool import ToolMissing, find_tool
from infra.local.failure import CannotStart
from infra.local.ports import free_port
from infra.local.waiting import wait_until
from infra.local.workdir import Workdir

READY_SECONDS = 20.0

CONFIGURATION = """\
[databases]
* = host=127.0.0.1 port={server_port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = 300
"""


class PgBouncer:
    """One pooler; `url` is that of the database behind it, through it."""

    def __init__(self, database_url: str, *, pool_size: int = 8, sink: Sink = no_sink) -> None:
        self.port = free_port()
        self._behind = urlsplit(database_url)
        self._pool_size = pool_size
        self._sink = sink
        self._workdir: Workdir | None = None
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """The database's address through this pooler."""
        user = self._behind.netloc.rpartition("@")[0]
        return f"postgresql://{user}@127.0.0.1:{self.port}{self._behind.path}"

    def start(self) -> None:
        """Start it and wait until it takes connections.

        Raises:
            CannotStart: there is no PgBouncer, or it did not come up in time.
        """
        try:
            tool = find_tool("pgbouncer", "pgbouncer")
        except ToolMissing as exc:
            raise CannotStart(str(exc)) from exc
        account = unprivileged()
        self._workdir = Workdir("pgbouncer", account)
        users, configuration = self._workdir.path / "users", self._workdir.path / "pgbouncer.ini"
        users.write_text(f'"{self._behind.username}" "{self._behind.password}"\n')
        configuration.write_text(
            CONFIGURATION.format(
                server_port=self._behind.port, port=self.port, users=users, pool_size=self._pool_size
            )
        )
        for path in (users, configuration):
            path.chmod(0o600)
            os.chown(path, account.uid, account.gid)
        self._child = Child(
            "pgbouncer", [tool.path, configuration], env=tool.environment(), cwd=self._workdir.path,
            account=account, sink=self._sink,
        )  # fmt: skip
        self._child.start()
        if not wait_until(self._takes_connections, READY_SECONDS):
            tail = self._child.tail
            self.stop()
            raise CannotStart(f"PgBouncer did not start on port {self.port}.\n{tail}")

    def stop(self) -> None:
        """Stop it; a second call does nothing."""
        if self._child is not None:
            self._child.stop(5.0)
        if self._workdir is not None:
            self._workdir.remove()
            self._workdir = None

    def _takes_connections(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
