"""picows, a WebSocket library in Cython: `send()` to every transport, on uvloop. Each line of stdin is an event."""

import sys

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from benchmarks.fanout.rivals.lines import lines

transports: set[WSTransport] = set()


class Listener(WSListener):
    """Knows who is there."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        transports.add(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        transports.discard(transport)


def listen(request: WSUpgradeRequest) -> Listener:
    return Listener()


async def main() -> None:
    """Serve, and broadcast what comes."""
    await ws_create_server(listen, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    print("ready", flush=True)
    async for line in lines():
        message = line.encode()
        for transport in transports:
            transport.send(WSMsgType.TEXT, message)


if __name__ == "__main__":
    uvloop.run(main())
