"""Connect to an address that was looked at, and to no other: what resolves, is checked, and is dialled, is one thing.

A name is resolved once for a connection; every address must be permitted, and the connection goes to one of those very
addresses. So a resolver that answers differently the next time changes nothing. TLS and the Host header keep the name.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable

import httpcore

Resolve = Callable[[str, int], Awaitable[list[str]]]
ADDRESSES_TRIED = 3


class ForbiddenAddress(Exception):
    """The name leads, at least in part, to where no webhook may go."""


async def system_resolve(host: str, port: int) -> list[str]:
    """Return every address of `host`, as the system's resolver has it; numbers in any spelling too.

    Raises:
        OSError: there is none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """httpcore's way to the network, with the check in it."""

    def __init__(self, permitted: Callable[[str], bool], resolve: Resolve = system_resolve) -> None:
        self._permitted = permitted
        self._resolve = resolve
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to `host`, if all of its addresses are permitted.

        Raises:
            ForbiddenAddress: one is not.
            httpcore.ConnectError: nobody answers there, or the name has no address.
        """
        try:
            addresses = await self._resolve(host, port)
        except OSError as exc:
            raise httpcore.ConnectError("the name has no address") from exc
        if not addresses or not all(self._permitted(address) for address in addresses):
            raise ForbiddenAddress
        failure: Exception = httpcore.ConnectError("no address")
        for address in addresses[:ADDRESSES_TRIED]:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError as exc:
                failure = exc
        raise failure

    async def sleep(self, seconds: float) -> None:
        """As httpcore wants it."""
        await asyncio.sleep(seconds)
