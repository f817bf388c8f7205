"""The benchmarks: `python -m benchmarks [walk] [orders] [fanout]`, all of them when none is named."""

import argparse
import asyncio

from benchmarks import orders
from benchmarks.fanout import run as fanout
from benchmarks.report import write_json
from benchmarks.walk import measure, table
from infra.local.cluster import Cluster
from infra.local.interrupt import raise_on_signals
from infra.local.plan import Plan
from infra.local.shops import open_shops

PARTS = ("walk", "orders", "fanout")


def main() -> None:
    """Measure against servers of our own, so that nothing else is in the way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="part", help="walk, orders, fanout")
    parser.add_argument("--orders", type=int, default=200, help="`walk`: orders a run (200)")
    parser.add_argument("--runs", type=int, default=5, help="runs of `walk`, turns of `fanout` (5)")
    parser.add_argument("--seconds", type=float, default=8.0, help="seconds of each part of `orders` (8)")
    words = parser.parse_args()
    raise_on_signals()
    parts = words.parts or PARTS
    if "walk" in parts:
        walk(words.orders, words.runs)
    if "orders" in parts:
        found = orders.measure(words.seconds)
        print(orders.table(found))
        print(f"written to {write_json('orders', [found])}")
    # Last, since it moves this process off one of the cores.
    if "fanout" in parts:
        asyncio.run(fanout.cost(1000, None, None, words.runs, []))


def walk(count: int, runs: int) -> None:
    """Orders through the whole cluster, to the tills."""
    with Cluster(Plan(), say=print) as cluster:
        shops = open_shops(cluster.url, cluster.operator_key)
        found = [asyncio.run(measure(cluster, shops, count)) for _ in range(runs)]
    print(table(found))
    print(f"written to {write_json('walk', found)}")


if __name__ == "__main__":
    main()
