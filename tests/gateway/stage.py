"""The fan-out on a stage: real sockets, the gateway's own protocol, rooms and replayer, on the loop that pods run on.

No database and no Redis: the events are made here, so that two shops' bytes can be told apart to the last one.
"""

import asyncio
import socket
import struct
from array import array
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import uuid4

from uvicorn.config import Config
from uvicorn.server import ServerState

from backbone.contract import frames
from backbone.contract.event import Event
from backbone.contract.offset import Offset
from gateway.core.encoding import WEBSOCKET
from gateway.core.tenant_log import TenantLog
from gateway.fanout.scheduler import Scheduler
from gateway.fanout.send_all import SendAll
from gateway.replay.replayer import Replayer
from gateway.rooms.place import Place
from gateway.rooms.room import Room, Shared
from gateway.rooms.session import Identity, Session
from gateway.rooms.write_behind import WriteBehind
from gateway.transport.websocket import EXTENSION, WebSocketProtocol

REQUEST = (
    "GET /{tenant} HTTP/1.1\r\nHost: stage\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SMALL = 4608
"""Bytes of a socket's buffers that fill at once."""
RING = 1 << 30


def payload(tenant: str, seq: int, size: int) -> bytes:
    """An event's bytes: whose and which it is, said from end to end."""
    head = f"{tenant}|{seq}|{size}|".encode()
    word = f"{tenant}{seq}.".encode()
    return head + (word * (size // len(word) + 1))[: max(0, size - len(head))]


class Client(asyncio.Protocol):
    """A till made of a bare socket. Each frame is checked at once; what was wrong is kept as `wrong`."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.position: int | None = None
        self.received = 0
        self.closed = False
        self.gone = False
        self.wrong: str | None = None
        self._answered = False
        self._data = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(REQUEST.format(tenant=self.tenant).encode())

    def connection_lost(self, _: Exception | None) -> None:
        self.gone = True

    def data_received(self, data: bytes) -> None:
        self._data += data
        try:
            self._read()
        except AssertionError as exc:
            self.wrong = self.wrong or str(exc)

    def _read(self) -> None:
        if not self._answered:
            head, blank, rest = bytes(self._data).partition(b"\r\n\r\n")
            if not blank:
                return
            assert head.startswith(b"HTTP/1.1 101 "), head
            self._answered, self._data = True, bytearray(rest)
        while len(self._data) >= 2:
            opcode, length, header = self._data[0], self._data[1], 2
            assert length < 127, f"a frame that was never sent: {bytes(self._data[:40])!r}"
            if length == 126:
                header = 4
                if len(self._data) < header:
                    return
                length = struct.unpack(">H", self._data[2:4])[0]
            if len(self._data) < header + length:
                return
            body = bytes(self._data[header : header + length])
            del self._data[: header + length]
            assert not self.closed, f"{body[:40]!r} after the Close frame"
            self._take(opcode, body)

    def _take(self, opcode: int, body: bytes) -> None:
        assert opcode in (0x81, 0x88), f"frame {opcode:#x} {body[:40]!r}"
        if opcode == 0x88:
            self.closed = True
        elif body.startswith(b'{"type":"hello"'):
            assert self.position is None
            self.position = int(body.partition(b'"after":"1-')[2].partition(b'"')[0])
        elif not body.startswith(b"{"):
            tenant, seq, size, _ = body.split(b"|", 3)
            assert tenant.decode() == self.tenant, f"{tenant!r} on a socket of {self.tenant}"
            assert self.position is not None
            assert int(seq) == self.position + 1, f"{seq!r} came behind {self.position}"
            assert body == payload(self.tenant, int(seq), int(size)), "other bytes than were sent"
            self.position += 1
            self.received += 1


@dataclass(eq=False)
class Stage:
    """Rooms behind one listener; it lets sessions in and out as the hub does.

    `sessions` are those whose connection is open, as the server sees it.
    """

    send_all: SendAll
    scheduler: Scheduler = field(default_factory=Scheduler)
    rooms: dict[str, Room] = field(default_factory=dict)
    sessions: set[Session] = field(default_factory=set)
    paused: dict[Session, float] = field(default_factory=dict)
    clients: list[Client] = field(default_factory=list)

    async def start(self) -> None:
        """Listen."""
        shared = Shared(
            write_behind=WriteBehind(cast("Any", None), "stage"),
            send_all=self.send_all,
            paused=self.paused,
            schedule=self.scheduler.add,
            replay=Replayer(cast("Any", None)).start,
            fill_gap=lambda _: None,
        )
        for tenant in ("a", "b"):
            tenant_log = TenantLog(Offset(1, 0), Offset(1, 0), max_events=RING, max_bytes=RING)
            self.rooms[tenant] = Room(tenant, tenant_log, shared)
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(("127.0.0.1", 0))
        listener.setblocking(False)
        self.port: int = listener.getsockname()[1]
        config = Config(
            cast("Any", self.app), interface="asgi3", proxy_headers=False, ws_max_size=4096, lifespan="off",
            log_config=None,
        )  # fmt: skip
        config.load()
        state, loop = ServerState(), asyncio.get_running_loop()
        self.server = await loop.create_server(
            lambda: WebSocketProtocol(config, state, {}), sock=listener, backlog=2000
        )

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """The part of Starlette, endpoint and admission, without asking who it is."""
        await receive()
        await send({"type": "websocket.accept"})
        connection: WebSocketProtocol = scope["extensions"][EXTENSION]
        if connection.closing:
            return
        room = self.rooms[scope["path"].strip("/")]
        identity = Identity(uuid4(), uuid4())
        session = Session(identity, self, room, connection, WEBSOCKET, room.log.head_seq)
        session.say(frames.hello(room.tenant, "till", room.log.head, room.log.head, False, 20, "r", None))
        self.sessions.add(session)
        room.enter(session)
        connection.attach(session)

    def leave(self, session: Session) -> None:
        """A connection begins to close."""
        session.room.leave(session)
        self.sessions.discard(session)

    async def connect(self, tenant: str, *, slow: bool = False) -> Client:
        """A client; a slow one has hardly any room for what it does not read."""
        peer = socket.socket()
        peer.setblocking(False)
        if slow:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(peer, ("127.0.0.1", self.port))
        _, client = await loop.create_connection(lambda: Client(tenant), sock=peer)
        self.clients.append(client)
        return client

    def publish(self, tenant: str, size: int) -> None:
        """The next event of a tenant comes in."""
        room = self.rooms[tenant]
        seq = room.log.head_seq + 1
        room.receive(Event(Offset(1, seq), "new_order", 0, payload(tenant, seq, size)))

    def check(self) -> None:
        """Each session stands in one place, the one that its socket and its position call for.

        Every descriptor in a cohort is that of a session which is open, keeps up, and has that index.
        """
        for room in self.rooms.values():
            live = set(room.live)
            assert not self.sessions - set().union(*(set(one.sessions) for one in self.rooms.values()))
            for session in room.sessions:
                assert not session.socket.closing
                places = {
                    Place.LIVE: session in live,
                    Place.LAGGING: session in room.lagging,
                    Place.PAUSED: session in self.paused,
                }
                assert [place for place, stands in places.items() if stands] == [room.place_of(session)]
                assert (room.place_of(session) is Place.PAUSED) == session.socket.paused
            for session in live:
                cohort = session.cohort
                assert cohort is not None
                assert cohort.cursors[session.index] is session
                assert not session.socket.closing
                assert not session.socket.paused
                own = array("i", [one.socket.descriptor or -1 for one in cohort.cursors])
                assert cohort.descriptors == own
                assert cohort.position <= room.log.head_seq

    async def stop(self) -> None:
        """End everything."""
        for session in tuple(self.sessions):
            session.socket.abort()
        for client in self.clients:
            client.transport.abort()
        self.server.close()
        async with asyncio.timeout(10):
            while not all(client.gone for client in self.clients):
                await asyncio.sleep(0.01)


def reset_by_peer(client: Client) -> None:
    """The client goes without a goodbye: its kernel answers with RST."""
    peer = client.transport.get_extra_info("socket")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.transport.abort()
