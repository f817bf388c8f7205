"""`python -m bellwire.alive`, for a container's HEALTHCHECK: does the pod that is its first process answer `/healthz`?

Kubernetes asks by probes of its own. Loads nothing of a pod, so that asking costs little. Ends with 0 or 1; a container
that runs no pod (`bellwire migrate`) is well as long as it runs.

Why: docs/decisions/0153-an-image-that-says-what-is-in-it.md
"""

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

ROLES = ("api", "gateway")
DEFAULT_PORT = 8000
SECONDS = 4.0
FIRST_PROCESS = Path("/proc/1/cmdline")


def port_of(words: Sequence[str], env: Mapping[str, str]) -> str | None:
    """The port of the pod that this command line runs; None: it runs none."""
    if not any(role in words for role in ROLES):
        return None
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "--port":
            return following
        if word.startswith("--port="):
            return word.removeprefix("--port=")
    return env.get("BELLWIRE_LISTEN_PORT") or str(DEFAULT_PORT)


def main() -> int:
    """Ask."""
    port = port_of(FIRST_PROCESS.read_text().split("\0"), os.environ)
    if port is None:
        return 0
    # No proxy of the environment stands between a container and itself.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://127.0.0.1:{port}/healthz", timeout=SECONDS) as answer:
            return 0 if answer.status == 200 else 1
    except (OSError, urllib.error.URLError) as exc:
        print(f"/healthz on port {port}: {exc}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
