"""A running demo's keys and processes, out of the file that it writes, for a command line."""

import json
from pathlib import Path
from typing import Any

from bellwire.trouble import Trouble

FOLDER = Path(".bellwire")


def read(file: Path | None, port: str | None) -> dict[str, Any]:
    """The demo's description of itself; by default that of this folder, of `port` where two of them run.

    Raises:
        Trouble: no demo is ready, or the file is not a demo's.
    """
    if file is None:
        other = FOLDER / f"demo-{port}.json"
        file = other if port and other.exists() else FOLDER / "demo.json"
    try:
        found = json.loads(file.read_text())
    except FileNotFoundError as exc:
        raise Trouble(
            f"There is no {file} here: a demo that is ready writes it (make demo, in this folder)."
        ) from exc
    except (OSError, ValueError) as exc:
        raise Trouble(
            f"{file} cannot be read ({getattr(exc, 'strerror', None) or 'it is not JSON'})."
        ) from exc
    if not isinstance(found, dict) or not isinstance(found.get("tenants"), dict):
        raise Trouble(f"{file} is not what a demo writes.")
    return found


def find(demo: dict[str, Any], shop: str, terminal: str | None, kind: str | None) -> str:
    """The key that is asked for.

    Raises:
        Trouble: the demo has no such shop or terminal; the sentence names those that it has.
    """
    try:
        if kind == "operator":
            return str(demo["operatorKey"])
        if shop not in demo["tenants"]:
            raise Trouble(f"The demo has no shop {shop}; it has {', '.join(demo['tenants'])}.")
        tenant = demo["tenants"][shop]
        if kind == "store":
            return str(tenant["storefrontKey"])
        keys = {each["name"]: str(each["key"]) for each in tenant["terminals"]}
        name = terminal or next(iter(keys))
        if name not in keys:
            raise Trouble(f"{shop} has no terminal {name}; it has {', '.join(keys)}.")
        return keys[name]
    except (KeyError, TypeError, StopIteration) as exc:
        raise Trouble("The file is not what a demo writes.") from exc


def pids(demo: dict[str, Any], roles: tuple[str, ...]) -> list[int]:
    """The process ids of these roles.

    Raises:
        Trouble: the demo has no process of one of them; the sentence names the roles that it has.
    """
    try:
        found = [(str(each["role"]), int(each["pid"])) for each in demo["processes"]]
    except (KeyError, TypeError, ValueError) as exc:
        raise Trouble("The file is not what a demo writes.") from exc
    known = list(dict.fromkeys(role for role, _ in found))
    for role in roles:
        if role not in known:
            raise Trouble(f"The demo has no process {role}; it has {', '.join(known)}.")
    return [pid for role, pid in found if role in roles]
