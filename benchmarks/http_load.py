"""A small HTTP client for load: one request at a time on a kept connection, as little CPU as Python allows.

Knows HTTP/1.1 with Content-Length and nothing more; what it measures is the server.
"""

import asyncio
import time
from dataclasses import dataclass, field

import orjson


@dataclass(slots=True)
class Tally:
    """What a client saw. Seconds from the request's first byte to the answer's last."""

    statuses: dict[int, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)


def request_bytes(path: str, key: str, body: object) -> bytes:
    """A finished POST."""
    content = orjson.dumps(body)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def post_until(port: int, request: bytes, end: float, tally: Tally, pause_seconds: float = 0.0) -> None:
    """Send the same request again and again until `end` (monotonic)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while (started := time.monotonic()) < end:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]
            await reader.readexactly(int(length))
            tally.seconds.append(time.monotonic() - started)
            status = int(head[9:12])
            tally.statuses[status] = tally.statuses.get(status, 0) + 1
            if pause_seconds:
                await asyncio.sleep(pause_seconds)
    finally:
        writer.close()
