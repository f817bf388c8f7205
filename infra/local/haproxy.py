"""The load balancer: HAProxy with `infra/haproxy/haproxy.cfg`, in front of the pods of this machine.

Knows how HAProxy is found, started and asked about its servers. Its treatment of a request stands in the
configuration, which is the same file in production.
"""

import csv
import io
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.local.child import Child, Sink, no_sink
from infra.local.debian_tool import Progress, Tool, ToolMissing, find_tool
from infra.local.failure import CannotStart
from infra.local.ports import free_port
from infra.local.waiting import wait_until
from infra.local.workdir import Workdir

CONFIGURATION = Path(__file__).resolve().parents[1] / "haproxy" / "haproxy.cfg"
RENEWAL = CONFIGURATION.with_name("certificate.lua")
LEAVE = CONFIGURATION.with_name("leave.lua")
MOST_SERVERS = 8
READY_SECONDS = 20.0


def find_haproxy(progress: Progress | None = None) -> Tool:
    """HAProxy of this machine, installed or fetched if need be; BELLWIRE_HAPROXY is the path of another one.

    Raises:
        CannotStart: it is not here and cannot be had; the text has the command to type.
    """
    if own := os.environ.get("BELLWIRE_HAPROXY"):
        if not os.access(own, os.X_OK):
            raise CannotStart(f"BELLWIRE_HAPROXY is {own}, which is no program.")
        return Tool(Path(own))
    try:
        return find_tool("haproxy", "haproxy", progress=progress)
    except ToolMissing as exc:
        raise CannotStart(str(exc)) from exc


class HAProxy:
    """One load balancer in front of fixed pods, given as `address:port`."""

    def __init__(
        self,
        *,
        apis: Sequence[str],
        gateways: Sequence[str],
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        tool: Tool | None = None,
        certificate: Path | None = None,
        reloadable: bool = False,
        sink: Sink = no_sink,
    ) -> None:
        """`settings` are more of the configuration's `LB_…` variables; they win over ours.

        `certificate`: a file with a key; the door then speaks TLS. `reloadable`: a master and its worker, as `reload`
        needs them.
        """
        assert 1 <= len(apis) <= MOST_SERVERS, "the configuration knows eight fixed API pods"
        assert 1 <= len(gateways) <= MOST_SERVERS, "the configuration knows eight fixed gateway pods"
        self.port = port or free_port()
        self._admin_port = free_port()
        self._servers = {f"LB_API_{number}": address for number, address in enumerate(apis, 1)}
        self._servers |= {f"LB_GATEWAY_{number}": address for number, address in enumerate(gateways, 1)}
        self._settings = dict(settings or {})
        self._tool = tool
        self._certificate = certificate
        self._reloadable = reloadable
        self._sink = sink
        self._is_up = False
        self._workdir: Workdir | None = None
        self._child: Child | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self._certificate else 'http'}://127.0.0.1:{self.port}"

    @property
    def admin_url(self) -> str:
        """Where its own /metrics and /stats are."""
        return f"http://127.0.0.1:{self._admin_port}"

    @property
    def pid(self) -> int:
        assert self._child is not None, "HAProxy was not started"
        return self._child.pid

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.alive

    def start(self, seconds: float = READY_SECONDS) -> None:
        """Start it and wait until every server behind it has passed a health check.

        Raises:
            CannotStart: there is no HAProxy, the port is taken, or a server behind it is not well.
        """
        tool = self._tool = self._tool or find_haproxy()
        if self._workdir is None:
            self._workdir = Workdir("haproxy")
        folder = self._workdir.path
        env = {**os.environ, **tool.env, **self._environment(folder)}
        # -db: in the foreground, and one process, so that our leash holds all of it; a worker ends with its master.
        words = ["-W", "-db"] if self._reloadable else ["-db"]
        command: list[str | Path] = [tool.path, *words, "-f", CONFIGURATION]
        child = self._child = Child("haproxy", command, env=env, cwd=folder, sink=self._take)
        child.start()
        if wait_until(lambda: not child.alive or self.all_up(), seconds) and child.alive:
            self._is_up = True
            return
        states = self.states() if child.alive else {}
        self.stop()
        if "Address already in use" in child.tail or "annot bind" in child.tail:
            raise CannotStart(f"Port {self.port} is taken by another program.")
        down = ", ".join(name for name, state in states.items() if not state.startswith("UP"))
        raise CannotStart(
            f"The load balancer did not come up{f' ({down} not well)' if down else ''}.\n{child.tail}"
        )

    def stop(self) -> None:
        """Stop it at once, open connections included; a second call does nothing."""
        if self._child is not None:
            self._child.stop(seconds=3.0)
        if self._workdir is not None:
            self._workdir.remove()
            self._workdir = None

    def kill(self) -> None:
        """`kill -9`; every connection through it is cut. `start` brings it back, on the same ports."""
        if self._child is not None:
            self._child.kill()

    def reload(self, seconds: float = READY_SECONDS) -> None:
        """Let another worker take over; the one before lives until its connections are gone.

        Raises:
            CannotStart: no other worker came up.
        """
        assert self._reloadable, "this one has no master"
        assert self._child is not None
        before = self.worker
        self._child.send(signal.SIGUSR2)
        if not wait_until(lambda: self.worker not in ("", before) and self.all_up(), seconds):
            raise CannotStart(f"The load balancer was not reloaded.\n{self._child.tail}")

    @property
    def worker(self) -> str:
        """The process that answers; "" when none does."""
        lines = dict(line.partition(": ")[::2] for line in self._ask("show info").splitlines())
        return lines.get("Pid", "")

    def states(self) -> dict[str, str]:
        """Each server's state as HAProxy sees it: `{"gateway-1": "UP", …}`. Empty: it does not answer."""
        return {row["svname"]: row["status"] for row in self._servers_seen()}

    def all_up(self) -> bool:
        """Whether every server has passed a health check and takes new connections."""
        # A server counts as up before its first check is done; we want to have seen one.
        seen = self._servers_seen()
        well = [row for row in seen if row["check_status"] == "L7OK" and row["status"].startswith("UP")]
        return len(well) == len(self._servers)

    def _servers_seen(self) -> list[dict[str, str]]:
        rows = csv.DictReader(io.StringIO(self._ask("show stat").removeprefix("# ")))
        return [row for row in rows if row["svname"] not in ("FRONTEND", "BACKEND")]

    def _take(self, name: str, line: str) -> None:
        # Once it runs it says everything twice: in its log, and in brackets on its console.
        if not (self._is_up and line.startswith("[")):
            self._sink(name, line)

    def _environment(self, folder: Path) -> dict[str, str]:
        ours = {
            "LB_BIND": f"127.0.0.1:{self.port}",
            "LB_ADMIN_BIND": f"127.0.0.1:{self._admin_port}",
            "LB_SOCKET": str(folder / "admin.sock"),
            "LB_LOG_LEVEL": "notice",
            "LB_LEAVE_LUA": str(LEAVE),
        }
        if self._certificate is not None:
            ours |= {"LB_CERT": str(self._certificate.resolve()), "LB_CERT_LUA": str(RENEWAL)}
        return {**ours, **self._servers, **self._settings}

    def _ask(self, question: str) -> str:
        """Put one question to its admin socket; "" when nobody answers."""
        assert self._workdir is not None
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
                link.settimeout(1.0)
                link.connect(str(self._workdir.path / "admin.sock"))
                link.sendall(question.encode() + b"\n")
                return b"".join(iter(lambda: link.recv(65536), b"")).decode()
        except OSError:
            return ""
