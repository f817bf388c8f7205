"""The workers' folder is gone with its pod, and with the next start where the pod was killed; nothing else ever is."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.processes import folder as module
from gateway.processes.folder import PREFIX, sweep, worker_folder
from tests.conftest import ROOT

OWNER = """
import time
from pathlib import Path
from gateway.processes import folder
folder.MEMORY = Path({place!r})
with folder.worker_folder() as path:
    (path / "counts").write_text("1")
    print(path, flush=True)
    time.sleep(100)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "MEMORY", tmp_path)
    return tmp_path


@pytest.fixture
def killed(place: Path) -> Path:
    """The folder of a parent that was killed."""
    command = [sys.executable, "-c", OWNER.format(place=str(place))]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        path = Path(owner.stdout.readline().decode().strip())
        owner.send_signal(signal.SIGKILL)
    assert (path / "counts").exists()
    return path


@pytest.fixture
def living(place: Path) -> Iterator[Path]:
    with worker_folder() as path:
        yield path


def test_it_is_gone_at_the_end_and_nobody_else_may_look_into_it(place: Path) -> None:
    with worker_folder() as path:
        assert path.parent == place
        assert path.stat().st_mode & 0o777 == 0o700
    assert list(place.iterdir()) == []


def test_what_a_killed_parent_left_is_removed_at_the_next_start_and_what_a_living_one_has_is_not(
    place: Path, living: Path, killed: Path
) -> None:
    with worker_folder():
        assert not killed.exists()
        assert living.exists()
        assert len(list(place.iterdir())) == 4


def test_what_nobody_marked_is_somebody_s_and_stays(place: Path) -> None:
    (place / f"{PREFIX}unmarked").mkdir()
    (place / f"{PREFIX}a-file.owner").write_text("")
    (place / f"{PREFIX}a-file").write_text("mine")
    (place / "elsewhere").mkdir()
    (place / f"{PREFIX}a-link.owner").write_text("")
    (place / f"{PREFIX}a-link").symlink_to(place / "elsewhere")
    (place / f"{PREFIX}its-mark-is-a-link").mkdir()
    (place / f"{PREFIX}its-mark-is-a-link.owner").symlink_to(place / "elsewhere")
    os.mkfifo(place / f"{PREFIX}pipe.owner")
    (place / "other").mkdir()
    before = sorted(place.iterdir())
    sweep(place)
    assert sorted(place.iterdir()) == before


def test_a_parent_that_was_killed_before_its_folder_was_made_leaves_nothing(place: Path) -> None:
    (place / f"{PREFIX}0123abcd.owner").write_text("")
    with worker_folder() as path:
        assert sorted(place.iterdir()) == [path, path.with_name(f"{path.name}.owner")]
