"""A primary, its replicas and three Sentinels, all real: what `redis+sentinel://` points to.

For tests of a failover: `kill` or freeze the primary, and the Sentinels put a replica in its place.
"""

from infra.local.child import Child, Sink, no_sink
from infra.local.failure import CannotStart
from infra.local.ports import free_port
from infra.local.valkey import READY_SECONDS, Valkey, answers, valkey_binary
from infra.local.valkey_words import say
from infra.local.waiting import wait_until
from infra.local.workdir import Workdir

NAME = "bellwire"


class Sentinels:
    """`start`, `stop`; `servers[0]` is the primary at first. `down_ms`: silence after which a server counts as gone."""

    def __init__(self, *, replicas: int = 1, down_ms: int = 1000, sink: Sink = no_sink) -> None:
        # Otherwise a primary waits five seconds for further replicas before it brings one into step.
        at_once = ["--repl-diskless-sync-delay", "0"]
        first = Valkey(options=at_once, sink=sink)
        following = ["--replicaof", "127.0.0.1", str(first.port), *at_once]
        self.servers = [first, *(Valkey(options=following, sink=sink) for _ in range(replicas))]
        self._ports = [free_port() for _ in range(3)]
        self._down_ms = down_ms
        self._sink = sink
        self._children: list[Child] = []
        self._workdir: Workdir | None = None

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._ports)
        return f"redis+sentinel://{hosts}/{NAME}?db=0"

    @property
    def primary(self) -> Valkey:
        """The server that the first Sentinel takes for the primary now."""
        port = say(self._ports[0], "sentinel", "get-master-addr-by-name", NAME)[-1]
        return next(server for server in self.servers if server.port == int(port))

    def start(self) -> None:
        """Start all and wait until a failover is possible.

        Raises:
            CannotStart: there is no binary, or they did not find together in time.
        """
        try:
            for server in self.servers:
                server.start()
            self._workdir = Workdir("sentinel")
            for port in self._ports:
                self._start_sentinel(self._workdir, port)
            if not wait_until(self._complete, READY_SECONDS):
                raise CannotStart("The Sentinels did not find together.")
        except CannotStart:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all; a second call does nothing."""
        for child in self._children:
            child.stop()
        for server in self.servers:
            server.stop()
        if self._workdir is not None:
            self._workdir.remove()
            self._workdir = None

    def fail_over(self) -> None:
        """Ask for an orderly failover, as an operator does before maintenance."""
        say(self._ports[0], "sentinel", "failover", NAME)

    def _start_sentinel(self, workdir: Workdir, port: int) -> None:
        # A Sentinel writes what it learns into its own configuration.
        path = workdir.path / f"{port}.conf"
        path.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {workdir.path}\nloglevel warning\n"
            f"sentinel monitor {NAME} 127.0.0.1 {self.servers[0].port} 2\n"
            f"sentinel down-after-milliseconds {NAME} {self._down_ms}\n"
            f"sentinel failover-timeout {NAME} 5000\n"
        )
        child = Child("sentinel", [valkey_binary(), path, "--sentinel"], cwd=workdir.path, sink=self._sink)
        self._children.append(child)
        child.start()
        if not wait_until(lambda: not child.alive or answers(port), READY_SECONDS) or not child.alive:
            raise CannotStart(f"A Sentinel did not start on port {port}.\n{child.tail}")

    def _complete(self) -> bool:
        """Each Sentinel knows the two others and every replica, and the primary counts its replicas as in step."""
        for port in self._ports:
            words = say(port, "sentinel", "master", NAME)
            state = dict(zip(words[::2], words[1::2], strict=False))
            if (
                state.get("num-other-sentinels") != "2"
                or int(state.get("num-slaves", 0)) < len(self.servers) - 1
            ):
                return False
        replication = say(self.servers[0].port, "info", "replication")
        return sum("state=online" in line for line in replication) == len(self.servers) - 1
