"""The fan-out benchmark: `python -m benchmarks.fanout [--latency | --profile] [--sockets N] [--only WORD …]`."""

import argparse
import asyncio
import contextlib
from pathlib import Path

from benchmarks.fanout.run import cost, latency, profile, together
from infra.local.interrupt import Stopped, raise_on_signals


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, help="sockets (1,000; with --latency 10,000)")
    parser.add_argument(
        "--rooms", type=int, default=1, help="over which the sockets are spread; an event is for one (1)"
    )
    parser.add_argument("--broadcasts", type=int, help="broadcasts a turn (200, fewer beyond 1,000 sockets)")
    parser.add_argument(
        "--rate", type=float, help="broadcasts a second (50, fewer beyond 1,000; --latency 10)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="turns of each server; the median counts (5)")
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="of each part of --latency, of --profile (20)"
    )
    parser.add_argument(
        "--only", nargs="*", default=[], metavar="WORD", help="servers with the word in their name"
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--together", action="store_true", help="all at once instead of in turns; for a few, see --only"
    )
    parser.add_argument(
        "--beside",
        type=Path,
        metavar="TREE",
        help="with --together: another version's checkout, with its .venv",
    )
    kind.add_argument("--latency", action="store_true", help="the last socket's wait, and a quiet tenant's")
    kind.add_argument("--profile", action="store_true", help="where the gateway's time goes")
    words = parser.parse_args()
    if not 1 <= words.rooms <= (words.sockets or 1000):
        parser.error("argument --rooms: at least 1, and no more than there are sockets")
    if words.together and words.rooms > 1:
        parser.error("argument --together: not allowed with argument --rooms")
    if words.beside and not words.together:
        parser.error("argument --beside: only with argument --together")
    raise_on_signals()
    with contextlib.suppress(Stopped):
        run(words)


def run(words: argparse.Namespace) -> None:
    """The one that was asked for. A run that is stopped in the midst has cleaned up and says no more."""
    if words.latency:
        asyncio.run(
            latency(words.sockets or 10_000, words.rate or 10.0, words.seconds, words.rounds, words.only)
        )
    elif words.together:
        beside = words.beside and words.beside.resolve()
        asyncio.run(
            together(words.sockets or 1000, words.broadcasts, words.rate, words.rounds, words.only, beside)
        )
    elif words.profile:
        asyncio.run(profile(words.sockets or 1000, words.rate, words.seconds))
    else:
        asyncio.run(
            cost(words.sockets or 1000, words.broadcasts, words.rate, words.rounds, words.only, words.rooms)
        )


if __name__ == "__main__":
    main()
