"""Run rows: the load in a process of its own, the fault in the middle of it, the verdict afterwards."""

import json
import os
import random
import shutil
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from chaos.measure import Result, measure
from chaos.memory import Watch
from chaos.place import Place
from chaos.proxy import Network
from chaos.rows import Row
from chaos.town import Town, pause
from infra.local.child import Child
from infra.local.cluster import ROOT
from infra.local.waiting import wait_until
from infra.local.workdir import Workdir

BEFORE_SECONDS, AFTER_SECONDS = 2.0, 3.0
BEGIN_SECONDS, END_SECONDS = 240.0, 300.0


class NoVerdict(Exception):
    """The checker did not come to an end; the text has its last lines."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How big the load is."""

    tenants: int = 20
    terminals: int = 5
    rate: float = 30.0
    polling: float = 0.05
    streaming: float = 0.05
    # With more terminals each comes back less often, or their handshakes alone would be the load.
    reconnect: float = 15.0

    def in_words(self) -> str:
        """For people, and to tell one load's results from another's."""
        shares = f"{self.polling:.0%} of them polling, {self.streaming:.0%} on server-sent events"
        return (
            f"{self.tenants} tenants × {self.terminals} terminals, {shares}, {self.rate:g} writes/s, "
            f"a terminal leaves every {self.reconnect:g} s"
        )


def run_row(
    place: Place, row: Row, seed: int, scale: Scale, estate: Path, keep: Path | None = None
) -> Result:
    """Run one row with one seed. `estate` is the file of the place's shops; `keep` a folder for the checker's report.

    Raises:
        NoVerdict: the checker itself failed.
        TimeoutError: the cluster was not whole before or after it.
    """
    network = Network(place.cluster.own_load_balancer.port, seed)
    network.start()
    name = f"{row.name.replace('_', '-')}-{seed}-{os.getpid() % 1000}-{int(time.time()) % 100_000}"
    tenants = tuple(f"verify-{estate.stem}-{number}" for number in range(1, scale.tenants + 1))
    town = Town(place, network, random.Random(seed), tenants)
    try:
        town.await_well()
        return _run(town, row, seed, scale, name, estate, keep)
    finally:
        network.stop()


def _run(town: Town, row: Row, seed: int, scale: Scale, name: str, estate: Path, keep: Path | None) -> Result:
    with Workdir("chaos") as folder:
        file = folder.path / "report.json"
        begun = threading.Event()
        command = [
            sys.executable, "-m", "bellwire", "verify", "--url", town.cluster.url, "--run", name,
            "--seconds", str(BEFORE_SECONDS + row.seconds), "--until-signal", "--seed", str(seed),
            "--tenants", str(scale.tenants), "--terminals", str(scale.terminals), "--rate", str(scale.rate),
            "--polling", str(scale.polling), "--streaming", str(scale.streaming),
            "--reconnect", str(scale.reconnect), "--estate", str(estate),
            "--samples", "--json", str(file),
            "--terminal-url", town.network.url if row.network else town.cluster.url, *row.load,
        ]  # fmt: skip
        child = Child(
            "verify",
            command,
            env={**os.environ, "BELLWIRE_KEY": town.cluster.operator_key},
            cwd=ROOT,
            sink=lambda _, line: begun.set() if "load begins" in line else None,
        )
        child.start()
        try:
            if not wait_until(lambda: begun.is_set() or not child.alive, BEGIN_SECONDS) or not child.alive:
                raise NoVerdict(f"the load did not begin.\n{child.tail}")
            pause(BEFORE_SECONDS)
            with Watch(lambda: filter(None, [pod.pid_if_alive for pod in town.cluster.gateways])) as memory:
                began = time.time()
                row.act(town, row.seconds)
                ended = time.time()
            town.await_well()
            pause(AFTER_SECONDS)
            child.send(signal.SIGUSR1)
            if child.wait(END_SECONDS) is None or not file.exists():
                raise NoVerdict(f"the checker came to no end.\n{child.tail}")
        finally:
            child.kill()
        if keep is not None:
            shutil.copy(file, keep / f"{row.name}-{seed}.json")
        return measure(row.name, seed, json.loads(file.read_text()), began, ended, memory.growth)
