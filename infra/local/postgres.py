"""A real PostgreSQL server of our own, on a free port of the loopback interface.

Its data are thrown away at the end, so by default nothing waits for the disk (`fsync=off`): a killed process
loses nothing that way, only a power cut would. Knows initdb and postgres. Does not know the schema.
"""

import os
import secrets
import signal
import threading
from collections.abc import Mapping
from pathlib import Path

from infra.local.account import unprivileged
from infra.local.child import Child, Sink, no_sink, run_to_end
from infra.local.failure import CannotStart
from infra.local.ports import free_port
from infra.local.postgres_binaries import find_binaries
from infra.local.waiting import wait_until
from infra.local.workdir import Workdir

USER = DATABASE = "bellwire"
INIT_SECONDS = 120.0
READY_SECONDS = 60.0
# A killed postmaster's last processes leave within moments; until then its shared memory is in use.
LEFTOVER = "still in use"
LEFTOVER_ATTEMPTS = 20


class Postgres:
    """One server with one empty database. The port and the data survive `kill` and `restart`."""

    def __init__(
        self,
        *,
        port: int | None = None,
        durable: bool = False,
        max_connections: int = 300,
        sink: Sink = no_sink,
    ) -> None:
        """`durable` turns fsync on, for measurements that must mean something."""
        self.port = port or free_port()
        self._durable = durable
        self._max_connections = max_connections
        self._sink = sink
        self._password = secrets.token_urlsafe(18)
        self._account = unprivileged()
        self._workdir: Workdir | None = None
        self._child: Child | None = None
        # A `stop` from another thread waits for a `start` to be done, and then stops what it started.
        self._lock = threading.RLock()
        self._bin = Path()

    @property
    def url(self) -> str:
        return f"postgresql://{USER}:{self._password}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.alive

    @property
    def pid(self) -> int:
        assert self._child is not None, "PostgreSQL was not started"
        return self._child.pid

    def start(self) -> None:
        """Start it, with a new database the first time, and wait until it takes connections.

        Raises:
            CannotStart: there are no binaries, or it did not come up in time.
        """
        with self._lock:
            if self.alive:
                return
            try:
                if self._workdir is None:
                    self._bin = find_binaries(self._account)
                    self._workdir = Workdir("postgres", self._account)
                    self._initialise(self._workdir.path)
                self._run(self._workdir.path)
            except CannotStart:
                self.stop()
                raise

    def stop(self) -> None:
        """Stop it (open transactions are rolled back) and remove its data; a second call does nothing."""
        with self._lock:
            if self._child is not None:
                # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave.
                self._child.stop(seconds=15.0, polite=signal.SIGINT)
            if self._workdir is not None:
                self._workdir.remove()
                self._workdir = None

    def kill(self) -> None:
        """`kill -9`. `start` recovers the data and takes the same port."""
        if self._child is not None:
            self._child.kill()

    def restart(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it and start it again on the same data and port: SIGINT is fast, SIGQUIT immediate, SIGKILL worse."""
        if self._child is not None:
            self._child.stop(seconds=15.0, polite=how)
        self.start()

    def reconfigure(self, name: str, value: str) -> None:
        """Give a running server another value of a setting that a reload can change; restarts keep it."""
        assert self._workdir is not None
        with (self._workdir.path / "data" / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"{name} = '{value}'\n")
        assert self._child is not None
        self._child.send(signal.SIGHUP)

    def _initialise(self, folder: Path) -> None:
        password = folder / "password"
        password.write_text(self._password)
        password.chmod(0o600)
        os.chown(password, self._account.uid, self._account.gid)
        for name in ("data", "socket"):
            (folder / name).mkdir(mode=0o700)
            os.chown(folder / name, self._account.uid, self._account.gid)
        options: list[str | Path] = ["--username", USER, "--pwfile", password, "--auth", "scram-sha-256"]
        options += ["--encoding", "UTF8", "--no-locale", "--no-sync"]
        run_to_end(self._program("initdb", "-D", folder / "data", *options), INIT_SECONDS)
        password.unlink()
        # Single-user mode: no port, no password, no client library.
        create = f"CREATE DATABASE {DATABASE}\n".encode()
        arguments: list[str | Path] = ["--single", "-D", folder / "data", "-c", "fsync=off", "postgres"]
        run_to_end(self._program("postgres", *arguments, stdin=create), INIT_SECONDS)

    def _run(self, folder: Path) -> None:
        (folder / "data" / "postmaster.pid").unlink(missing_ok=True)
        for _ in range(LEFTOVER_ATTEMPTS):
            self._child = self._program("postgres", "-D", folder / "data", *self._options(folder))
            self._child.start()
            if wait_until(self._has_settled, READY_SECONDS) and self._child.alive:
                return
            self._child.kill()
            if LEFTOVER not in self._child.tail:
                break
        tail = self._child.tail if self._child is not None else ""
        raise CannotStart(f"PostgreSQL did not start on port {self.port}.\n{tail}")

    def _options(self, folder: Path) -> list[str]:
        durable = "on" if self._durable else "off"
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(folder / "socket"),
            "max_connections": str(self._max_connections),
            "shared_buffers": "64MB",
            "fsync": durable,
            "full_page_writes": durable,
            # In the data directory rather than in /dev/shm, of which containers have little.
            "dynamic_shared_memory_type": "mmap",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "jit": "off",
        }
        return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]

    def _program(
        self, program: str, *arguments: str | Path, stdin: bytes = b"", env: Mapping[str, str] | None = None
    ) -> Child:
        # Not our environment: PGDATA, PGHOST and the like are meant for another server.
        env = {"PATH": f"{self._bin}:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", **(env or {})}
        assert self._workdir is not None
        return Child(
            "postgres",
            [self._bin / program, *arguments],
            env=env,
            cwd=self._workdir.path,
            account=self._account,
            sink=self._sink,
            stdin=stdin,
            # An immediate shutdown rather than SIGKILL: it takes its processes and memory with it.
            death_signal=signal.SIGQUIT,
        )

    def _has_settled(self) -> bool:
        """It has ended, or it is ready: the last line of its pid file says so, no client is needed to ask."""
        assert self._child is not None
        assert self._workdir is not None
        if not self._child.alive:
            return True
        try:
            lines = (self._workdir.path / "data" / "postmaster.pid").read_text().split("\n")
        except OSError:
            return False
        return lines[0].strip() == str(self._child.pid) and len(lines) > 7 and lines[7].strip() == "ready"
