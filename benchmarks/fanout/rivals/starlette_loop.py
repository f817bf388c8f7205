"""Starlette's own way: `send_text` to every socket in turn, on uvicorn with uvloop. Each line of stdin is an event."""

import asyncio
import contextlib
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from benchmarks.fanout.rivals.lines import lines

sockets: set[WebSocket] = set()


async def endpoint(socket: WebSocket) -> None:
    """Hold a socket until it goes."""
    await socket.accept()
    sockets.add(socket)
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await socket.receive_text()
    sockets.discard(socket)


async def main() -> None:
    """Serve, and broadcast what comes."""
    config = uvicorn.Config(
        Starlette(routes=[WebSocketRoute("/{path:path}", endpoint)]),
        port=int(sys.argv[1]), loop="uvloop", ws="websockets-sansio", ws_per_message_deflate=False,
        ws_ping_interval=None, log_level="warning", backlog=4096,
    )  # fmt: skip
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print("ready", flush=True)
    async for line in lines():
        for socket in tuple(sockets):
            await socket.send_text(line)
    server.should_exit = True
    await serving


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
