"""The least that a generator of load needs of Redis: packed commands out, as many answers in, nothing else."""

import socket
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import hiredis


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
