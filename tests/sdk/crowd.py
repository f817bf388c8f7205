"""A crowd of SDK tills, Python ones in this process and JavaScript ones in Node's: each writes down what it handled.

A till's record is a file of its own, an offset a line, in the order of its handler's calls.
"""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bellwire_terminal import FileCursor, Terminal
from tests.sdk.test_javascript import node
from tests.sdk.test_javascript_till import flags
from tests.shop import Shop

PROGRAM = Path(__file__).with_name("crowd.mjs")
TILLS_A_PROCESS = 50
LONGEST_LINE = 1024 * 1024
CUT = "1006"


@dataclass
class Faults:
    """Everything that was done to the cluster, as `(kind, moment)`, moments of the wall clock, in seconds."""

    done: list[tuple[str, float]] = field(default_factory=list)

    def begin(self, kind: str) -> None:
        """One begins now."""
        self.done.append((kind, time.time()))

    def last(self, at: float) -> str:
        """Which one a till that was lost at this moment was lost to."""
        return next((kind for kind, began in reversed(self.done) if began <= at), "nothing")


@dataclass
class Till:
    """One till and what it told: the pauses that it drew after cuts, why it waited, each way back with its waits."""

    shop: Shop
    key: str
    folder: Path
    faults: Faults
    whys: Counter[str] = field(default_factory=Counter)
    pauses: list[tuple[str, int]] = field(default_factory=list)
    back: list[tuple[str, float, list[str]]] = field(default_factory=list)
    lost_at: float | None = None
    waits: list[str] = field(default_factory=list)

    @property
    def cursor(self) -> Path:
        """Its cursor's file."""
        return self.folder / "cursor"

    @property
    def records(self) -> Path:
        """Its own record."""
        return self.folder / "record"

    def record(self) -> list[str]:
        """The offsets that it handled."""
        return self.records.read_text().split() if self.records.exists() else []

    def on_state(self, state: str, at: float) -> None:
        """Note when it was lost, and when it is live again."""
        if state == "offline":
            self.lost_at, self.waits = at, []
        elif state == "live" and self.lost_at is not None:
            self.back.append((self.faults.last(self.lost_at), at - self.lost_at, self.waits))
            self.lost_at = None

    def on_wait(self, why: str, milliseconds: int, at: float) -> None:
        """Note each pause, and those after a cut by what cut it."""
        self.whys[why] += 1
        self.waits.append(f"{why} {milliseconds} ms")
        if why == CUT:
            self.pauses.append((self.faults.last(at), milliseconds))

    async def run(self, url: str) -> None:
        """Handle, in this process, until it is cancelled."""

        def on_state(state: Any) -> None:
            self.on_state(state["state"], time.time())

        def on_report(report: Any) -> None:
            if report["kind"] == "wait":
                self.on_wait(report["why"], report["ms"], time.time())

        watching: dict[str, Any] = {"on_state": on_state, "on_report": on_report}
        terminal = Terminal(url, self.shop.slug, self.key, cursor=FileCursor(self.cursor), **watching)
        with self.records.open("a", buffering=1) as record:
            async with terminal:
                async for event in terminal:
                    record.write(f"{event.offset}\n")


async def run_in_node(tills: Sequence[Till], url: str) -> None:
    """Let some tills handle in one process of Node, until it is cancelled.

    Raises:
        RuntimeError: the process ended by itself; its last words.
    """
    jobs = [
        {
            "tenant": till.shop.slug,
            "key": till.key,
            "cursor": str(till.cursor),
            "record": str(till.records),
        }
        for till in tills
    ]
    running = await asyncio.create_subprocess_exec(
        node(), *flags(), "--no-warnings", str(PROGRAM), url,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        limit=LONGEST_LINE,
    )  # fmt: skip
    assert running.stdin is not None
    assert running.stdout is not None
    assert running.stderr is not None
    try:
        running.stdin.write(json.dumps(jobs).encode() + b"\n")
        async for line in running.stdout:
            told = json.loads(line)
            till, at = tills[told["till"]], told["at"] / 1000
            if "state" in told:
                till.on_state(told["state"], at)
            else:
                till.on_wait(told["why"], told["ms"], at)
        raise RuntimeError((await running.stderr.read()).decode()[-3000:] or "Node ended")
    finally:
        with contextlib.suppress(ProcessLookupError):
            running.kill()
        await running.wait()


def begin(tills: Sequence[Till], scripted: Sequence[Till], url: str) -> list[asyncio.Task[None]]:
    """Let all of them run: the first in this process, those that are `scripted` in Node."""
    groups = [scripted[at : at + TILLS_A_PROCESS] for at in range(0, len(scripted), TILLS_A_PROCESS)]
    return [
        *(asyncio.create_task(till.run(url)) for till in tills),
        *(asyncio.create_task(run_in_node(group, url)) for group in groups),
    ]


def fullest_tenth(pauses: Sequence[int]) -> float:
    """The share of the fullest tenth of a second among the pauses of less than two seconds."""
    tenths = Counter(pause // 100 for pause in pauses if pause < 2_000)
    return max(tenths.values(), default=0) / max(1, sum(tenths.values()))
