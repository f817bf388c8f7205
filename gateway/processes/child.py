"""`python -m gateway.processes.child NUMBER FOLDER LEASH`: one worker of several. `parent.py` starts it.

Its metrics live in files by its number, not by its process id: the one that comes after it goes on counting in them.
"""

import sys
from pathlib import Path

from prometheus_client import values


def main() -> None:
    """Serve until told to stop, or until the parent is gone."""
    number, folder, leash = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    # Before the first metric is made, which importing the pod does.
    values.ValueClass = values.MultiProcessValue(lambda: number)  # type: ignore[no-untyped-call]
    from backbone.runtime.supervisor import follow_parent
    from backbone.runtime.worker_states import WorkerStates
    from gateway.app import run_worker
    from gateway.processes.parent import WORKER_STATES

    follow_parent(leash)
    run_worker(number, WorkerStates(folder / WORKER_STATES))


if __name__ == "__main__":
    main()
