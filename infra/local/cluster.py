"""The whole cluster on this machine: servers, pods, load balancer; started in order, stopped in reverse.

The demo and the tests use the same one. Blocking methods and threads, so that it can be driven from anywhere,
also from beside a running event loop. Knows how the parts are wired; does not know what an order is.
"""

import functools
import os
import secrets
import ssl
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from infra.local.certificate import Certificate
from infra.local.child import Child, Sink, no_sink, run_to_end
from infra.local.debian_tool import Tool
from infra.local.haproxy import HAProxy, find_haproxy
from infra.local.plan import Plan
from infra.local.pods import Pod, Role
from infra.local.ports import free_port, is_free
from infra.local.postgres import Postgres
from infra.local.valkey import Valkey
from infra.local.workdir import sweep

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "bellwire")
COMMAND_SECONDS = 180.0
# The cluster on this port has pods on well-known ports too, which a monitoring configuration can name.
WELL_KNOWN_PORT = 8080
FIRST_PORT: dict[Role, int] = {"api": 9101, "gateway": 9201}
# Everything comes from one address here, tests and load generators too.
LOCAL_LIMITS = {
    "LB_SRC_RATE_10S": "1000000",
    "LB_SRC_KEYED_RATE_10S": "1000000",
    "LB_SRC_PAGES_10S": "1000000",
    "LB_SRC_SOCKETS": "100000",
    "LB_SRC_CONNECTIONS": "100000",
    "LB_SRC_CONNECTS_10S": "1000000",
    # For this host's name browsers shall remember nothing: it is everybody's.
    "LB_HSTS_SECONDS": "0",
}

Say = Callable[[str], None]


class Cluster:
    """All of it. `start()` returns when an order could be placed; `stop()` leaves nothing behind."""

    def __init__(
        self,
        plan: Plan,
        *,
        settings: Mapping[str, str] | None = None,
        redis_password: str = "",
        command: Sequence[str] = COMMAND,
        sink: Sink = no_sink,
        say: Say = lambda text: None,
        on_change: Callable[[], None] = lambda: None,
        certificate: Certificate | None = None,
        pages: str | None = None,
    ) -> None:
        """`settings`: `BELLWIRE_…` variables of the pods, over our own. `on_change`: a pod came back.

        `certificate`: the load balancer's, which then speaks TLS. `pages`: `address:port` of what serves the demo's
        pages behind the load balancer. `redis_password` is for a Valkey of our own.
        """
        self.plan = plan
        self.valkey = None if plan.redis_url else Valkey(password=redis_password, sink=sink)
        self.postgres = None if plan.database_url else Postgres(durable=plan.durable, sink=sink)
        self.apis: list[Pod] = []
        self.gateways: list[Pod] = []
        self.load_balancer: HAProxy | None = None
        self.operator_key = ""
        # The addresses of the database, where pods of a role have one of their own.
        self._database_urls: dict[Role, str] = {}
        # Over everything else, for the pods of one role; to be filled before `start`.
        self.settings_of: dict[Role, dict[str, str]] = {}
        self._command = list(command)
        self._sink = sink
        self._say = say
        self._on_change = on_change
        self.certificate = certificate
        self._pages = pages
        self._env = {**os.environ, **self._defaults(), **(settings or {}), "PYTHONUNBUFFERED": "1"}
        self._drain_seconds = float(self._env["BELLWIRE_DRAIN_SECONDS"])

    @property
    def own_valkey(self) -> Valkey:
        """The one that we start; there is none where the plan names another's."""
        assert self.valkey is not None, "the plan names another Redis"
        return self.valkey

    @property
    def own_postgres(self) -> Postgres:
        """The one that we start, or what took over from it; there is none where the plan names another's."""
        assert self.postgres is not None, "the plan names another PostgreSQL"
        return self.postgres

    @property
    def own_load_balancer(self) -> HAProxy:
        """Ours, once it was started; there is none where the plan wants none."""
        assert self.load_balancer is not None, "the plan has no load balancer, or it was not started"
        return self.load_balancer

    @property
    def database_url(self) -> str:
        return self.plan.database_url or (self.postgres.url if self.postgres else "")

    @property
    def redis_url(self) -> str:
        return self.plan.redis_url or (self.valkey.url if self.valkey else "")

    @property
    def url(self) -> str:
        """The one door: the load balancer, or without one the first API pod."""
        return self.load_balancer.url if self.load_balancer else self.apis[0].url

    @property
    def tls(self) -> ssl.SSLContext | bool:
        """The authorities that a client of `url` trusts, as httpx takes it."""
        return True if self.certificate is None else self.certificate.trusting()

    @property
    def pods(self) -> list[Pod]:
        return [*self.apis, *self.gateways]

    @property
    def restarts(self) -> int:
        return sum(pod.restarts for pod in self.pods)

    def start(self) -> None:
        """Start everything and wait until it serves. After a failure, too, `stop()` is due.

        Raises:
            CannotStart: some part did not come up; one sentence, then that part's last lines.
        """
        for path in sweep():
            self._say(f"removed {path}, left by a run that was killed")
        tool = self._start_servers()
        self._say("applying migrations")
        self._bellwire("migrate")
        said, _ = together([lambda: self._bellwire("operator-key"), self._separate_roles])
        self.operator_key = said[-1].strip()
        self._start_pods()
        if self.plan.load_balancer:
            self._say("starting the load balancer")
            self._start_load_balancer(tool)

    def stop(self) -> None:
        """Stop everything, pods first so that they can finish what they do. A second call does nothing."""
        patience = self._drain_seconds + 5.0
        together([functools.partial(pod.stop, patience) for pod in self.pods])
        if self.load_balancer is not None:
            self.load_balancer.stop()
        together([server.stop for server in (self.valkey, self.postgres) if server is not None])

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def processes(self) -> list[dict[str, Any]]:
        """Role, pid and addresses of every process of ours, as they are now."""
        found: list[dict[str, Any]] = [
            {"role": pod.role, "pid": pod.pid, "url": pod.url} for pod in self.pods
        ]
        if self.valkey is not None:
            found.append({"role": "valkey", "pid": self.valkey.pid})
        if self.postgres is not None:
            found.append({"role": "postgres", "pid": self.postgres.pid})
        if self.load_balancer is not None:
            door = self.load_balancer
            found.append({"role": "loadbalancer", "pid": door.pid, "metricsUrl": f"{door.admin_url}/metrics"})
        return found

    def _defaults(self) -> dict[str, str]:
        return {
            "BELLWIRE_LOG_FORMAT": os.environ.get("BELLWIRE_LOG_FORMAT", "text"),
            # A listener on this machine is what one tries a webhook with.
            "BELLWIRE_WEBHOOK_PRIVATE": os.environ.get("BELLWIRE_WEBHOOK_PRIVATE", "true"),
            # Here a drain is watched by somebody who pressed Ctrl-C.
            # Every request comes through HAProxy, which sets the header.
            "BELLWIRE_TRUST_FORWARDED_FOR": "true",
            "BELLWIRE_DRAIN_SECONDS": os.environ.get("BELLWIRE_DRAIN_SECONDS", "1"),
            # As many as one machine has descriptors for, and no warning in a newcomer's first minute.
            "BELLWIRE_MAX_SOCKETS": os.environ.get("BELLWIRE_MAX_SOCKETS", "5000"),
            "BELLWIRE_REDIS_SECRET": os.environ.get("BELLWIRE_REDIS_SECRET") or secrets.token_urlsafe(32),
            "BELLWIRE_CARD_SECRET": os.environ.get("BELLWIRE_CARD_SECRET") or secrets.token_urlsafe(32),
        }

    def _start_servers(self) -> Tool | None:
        """The servers and, which may take a download, the load balancer's program: all at once."""
        parts: list[Callable[[], Any]] = []
        if self.valkey is not None:
            parts.append(self.valkey.start)
        if self.postgres is not None:
            parts.append(self.postgres.start)
        names = [name for name, part in (("Valkey", self.valkey), ("PostgreSQL", self.postgres)) if part]
        if names:
            self._say(f"starting {' and '.join(names)}")
        finder = (lambda: find_haproxy(self._say)) if self.plan.load_balancer else (lambda: None)
        results = together([finder, *parts])
        self._env["BELLWIRE_DATABASE_URL"] = self.database_url
        self._env["BELLWIRE_REDIS_URL"] = self.redis_url
        tool: Tool | None = results[0]
        return tool

    def _start_pods(self) -> None:
        self._say(f"starting {self.plan.api_pods} API pods and {self.plan.gateway_pods} gateway pods")
        self.apis += [self._pod("api", number) for number in range(1, self.plan.api_pods + 1)]
        self.gateways += [self._pod("gateway", number) for number in range(1, self.plan.gateway_pods + 1)]
        for pod in self.pods:
            pod.start()
        together([pod.await_ready for pod in self.pods])

    def _start_load_balancer(self, tool: Tool | None) -> None:
        settings = {name: os.environ.get(name, value) for name, value in LOCAL_LIMITS.items()}
        if origins := self._env.get("BELLWIRE_ALLOWED_ORIGINS"):
            settings.setdefault("LB_ALLOWED_ORIGINS", origins)
        if self._pages is not None:
            settings["LB_DEMO"] = self._pages
        self.load_balancer = HAProxy(
            apis=[pod.address for pod in self.apis],
            gateways=[pod.address for pod in self.gateways],
            port=self.plan.port,
            settings=settings,
            tool=tool,
            certificate=None if self.certificate is None else self.certificate.chain,
            sink=self._sink,
        )
        self.load_balancer.start()

    def _pod(self, role: Role, number: int) -> Pod:
        name = f"{role}-{number}"
        port = FIRST_PORT[role] + number - 1
        if self.plan.port != WELL_KNOWN_PORT or not is_free(port):
            port = free_port()
        own = {"BELLWIRE_DATABASE_URL": self._database_urls[role]} if role in self._database_urls else {}
        return Pod(
            role,
            name,
            [*self._command, role],
            port,
            env={**self._env, **own, "BELLWIRE_POD_NAME": name, **self.settings_of.get(role, {})},
            cwd=ROOT,
            sink=self._sink,
            on_change=lambda pod: self._on_change(),
        )

    def _separate_roles(self) -> None:
        """As in production: the tables' owner migrates, pods may do what their kind does. In a server of our own."""
        if self.postgres is None:
            return
        passwords = {role: secrets.token_urlsafe(24) for role in FIRST_PORT}
        words = [word for role in FIRST_PORT for word in (f"--{role}-role", f"bellwire_{role}")]
        self._bellwire(
            "role-settings",
            *words,
            **{f"BELLWIRE_{role.upper()}_ROLE_PASSWORD": password for role, password in passwords.items()},
        )
        rest = self.postgres.url.rpartition("@")[2]
        for role, password in passwords.items():
            self._database_urls[role] = f"postgresql://bellwire_{role}:{password}@{rest}"

    def _bellwire(self, command: str, *words: str, **more: str) -> list[str]:
        env = {**self._env, **more}
        child = Child(f"bellwire {command}", [*self._command, command, *words], env=env, cwd=ROOT)
        return run_to_end(child, COMMAND_SECONDS)


def together(jobs: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run all at once and wait for all; then raise the first error, if any, else return their results."""
    if not jobs:
        return []
    with ThreadPoolExecutor(max_workers=len(jobs)) as pool:
        futures = [pool.submit(job) for job in jobs]
    return [future.result() for future in futures]
