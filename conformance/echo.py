"""A plain ASGI echo, served by uvicorn with the gateway's WebSocket protocol class: what the fuzzing client talks to.

Knows nothing of tenants and terminals, and takes no handle. `python -m conformance.echo PORT [deflate]` serves until it
is told to stop.
"""

import asyncio
import sys

import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send

from gateway.transport.websocket import WebSocketProtocol

MAX_BYTES = 16 << 20
"""The largest message that the testsuite sends and wants back."""


async def echo(_: Scope, receive: Receive, send: Send) -> None:
    """Accept, and say whatever is said."""
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        try:
            await send({**message, "type": "websocket.send"})
        except ConnectionError:
            return


def main() -> None:
    """Serve."""
    config = uvicorn.Config(
        echo,
        port=int(sys.argv[1]),
        ws=WebSocketProtocol,
        ws_max_size=MAX_BYTES,
        ws_per_message_deflate="deflate" in sys.argv[2:],
        lifespan="off",
        log_level="warning",
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
