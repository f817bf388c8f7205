"""Long work of the database that says now and then that it is at work."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

TELL_SECONDS = 10.0


async def _no_progress() -> str:
    return ""


async def tell_while(
    name: str,
    work: Awaitable[Any],
    say: Callable[[str], None],
    progress: Callable[[], Awaitable[str]] = _no_progress,
) -> None:
    """Wait for `work`; every ten seconds say how long it has been at it, and how far `progress` says that it is.

    Cancelled, it cancels the work too. Raises what the work does.
    """
    began = time.monotonic()
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait({task}, timeout=TELL_SECONDS))[0]:
            far = await progress()
            say(f"{name} is at work for {time.monotonic() - began:.0f} s{far}")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    task.result()
