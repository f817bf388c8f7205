"""`bellwire gateway --workers N`: the parent's side. The workers' own is `gateway/processes/child.py`.

Each worker is a gateway of its own, with its own name, rooms, head check and lease, on one port that the kernel spreads
connections over. Workers share two things: the files in which their metrics are added up, and a byte each that says
how it is.

Why: docs/decisions/0084-workers.md
"""

import asyncio
import os
import sys
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

from backbone.runtime.supervisor import Supervisor, reserve
from backbone.runtime.worker_states import State, WorkerStates
from gateway.processes.folder import worker_folder
from gateway.settings import GatewaySettings

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
WORKER_STATES = "worker-states"


def run_workers(settings: GatewaySettings) -> int:
    """Run the workers until a polite signal and return the exit code.

    Raises:
        CannotListen: the address cannot be listened on.
    """
    with reserve(settings.listen_host, settings.listen_port) as holder, worker_folder() as folder:
        port = holder.getsockname()[1]
        worker_states = WorkerStates.create(folder / WORKER_STATES, settings.workers)

        def on_death(worker: int) -> None:
            worker_states.set_state(worker, State.STARTING)
            # Its counts stay; its connections are gone with it.
            mark_process_dead(worker, str(folder))  # type: ignore[no-untyped-call]

        def command(worker: int, leash: int) -> list[str]:
            return [sys.executable, "-m", "gateway.processes.child", str(worker), str(folder), str(leash)]

        async def lead() -> int:
            supervisor = Supervisor(
                settings.workers,
                command,
                lambda worker: environment(settings, worker, port, folder),
                on_death,
            )
            return await supervisor.run()

        return asyncio.run(lead())


def environment(settings: GatewaySettings, worker: int, port: int, folder: Path) -> dict[str, str]:
    """A worker's environment: the pod's, with its own name and its share of the sockets."""
    return {
        **os.environ,
        METRICS_FOLDER: str(folder),
        "BELLWIRE_LISTEN_HOST": settings.listen_host,
        "BELLWIRE_LISTEN_PORT": str(port),
        "BELLWIRE_POD_NAME": f"{settings.pod_name}/{worker}",
        "BELLWIRE_MAX_SOCKETS": str(-(-settings.max_sockets // settings.workers)),
        "BELLWIRE_WORKERS": str(settings.workers),
    }
