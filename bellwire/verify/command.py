"""Run the checker from the command line: progress to stderr, the table or JSON to stdout."""

import asyncio
import signal
import sys
from pathlib import Path

import orjson
import uvloop

from bellwire.verify.report import document, table
from bellwire.verify.run import Run
from bellwire.verify.settings import Load


def verify(load: Load, json_file: Path | None, *, samples: bool) -> bool:
    """Run, print, and return whether the promise was kept.

    Raises:
        Unreachable: the cluster could not be set up or looked at.
    """

    def say(text: str) -> None:
        print(f"verify: {text}", file=sys.stderr, flush=True)

    async def run() -> dict[str, object]:
        check = Run(load, say)
        if load.until_signal:
            asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, check.enough)
        return document(await check.run(), samples=samples)

    report = uvloop.run(run())
    text = orjson.dumps(report, option=orjson.OPT_INDENT_2)
    if json_file is None or str(json_file) != "-":
        print("\n".join(table(report)))
    if json_file is not None and str(json_file) == "-":
        print(text.decode())
    elif json_file is not None:
        json_file.write_bytes(text)
    return not any(report["violations"].values())  # type: ignore[attr-defined]
