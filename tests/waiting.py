"""Wait for what is to become so, and not for a clock."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T]], good: Callable[[T], bool], seconds: float = 15.0) -> T:
    """Look until it is good, and return what was seen then; what it was at last is in the failure."""
    async with asyncio.timeout(seconds * 4):
        for _ in range(int(seconds / 0.05)):
            found = await look()
            if good(found):
                return found
            await asyncio.sleep(0.05)
    raise AssertionError(f"still {found!r}")
