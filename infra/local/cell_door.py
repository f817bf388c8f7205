"""The balancer in front of several cells: HAProxy with `infra/haproxy/cells.cfg` and a map from tenant to cell."""

import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.local.child import Child, Sink, no_sink
from infra.local.failure import CannotStart
from infra.local.haproxy import CONFIGURATION, find_haproxy
from infra.local.ports import free_port, is_free
from infra.local.waiting import wait_until
from infra.local.workdir import Workdir

CELLS = CONFIGURATION.with_name("cells.cfg")
MOST_CELLS = 8
READY_SECONDS = 20.0


class CellDoor:
    """One door to cells whose balancers listen at these addresses and take the PROXY protocol."""

    def __init__(self, cells: Sequence[str], places: Mapping[str, str], sink: Sink = no_sink) -> None:
        """`places`: a tenant or the name of a host, and the cell that it is in (`cell-1`, `cell-2`, …)."""
        assert 1 <= len(cells) <= MOST_CELLS, "the configuration knows eight cells"
        self.port = free_port()
        self._cells = cells
        self._places = dict(places)
        self._sink = sink
        self._workdir = Workdir("cells")
        self._child: Child | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        """Start it and wait until it listens.

        Raises:
            CannotStart: HAProxy refuses the configuration, or there is none.
        """
        tool = find_haproxy()
        folder = self._workdir.path
        self._map.write_text("".join(f"{name} {cell}\n" for name, cell in self._places.items()))
        settings = {
            "LB_BIND": f"127.0.0.1:{self.port}",
            "LB_ADMIN_BIND": f"127.0.0.1:{free_port()}",
            "LB_SOCKET": str(self._socket),
            "LB_CELLS_MAP": str(self._map),
        } | {f"LB_CELL_{number}": address for number, address in enumerate(self._cells, 1)}
        child = self._child = Child(
            "cells", [tool.path, "-db", "-f", CELLS], env={**os.environ, **tool.env, **settings}, cwd=folder,
            sink=self._sink,
        )  # fmt: skip
        child.start()
        if (
            not wait_until(lambda: not child.alive or not is_free(self.port), READY_SECONDS)
            or not child.alive
        ):
            self.stop()
            raise CannotStart(f"The balancer of the cells did not come up.\n{child.tail}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop it at once; a second call does nothing."""
        if self._child is not None:
            self._child.stop(seconds=3.0)
        self._workdir.remove()

    def add(self, name: str, cell: str) -> None:
        """Add a line to its map while it runs."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(5.0)
            link.connect(str(self._socket))
            link.sendall(f"add map {self._map} {name} {cell}\n".encode())
            said = b"".join(iter(lambda: link.recv(4096), b"")).decode().strip()
        assert not said, said

    @property
    def _map(self) -> Path:
        return self._workdir.path / "cells.map"

    @property
    def _socket(self) -> Path:
        return self._workdir.path / "cells.sock"
