"""The demo as a load test has to know it: its address, its operator's key and its processes, from the file it writes.

Knows `.bellwire/demo.json`. Opens no connection.
"""

import json
from dataclasses import dataclass
from pathlib import Path

DEFAULT_FILE = Path(".bellwire/demo.json")
PODS = ("api", "gateway")


class NoDemo(Exception):
    """There is no cluster to load; the text is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process of the demo; pods have an address."""

    role: str
    pid: int
    url: str | None


@dataclass(frozen=True, slots=True)
class Demo:
    """A running cluster. `url` has no slash at its end."""

    url: str
    operator_key: str
    processes: tuple[Process, ...] = ()
    ca_file: str | None = None

    def named(self) -> list[tuple[str, Process]]:
        """Each process with a name of its own: `api-1`, `gateway-2`, `postgres`."""
        counts: dict[str, int] = {}
        named = []
        for process in self.processes:
            counts[process.role] = counts.get(process.role, 0) + 1
            name = f"{process.role}-{counts[process.role]}" if process.role in PODS else process.role
            named.append((name, process))
        return named


def read_demo(path: Path = DEFAULT_FILE) -> Demo:
    """Return the cluster that `path` describes.

    Raises:
        NoDemo: there is no such file, or it is not one that the demo wrote.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NoDemo(
            f"There is no {path}: start the cluster with `make demo` in another terminal first, or name a --host."
        ) from None
    except (OSError, ValueError) as exc:
        raise NoDemo(f"{path} cannot be read ({exc}): start `make demo` anew.") from exc
    try:
        return Demo(
            url=str(content["url"]).rstrip("/"),
            operator_key=str(content["operatorKey"]),
            processes=tuple(
                Process(str(each["role"]), int(each["pid"]), each.get("url"))
                for each in content.get("processes", ())
            ),
            ca_file=content.get("caFile"),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as exc:
        raise NoDemo(f"{path} is not what a demo writes (no {exc}): start `make demo` anew.") from exc
