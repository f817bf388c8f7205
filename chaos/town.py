"""The tools of a fault: the cluster, the network in front of it, and a way to wait until all is well again."""

import random
import signal
import time
from dataclasses import dataclass

from chaos.place import Place
from chaos.proxy import Network
from infra.local.cluster import Cluster
from infra.local.haproxy import HAProxy
from infra.local.pods import Pod
from infra.local.postgres import Postgres
from infra.local.valkey import Valkey, answers
from infra.local.waiting import wait_until

WELL_SECONDS = 60.0
BALANCED_SECONDS = 5.0


class FaultMissed(Exception):
    """The thing that was to be broken was not; such a row proves nothing."""


@dataclass(frozen=True, slots=True)
class Town:
    """A cluster under load, and its tenants' slugs."""

    place: Place
    network: Network
    chance: random.Random
    tenants: tuple[str, ...]

    @property
    def cluster(self) -> Cluster:
        return self.place.cluster

    @property
    def hot(self) -> str:
        """The tenant that special rows work on."""
        return self.tenants[0]

    @property
    def valkey(self) -> Valkey:
        return self.cluster.own_valkey

    @property
    def postgres(self) -> Postgres:
        return self.cluster.own_postgres

    @property
    def load_balancer(self) -> HAProxy:
        return self.cluster.own_load_balancer

    def is_well(self) -> bool:
        """Whether every process serves and the load balancer has noticed."""
        return (
            self.postgres.alive
            and answers(self.valkey.port)
            and all(pod.is_ready() for pod in self.cluster.pods)
            and self.load_balancer.all_up()
        )

    def await_well(self) -> None:
        """Wait until the cluster is whole.

        Raises:
            TimeoutError: it is not after `WELL_SECONDS`.
        """
        if not wait_until(self.is_well, WELL_SECONDS):
            raise TimeoutError("the cluster did not become whole again")

    def await_balanced(self) -> None:
        """Give the load balancer time to send work to every pod again; one that keeps dying may never get that far."""
        wait_until(self.load_balancer.all_up, BALANCED_SECONDS)

    def renew(self, pod: Pod, how: signal.Signals, **settings: str) -> None:
        """End a pod's process and wait until its successor, with these settings, serves."""
        before = pod.restarts
        pod.configure(**settings)
        pod.send(how)
        if not wait_until(lambda: pod.restarts > before and pod.is_ready(), WELL_SECONDS):
            raise TimeoutError(f"{pod.name} did not come back")


def pause(seconds: float) -> None:
    """Let the fault last."""
    time.sleep(seconds)
