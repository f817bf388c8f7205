"""The network that can be made bad: it passes bytes, it is silent, it forgets to tell."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from chaos.proxy import Network


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that says back what it hears; its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(link: socket.socket) -> None:
        with link:
            while data := link.recv(1000):
                link.sendall(data)

    def serve() -> None:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=swallow, args=(link,), daemon=True).start()

    def swallow(link: socket.socket) -> None:
        with contextlib.suppress(OSError):
            answer(link)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


@pytest.fixture
def network(echo: int) -> Iterator[Network]:
    network = Network(echo, seed=1)
    network.start()
    yield network
    network.stop()


def dial(network: Network, seconds: float = 10.0) -> socket.socket:
    return socket.create_connection(("127.0.0.1", network.port), timeout=seconds)


def test_what_goes_in_comes_out(network: Network) -> None:
    with dial(network) as link:
        link.sendall(b"hello")
        assert link.recv(100) == b"hello"


def test_silence_holds_bytes_back_and_loses_none(network: Network) -> None:
    with dial(network) as link:
        link.sendall(b"a")
        assert link.recv(100) == b"a"
        network.silence()
        link.sendall(b"b")
        link.settimeout(0.5)
        with pytest.raises(TimeoutError):
            link.recv(100)
        network.mend()
        link.settimeout(10)
        assert link.recv(100) == b"b"


def test_mending_can_cost_connections_and_says_so(network: Network) -> None:
    with dial(network) as link:
        link.sendall(b"a")
        assert link.recv(100) == b"a"
        network.silence()
        network.mend(cut=1.0)
        with contextlib.suppress(ConnectionResetError):
            assert link.recv(100) == b""


def test_an_abandoned_connection_is_silent_for_ever_while_others_work(network: Network) -> None:
    with dial(network) as dead:
        dead.sendall(b"a")
        assert dead.recv(100) == b"a"
        network.abandon(1.0)
        with dial(network) as fresh:
            fresh.sendall(b"b")
            assert fresh.recv(100) == b"b"
        dead.sendall(b"c")
        dead.settimeout(0.5)
        with pytest.raises(TimeoutError):
            dead.recv(100)
