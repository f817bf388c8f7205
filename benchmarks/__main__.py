"""Run every benchmark in turn: `python -m benchmarks [--orders N] [--runs N] [--seconds S]`."""

import argparse
import asyncio

from benchmarks import announce, carry, orders, wire
from benchmarks.report import write_json
from benchmarks.walk import measure, table
from infra.local.cluster import Cluster
from infra.local.interrupt import raise_on_signals
from infra.local.plan import Plan
from infra.local.shops import open_shops


def main() -> None:
    """Measure against a cluster of our own, so that nothing else is in its way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=200, help="orders a run (200)")
    parser.add_argument("--runs", type=int, default=5, help="runs; the median counts (5)")
    parser.add_argument("--seconds", type=float, default=8.0, help="seconds of each part of `orders` (8)")
    parser.add_argument(
        "--events", type=int, default=5000, help="events a run of `wire` and `announce` (5000)"
    )
    parser.add_argument("--rate", type=int, default=5000, help="events a second through one gateway (5000)")
    arguments = parser.parse_args()
    raise_on_signals()
    with Cluster(Plan(), say=print) as cluster:
        shops = open_shops(cluster.url, cluster.operator_key)
        runs = [asyncio.run(measure(cluster, shops, arguments.orders)) for _ in range(arguments.runs)]
    print(table(runs))
    print(f"written to {write_json('walk', runs)}")
    found = orders.measure(arguments.seconds)
    print(orders.table(found))
    print(f"written to {write_json('orders', [found])}")
    heard = [wire.measure(arguments.events) for _ in range(arguments.runs)]
    print(wire.table(heard))
    print(f"written to {write_json('wire', [run for some in heard for run in some])}")
    announced = [announce.measure(arguments.events) for _ in range(arguments.runs)]
    print(announce.table(announced))
    print(f"written to {write_json('announce', [run for some in announced for run in some])}")
    carried = [asyncio.run(carry.measure(1000, arguments.rate, arguments.seconds))]
    print(carry.table(carried))
    print(f"written to {write_json('carry', carried)}")


if __name__ == "__main__":
    main()
