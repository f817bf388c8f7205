"""Tell Prometheus where the demo's pods and its load balancer are.

    python -m infra.monitoring.targets > .bellwire/targets.json

Reads `.bellwire/demo.json` (or the file named) and prints what Prometheus' file_sd_configs reads; Prometheus takes
a rewritten file up by itself. Knows both formats, and no server.
"""

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROLES = {"api": "bellwire-api", "gateway": "bellwire-gateway", "loadbalancer": "bellwire-haproxy"}


def targets(demo: dict[str, Any]) -> list[dict[str, Any]]:
    """One group a kind of process, under the job that the alert rules ask for; none of a kind that is away."""
    found = {
        job: [where(process) for process in demo["processes"] if process["role"] == role and where(process)]
        for role, job in ROLES.items()
    }
    return [{"targets": each, "labels": {"job": job}} for job, each in found.items() if each]


def where(process: dict[str, Any]) -> str:
    """`host:port` of a process's metrics; the load balancer has them at a door of their own."""
    return urlsplit(process.get("metricsUrl") or process.get("url") or "").netloc


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
