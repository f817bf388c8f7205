"""Where faults are brought about: a cluster under traffic of ordinary shops, and a monitoring that looks at it.

Each fault has a Prometheus of its own, so that no window remembers the fault before. Knows which parts belong together.
Does not know any fault.
"""

import secrets
import time
from types import TracebackType
from typing import Self

from drill.listener import Listener
from drill.scale import scaled
from drill.traffic import Traffic
from infra.local.alertmanager import CONFIGURATION, told_to
from infra.local.child import Sink, no_sink
from infra.local.cluster import Cluster, together
from infra.local.haproxy import HAProxy
from infra.local.monitoring import Monitoring
from infra.local.plan import Plan
from infra.local.pods import Pod
from infra.local.postgres import Postgres
from infra.local.prometheus import RULES
from infra.local.valkey import Valkey
from infra.local.waiting import wait_until
from infra.local.workdir import Workdir

# As in infra/k8s: the time between two scrapes.
SCRAPE_SECONDS = 15.0
LEAST_SCRAPE_SECONDS = 1.0
WELL_SECONDS = 120.0


class Place:
    """The cluster, its shops and their tills. `watched` is a monitoring for one fault."""

    def __init__(self, factor: float = 1.0, plan: Plan | None = None, sink: Sink = no_sink) -> None:
        """`factor`: how many times shorter all times of the rules are."""
        self.factor = factor
        # Without a password Redis counts those as refused who have gone before it took them, as after a pause.
        self.cluster = Cluster(plan or Plan(), redis_password=secrets.token_urlsafe(24), sink=sink)
        self.listener = Listener()
        self.traffic = Traffic()
        self.broken_at = 0.0
        self._monitoring: Monitoring | None = None
        self._sink = sink
        self._folder: Workdir | None = None

    @property
    def monitoring(self) -> Monitoring:
        assert self._monitoring is not None, "nothing is watched"
        return self._monitoring

    @property
    def valkey(self) -> Valkey:
        return self.cluster.own_valkey

    @property
    def postgres(self) -> Postgres:
        return self.cluster.own_postgres

    @property
    def load_balancer(self) -> HAProxy:
        return self.cluster.own_load_balancer

    @property
    def scrape_seconds(self) -> float:
        return max(SCRAPE_SECONDS / self.factor, LEAST_SCRAPE_SECONDS)

    def __enter__(self) -> Self:
        try:
            Monitoring.fetch(lambda text: None)
            self.cluster.start()
            self.traffic.open(self.cluster.url, self.cluster.operator_key)
            self.traffic.start()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def watch(self) -> None:
        """Begin with a new Prometheus and a new Alertmanager, which know nothing of what was before."""
        self.unwatch()
        self._folder = Workdir("drill")
        for path in RULES.glob("*.yml"):
            text = scaled(path.read_text(encoding="utf-8"), self.factor)
            (self._folder.path / path.name).write_text(text, encoding="utf-8")
        configuration = scaled(
            told_to(self.listener.url, CONFIGURATION.read_text(encoding="utf-8")), self.factor
        )
        self._monitoring = Monitoring(
            rules=self._folder.path, alertmanager=configuration, seconds=self.scrape_seconds, sink=self._sink
        )
        self._monitoring.start(self.cluster)

    def unwatch(self) -> None:
        """Stop the monitoring; a second call does nothing."""
        if self._monitoring is not None:
            self._monitoring.stop()
            self._monitoring = None
        if self._folder is not None:
            self._folder.remove()
            self._folder = None

    def mark(self) -> None:
        """The thing is broken from this moment on; for a fault that has to prepare it."""
        self.broken_at = time.time()

    def warm_up(self, seconds: float) -> None:
        """Let it see the cluster when all is well, long enough for what is usual to be known."""
        time.sleep(max(seconds / self.factor, 10 * self.scrape_seconds))

    def await_well(self) -> None:
        """Wait until every part serves and every till is connected.

        Raises:
            TimeoutError: it is not so after two minutes.
        """
        if not wait_until(self._is_well, WELL_SECONDS):
            raise TimeoutError("the cluster did not become whole")

    def take_away(self, pods: list[Pod]) -> None:
        """`kill -9`, and nobody brings them back."""
        together([pod.take_away for pod in pods])

    def bring_back(self, pods: list[Pod]) -> None:
        """Start what was taken away, and wait until it serves."""
        for pod in pods:
            pod.start()
        together([pod.await_ready for pod in pods])

    def _is_well(self) -> bool:
        return (
            self.postgres.alive
            and self.valkey.alive
            and all(pod.is_ready() for pod in self.cluster.pods)
            and self.load_balancer.all_up()
            and self.traffic.all_connected
        )

    def _leave(self) -> None:
        self.traffic.stop()
        self.unwatch()
        self.cluster.stop()
        self.listener.close()
