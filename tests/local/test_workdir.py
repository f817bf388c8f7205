"""Private directories: ours alone, gone at the end, swept after a kill, never taken from the living."""

import os
import stat
import tempfile
from pathlib import Path

import pytest

from infra.local.workdir import GRACE_SECONDS, Workdir, sweep


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_only_its_owner_may_look_into_it() -> None:
    with Workdir("test") as workdir:
        assert stat.S_IMODE(workdir.path.stat().st_mode) == 0o700


def test_it_is_gone_with_all_that_is_in_it_at_the_end() -> None:
    with Workdir("test") as workdir:
        (workdir.path / "data").mkdir()
        (workdir.path / "data" / "file").write_text("x")
    assert not workdir.path.exists()


def test_the_directory_of_a_living_owner_is_not_swept() -> None:
    with Workdir("test") as workdir:
        assert sweep() == []
        assert workdir.path.is_dir()


def test_the_directory_of_a_dead_owner_is_swept(folder: Path) -> None:
    abandoned = folder / "bellwire-test-dead"
    abandoned.mkdir()
    (abandoned / "owner").write_text("1\n")
    assert sweep() == [abandoned]
    assert not abandoned.exists()


def test_a_directory_that_is_just_being_made_is_left_alone_for_a_while(folder: Path) -> None:
    fresh = folder / "bellwire-test-fresh"
    fresh.mkdir()
    assert sweep() == []
    long_ago = fresh.stat().st_mtime - 2 * GRACE_SECONDS
    os.utime(fresh, (long_ago, long_ago))
    assert sweep() == [fresh]


def test_what_a_link_points_to_is_never_swept(folder: Path) -> None:
    target = folder / "precious"
    target.mkdir()
    (folder / "bellwire-test-link").symlink_to(target)
    assert sweep() == []
    assert target.is_dir()
