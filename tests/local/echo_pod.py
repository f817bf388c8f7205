"""A small real HTTP server in a process of its own that says its name, to see where a load balancer sends what.

Run as a script it is the server: it answers everything with its name, the path and the headers that arrived.
SIGUSR1 makes it say that it is not ready, SIGUSR2 that it drains. An upgrade is a socket that says its name and stays,
and so is a stream; the end of one is a line. /late is answered late.
"""

import base64
import contextlib
import hashlib
import json
import signal
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from infra.local.child import Child
from infra.local.ports import free_port, is_free
from infra.local.waiting import wait_until

# RFC 6455, 1.3
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
LATE_SECONDS = 0.5
ROOT = Path(__file__).resolve().parents[2]


class EchoPod:
    """The server, seen from the test."""

    def __init__(self, name: str, *, ready: bool = True) -> None:
        self.name = name
        self.port = free_port()
        self._ready = ready
        command = [sys.executable, "-m", "tests.local.echo_pod", name, str(self.port)]
        self._child = Child(name, command, cwd=ROOT)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        self.await_ready()
        return self

    def start(self) -> None:
        """Start it; `await_ready` waits until it listens."""
        self._child.start()

    def await_ready(self) -> None:
        """Wait until it listens; one that is to say that it is not ready does so from then on."""
        assert wait_until(lambda: not is_free(self.port), 20.0), self._child.tail
        if not self._ready:
            self.refuse_work()

    def __exit__(self, *_: object) -> None:
        self._child.kill()

    def refuse_work(self) -> None:
        """Answer /readyz with 503 from now on, and everything else as before."""
        self._child.send(signal.SIGUSR1)

    def drain(self) -> None:
        """Answer /readyz with 404 from now on, and everything else as before."""
        self._child.send(signal.SIGUSR2)

    def freeze(self) -> None:
        """SIGSTOP: connections stay, nothing is answered."""
        self._child.send(signal.SIGSTOP)

    @property
    def ended_a_stream(self) -> bool:
        return "a stream is over" in self._child.tail

    def kill(self) -> None:
        """`kill -9`: connections are reset, new ones refused."""
        self._child.kill()


def serve(name: str, port: int) -> None:
    readiness = 200

    def answer(status: int) -> Callable[..., None]:
        def change(*_: object) -> None:
            nonlocal readiness
            readiness = status

        return change

    signal.signal(signal.SIGUSR1, answer(503))
    signal.signal(signal.SIGUSR2, answer(404))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path.startswith("/ws/pos/stay"):
                self.stay()
                return
            if self.path.startswith("/ws/pos/refuse"):
                self.upgrade(("X-Bellwire-Refused", "4401"))
                self.wfile.write(b"\x88\x02\x11\x31")
                return
            if self.path.startswith("/sse/pos/stay"):
                self.stream()
                return
            if self.path == "/late":
                time.sleep(LATE_SECONDS)
            headers = {header.lower(): value for header, value in self.headers.items()}
            body = json.dumps({"pod": name, "path": self.path, "headers": headers}).encode()
            # A health check hangs up as soon as it has seen the status.
            with contextlib.suppress(ConnectionError):
                status = 401 if self.path == "/deny/401" else 200
                self.send_response(readiness if self.path.startswith("/readyz") else status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.do_GET()

        def do_OPTIONS(self) -> None:
            self.do_GET()

        def stay(self) -> None:
            """Become a socket, say who we are, and wait for the other end to go."""
            self.upgrade()
            self.wfile.write(name.encode())
            self.rfile.read()

        def stream(self) -> None:
            """Begin an answer without an end, say who we are, and wait for the other end to go; then say that."""
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(f"{len(name):x}\r\n{name}\r\n".encode())
            self.close_connection = True
            with contextlib.suppress(ConnectionError):
                self.rfile.read()
            print("a stream is over", flush=True)

        def upgrade(self, *more: tuple[str, str]) -> None:
            """Open a socket."""
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            digest = hashlib.sha1((self.headers["Sec-WebSocket-Key"] + GUID).encode()).digest()
            self.send_header("Sec-WebSocket-Accept", base64.b64encode(digest).decode())
            for header in more:
                self.send_header(*header)
            self.end_headers()
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            """Silence: the test asserts on answers."""

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
