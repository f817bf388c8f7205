"""The lines for the person at the console: steps while it sets up, then the pods' lines, names in colour.

Colour only on a terminal and without NO_COLOR. Safe to call from any thread.
"""

import os
import sys
import threading
import time
from typing import TextIO

NAME_WIDTH = 10
# Told apart on dark and on light ground.
COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
BOLD, DIM, RED = 1, 2, 31


class Console:
    """Writes whole lines, one after the other."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._coloured = (
            self._out.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        )
        self._lock = threading.Lock()
        self._names: dict[str, int] = {}
        self._began = time.monotonic()

    def step(self, text: str) -> None:
        """One step of the set-up, with the time since the start."""
        self.print(f"{self.paint(f'{time.monotonic() - self._began:5.1f} s', DIM)}  {text}")

    def line(self, name: str, text: str) -> None:
        """One line of a child's output."""
        colour = self._names.setdefault(name, COLOURS[len(self._names) % len(COLOURS)])
        self.print(f"{self.paint(f'{name:<{NAME_WIDTH}} |', colour)} {text}")

    def error(self, text: str) -> None:
        """A failure: its sentence in red, what follows it as it is."""
        sentence, _, rest = text.partition("\n")
        self.print(self.paint(sentence, RED) + (f"\n{rest}" if rest else ""))

    def print(self, text: str = "") -> None:
        with self._lock:
            # A console that went away (a closed pipe) does not stop the cluster.
            try:
                print(text, file=self._out, flush=True)
            except (BrokenPipeError, ValueError, OSError):
                return

    def paint(self, text: str, code: int) -> str:
        """The text in a colour or weight, where the console has any."""
        return f"\x1b[{code}m{text}\x1b[0m" if self._coloured else text
