"""`python -m benchmarks.fanout [--sockets N] [--broadcasts N] [--rate N] [--rounds N]`."""

import argparse
import asyncio

from benchmarks.fanout.measure import compare, table
from benchmarks.report import write_json


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--broadcasts", type=int, default=200)
    parser.add_argument("--rate", type=float, default=50, help="broadcasts a second (50)")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    phases = asyncio.run(compare(arguments.sockets, arguments.broadcasts, arguments.rate, arguments.rounds))
    print(table(phases))
    print(f"written to {write_json(f'fanout-{arguments.sockets}', phases)}")


if __name__ == "__main__":
    main()
