"""One child process that never outlives us: started on a leash, its output pumped, stopped within a bound.

Knows processes and threads. Does not know what the child does. Each child has a session of its own, so that
Ctrl-C at the console reaches the supervisor alone, which then stops its children in order.
"""

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from infra.local.account import Account, ourselves
from infra.local.failure import CannotStart

Sink = Callable[[str, str], None]
"""Where a line of output goes: the child's name, the line."""

LEASH = Path(__file__).with_name("leash.py")
TAIL_LINES = 40
LINE_BYTES = 64 * 1024

# The kernel ends a leashed child when the *thread* that forked it ends. So one thread that lives as long as
# this process forks all of them, and callers may come from any thread, however short-lived.
_forker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="forker")


def no_sink(name: str, line: str) -> None:
    """Output that nobody asked for; `Child.tail` still has the end of it."""


class Child:
    """A program and, once started, its process. Used once: a restart is another `Child`."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        account: Account | None = None,
        sink: Sink = no_sink,
        stdin: bytes = b"",
        death_signal: signal.Signals = signal.SIGKILL,
        on_exit: Callable[["Child"], None] | None = None,
    ) -> None:
        """`death_signal` is what the child gets when we die; `on_exit` runs in a thread when it ended."""
        self.name = name
        self._argv = [str(word) for word in argv]
        self._env = env
        self._cwd = cwd
        self._account = account or ourselves()
        self._sink = sink
        self._stdin = stdin
        self._death_signal = death_signal
        self._on_exit = on_exit
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = threading.Event()
        self._pump: threading.Thread | None = None
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)

    def start(self) -> None:
        """Start the program. It has its own session and dies with us.

        Raises:
            CannotStart: the system refused to start a process.
        """
        try:
            _forker.submit(self._spawn).result()
        except OSError as exc:
            raise CannotStart(f"{self.name} could not be started ({exc.strerror}).") from exc
        self._pump = threading.Thread(target=self._pump_output, name=f"{self.name}-output", daemon=True)
        self._pump.start()
        threading.Thread(target=self._await_end, name=f"{self.name}-end", daemon=True).start()

    @property
    def pid(self) -> int:
        """The program's own process id: the leash became the program."""
        return self._started.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and not self._ended.is_set()

    @property
    def tail(self) -> str:
        """The last lines it wrote, for an error message."""
        return "\n".join(self._tail)

    @property
    def lines(self) -> list[str]:
        """The last lines it wrote, oldest first."""
        return list(self._tail)

    def wait(self, seconds: float) -> int | None:
        """Its exit code (negative: the signal that ended it), or None when it still runs after `seconds`."""
        if not self._ended.wait(seconds):
            return None
        if self._pump is not None:
            # The end of a process and the end of its output are two events; a grandchild may hold the pipe.
            self._pump.join(0.5)
        return self._started.returncode

    def send(self, number: signal.Signals) -> None:
        """Send a signal; a child that is gone already is no error."""
        if self.alive:
            self._started.send_signal(number)

    def stop(self, seconds: float = 10.0, polite: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end, wait at most `seconds`, then kill it. Returns when it is gone."""
        self.send(polite)
        if self._process is not None and self.wait(seconds) is None:
            self.kill()

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.send(signal.SIGKILL)
        if self._process is not None:
            self.wait(10.0)

    @property
    def _started(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, f"{self.name} was not started"
        return self._process

    def _spawn(self) -> None:
        leash = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), str(int(self._death_signal))]
        user = [str(self._account.uid), str(self._account.gid)]
        self._process = subprocess.Popen(
            [*leash, *user, *self._argv],
            env=dict(self._env) if self._env is not None else None,
            cwd=self._cwd,
            stdin=subprocess.PIPE if self._stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        if self._process.stdin is not None:
            # A few words, which a pipe takes without waiting for the reader.
            with self._process.stdin as pipe:
                pipe.write(self._stdin)

    def _pump_output(self) -> None:
        output = self._started.stdout
        assert output is not None
        with output:
            while raw := output.readline(LINE_BYTES):
                line = raw.decode("utf-8", "replace").rstrip("\r\n")
                self._tail.append(line)
                self._sink(self.name, line)

    def _await_end(self) -> None:
        self._started.wait()
        self._ended.set()
        if self._on_exit is not None:
            self._on_exit(self)


def run_to_end(child: Child, seconds: float) -> list[str]:
    """Start `child`, a command that is over soon, and return what it wrote.

    Raises:
        CannotStart: it failed or took longer than `seconds`; its last lines follow the sentence.
    """
    child.start()
    try:
        code = child.wait(seconds)
    except BaseException:
        child.kill()
        raise
    if code is None:
        child.kill()
        raise CannotStart(f"{child.name} was not done after {seconds:g} s.\n{child.tail}")
    if code != 0:
        raise CannotStart(f"{child.name} failed with exit code {code}.\n{child.tail}")
    return child.lines
