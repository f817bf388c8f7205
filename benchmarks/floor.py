"""The cost of the given libraries for an order, with nothing of ours around them: the floor under the pod's figures.

`python -m benchmarks.floor http PORT URL`: uvicorn and Starlette, one route, which calls `place_order` by asyncpg and
answers its result; no key, no body, no checks, no limits, no announcement.
`python -m benchmarks.floor loop SECONDS URL`: asyncpg alone, eight connections, the same call; prints how many and CPU.
"""

import asyncio
import os
import sys
import time
import uuid

import asyncpg
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

CONNECTIONS = 8
PATH = "/order"
CALL = """
SELECT w.outcome, w.replayed, w.result, (w.event).epoch, (w.event).seq, (w.event).type, (w.event).committed_ms,
       (w.event).payload
FROM place_order($1, NULL, NULL, $2, 'online', 'pickup', 'Ada Lovelace', '+49 170 1234567', NULL, NULL, 1950, '19.50',
    $3, $4, $5, $6, $7) AS w
"""
NAMES, QUANTITIES, PRICES = ["Margherita", "Ayran", "Tiramisu"], [1, 2, 1], [950, 205, 590]
NOTES = [None, None, "two spoons"]


async def place(database: "asyncpg.Pool | asyncpg.Connection", shop: str, data: str) -> bytes:
    """Place the order of the benchmark."""
    row = await database.fetchrow(CALL, shop, uuid.uuid4(), NAMES, QUANTITIES, PRICES, NOTES, data)
    assert row is not None
    return bytes(row["result"].encode())


async def serve(port: int, url: str, data: str) -> None:
    """Serve the one route; the key says which shop it is."""
    pool = await asyncpg.create_pool(url, min_size=CONNECTIONS, max_size=CONNECTIONS)

    async def order(request: Request) -> Response:
        shop = request.headers["authorization"].removeprefix("Bearer ")
        return Response(await place(pool, shop, data), 201, media_type="application/json")

    app = Starlette(routes=[Route(PATH, order, methods=["POST"])])
    config = uvicorn.Config(app, port=port, http="httptools", log_level="warning", access_log=False)
    await uvicorn.Server(config).serve()


async def loop(seconds: float, url: str, data: str) -> None:
    """Print orders a second and the CPU of one in microseconds."""
    connections = [await asyncpg.connect(url) for _ in range(CONNECTIONS)]
    placed = 0

    async def again(number: int, connection: "asyncpg.Connection") -> None:
        nonlocal placed
        while time.monotonic() < end:
            await place(connection, f"shop-{number}", data)
            placed += 1

    end = time.monotonic() + seconds
    started = os.times()
    await asyncio.gather(*(again(number, connection) for number, connection in enumerate(connections)))
    used = os.times()
    cpu = used.user - started.user + used.system - started.system
    print(placed / seconds, cpu / placed * 1e6)


if __name__ == "__main__":
    what, figure = sys.argv[1:3]
    address = os.environ["BELLWIRE_DATABASE_URL"]
    event_data = sys.stdin.read()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(
            serve(int(figure), address, event_data)
            if what == "http"
            else loop(float(figure), address, event_data)
        )
