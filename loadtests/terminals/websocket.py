"""A terminal at the WebSocket, by picows: thousands of them in one thread, with or without TLS."""

import asyncio
import contextlib
import json
import time
from ssl import SSLContext
from typing import Any

import picows

from loadtests.core.record import WRONG_ANSWER
from loadtests.terminals.pauses import Pauses
from loadtests.terminals.seat import CUT, Seat

HANDSHAKE_SECONDS = 20.0
BUFFER_BYTES = 2048
TEXT, CLOSE = picows.WSMsgType.TEXT, picows.WSMsgType.CLOSE


class Line(picows.WSListener):
    """One connection. `ours`: we end it, so that its end says nothing about the server."""

    def __init__(self, seat: Seat) -> None:
        super().__init__()
        self.seat: Seat | None = seat
        self.transport: Any = None
        self.code, self.reason = CUT, ""

    def on_ws_connected(self, transport: Any) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        at_ns = time.time_ns()
        seat = self.seat
        if seat is None:
            return
        if frame.msg_type == TEXT:
            seat.message(frame.get_payload_as_bytes(), at_ns)
            self.ack(seat, at_ns / 1e9)
        elif frame.msg_type == CLOSE:
            code = frame.get_close_code()
            said = frame.get_close_message() or ""
            self.code = int(code) if code is not None else 1005
            self.reason = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
            transport.send_close(code or picows.WSCloseCode.OK)
            transport.disconnect()

    def ack(self, seat: Seat, now: float) -> None:
        """Say how far it has come, where that is due."""
        offset = seat.ack(now)
        if offset is not None:
            self.transport.send(TEXT, json.dumps({"type": "ack", "offset": offset}).encode())


class WebSocketTerminal:
    """A terminal that connects, and comes back."""

    def __init__(self, url: str, seat: Seat, tls: SSLContext | None, slots: asyncio.Semaphore) -> None:
        self.seat = seat
        self._url = f"ws{url.removeprefix('http')}/ws/pos/{seat.place.tenant}"
        self._headers = {"Authorization": f"Bearer {seat.place.key}"}
        self._tls, self._slots = tls, slots
        self._line: Line | None = None
        self._gone: list[Any] = []
        self._ours = False
        self._pauses = Pauses()
        self._back = asyncio.Event()

    async def run(self) -> None:
        """Be a terminal until cancelled, or sent away for good."""
        try:
            while not self.seat.over:
                pause = await self._connect()
                if pause is None:
                    assert self._line is not None
                    pause = await self._stay(self._line)
                if not self.seat.over:
                    await asyncio.sleep(pause)
        finally:
            for transport in (*self._gone, *([self._line.transport] if self._line else [])):
                with contextlib.suppress(Exception):
                    transport.disconnect()

    def cut(self) -> None:
        """The network is gone and back."""
        if self._line is not None:
            self._ours = True
            self._line.transport.disconnect()

    def vanish(self) -> None:
        """The terminal is gone and back, and the server was not told: the old connection stays, and reads nothing."""
        line = self._line
        if line is None or line.seat is None:
            return
        line.seat = None
        with contextlib.suppress(Exception):
            line.transport.underlying_transport.pause_reading()
        self._gone.append(line.transport)
        self._ours = True
        self._back.set()

    def tick(self, now: float) -> None:
        """Once a second: what is still to be acked."""
        line = self._line
        if line is not None and line.seat is not None and self.seat.open:
            line.ack(self.seat, now)

    async def _connect(self) -> float | None:
        """Connect; returns a pause where that came to nothing."""
        seat = self.seat
        async with self._slots:
            seat.asking()
            query = "" if seat.after is None else f"?after={seat.after}"
            self._ours = False
            self._back.clear()
            line = Line(seat)
            try:
                await picows.ws_connect(
                    lambda: line, self._url + query, ssl_context=self._tls, extra_headers=self._headers,
                    websocket_handshake_timeout=HANDSHAKE_SECONDS, read_buffer_init_size=BUFFER_BYTES,
                    max_redirects=0,
                )  # fmt: skip
            except picows.WSInvalidStatusError as exc:
                return self._refused(exc.response)
            except (OSError, TimeoutError, picows.WSError) as exc:
                seat.left(CUT, repr(exc), ours=False)
                return self._pauses.next()
            self._line = line
            return None

    def _refused(self, answer: Any) -> float:
        self.seat.refused(int(answer.status))
        return self._pauses.after_refusal(answer.headers.get("Retry-After"))

    async def _stay(self, line: Line) -> float:
        """Until the connection is over; returns the pause before the next."""
        ended = asyncio.ensure_future(line.transport.wait_disconnected())
        back = asyncio.ensure_future(self._back.wait())
        try:
            await asyncio.wait({ended, back}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            back.cancel()
            await asyncio.gather(ended, back, return_exceptions=True)
        found = None if ended.cancelled() else ended.exception()
        if isinstance(found, Exception):
            # A frame of the server's could not be read, by picows or by us.
            self.seat.record.fault(WRONG_ANSWER, f"{self.seat.place.tenant}: {found!r}")
        self._line = None
        greeted = self.seat.open
        self.seat.left(line.code, line.reason, ours=self._ours)
        if greeted:
            self._pauses.reset()
        if self._ours:
            return self._pauses.after_cut()
        return self._pauses.after_close(line.reason)
