"""Many tills in one process, one a shop: `python -m benchmarks.tills PORT FILE`, with a terminal's key a line.

Prints `open` when all are caught up; at the end of stdin, or a line there, what arrived. Knows RFC 6455 as far as an
unmasked text frame, and the one field of an event that carries the moment of its announcement.
"""

import asyncio
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import cast

import uvloop

AT_ONCE = 100
_EVENT = re.compile(rb'"offset":"1-(\d+)".*"at":"(\d+)"')


class Till(asyncio.Protocol):
    """One socket. `delays_ms` is shared by all of them."""

    def __init__(self, request: bytes, delays_ms: list[float]) -> None:
        self.caught_up = asyncio.get_running_loop().create_future()
        self.out_of_order = 0
        self._request = request
        self._delays = delays_ms
        self._rest = b""
        self._upgraded = False
        self._last = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # By name alone: uvloop's transports are no subclasses.
        cast("asyncio.WriteTransport", transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.time_ns()
        self._rest += data
        if not self._upgraded:
            head, found, rest = self._rest.partition(b"\r\n\r\n")
            if not found:
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self._upgraded, self._rest = True, rest
        while (payload := self._next()) is not None:
            self._take(payload, now)

    def _next(self) -> bytes | None:
        rest = self._rest
        if len(rest) < 4:
            return None
        length, start = rest[1], 2
        if length == 126:
            length, start = int.from_bytes(rest[2:4]), 4
        if len(rest) < start + length:
            return None
        self._rest = rest[start + length :]
        return rest[start : start + length]

    def _take(self, payload: bytes, now: int) -> None:
        event = _EVENT.search(payload)
        if event is not None:
            self._delays.append((now - int(event[2])) / 1e6)
            self.out_of_order += int(event[1]) != self._last + 1
            self._last = int(event[1])
        elif b'"caught_up"' in payload:
            self.caught_up.set_result(None)


async def main(port: int, keys: list[str]) -> None:
    """Open them, wait for the word, report."""
    loop = asyncio.get_running_loop()
    delays: list[float] = []
    tills = []
    for start in range(0, len(keys), AT_ONCE):
        some = [
            Till(_request(number, keys[number]), delays)
            for number in range(start, min(start + AT_ONCE, len(keys)))
        ]
        for till in some:
            await loop.create_connection(lambda till=till: till, "127.0.0.1", port)  # type: ignore[misc]
        await asyncio.gather(*(till.caught_up for till in some))
        tills += some
    print("open", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    print(
        json.dumps({"delays_ms": delays, "out_of_order": sum(till.out_of_order for till in tills)}),
        flush=True,
    )
    os._exit(0)


def _request(number: int, key: str) -> bytes:
    return (
        f"GET /ws/pos/shop-{number} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"Authorization: Bearer {key}\r\n\r\n"
    ).encode()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1]), Path(sys.argv[2]).read_text().split()))
