"""Say a few words to a Valkey server, as valkey-cli does, without a process for each time."""

import socket
from collections.abc import Iterator
from typing import BinaryIO

from infra.local.failure import CannotStart

SECONDS = 15.0


def say(port: int, *words: str, password: str = "") -> list[str]:
    """Send one command; returns the lines of its answer, an array's elements one after the other.

    `password` is what everybody who comes has to know.

    Raises:
        CannotStart: the server did not answer within `SECONDS`, or answered with an error.
    """
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as link,
            link.makefile("rb") as answer,
        ):
            if password:
                link.sendall(command_of("AUTH", password))
                list(lines_of(answer))
            link.sendall(command_of(*words))
            return list(lines_of(answer))
    except OSError as exc:
        raise CannotStart(f"The server on port {port} did not answer {words[0]} ({exc}).") from exc


def command_of(*words: str) -> bytes:
    """A command as the protocol has it."""
    said = [word.encode() for word in words]
    return b"*%d\r\n%b" % (len(said), b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in said))


def lines_of(answer: BinaryIO) -> Iterator[str]:
    """The content of one value of the protocol, RESP 2."""
    head = answer.readline().decode().rstrip("\r\n")
    kind, rest = head[:1], head[1:]
    if kind in ("+", ":"):
        yield rest
    elif kind == "$":
        text = answer.read(int(rest) + 2)[:-2].decode() if int(rest) >= 0 else ""
        yield from text.splitlines()
    elif kind == "*":
        for _ in range(int(rest)):
            yield from lines_of(answer)
    else:
        raise CannotStart(f"Valkey answered {head or 'nothing'}.")
