"""Run every benchmark in turn: `python -m benchmarks [--orders N] [--runs N] [--seconds S]`."""

import argparse
import asyncio

from benchmarks import orders
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


if __name__ == "__main__":
    main()
