"""demo.json: there while ready, whole or not at all, for its owner alone; one for each demo."""

import json
import stat
from pathlib import Path

import pytest

from infra.local.manifest import Manifest, clear_up


def test_it_is_absent_until_written_and_gone_after_remove(tmp_path: Path) -> None:
    manifest = Manifest(8080, tmp_path)
    assert not (tmp_path / "demo.json").exists()
    manifest.write({"url": "x"})
    assert json.loads((tmp_path / "demo.json").read_text()) == {"url": "x"}
    assert stat.S_IMODE((tmp_path / "demo.json").stat().st_mode) == 0o600
    manifest.remove()
    manifest.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_restart_that_comes_late_does_not_bring_it_back(tmp_path: Path) -> None:
    manifest = Manifest(8080, tmp_path)
    manifest.remove()
    manifest.write({"url": "x"})
    assert list(tmp_path.iterdir()) == []


def test_a_second_demo_gets_a_file_of_its_own(tmp_path: Path) -> None:
    first, second = Manifest(8080, tmp_path), Manifest(8090, tmp_path)
    assert first.is_first
    assert second.path == tmp_path / "demo-8090.json"
    second.write({})
    first.remove()
    assert second.path.exists()
    second.remove()
    third = Manifest(8091, tmp_path)
    assert third.is_first
    third.remove()


def test_one_that_a_killed_demo_left_is_taken_over_and_removed_at_once(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text("{}")
    (tmp_path / "demo.json.lock").touch()
    manifest = Manifest(8080, tmp_path)
    assert manifest.is_first
    assert not manifest.path.exists()
    manifest.remove()


def test_the_same_port_twice_is_refused(tmp_path: Path) -> None:
    demos = [Manifest(8080, tmp_path), Manifest(8090, tmp_path)]
    with pytest.raises(FileExistsError):
        Manifest(8090, tmp_path)
    for demo in demos:
        demo.remove()


def test_those_of_killed_demos_on_other_ports_are_removed_those_of_living_ones_and_others_files_are_not(
    tmp_path: Path,
) -> None:
    living, second = Manifest(8080, tmp_path), Manifest(8081, tmp_path)
    second.write({})
    for name in ("demo-8090.json", "demo-mine.json"):
        (tmp_path / name).write_text("{}")
        (tmp_path / f"{name}.lock").touch()
    (tmp_path / "demo-8091.json").write_text("{}")
    third = Manifest(8082, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "demo.json.lock", "demo-8081.json", "demo-8081.json.lock", "demo-8082.json.lock",
        "demo-mine.json", "demo-mine.json.lock", "demo-8091.json",
    }  # fmt: skip
    for manifest in (living, second, third):
        manifest.remove()


def test_what_killed_demos_left_is_cleared_up_also_by_one_that_writes_no_file(tmp_path: Path) -> None:
    living = Manifest(8080, tmp_path)
    living.write({})
    for name in ("demo-8090.json", "demo-8091.json"):
        (tmp_path / name).write_text("{}")
        (tmp_path / f"{name}.lock").touch()
    clear_up(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"demo.json", "demo.json.lock"}
    living.remove()
    (tmp_path / "demo.json").write_text("{}")
    (tmp_path / "demo.json.lock").touch()
    clear_up(tmp_path)
    assert list(tmp_path.iterdir()) == []
