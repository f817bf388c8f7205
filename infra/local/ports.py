"""Free ports on the loopback interface.

Taken from below the kernel's ephemeral range: a port in that range could be lent to anybody's outgoing
connection while a killed server is being restarted on it.
"""

import random
import socket
import threading

LOWEST, HIGHEST = 15_000, 32_000
ATTEMPTS = 500

_lock = threading.Lock()
_given: set[int] = set()


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
    """A port that is free now and that this process was not given before."""
    with _lock:
        for _ in range(ATTEMPTS):
            port = random.randint(LOWEST, HIGHEST)  # noqa: S311 - no secret
            if port not in _given and is_free(port):
                _given.add(port)
                return port
    raise OSError(f"no free port was found between {LOWEST} and {HIGHEST}")
