"""A console: a shell that lives from block to block, as a reader's does, with what it printed and a Ctrl-C."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from re import Pattern

SECONDS = 30.0
MARK = "end-of-block"
# A command that fails is a failure of its block, also where another one follows.
BEGIN = "set -o pipefail -o errtrace; trap 'FAILED=$?' ERR; trap : INT\n"


class Console:
    """One shell in `folder`; `stop` ends it and all that it started."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._shell = subprocess.Popen(
            # Ctrl-C counts in a console, also where the tests run in the background, which is to ignore it.
            ["env", "--default-signal=INT", "bash", "--norc", "--noprofile"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=env,
            text=True,
            start_new_session=True,
        )
        self._blocks = folder / f".blocks-{self._shell.pid}"
        self._blocks.mkdir()
        self._said = ""
        # Only what was printed since the last block counts for what is expected next.
        self._from = 0
        self._typed = 0
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self._send(BEGIN)

    @property
    def tail(self) -> str:
        """The end of what it printed."""
        return self._said[-2000:]

    @property
    def printed(self) -> str:
        """The last block's words."""
        with self._news:
            return self._said[self._from :]

    def type(self, text: str, *, runs: bool = False) -> None:
        """Type a block; wait for its end, unless it `runs` on.

        Raises:
            AssertionError: a command of it failed, or it took too long.
        """
        self._typed += 1
        block = self._blocks / str(self._typed)
        block.write_text(text, encoding="utf-8")
        with self._news:
            self._from = len(self._said)
        mark = f"{MARK}-{self._typed}"
        self._send(f"FAILED=0; . {block} </dev/null; echo {mark} $FAILED\n")
        if not runs:
            said = self.wait_for(lambda: f"{mark} " in self._said[self._from :], f"the end of {text!r}")
            status = said.rpartition(f"{mark} ")[2].split()[0]
            assert status == "0", f"{text!r} ended with {status}: {said[-2000:]}"

    def interrupt(self) -> None:
        """Ctrl-C, and wait until the prompt would be back."""
        mark = f"{MARK}-{self._typed} "
        os.killpg(self._shell.pid, signal.SIGINT)
        self.wait_for(lambda: mark in self._said, "the end by Ctrl-C")

    def expect(self, pattern: Pattern[str]) -> None:
        """Wait until this was printed by the last block."""
        self.wait_for(lambda: pattern.search(self._said, self._from) is not None, repr(pattern.pattern))

    def folder(self) -> Path:
        """Where it is now."""
        return Path(os.readlink(f"/proc/{self._shell.pid}/cwd"))

    def wait_for(self, there: "object", what: str) -> str:
        """Wait until a condition on what was printed holds; all that the last block printed."""
        assert callable(there)
        until = time.monotonic() + SECONDS
        with self._news:
            while not there():
                left = until - time.monotonic()
                assert left > 0, f"no sign of {what} in {self.tail}"
                self._news.wait(left)
            return self._said[self._from :]

    def stop(self) -> None:
        """End it, and whatever it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._shell.pid, signal.SIGKILL)
        self._shell.wait()
        self._reader.join()
        assert self._shell.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._shell.stdin.close()

    def _send(self, text: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(text)
        self._shell.stdin.flush()

    def _read(self) -> None:
        assert self._shell.stdout is not None
        with self._shell.stdout as printed:
            for line in printed:
                with self._news:
                    self._said += line
                    self._news.notify_all()
