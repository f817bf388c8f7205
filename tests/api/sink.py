"""A real HTTP or HTTPS server that takes webhooks, notes them, and answers as the test tells it to."""

import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.body)
        return found


@dataclass
class Answer:
    """The sink's answer: by default that all is well."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    endless: bool = False
    body: bytes = b""


class Sink:
    """The server. `answer` is asked before each answer; `accepted` holds what was answered with a 2xx."""

    def __init__(self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.deliveries: list[Delivery] = []
        self.accepted: list[Delivery] = []
        self.answer: Callable[[Delivery], Answer] = lambda _: Answer()
        self._lock = threading.Lock()
        self._released = threading.Event()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                with contextlib.suppress(OSError):
                    sink._take(self)

            def do_GET(self) -> None:
                self.do_POST()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
                """Silence: the test asserts on deliveries."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A peer that leaves in mid-answer, or does not trust our certificate, is what tests make happen."""

        self._server = Server((host, 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port: int = self._server.server_address[1]
        self.scheme = "https" if tls is not None else "http"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self._server.server_address[0]!s}:{self.port}/hook"

    @property
    def ids(self) -> list[str]:
        """The ids of what was accepted, in order."""
        return [delivery.id for delivery in self.accepted]

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        delivery = Delivery(handler.path, headers, body, time.monotonic())
        with self._lock:
            self.deliveries.append(delivery)
        answer = self.answer(delivery)
        self._released.wait(answer.seconds)
        if 200 <= answer.status < 300:
            with self._lock:
                self.accepted.append(delivery)
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        if not answer.endless:
            handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        handler.wfile.write(answer.body)
        while answer.endless and not self._released.is_set():
            handler.wfile.write(b"x" * 65536)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def open_sink(host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[Sink]:
    """A running sink."""
    sink = Sink(host, tls)
    sink.start()
    try:
        yield sink
    finally:
        sink.stop()
