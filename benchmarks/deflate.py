"""The savings and costs of compression: `python -m benchmarks.deflate [--sockets N] [--broadcasts N] [--rounds N]`.

One whole gateway with compression on; its sockets offer permessage-deflate, or do not, in turns. Bytes are those that
the sockets' process read, CPU is the gateway's from /proc, with everything that an event costs on the way.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import multiprocessing.connection
import random
import selectors
import socket
from dataclasses import dataclass
from statistics import median

from benchmarks.fanout.cpu import cpu_seconds
from benchmarks.fanout.disturbance import Watch
from benchmarks.fanout.gateway import Gateway
from benchmarks.fanout.servers import CROWDED
from benchmarks.report import write_json

OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
DISHES = (
    "Margherita",
    "Quattro Stagioni",
    "Döner",
    "Ayran",
    "Tiramisu",
    "Insalata mista",
    "Acqua minerale",
    "Lahmacun",
)
RATE = 40.0


@dataclass(frozen=True, slots=True)
class Phase:
    """One measurement."""

    items: int
    event_bytes: int
    deflate: bool
    bytes_a_delivery: float
    cpu_us_a_delivery: float
    disturbed: bool


class Orders(Gateway):
    """The gateway, fed with orders."""

    async def order(self, items: int) -> int:
        """Commit and publish an order with so many items; returns the size of its event."""
        data = {
            "orderId": f"ord_{random.getrandbits(96):024x}",
            "orderNumber": f"ORD-{random.randrange(100_000):06}",
            "status": "preparing",
            "previousStatus": "pending",
            "items": [
                {"name": random.choice(DISHES), "quantity": random.randint(1, 4),
                 "unitPrice": random.randrange(2000) / 100, "notes": None}
                for _ in range(items)
            ],
        }  # fmt: skip
        event = await self.commit(CROWDED, json.dumps(data, separators=(",", ":")))
        await self.publish(CROWDED, event)
        return len(event.payload)


def read(
    port: int, seats: list[str], deflate: bool, pipe: "multiprocessing.connection.Connection[int, str]"
) -> None:
    """Open a socket for each seat and count bytes; whenever something comes through `pipe`, say how many."""
    poll = selectors.DefaultSelector()
    counted = 0
    for seat in seats:
        path, header, *_ = seat.split("\t")
        connection = socket.create_connection(("127.0.0.1", port))
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: till\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{header}\r\n{OFFER if deflate else ''}\r\n".encode()
        )
        answer = connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 101")
        assert (b"permessage-deflate" in answer) == deflate
        connection.setblocking(False)
        poll.register(connection, selectors.EVENT_READ)
    poll.register(pipe, selectors.EVENT_READ)
    pipe.send(0)
    with contextlib.suppress(EOFError):
        while True:
            for key, _ in poll.select():
                if key.fileobj is pipe:
                    pipe.recv()
                    pipe.send(counted)
                else:
                    counted += len(key.fileobj.recv(65536))  # type: ignore[union-attr]


async def phase(server: Orders, seats: list[str], items: int, broadcasts: int, *, deflate: bool) -> Phase:
    """Measure one setting."""
    ours, theirs = multiprocessing.Pipe()
    reader = multiprocessing.get_context("spawn").Process(
        target=read, args=(server.port, seats, deflate, theirs), daemon=True
    )
    reader.start()
    try:
        await asyncio.to_thread(ours.recv)
        for _ in range(5):
            await server.order(items)
        await asyncio.sleep(1)

        def counted() -> int:
            ours.send("?")
            found: int = ours.recv()
            return found

        bytes_before, cpu_before, size = await asyncio.to_thread(counted), cpu_seconds(server.pid), 0
        watch = Watch()
        for _ in range(broadcasts):
            size += await server.order(items)
            await asyncio.sleep(1 / RATE)
        await asyncio.sleep(1)
        cpu, disturbed = cpu_seconds(server.pid) - cpu_before, watch.read().disturbed
        received = await asyncio.to_thread(counted) - bytes_before
    finally:
        reader.kill()
        reader.join()
    deliveries = broadcasts * len(seats)
    return Phase(
        items, round(size / broadcasts), deflate, received / deliveries, cpu / deliveries * 1e6, disturbed
    )


async def measure(sockets: int, broadcasts: int, rounds: int) -> list[Phase]:
    """Every setting in turns, so that what disturbs disturbs all."""
    server = Orders(BELLWIRE_COMPRESSION="true", BELLWIRE_HEARTBEAT_SECONDS="60")
    seats = await server.start(sockets)
    try:
        return [
            await phase(server, seats, items, broadcasts, deflate=deflate)
            for _ in range(rounds)
            for items in (1, 24)
            for deflate in (False, True)
        ]
    finally:
        await server.stop()


def table(phases: list[Phase]) -> str:
    """Medians of the rounds."""
    lines = ["event bytes  compressed  bytes a delivery  CPU us a delivery (least to most)"]
    for items in sorted({each.items for each in phases}):
        for deflate in (False, True):
            found = [each for each in phases if each.items == items and each.deflate is deflate]
            size, sent = found[0].event_bytes, median(each.bytes_a_delivery for each in found)
            cpu = sorted(each.cpu_us_a_delivery for each in found)
            spread = f"{median(cpu):.2f} ({cpu[0]:.2f} to {cpu[-1]:.2f})"
            lines.append(f"{size:11}  {'yes' if deflate else 'no':>10}  {sent:16.0f}  {spread:>28}")
    lines.append(f"disturbed turns: {sum(each.disturbed for each in phases)} of {len(phases)}")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--broadcasts", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    phases = asyncio.run(measure(arguments.sockets, arguments.broadcasts, arguments.rounds))
    print(table(phases))
    print(f"written to {write_json('deflate', phases)}")


if __name__ == "__main__":
    main()
