"""The Python library `websockets`: `broadcast()` to all its connections, on uvloop. Each line of stdin is an event."""

import sys

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

from benchmarks.fanout.rivals.lines import lines


async def hold(connection: ServerConnection) -> None:
    """Hold a connection until it goes."""
    await connection.wait_closed()


async def main() -> None:
    """Serve, and broadcast what comes."""
    server = await serve(
        hold, "127.0.0.1", int(sys.argv[1]), compression=None, ping_interval=None, backlog=4096
    )
    print("ready", flush=True)
    async for line in lines():
        broadcast(server.connections, line)


if __name__ == "__main__":
    uvloop.run(main())
