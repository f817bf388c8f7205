"""A deploy under load: the demo's pods are ended as a rollout ends them, in turns; elsewhere a command does it."""

import asyncio
import contextlib
import os
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path

from loadtests.demo import Demo

READY_SECONDS = 60.0
BETWEEN_SECONDS = 1.0
LOOK_SECONDS = 0.2


class DeployFailed(Exception):
    """The cluster was not changed; the text says why."""


async def deploy_by_command(command: str, say: Callable[[str], None]) -> None:
    """Run a command of a shell, such as `kubectl rollout restart`.

    Raises:
        DeployFailed: it did not end with 0.
    """
    say(f"deploy: {command}")
    process = await asyncio.create_subprocess_shell(command)
    if await process.wait() != 0:
        raise DeployFailed(f"the deploy's command ended with {process.returncode}: {command}")


async def deploy_demo(demo: Demo, say: Callable[[str], None]) -> None:
    """End each pod with SIGTERM and wait until its successor, which the demo starts, is ready.

    Raises:
        DeployFailed: one did not come back.
    """
    # Gateways first: terminals feel these.
    pods = [(name, process) for name, process in demo.named() if process.url is not None]
    for name, process in sorted(pods, key=lambda pod: pod[1].role != "gateway"):
        assert process.url is not None
        say(f"deploy: {name}")
        if not _is_pod(process.pid, process.role):
            raise DeployFailed(
                f"process {process.pid} is not {name} any more: the demo has changed since the run began"
            )
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
        if not await _came_back(process.url, process.pid):
            raise DeployFailed(f"{name} did not come back within {READY_SECONDS:.0f} s")
        await asyncio.sleep(BETWEEN_SECONDS)


async def _came_back(url: str, pid: int) -> bool:
    loop = asyncio.get_running_loop()
    until = loop.time() + READY_SECONDS
    while loop.time() < until:
        if not _runs(pid) and await asyncio.to_thread(_ready, url):
            return True
        await asyncio.sleep(LOOK_SECONDS)
    return False


def _is_pod(pid: int, role: str) -> bool:
    """Whether it is still the process that the demo named: a number may be given again."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"bellwire" in words and role.encode() in words


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
