"""The walk of an order: from the moment its POST is sent to its arrival at each of five tills over three gateways.

Orders go one by one through the load balancer; the tills hold plain sockets of the library `websockets`, spread over
the gateways by connecting to them directly. Sender and tills share one process and its clock.
"""

import asyncio
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httpx
from websockets.asyncio.client import ClientConnection, connect

from infra.local.cluster import Cluster
from infra.local.shops import Shop

PAUSE_SECONDS = 0.005
SILENCE_SECONDS = 0.5
BUDGET_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Walk:
    """One run. Times in milliseconds, over all orders and tills; `wrong` counts what must not be."""

    orders: int
    tills: int
    answered_median_ms: float
    median_ms: float
    p99_ms: float
    worst_ms: float
    wrong: int


async def measure(cluster: Cluster, shops: Sequence[Shop], orders: int) -> Walk:
    """Place `orders` orders and time them.

    Raises:
        TimeoutError: an order did not arrive at all.
    """
    kitchen, bistro = shops
    async with asyncio.timeout(BUDGET_SECONDS):
        tills = [
            await _open(cluster.gateways[index % len(cluster.gateways)].url, kitchen.slug, terminal.key)
            for index, terminal in enumerate(kitchen.terminals)
        ]
        stranger = await _open(cluster.gateways[0].url, bistro.slug, bistro.terminals[0].key)
        try:
            return await _drive(cluster, kitchen, tills, stranger, orders)
        finally:
            for socket in [*tills, stranger]:
                await socket.close()


async def _open(url: str, tenant: str, key: str) -> ClientConnection:
    socket = await connect(
        f"{url.replace('http', 'ws', 1)}/ws/pos/{tenant}",
        additional_headers={"Authorization": f"Bearer {key}"},
        compression=None,
        proxy=None,
    )
    while json.loads(await socket.recv())["type"] != "caught_up":
        pass
    return socket


async def _drive(
    cluster: Cluster, kitchen: Shop, tills: list[ClientConnection], stranger: ClientConnection, orders: int
) -> Walk:
    sent: dict[str, float] = {}
    answered: list[float] = []
    arrivals: list[list[tuple[str, float]]] = [[] for _ in tills]
    listeners = [
        asyncio.create_task(_listen(socket, notes, orders))
        for socket, notes in zip(tills, arrivals, strict=True)
    ]
    overheard: list[tuple[str, float]] = []
    listener = asyncio.create_task(_listen(stranger, overheard, 1))
    headers = {"Authorization": f"Bearer {kitchen.storefront_key}"}
    async with httpx.AsyncClient(base_url=cluster.url, headers=headers, trust_env=False) as client:
        # The client's own first steps (imports, its connection) are not the cluster's.
        (await client.get("/readyz")).raise_for_status()
        for number in range(orders):
            name = f"{time.time_ns()}-{number}"
            body = {
                "orderType": "pickup",
                "customerName": name,
                "items": [{"name": "Margherita", "quantity": 1, "unitPrice": 9.5}],
            }
            sent[name] = time.perf_counter()
            answer = await client.post("/api/tenant/orders/create", json=body)
            answered.append((time.perf_counter() - sent[name]) * 1000)
            answer.raise_for_status()
            await asyncio.sleep(PAUSE_SECONDS)
    await asyncio.gather(*listeners)
    await asyncio.sleep(SILENCE_SECONDS)
    listener.cancel()
    waits = [(at - sent[name]) * 1000 for notes in arrivals for name, at in notes]
    wrong = sum([name for name, _ in notes] != list(sent) for notes in arrivals) + len(overheard)
    return Walk(
        orders,
        len(tills),
        round(statistics.median(answered), 2),
        round(statistics.median(waits), 2),
        round(statistics.quantiles(waits, n=100)[98], 2),
        round(max(waits), 2),
        wrong,
    )


async def _listen(socket: ClientConnection, notes: list[tuple[str, float]], count: int) -> None:
    while len(notes) < count:
        text = await socket.recv()
        at = time.perf_counter()
        message = json.loads(text)
        if message["type"] == "new_order":
            notes.append((message["data"]["customerName"], at))


def table(runs: Sequence[Walk]) -> str:
    """The runs and their medians, as lines."""
    lines = ["", "order → till, POST sent to event received (ms)", ""]
    lines.append(
        f"{'run':>6} {'201':>8} {'median':>8} {'p99':>8} {'worst':>8} {'lost, doubled, foreign':>24}"
    )
    for number, run in enumerate(runs, 1):
        lines.append(
            f"{number:>6} {run.answered_median_ms:>8.2f} {run.median_ms:>8.2f} {run.p99_ms:>8.2f} {run.worst_ms:>8.2f}"
            f" {run.wrong:>24}"
        )
    middle = [
        statistics.median(getattr(run, name) for run in runs)
        for name in ("answered_median_ms", "median_ms", "p99_ms", "worst_ms")
    ]
    lines.append(f"{'median':>6} " + " ".join(f"{value:>8.2f}" for value in middle))
    return "\n".join(lines) + "\n"
