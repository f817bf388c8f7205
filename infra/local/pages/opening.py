"""The offer to open the tour in a browser: on a desktop, when somebody presses Enter, and never by itself.

The address holds the demo's token, and a list of processes shows a browser's words to everybody on this machine. So
the browser is given a file that only its owner may read, which leads there.
"""

import html
import os
import select
import sys
import threading
import webbrowser
from collections.abc import Mapping
from pathlib import Path


class Opening:
    """The offer of one demo. `path` is where the file lies while the demo runs."""

    def __init__(self, path: Path, address: str) -> None:
        self._path = path
        self._address = address

    def look(self) -> bool:
        """Open it if Enter was pressed since the last look; never waits. Whether it was."""
        if not was_entered():
            return False
        self._path.unlink(missing_ok=True)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            address = html.escape(self._address)
            file.write(f'<!doctype html><meta http-equiv="refresh" content="0; url={address}">\n')
        # Some browsers' starters stay until the browser ends.
        opens = threading.Thread(target=webbrowser.open, args=(self._path.resolve().as_uri(),), daemon=True)
        opens.start()
        return True

    def remove(self) -> None:
        """Remove the file; a second call does nothing."""
        self._path.unlink(missing_ok=True)


def is_desktop(env: Mapping[str, str]) -> bool:
    """Whether somebody sits at this console, with a browser beside it."""
    has_display = bool(env.get("DISPLAY") or env.get("WAYLAND_DISPLAY"))
    return has_display and not env.get("CI") and sys.stdin.isatty() and sys.stdout.isatty()


def was_entered() -> bool:
    """Whether a line was typed at our console. A demo in the background leaves its shell's lines alone."""
    try:
        if os.tcgetpgrp(0) != os.getpgrp() or not select.select([0], [], [], 0)[0]:
            return False
        return bool(os.read(0, 1024))
    except OSError:
        return False
