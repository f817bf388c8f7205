"""The last release's tree, taken from the history once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.workdir import Workdir
from tests.upgrade.baseline import take_baseline


@pytest.fixture(scope="session")
def baseline() -> Iterator[Path]:
    """A folder with the last release's tree, `tree`, and room for an environment."""
    workdir = Workdir("baseline")
    (workdir.path / "tree").mkdir()
    take_baseline(workdir.path / "tree")
    yield workdir.path
    workdir.remove()
