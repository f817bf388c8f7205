"""`make load OWN=1`: a bare cluster of its own, a load test against it, and nothing left of either.

Two gateways, no demo's pages, and a database that waits for its disk: figures of a run are to mean something. All
words are given to `bellwire-load run` as they are, and its exit code is ours. Knows a load test by its command alone.
"""

import dataclasses
import os
import secrets
import signal
import sys

from infra.local.child import Child
from infra.local.cluster import Cluster
from infra.local.console import Console
from infra.local.failure import CannotStart, WrongSetting
from infra.local.interrupt import Stopped, raise_on_signals
from infra.local.manifest import Manifest
from infra.local.plan import Plan
from infra.local.workdir import Workdir

GATEWAYS = "BELLWIRE_GATEWAY_PODS"
# A storm brings thousands of terminals back, and a dead gateway's to the one that is left.
SOCKETS = "20000"
LOOK_SECONDS = 0.5
# A run that is told to end deletes its tenants first.
FAREWELL_SECONDS = 120.0


def main(arguments: list[str]) -> int:
    """Read the settings, start the cluster, run the load test to its end."""
    console = Console()
    try:
        plan = Plan.from_environment({GATEWAYS: "2", **os.environ})
    except WrongSetting as exc:
        console.print(str(exc))
        return 2
    raise_on_signals()
    try:
        with Workdir("load") as keep:
            return run(dataclasses.replace(plan, durable=True), keep, arguments, console)
    except CannotStart as exc:
        console.error(str(exc))
        return 2
    except Stopped:
        return 130


def run(plan: Plan, keep: Workdir, arguments: list[str], console: Console) -> int:
    """The load test finds its cluster by a file such as a demo writes, and pods that came back by its new content."""
    manifest = Manifest(plan.port or 0, keep.path)
    ready = False

    def publish() -> None:
        if ready:
            manifest.write(
                {
                    "url": cluster.url,
                    "operatorKey": cluster.operator_key,
                    "processes": cluster.processes(),
                }
            )

    cluster = Cluster(
        plan,
        settings={"BELLWIRE_MAX_SOCKETS": os.environ.get("BELLWIRE_MAX_SOCKETS", SOCKETS)},
        redis_password=secrets.token_urlsafe(24),
        say=console.step,
        on_change=publish,
    )
    words = ["run", *arguments, "--demo-file", str(manifest.path)]
    test = Child(
        "load",
        [sys.executable, "-m", "loadtests", *words],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        sink=lambda _, line: console.print(line),
        death_signal=signal.SIGTERM,
    )
    try:
        with cluster:
            ready = True
            publish()
            test.start()
            try:
                while (code := test.wait(LOOK_SECONDS)) is None:
                    pass
            finally:
                test.stop(FAREWELL_SECONDS)
            return code
    finally:
        manifest.remove()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
