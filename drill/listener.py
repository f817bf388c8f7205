"""The receivers: the page and the ticket of Alertmanager, and a shop's webhook endpoint, on a port of ours.

Knows Alertmanager's webhook format. Writes down what comes and when; the shop's endpoint answers as it is set to.
"""

import json
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOOK = "/hook"


@dataclass(frozen=True, slots=True)
class Word:
    """One alert in one notification."""

    at: float
    receiver: str
    alert: str
    firing: bool


class Listener:
    """A small server in a thread."""

    def __init__(self) -> None:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                self.send_response(listener.take(self.path, body))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """A line for each request has no reader."""

        # The shop's endpoint answers with this.
        self.hook_status = 200
        self._words: list[Word] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="listener", daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def take(self, path: str, body: bytes) -> int:
        """Take a request; returns the status of its answer."""
        if path.startswith(HOOK):
            return self.hook_status
        now = time.time()
        alerts = json.loads(body)["alerts"]
        with self._lock:
            self._words += [
                Word(now, path.strip("/"), each["labels"]["alertname"], each["status"] == "firing")
                for each in alerts
            ]
        return 200

    def words_since(self, moment: float) -> list[Word]:
        with self._lock:
            return [word for word in self._words if word.at >= moment]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
