"""One run of Autobahn's fuzzing client against an echo of our own, with or without compression.

Knows processes and the client's files. Does not judge: `verdicts` has its words as they are.
"""

import json
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.local.child import Child
from infra.local.failure import CannotStart
from infra.local.ports import free_port
from infra.local.waiting import wait_until
from infra.local.wstest import Wstest

ROOT = Path(__file__).resolve().parents[1]
READY_SECONDS = 30.0
FINE = {"OK", "NON-STRICT", "INFORMATIONAL"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The client's verdict on a case: of the behaviour, and of the way in which the connection was closed."""

    case: str
    behaviour: str
    closing: str

    @property
    def passed(self) -> bool:
        """Whether the case is kept, strictly or as the book allows too."""
        return {self.behaviour, self.closing} <= FINE


def fuzz(client: Wstest, cases: Sequence[str], leave_out: Sequence[str], *, deflate: bool, folder: Path, seconds: float
         ) -> list[Verdict]:  # fmt: skip
    """Run the cases, and leave the client's report in `folder`.

    Raises:
        CannotStart: the echo or the client did not come up, or the client did not finish in time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.json").unlink(missing_ok=True)
    port = free_port()
    specification = folder / "fuzzingclient.json"
    specification.write_text(
        json.dumps(
            {
                "outdir": str(folder),
                "servers": [{"agent": "bellwire", "url": f"ws://127.0.0.1:{port}"}],
                "cases": list(cases),
                "exclude-cases": list(leave_out),
                "exclude-agent-cases": {},
            }
        )
    )
    words = ["deflate"] if deflate else []
    echo = Child("echo", [sys.executable, "-m", "conformance.echo", str(port), *words], cwd=ROOT)
    fuzzer = Child(
        "wstest", client.command("-m", "fuzzingclient", "-s", str(specification)), env=client.environment()
    )
    try:
        echo.start()
        if not wait_until(lambda: answers(port), READY_SECONDS):
            raise CannotStart(f"The echo did not come up:\n{echo.tail}")
        fuzzer.start()
        if fuzzer.wait(seconds) != 0:
            raise CannotStart(
                f"The fuzzing client failed or did not finish in {seconds:.0f} s:\n{fuzzer.tail}"
            )
        if not echo.alive or "Traceback" in echo.tail:
            raise CannotStart(f"The echo did not stand it:\n{echo.tail}")
    finally:
        fuzzer.stop()
        echo.stop()
    return verdicts(folder / "index.json")


def verdicts(index: Path) -> list[Verdict]:
    """Read the client's report, in the order of its cases."""
    found = json.loads(index.read_text())["bellwire"]
    ordered = sorted(found, key=lambda case: [int(part) for part in case.split(".")])
    return [Verdict(case, found[case]["behavior"], found[case]["behaviorClose"]) for case in ordered]


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
