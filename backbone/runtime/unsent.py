"""Answers that their readers do not take: watched once a second, cut when nothing was taken for long, or for room.

An answer is handed to the connection whole, so a reader that takes nothing keeps its bytes in the pod's memory. All of
them together are bounded: beyond that the largest is cut. A reader that was cut asks again; nothing was lost.

Knows transports, their sockets and the loop's clock, and nothing of HTTP.
"""

import asyncio
import fcntl
import sys
import termios

from prometheus_client import Counter, Gauge

LOOK_SECONDS = 1.0

WAITING = Gauge(
    "bellwire_unsent_bytes",
    "Bytes of answers that readers have not taken for a second.",
    multiprocess_mode="livesum",
)
CUT = Counter(
    "bellwire_readers_cut",
    "Connections that were cut, by why: slow (the reader took nothing for long), room (too many bytes in all).",
    ["reason"],
)
for _reason in ("slow", "room"):
    CUT.labels(_reason)


def _untaken(transport: asyncio.Transport) -> int:
    """Bytes that the reader's kernel has not acknowledged: ours, and those that our kernel holds.

    The kernel alone may hold megabytes, and asks for more only when a third of them is gone: a reader that is slow
    would look like one that takes nothing.
    """
    size = transport.get_write_buffer_size()
    found = transport.get_extra_info("socket")
    if found is None or found.fileno() < 0:
        return size
    try:
        return size + int.from_bytes(fcntl.ioctl(found.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    except OSError:
        return size


class Unsent:
    """The connections of one pod whose readers are behind."""

    def __init__(self, most_bytes: int = 64 << 20, patience_seconds: float = 10.0) -> None:
        self._most_bytes = most_bytes
        self._patience_seconds = patience_seconds
        # Of each: the bytes that waited when some were last taken, and when that was.
        self._behind: dict[asyncio.Transport, tuple[int, float]] = {}
        self._due = False

    def watch(self, transport: asyncio.Transport) -> None:
        """More waits there than the connection should keep."""
        loop = asyncio.get_running_loop()
        self._behind[transport] = (_untaken(transport), loop.time())
        if not self._due:
            self._due = True
            loop.call_later(LOOK_SECONDS, self._look)

    def forget(self, transport: asyncio.Transport) -> None:
        """The reader has caught up, or is gone, or is somebody else's to watch."""
        self._behind.pop(transport, None)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        sizes = {}
        for transport, (before, since) in list(self._behind.items()):
            size, left = transport.get_write_buffer_size(), _untaken(transport)
            if left != before:
                self._behind[transport] = (left, now)
            elif now - since >= self._patience_seconds:
                self._cut(transport, "slow")
                continue
            # One that came a moment ago may have a quick reader.
            if now - since >= LOOK_SECONDS / 2:
                sizes[transport] = size
        total = sum(sizes.values())
        while total > self._most_bytes:
            largest = max(sizes, key=lambda transport: sizes[transport])
            total -= sizes.pop(largest)
            self._cut(largest, "room")
        WAITING.set(total)
        self._due = bool(self._behind)
        if self._due:
            loop.call_later(LOOK_SECONDS, self._look)

    def _cut(self, transport: asyncio.Transport, reason: str) -> None:
        self._behind.pop(transport, None)
        CUT.labels(reason).inc()
        transport.abort()
