"""Terminals that read slowly or never: plain sockets with a small receive buffer, each on a thread-free schedule.

Knows the handshake of a WebSocket and nothing else of the contract; what they are sent they throw away.
"""

import base64
import contextlib
import os
import socket
import time
from collections.abc import Sequence

import httpx

SLOW_BYTES_A_SECOND = 1000
RECEIVE_BUFFER_BYTES = 4096
CONNECT_SECONDS = 5.0


class BadReaders:
    """Terminals of a tenant, registered by the operator, connected at `after=0`; every second one never reads."""

    def __init__(self, url: str, doors: Sequence[str], operator_key: str, tenant: str, count: int) -> None:
        """`url`: where they are registered; `doors`: where they connect, by turns."""
        self._tenant = tenant
        self._sockets: list[socket.socket] = []
        headers = {"Authorization": f"Bearer {operator_key}"}
        with httpx.Client(base_url=url, headers=headers, timeout=10, trust_env=False) as client:
            for number in range(count):
                made = client.post(f"/api/tenant/{tenant}/terminals", json={"name": f"slow-{number}"})
                made.raise_for_status()
                self._sockets.append(self._connect(doors[number % len(doors)], made.json()["key"]))

    def _connect(self, door: str, key: str) -> socket.socket:
        host, _, port = door.removeprefix("http://").partition(":")
        link = socket.socket()
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        link.settimeout(CONNECT_SECONDS)
        link.connect((host, int(port)))
        nonce = base64.b64encode(os.urandom(16)).decode()
        link.sendall(
            f"GET /ws/pos/{self._tenant}?after=0 HTTP/1.1\r\nHost: {host}\r\n"
            f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {nonce}\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
        )
        if not link.recv(64).startswith(b"HTTP/1.1 101"):
            raise OSError("a slow reader was not let in")
        link.setblocking(False)
        return link

    def read(self, seconds: float) -> None:
        """Be slow for so long: half of them take 1 kB a second, the others nothing at all."""
        ends = time.monotonic() + seconds
        while (now := time.monotonic()) < ends:
            for link in self._sockets[::2]:
                with contextlib.suppress(OSError):
                    link.recv(SLOW_BYTES_A_SECOND)
            time.sleep(max(0.0, min(1.0, ends - now)))

    def close(self) -> None:
        """Leave."""
        for link in self._sockets:
            link.close()
