"""A receiver of webhooks: it takes what is signed, once, in order, and works on it when it is on the disk.

    WEBHOOK_SECRET=whsec_… python examples/webhook_receiver.py [PORT]

Bellwire sends a shop's events one after the other, each until it gets a 2xx: so at least once, and in order. This
answers when a message is in `inbox.sqlite` (WEBHOOK_INBOX names another file), and knows a repeat by its `webhook-id`.
The work is done apart from that, oldest first; a crash in mid-work brings that one again. Put it behind a proxy that
speaks TLS.
"""

import contextlib
import os
import sqlite3
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bellwire_terminal import NotGenuine
from bellwire_terminal.webhooks import verify

MOST_BYTES = 1 << 20
SECRET = os.environ["WEBHOOK_SECRET"] or sys.exit("WEBHOOK_SECRET is empty")
FILE = os.environ.get("WEBHOOK_INBOX", "inbox.sqlite")
TABLE = """CREATE TABLE IF NOT EXISTS inbox (
    place INTEGER PRIMARY KEY, webhook_id TEXT UNIQUE NOT NULL, type TEXT NOT NULL, body BLOB NOT NULL, done_at TEXT
)"""
NEXT = "SELECT place, webhook_id, type, body FROM inbox WHERE done_at IS NULL ORDER BY place LIMIT 1"
arrived = threading.Event()


def inbox() -> sqlite3.Connection:
    """A connection to it; what it commits is on the disk."""
    connection = sqlite3.connect(FILE, timeout=10)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 when a message is stored, now or before; 400 when it is not genuine."""

    timeout = 10

    def do_POST(self) -> None:
        size = self.headers.get("Content-Length", "")
        if not size.isdigit() or int(size) > MOST_BYTES:
            self.send_error(411 if not size.isdigit() else 413)
            return
        body = self.rfile.read(int(size))
        try:
            message = verify(SECRET, dict(self.headers), body)
        except NotGenuine as exc:
            self.send_error(400, explain=str(exc))
            return
        with inbox() as connection:
            values = (self.headers["webhook-id"], str(message["type"]), body)
            connection.execute(
                "INSERT OR IGNORE INTO inbox (webhook_id, type, body) VALUES (?, ?, ?)", values
            )
        connection.close()
        arrived.set()
        self.send_response(204)
        self.end_headers()


def work(connection: sqlite3.Connection) -> None:
    """Do all that waits, one after the other."""
    while (found := connection.execute(NEXT).fetchone()) is not None:
        place, webhook_id, type_, _ = found
        # Your own work comes here. A `ping` is a test, a `reset` says that events before `to` cannot be had any more.
        print(webhook_id, type_, flush=True)
        with connection:
            connection.execute("UPDATE inbox SET done_at = datetime() WHERE place = ?", (place,))


def main(port: int) -> None:
    """Receive for ever."""
    with inbox() as connection:
        connection.execute(TABLE)
    server = ThreadingHTTPServer(("127.0.0.1", port), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while True:
        work(connection)
        arrived.wait()
        arrived.clear()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 9000)
