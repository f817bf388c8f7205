"""Ctrl-C, SIGTERM and a closed console: one polite way out, and a quick one for who insists.

The first signal raises `Stopped` in the main thread. The second ends the process at once; the children, all
on leashes, go with it, and what lies in the temporary folder is removed by the next run.
"""

import os
import signal
from pathlib import Path
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody wants us to end. Not an `Exception`: nothing on the way up may take it for a failure."""


def raise_on_signals() -> None:
    """From now on the first of the signals raises `Stopped`. To be called from the main thread."""
    for number in SIGNALS:
        signal.signal(number, on_first)


def ignores_interrupts(process: int) -> bool:
    """Whether SIGINT to that process does nothing, as the shell arranges for what a script starts with `&`."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False
    ignored = next((line.split()[1] for line in status.splitlines() if line.startswith("SigIgn:")), "0")
    return bool(int(ignored, 16) & 1 << (signal.SIGINT - 1))


def on_first(number: int, frame: FrameType | None) -> None:
    for each in SIGNALS:
        signal.signal(each, on_second)
    raise Stopped


def on_second(number: int, frame: FrameType | None) -> None:
    os._exit(128 + number)
