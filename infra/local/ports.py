"""Free ports on the loopback interface, each given to one process at a time.

Taken from below the kernel's ephemeral range: a port in that range could be lent to anybody's outgoing
connection while a killed server is being restarted on it.

Between the giving and the server that listens there lie seconds, in which another process of ours could be given
the same port. So a process holds a socket in Linux's abstract namespace, named after the port, for as long as it lives:
the kernel lets one process bind a name, forgets it with the process, and keeps such names for each network namespace
apart, as it keeps ports.
"""

import atexit
import random
import socket
import threading

LOWEST, HIGHEST = 15_000, 32_000
ATTEMPTS = 500

_lock = threading.Lock()
_given: dict[int, socket.socket] = {}


@atexit.register
def _give_back() -> None:
    for claim in _given.values():
        claim.close()
    _given.clear()


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A port that is free now and that no living process was given before."""
    with _lock:
        for _ in range(ATTEMPTS):
            port = random.randint(LOWEST, HIGHEST)  # noqa: S311 - no secret
            if port not in _given and is_free(port) and (claim := claimed(port)) is not None:
                _given[port] = claim
                return port
    raise OSError(f"no free port was found between {LOWEST} and {HIGHEST}")


def claimed(port: int) -> socket.socket | None:
    """The sign that the port is ours while this socket is open, or None where another process has it."""
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0bellwire-port-{port}")
    except OSError:
        claim.close()
        return None
    return claim
