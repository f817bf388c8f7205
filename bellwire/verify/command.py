"""Run the checker from the command line: progress to stderr, the table or JSON to stdout."""

import asyncio
import signal
import sys
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import uvloop

from bellwire.verify.report import document, table
from bellwire.verify.run import Run
from bellwire.verify.settings import Load
from bellwire.verify.trouble import Unreachable


def check_address(url: str) -> None:
    """See that it is an address of HTTP.

    Raises:
        Unreachable: it is none.
    """
    try:
        parts = urlsplit(url)
        fits = (
            parts.scheme in ("http", "https")
            and parts.hostname
            and parts.port != 0
            and not parts.path.strip("/")
        )
    except ValueError:
        fits = False
    if not fits:
        raise Unreachable(f"{url!r} is not an address such as http://127.0.0.1:8080")


def verify(load: Load, json_file: Path | None, *, samples: bool) -> bool:
    """Run, print, and return whether the promise was kept.

    Raises:
        Unreachable: the cluster could not be set up or looked at.
    """

    def say(text: str) -> None:
        print(f"verify: {text}", file=sys.stderr, flush=True)

    async def run() -> dict[str, object]:
        check, loop, main = Run(load, say), asyncio.get_running_loop(), asyncio.current_task()
        assert main is not None
        if load.until_signal:
            loop.add_signal_handler(signal.SIGUSR1, check.enough)
        # It ends by way of its end: the shops are taken away. A second signal does not wait for that.
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, main.cancel)
        return document(await check.run(), samples=samples)

    for url in (load.url, load.terminal_url):
        check_address(url)
    if not (load.operator_key.isascii() and load.operator_key.isprintable()):
        raise Unreachable("the key holds characters that no key has")
    if json_file is not None and str(json_file) != "-":
        # Said now, and not when the load is over.
        json_file.open("ab").close()
    try:
        report = uvloop.run(run())
    except asyncio.CancelledError:
        # As when Ctrl-C comes to any other command.
        raise KeyboardInterrupt from None
    text = orjson.dumps(report, option=orjson.OPT_INDENT_2)
    if json_file is None or str(json_file) != "-":
        print("\n".join(table(report)))
    if json_file is not None and str(json_file) == "-":
        print(text.decode())
    elif json_file is not None:
        json_file.write_bytes(text)
    return not any(report["violations"].values())  # type: ignore[attr-defined]
