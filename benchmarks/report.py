"""Where results go, and what machine they are from."""

import dataclasses
import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("results")


def machine() -> dict[str, Any]:
    """The facts without which a figure means nothing. `load` tells whether others were at work (1, 5, 15 minutes)."""
    return {
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": os.getloadavg(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def write_json(name: str, runs: Sequence[Any]) -> Path:
    """Write the runs (dataclass instances) and return the file's path."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    document = {"machine": machine(), "runs": [dataclasses.asdict(run) for run in runs]}
    path.write_text(json.dumps(document, indent=1) + "\n")
    return path


def write_text(name: str, text: str) -> Path:
    """Write a table beside the runs it is of, and return the file's path."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.md"
    path.write_text(text)
    return path
