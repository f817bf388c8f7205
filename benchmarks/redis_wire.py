"""The least that a generator of load needs of Redis: packed commands out, as many answers in, nothing else.

With `BELLWIRE_REDIS_SECRET` in the environment events are announced as pods with that secret do it, so that both ways
can be measured in turns.
"""

import os
import socket
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import hiredis

from backbone.contract.event import Event, encode_live
from backbone.contract.signature import Signatures
from backbone.eventlog.keys import live_channel, signed_channel


class RedisWire:
    """A blocking connection to a server on this machine."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = hiredis.Reader()

    def __enter__(self) -> "RedisWire":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def ask(self, packed: Sequence[bytes]) -> list[Any]:
        """Send all in one write and return their answers."""
        self._socket.sendall(b"".join(packed))
        answers: list[Any] = []
        while len(answers) < len(packed):
            answer = self._reader.gets()
            if answer is False:
                self._reader.feed(self._socket.recv(1 << 16))
            else:
                assert not isinstance(answer, Exception), answer
                answers.append(answer)
        return answers


_SECRET = os.environ.get("BELLWIRE_REDIS_SECRET")
_SIGNATURES = Signatures(_SECRET) if _SECRET else None


def announcement(tenant: str, event: Event) -> bytes:
    """The packed command that announces an event to the pods that are measured."""
    channel, message = live_channel(tenant), encode_live(event)
    if _SIGNATURES is not None:
        channel, message = signed_channel(tenant), _SIGNATURES.seal(tenant, message)
    packed: bytes = hiredis.pack_command(("SPUBLISH", channel, message))  # type: ignore[arg-type]
    return packed
