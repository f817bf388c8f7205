"""How the cost of each call grows: `python -m benchmarks.growth [--calls N] [--only WORD …] [--most SIZE]`."""

import argparse
import asyncio
from dataclasses import replace

from benchmarks.growth.run import AXES, CALLS_EACH, measure, table
from benchmarks.report import write_json, write_text
from infra.local.interrupt import raise_on_signals


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS_EACH, help="of each kind at each size (200)")
    parser.add_argument("--only", nargs="*", choices=[axis.name for axis in AXES], default=[])
    parser.add_argument(
        "--most",
        type=int,
        default=10_000_000,
        help="events in the largest log; needs 1 kB of disk each (10⁷)",
    )
    words = parser.parse_args()
    raise_on_signals()
    axes = [
        replace(
            axis, worlds={size: world for size, world in axis.worlds.items() if world.events <= words.most}
        )
        for axis in AXES
        if not words.only or axis.name in words.only
    ]
    curves = asyncio.run(measure(axes, words.calls))
    write_text("growth", table(curves))
    print(f"written to {write_json('growth', curves)}")


if __name__ == "__main__":
    main()
