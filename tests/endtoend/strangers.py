"""Strangers from four addresses, in a process of their own.

`python -m tests.endtoend.strangers PORT TENANT SECONDS WAY`. WAY is `requests`: so many a second, with wrong keys and
without; or `heads`: so many connections at once on which half a request was said. One line of JSON on standard
output says what they were answered.
"""

import asyncio
import json
import secrets
import sys
import time
from collections import Counter
from itertools import cycle

ADDRESSES = tuple(f"127.0.0.{number}" for number in (51, 52, 53, 54))
REQUESTS_A_SECOND = 300
HEADS = 2000
ANSWER_SECONDS = 5.0
LATE_SECONDS = 0.1
"""More than this is not made up for, where the machine stood still."""
CUT = "cut"


def asks(tenant: str) -> list[bytes]:
    """One request of each kind; `KEY` stands for a key that nobody has."""
    upgrade = (
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    )
    key = "Authorization: Bearer bw_term_KEY\r\n"
    page = "Sec-WebSocket-Protocol: bellwire.v1, bellwire.codes, bearer.bw_term_KEY\r\n"
    socket = f"GET /ws/pos/{tenant}"
    heads = [
        socket, upgrade, socket, upgrade + key, socket, upgrade + page, f"GET /sse/pos/{tenant}", key,
        "GET /api/whoami", "", f"GET /api/tenant/{tenant}/orders", key,
    ]  # fmt: skip
    pairs = zip(heads[::2], heads[1::2], strict=True)
    return [f"{line} HTTP/1.1\r\nHost: shop\r\n{rest}\r\n".encode() for line, rest in pairs]


async def ask(port: int, address: str, raw: bytes) -> str:
    """The status of an answer, or that there was none."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
            try:
                writer.write(raw.replace(b"KEY", secrets.token_hex(22).encode()))
                return (await reader.readline()).split(b" ")[1].decode()
            finally:
                writer.close()
    except (OSError, IndexError, TimeoutError):
        return CUT


async def requests(port: int, tenant: str, seconds: float) -> Counter[str]:
    """Ask at a steady rate, however long the answers take, and never faster: that would be other limits' affair."""
    found: Counter[str] = Counter()
    kinds, addresses = cycle(asks(tenant)), cycle(ADDRESSES)
    start = began = time.monotonic()

    async def once(kind: bytes, address: str) -> None:
        found[await ask(port, address, kind)] += 1

    async with asyncio.TaskGroup() as group:
        for number in range(int(seconds * REQUESTS_A_SECOND)):
            due = began + number / REQUESTS_A_SECOND
            began += max(0.0, time.monotonic() - due - LATE_SECONDS)
            await asyncio.sleep(due - time.monotonic())
            if number % len(ADDRESSES) == 0:
                kind = next(kinds)
            group.create_task(once(kind, next(addresses)))
    found["seconds"] = round(time.monotonic() - start)
    return found


async def heads(port: int, seconds: float) -> Counter[str]:
    """Hold half requests, and begin the next one where one was cut."""
    found: Counter[str] = Counter()
    until = time.monotonic() + seconds

    async def hold(address: str) -> None:
        while time.monotonic() < until:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
                writer.write(b"GET /api/whoami HTTP/1.1\r\nHost: shop\r\nX-Half: ")
                found["open"] += 1
                found["most"] = max(found["most"], found["open"])
                try:
                    async with asyncio.timeout(until - time.monotonic()):
                        words = (await reader.readline()).split(b" ")
                    found[words[1].decode() if len(words) > 1 else CUT] += 1
                finally:
                    found["open"] -= 1
                    writer.close()
            except (OSError, TimeoutError):
                await asyncio.sleep(0.2)

    addresses = cycle(ADDRESSES)
    await asyncio.gather(*(hold(next(addresses)) for _ in range(HEADS)))
    return found


async def main() -> None:
    """Be strangers."""
    port, tenant, seconds, way = int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.argv[4]
    found = await (requests(port, tenant, seconds) if way == "requests" else heads(port, seconds))
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main())
