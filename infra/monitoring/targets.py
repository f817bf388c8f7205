"""Tell Prometheus where the demo's pods are.

    python -m infra.monitoring.targets > .bellwire/targets.json

Reads `.bellwire/demo.json` (or the file named) and prints what Prometheus' file_sd_configs reads; Prometheus takes
a rewritten file up by itself. Knows both formats, and no server.
"""

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROLES = {"api": "bellwire-api", "gateway": "bellwire-gateway"}


def targets(demo: dict[str, Any]) -> list[dict[str, Any]]:
    """One group a kind of pod, under the job name that the alert rules ask for."""
    return [
        {
            "targets": [
                urlsplit(process["url"]).netloc for process in demo["processes"] if process["role"] == role
            ],
            "labels": {"job": job},
        }
        for role, job in ROLES.items()
    ]


def main(path: Path) -> int:
    try:
        demo = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        print(f"There is no {path}: start the cluster with `make demo` first.", file=sys.stderr)
        return 1
    print(json.dumps(targets(demo), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".bellwire/demo.json")))
