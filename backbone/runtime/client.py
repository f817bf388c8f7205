"""Where a request comes from, as far as a pod can know. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

ADDRESS_CHARACTERS = 64
AGENT_CHARACTERS = 256


@dataclass(frozen=True, slots=True)
class Client:
    """An address, and what the program there calls itself; None is not known."""

    address: str | None = None
    agent: str | None = None


NOBODY = Client()


def client_of(
    headers: Iterable[tuple[bytes, bytes]], peer: tuple[str, int] | None, *, trust_forwarded_for: bool
) -> Client:
    """Read the client from a request's headers (names in lower case) and its connection's other end.

    `trust_forwarded_for`: every request comes through a balancer, whose word the last of X-Forwarded-For is. Words
    before it come from hosts that we do not know.
    """
    address = "" if peer is None else peer[0]
    agent = ""
    for name, value in headers:
        if name == b"user-agent":
            agent = value.decode("latin-1")
        elif trust_forwarded_for and name == b"x-forwarded-for":
            address = value.decode("latin-1").rpartition(",")[2].strip()
    return Client(address[:ADDRESS_CHARACTERS] or None, agent[:AGENT_CHARACTERS] or None)
