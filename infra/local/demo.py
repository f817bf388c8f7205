"""`make demo`: the whole cluster on this machine, with two shops to play with.

`python -m infra.local.demo` runs until Ctrl-C or SIGTERM, then leaves nothing behind and ends with 0.
`--check` runs it headless, checks it end to end and ends with 0 or 1. A wrong setting ends it with 2.
"""

import argparse
import dataclasses
import json
import os
import secrets
import shlex
import sys
import time
from collections import deque
from pathlib import Path

from infra.local.certificate import make_certificate
from infra.local.check import check, table
from infra.local.cluster import WELL_KNOWN_PORT, Cluster
from infra.local.console import BOLD, DIM, Console
from infra.local.counters import read_total
from infra.local.failure import CannotStart, WrongSetting
from infra.local.interrupt import Stopped, ignores_interrupts, raise_on_signals
from infra.local.logbook import Logbook
from infra.local.manifest import FOLDER, Manifest, address_at, clear_up
from infra.local.monitoring import Monitoring
from infra.local.pages.opening import Opening, is_desktop
from infra.local.pages.server import Pages
from infra.local.plan import Plan
from infra.local.ports import free_port, is_free
from infra.local.shops import Shop, open_shops
from infra.local.workdir import Workdir

# Their lines are for the log files; a console full of checkpoints helps nobody.
QUIET = ("postgres", "valkey", "prometheus", "alertmanager", "redis-exporter", "postgres-exporter")
DASHBOARDS = Path(__file__).resolve().parents[1] / "monitoring" / "dashboards"
# The end of each process's log, shown when a check failed.
KEPT_LINES = 15


class Demo:
    """The demo that people see: a cluster, its console and its manifest."""

    def __init__(self, plan: Plan, port: int, console: Console) -> None:
        self._console = console
        self._port = port
        self._manifest = Manifest(port)
        logs = "logs" if self._manifest.is_first else f"logs-{port}"
        self._logbook = Logbook(Path(FOLDER) / logs)
        self._shops: list[Shop] = []
        self._missed: set[str] = set()
        self._stopping = False
        self._began = time.monotonic()
        self._pages = Pages()
        self._opening: Opening | None = None
        self._monitoring = Monitoring(sink=self._take) if plan.monitoring else None
        self._keep = Workdir("certificate") if plan.tls else None
        certificate = None
        if self._keep is not None:
            certificate = make_certificate(self._keep.path, authority_of(self._manifest.path))
        self._cluster = Cluster(
            plan,
            redis_password=secrets.token_urlsafe(24),
            sink=self._take,
            say=console.step,
            on_change=self._publish,
            certificate=certificate,
            pages=self._pages.address,
        )

    def run(self) -> int:
        """Start, show, wait for the signal, sum up, stop."""
        code = 0
        try:
            if self._monitoring is not None:
                self._monitoring.fetch(self._console.step)
            self._cluster.start()
            if self._monitoring is not None:
                self._console.step("starting Prometheus and Alertmanager")
                self._monitoring.start(self._cluster)
            self._console.step("opening the shops kitchen and bistro")
            self._shops = open_shops(self._cluster.url, self._cluster.operator_key, self._cluster.tls)
            self._pages.start(self._cluster, self._shops[0])
            self._publish()
            self._welcome()
            while True:
                time.sleep(0.5)
                self._look_after()
                if self._opening is not None and self._opening.look():
                    self._console.step("opening the tour in your browser")
        except Stopped:
            self._console.print()
        except CannotStart as exc:
            self._console.error(str(exc))
            code = 1
        finally:
            self._manifest.remove()
            if self._opening is not None:
                self._opening.remove()
            if self._shops:
                self._sum_up()
            self._stopping = True
            self._console.step("stopping everything")
            self._pages.stop()
            if self._monitoring is not None:
                self._monitoring.stop()
            self._cluster.stop()
            if self._cluster.certificate is not None:
                self._cluster.certificate.remove()
            if self._keep is not None:
                self._keep.remove()
            self._logbook.close()
        self._console.step("everything is stopped")
        return code

    def _take(self, name: str, line: str) -> None:
        self._logbook.write(name, line)
        # While all is being stopped, the load balancer only has to tell that all is being stopped.
        if name not in QUIET and not (self._stopping and name == "haproxy"):
            self._console.line(name, line)

    def _publish(self) -> None:
        if self._shops:
            pages = self._pages.addresses(self._cluster.url)
            prometheus = None if self._monitoring is None else self._monitoring.prometheus.url
            self._manifest.write(document(self._cluster, self._shops, pages, prometheus))

    def _look_after(self) -> None:
        """Bring the load balancer back; say it once when a server has gone."""
        balancer = self._cluster.load_balancer
        if balancer is not None and not balancer.alive:
            self._console.step("the load balancer ended; starting it again")
            balancer.start()
            self._publish()
        alive = {
            name: server.alive
            for name, server in (("Valkey", self._cluster.valkey), ("PostgreSQL", self._cluster.postgres))
            if server is not None
        }
        if self._monitoring is not None:
            alive |= {server.name: server.alive for server in self._monitoring.servers}
        for name, lives in alive.items():
            if not lives and name not in self._missed:
                self._missed.add(name)
                self._console.step(
                    f"{name} ended. The demo does not bring it back, so that you can watch what goes on without it; "
                    "Ctrl-C and make demo begin anew"
                )

    def _welcome(self) -> None:
        kitchen = self._shops[0]
        url, paint = self._cluster.url, self._console.paint
        address = url.replace("http", "ws", 1) + f"/ws/pos/{kitchen.slug}"
        tools = shown(Path(sys.executable).parent)
        key = kitchen.terminals[0].key
        authority = shown(authority_of(self._manifest.path)) if self._keep else None
        trust = f"SSL_CERT_FILE={authority} " if authority else ""
        pages = self._pages.addresses(url)
        parts = [
            # Behind the # stands what the pages show that they may; no request carries it in its address.
            ("Bellwire is ready: open the tour", pages["tour"]),
            ("The wall, where you break it", pages["wall"]),
            ("The shop", pages["shop"]),
            # No key is a word of a command: a list of processes shows those to everybody on this machine.
            ("Watch a till", f"{trust}BELLWIRE_KEY={key} {tools}/bellwire tail --url {url}"),
            (
                "Or with any WebSocket client",
                f"{address}  (with the header Authorization: Bearer {kitchen.terminals[1].key})",
            ),
            ("Place an order", order_line(url, kitchen.storefront_key, authority)),
            ("Kill a gateway, and see nothing lost", f"kill -9 {self._cluster.gateways[0].pid}"),
            ("Other keys", f"{tools}/bellwire demo-key --help"),
            ("Keys and processes", str(self._manifest.path) + self._why_not_the_first()),
            ("Logs", str(self._logbook.folder)),
        ]
        if self._monitoring is not None:
            parts += monitoring_lines(self._monitoring)
        if authority:
            words = (
                "its certificate was made just now; this file makes a client trust it, and goes with the demo"
            )
            parts.insert(1, (f"WebSockets at {address}", f"{authority}  ({words})"))
        self._console.print()
        for title, text in parts:
            self._console.print(f"{paint(title, BOLD)}\n  {text}")
        self._console.print(f"\n{paint(how_to_stop(), DIM)}\n")
        if is_desktop(os.environ):
            self._opening = Opening(self._manifest.path.with_suffix(".html"), pages["tour"])
            self._console.print("Press Enter to open the tour in your browser.\n")

    def _why_not_the_first(self) -> str:
        return (
            "" if self._manifest.is_first else f" ({FOLDER}/demo.json is another demo's, which runs here too)"
        )

    def _sum_up(self) -> None:
        apis = [pod.url for pod in self._cluster.apis]
        gateways = [pod.url for pod in self._cluster.gateways]
        orders = read_total(apis, "bellwire_events_committed_total", type="new_order")
        delivered = read_total(gateways, "bellwire_gateway_deliveries_total")
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        self._console.step(
            f"up for {minutes} min {seconds} s, {orders} online orders accepted, "
            f"{delivered} events delivered, {self._cluster.restarts} pods restarted"
        )


def how_to_stop() -> str:
    """How the demo is stopped. A script's background job has make ignore SIGINT, which nobody can change."""
    if ignores_interrupts(os.getppid()):
        return f"kill {os.getpid()} stops all of it. (make was started in the background and ignores Ctrl-C's signal.)"
    return "Ctrl-C stops all of it."


def shown(path: Path) -> Path:
    """The path as one would type it from here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def authority_of(manifest: Path) -> Path:
    """Where a demo with TLS leaves the file that its clients have to trust."""
    return manifest.with_name(manifest.name.replace("demo", "ca", 1)).with_suffix(".pem")


def order_line(url: str, key: str, authority: Path | None = None) -> str:
    """A command that places an order, complete."""
    order = {
        "orderType": "pickup",
        "customerName": "Ada",
        "items": [{"name": "Margherita", "quantity": 2, "unitPrice": 9.5}],
    }
    words = ["curl", "-sS", f"{url}/api/tenant/orders/create", "-H", "@-"]
    words += ["-H", "Content-Type: application/json", "-d", json.dumps(order)]
    if authority is not None:
        words += ["--cacert", str(authority)]
    # The shell's own echo is no process.
    return f"echo {shlex.quote(f'Authorization: Bearer {key}')} | {shlex.join(words)}"


def monitoring_lines(monitoring: Monitoring) -> list[tuple[str, str]]:
    """Where the monitoring is, and how its dashboards come into a Grafana."""
    prometheus, files = monitoring.prometheus.url, shown(DASHBOARDS) / "*.json"
    return [
        ("Prometheus, with the alerts", f"{prometheus}/alerts"),
        ("Alertmanager", monitoring.alertmanager.url),
        (
            "Dashboards, for a Grafana of yours",
            f"add {prometheus} there as a data source of the type Prometheus, then Dashboards, New, Import: {files}",
        ),
    ]


def document(
    cluster: Cluster, shops: list[Shop], pages: dict[str, str], prometheus: str | None = None
) -> dict[str, object]:
    """The content of demo.json says."""
    tenants = {
        shop.slug: {
            "storefrontKey": shop.storefront_key,
            "terminals": [
                {"terminalId": till.terminal_id, "name": till.name, "key": till.key}
                for till in shop.terminals
            ],
        }
        for shop in shops
    }
    trust = cluster.certificate and {"caFile": str(cluster.certificate.authority.resolve())}
    return {
        "url": cluster.url,
        "pages": pages,
        **(trust or {}),
        "operatorKey": cluster.operator_key,
        "tenants": tenants,
        "databaseUrl": cluster.database_url,
        "redisUrl": cluster.redis_url,
        "prometheusUrl": prometheus,
        "processes": cluster.processes(),
    }


def run_check(plan: Plan, port: int, console: Console) -> int:
    """The cluster, headless; its logs are shown when it fails, and only then."""
    logbook = Logbook(Path(FOLDER) / f"logs-check-{port}")
    clear_up(Path(FOLDER))
    ends: dict[str, deque[str]] = {}

    def take(name: str, line: str) -> None:
        logbook.write(name, line)
        ends.setdefault(name, deque(maxlen=KEPT_LINES)).append(line)

    keep = Workdir("certificate")
    certificate = make_certificate(keep.path, keep.path / "ca.pem") if plan.tls else None
    cluster = Cluster(
        plan, redis_password=secrets.token_urlsafe(24), sink=take, say=console.step, certificate=certificate
    )
    passed = False
    try:
        cluster.start()
        shops = open_shops(cluster.url, cluster.operator_key, cluster.tls)
        console.step("placing orders, and killing a gateway in between")
        report = check(cluster, shops)
        console.print()
        for row in table(report):
            console.print(row)
        console.print()
        passed = report.passed
    except CannotStart as exc:
        console.error(str(exc))
    except Stopped:
        console.error("Stopped before it was done.")
    finally:
        cluster.stop()
        keep.remove()
        logbook.close()
    if passed:
        logbook.remove()
        console.step("the check passed")
        return 0
    for name, lines in ends.items():
        for line in lines:
            console.line(name, line)
    console.error(f"The check failed; logs are in {logbook.folder}.")
    return 1


def main(arguments: list[str] | None = None) -> int:
    """Read the settings, then run the demo or its check."""
    parser = argparse.ArgumentParser(prog="make demo", description="The whole cluster on this machine.")
    parser.add_argument("--check", action="store_true", help="run headless, check it end to end, exit 0 or 1")
    options = parser.parse_args(arguments)
    console = Console()
    try:
        plan = Plan.from_environment(os.environ, default_port=None if options.check else WELL_KNOWN_PORT)
    except WrongSetting as exc:
        console.print(str(exc))
        return 2
    port = plan.port or free_port()
    if options.check and not is_free(port):
        # BELLWIRE_PORT is exported for the demo that runs there, and the check is run beside it.
        console.step(f"port {port} is taken; the check takes another")
        port = free_port()
    if not is_free(port):
        address = address_at(port)
        taken = (
            f"Port {port} is taken by another program"
            if address is None
            else f"A demo of this folder runs at {address} already"
        )
        console.error(f"{taken}; choose another port with BELLWIRE_PORT=8090 make demo.")
        return 1
    raise_on_signals()
    plan = dataclasses.replace(plan, port=port)
    try:
        return run_check(plan, port, console) if options.check else Demo(plan, port, console).run()
    except Stopped:
        return 0
    except (FileExistsError, PermissionError) as exc:
        console.error(f"The folder {FOLDER} cannot be used ({exc}).")
        return 1


if __name__ == "__main__":
    sys.exit(main())
