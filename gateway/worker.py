"""`python -m gateway.worker NUMBER FOLDER LEASH`: one worker of several; its parent is `gateway/workers.py`.

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
    from backbone.runtime.roster import Roster
    from backbone.runtime.team import follow_parent
    from gateway.app import run_worker
    from gateway.workers import ROSTER

    follow_parent(leash)
    run_worker(number, Roster(folder / ROSTER))


if __name__ == "__main__":
    main()
