"""`make bench`: what an order, an event and a fan-out cost, one after the other; or those parts that are named.

Some are run only when they are named: they take long, or need a machine that allows twenty thousand descriptors.
"""

import argparse
import asyncio
from collections.abc import Callable
from typing import Any

from benchmarks import announce, board, carry, crowd, deflate, orders, paint, receipts, storm, wire
from benchmarks.fanout import run as fanout
from benchmarks.growth import run as growth
from benchmarks.report import write_json
from benchmarks.walk import measure, table
from infra.local.cluster import Cluster
from infra.local.interrupt import raise_on_signals
from infra.local.plan import Plan
from infra.local.shops import open_shops


def main() -> None:
    """Measure against servers of our own, so that nothing else is in the way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "parts", nargs="*", choices=[[], *PARTS], metavar="part",
        help=f"{', '.join(COMMON)} (all of these, unless parts are named); {', '.join(NAMED)}",
    )  # fmt: skip
    parser.add_argument("--orders", type=int, default=200, help="`walk`: orders a run (200)")
    parser.add_argument(
        "--runs", type=int, default=5, help="runs of each part but `orders`, `carry`, `crowd` (5)"
    )
    parser.add_argument("--seconds", type=float, default=8.0, help="of `carry` and each part of `orders` (8)")
    parser.add_argument("--events", type=int, default=5000, help="`wire`, `announce`: events a run (5000)")
    parser.add_argument("--rate", type=int, default=5000, help="`carry`: events a second (5000)")
    words = parser.parse_args()
    raise_on_signals()
    for part in words.parts or COMMON:
        PARTS[part](words)


def walk(words: argparse.Namespace) -> None:
    """Orders through the whole cluster, to the tills."""
    with Cluster(Plan(), say=print) as cluster:
        shops = open_shops(cluster.url, cluster.operator_key)
        found = [asyncio.run(measure(cluster, shops, words.orders)) for _ in range(words.runs)]
    _show("walk", table(found), found)


def place(words: argparse.Namespace) -> None:
    """Orders into one API pod, and into two."""
    found = orders.measure(words.seconds)
    _show("orders", orders.table(found), [found])


def hear(words: argparse.Namespace) -> None:
    """The way from Redis to a room."""
    heard = [wire.measure(words.events) for _ in range(words.runs)]
    _show("wire", wire.table(heard), [run for some in heard for run in some])


def tell(words: argparse.Namespace) -> None:
    """The way from a commit to Redis."""
    announced = [announce.measure(words.events) for _ in range(words.runs)]
    _show("announce", announce.table(announced), [run for some in announced for run in some])


def flow(words: argparse.Namespace) -> None:
    """Many events of many tenants through one gateway."""
    carried = [asyncio.run(carry.measure(1000, words.rate, words.seconds))]
    _show("carry", carry.table(carried), carried)


def spread(words: argparse.Namespace) -> None:
    """One event to many sockets, beside others who do that."""
    asyncio.run(fanout.cost(1000, None, None, words.runs, []))


def watch(words: argparse.Namespace) -> None:
    """The till's page with 500 open orders, while 20 a second arrive."""
    with Cluster(Plan(api_pods=1), say=print) as cluster:
        found = asyncio.run(board.measure(cluster, 500, 20, words.seconds, words.runs))
    _show("board", board.table(found), found)


def compress(words: argparse.Namespace) -> None:
    """The savings and costs of permessage-deflate."""
    phases = asyncio.run(deflate.measure(1000, 120, words.runs))
    _show("deflate", deflate.table(phases), phases)


def weather(words: argparse.Namespace) -> None:
    """Ten thousand terminals cut at once."""
    storms = storm.weather(10_000, 100, 50, words.runs)
    _show("storm", storm.table(storms), storms)


def rest(_: argparse.Namespace) -> None:
    """Fifty thousand idle terminals."""
    held = crowd.hold(50_000, 500, 4, 40.0)
    _show("crowd", crowd.table(held), [held])


def wait(words: argparse.Namespace) -> None:
    """The last of ten thousand sockets, and a quiet tenant beside them."""
    asyncio.run(fanout.latency(10_000, 10.0, 20.0, words.runs, []))


def seen(_: argparse.Namespace) -> None:
    """The search for alarms among a million seen orders, and the cost of an ack."""
    text, found = receipts.run()
    _show("receipts", text, found)


def grow(_: argparse.Namespace) -> None:
    """Each call, beside what is in the database: up to ten million events."""
    curves = asyncio.run(growth.measure(growth.AXES, growth.CALLS_EACH))
    print(f"written to {write_json('growth', curves)}")


def look(words: argparse.Namespace) -> None:
    """The pages' weight, and when they are first seen."""
    seen = asyncio.run(paint.measure(words.runs))
    _show("paint", paint.table(seen), seen)


def _show(name: str, text: str, found: list[Any]) -> None:
    print(text)
    print(f"written to {write_json(name, found)}")


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "walk": walk,
    "orders": place,
    "wire": hear,
    "announce": tell,
    "carry": flow,
    "deflate": compress,
    "storm": weather,
    "crowd": rest,
    "receipts": seen,
    "growth": grow,
    "paint": look,
    # Last, since they move this process off one of the cores.
    "fanout": spread,
    "latency": wait,
    "board": watch,
}
NAMED = ("deflate", "storm", "crowd", "receipts", "growth", "paint", "latency", "board")
COMMON = tuple(part for part in PARTS if part not in NAMED)

if __name__ == "__main__":
    main()
