"""The last release, run from its commit beside the working tree. The one place that names the commit.

Its tree comes from the repository's own history, into a folder of its own. Its processes use the packages of our
environment as long as these satisfy what its project file asks for, else an environment made from its own lock.
"""

import io
import os
import subprocess
import sys
import tarfile
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from tests.conftest import ROOT

COMMIT = "96d8b7de66ff232603ea9fb3c93a4c5d28f40218"
"""Release 0.1.0. To move it: the commit that is released, once its successor's work begins."""

SECONDS = 300


class NoBaseline(Exception):
    """The last release cannot be had."""


def take_baseline(folder: Path) -> Path:
    """Write the tree of `COMMIT` into `folder` and return that.

    Raises:
        NoBaseline: the repository does not have the commit.
    """
    made = subprocess.run(["git", "-C", str(ROOT), "archive", COMMIT], capture_output=True, check=False)
    if made.returncode:
        raise NoBaseline(
            f"{COMMIT} is not in this clone (a shallow one? `git fetch --unshallow`): {made.stderr.decode()}"
        )
    with tarfile.open(fileobj=io.BytesIO(made.stdout)) as archive:
        archive.extractall(folder, filter="data")
    _name_version(folder)
    return folder


def _name_version(tree: Path) -> None:
    """Let the tree's processes find their own version, and not the one that is installed."""
    release = _project(tree)["version"]
    info = tree / f"bellwire-{release}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: bellwire\nVersion: {release}\n")


def python_for(tree: Path, folder: Path) -> str:
    """Return the interpreter that runs a tree: ours when our packages suit it, else one made in `folder`, once.

    Raises:
        NoBaseline: the environment could not be made.
    """
    if not unsuited(_project(tree)["dependencies"]):
        return sys.executable
    uv = str(Path(sys.executable).parent / "uv")
    python = folder / "bin" / "python"
    for command in (
        [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder)],
        [uv, "pip", "install", "--quiet", "--python", str(python), "-r", str(tree / "requirements.txt")],
    ):
        made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
        if made.returncode:
            raise NoBaseline(f"{' '.join(command)}: {made.stderr}")
    return str(python)


def unsuited(dependencies: list[str]) -> list[str]:
    """Return those of the requirements that our environment does not satisfy."""
    found = []
    for text in dependencies:
        wanted = Requirement(text)
        try:
            if wanted.specifier.contains(version(wanted.name), prereleases=True):
                continue
        except PackageNotFoundError:
            pass
        found.append(text)
    return found


def environment(tree: Path) -> dict[str, str]:
    """The environment of its processes: the tree before everything that is installed."""
    return {**os.environ, "PYTHONPATH": str(tree)}


def _project(tree: Path) -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((tree / "pyproject.toml").read_text())["project"]
    return project
