"""A program is found where it is, used from where it was fetched, and missed in one sentence."""

import os
import re
import subprocess
import threading
import time
from pathlib import Path

import pytest

from infra.local import debian_tool
from infra.local.debian_tool import Tool, ToolMissing, find_tool, locked, private_folder, put_in_place


def program(path: Path, text: str = "#!/bin/sh\necho it runs\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def test_a_program_on_path_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = program(tmp_path / "bin" / "bellwire-sample")
    monkeypatch.setenv("PATH", str(ours.parent), prepend=os.pathsep)
    assert find_tool("bellwire-sample", "no-such-package") == Tool(ours)


def test_a_program_of_an_sbin_folder_is_found_by_users_whose_path_leaves_it_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = program(tmp_path / "sbin" / "bellwire-sample")
    monkeypatch.setattr(debian_tool, "SBIN", (str(ours.parent),))
    assert find_tool("bellwire-sample", "no-such-package") == Tool(ours)


def test_a_fetched_program_runs_with_the_libraries_that_came_along(tmp_path: Path) -> None:
    root = tmp_path / "sample-package"
    ours = program(root / "usr/sbin/bellwire-sample", "#!/bin/sh\necho $LD_LIBRARY_PATH\n")
    library = root / "usr/lib/x86_64-linux-gnu/libsample.so.1"
    library.parent.mkdir(parents=True)
    library.touch()
    tool = find_tool("bellwire-sample", "sample-package", tools_dir=tmp_path)
    assert tool.path == ours
    done = subprocess.run([tool.path], env=tool.environment(), capture_output=True, text=True, check=True)
    assert done.stdout.split(os.pathsep)[0].strip() == str(library.parent)


def test_a_program_that_cannot_be_had_is_missed_in_one_sentence_with_the_command_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing) as caught:
        find_tool("bellwire-sample", "sample-package", ("libsample1",), tools_dir=tmp_path / "tools")
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith("sudo apt-get install sample-package libsample1")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ToolMissing, match=str(file)), locked(file / "tools"):
        pass


def test_two_fetchers_take_turns(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with locked(tmp_path):
            order.append("second")

    with locked(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_nothing_of_the_system_is_installed_removed_or_switched_off_for_root_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs that only write down how they were called stand in for all that could change the system."""
    calls = tmp_path / "calls"
    for name in ("apt-get", "dpkg", "systemctl", "service", "update-rc.d", "invoke-rc.d"):
        program(tmp_path / "bin" / name, f'#!/bin/sh\necho {name} "$@" >> {calls}\nexit 1\n')
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    monkeypatch.setattr(debian_tool, "private_folder", lambda: tmp_path / "tools")
    with pytest.raises(ToolMissing):
        find_tool("bellwire-sample", "sample-package")
    said = calls.read_text().splitlines()
    assert said
    for line in said:
        assert line.startswith("apt-get ")
        assert re.search(rf" --download-only | download |Dir::State::lists={tmp_path}", line), line


def test_a_folder_in_the_way_that_was_not_fetched_is_named_and_kept_an_older_fetch_gives_way(
    tmp_path: Path,
) -> None:
    tree, target = tmp_path / "tree", tmp_path / "target"
    program(tree / "usr/bin/sample")
    target.mkdir()
    (target / "precious").write_text("mine")
    with pytest.raises(ToolMissing, match="is in the way"):
        put_in_place(tree, target)
    assert (target / "precious").exists()
    (target / "precious").unlink()
    target.rmdir()
    put_in_place(tree, target)
    program(tree / "usr/bin/newer")
    put_in_place(tree, target)
    assert [path.name for path in (target / "usr/bin").iterdir()] == ["newer"]
    target.rename(tmp_path / "elsewhere")
    target.symlink_to(tmp_path / "elsewhere")
    program(tree / "usr/bin/newest")
    with pytest.raises(ToolMissing, match="is in the way"):
        put_in_place(tree, target)
    assert (tmp_path / "elsewhere/usr/bin/newer").exists()


def test_what_is_fetched_lies_within_the_checkout_or_the_user_s_cache() -> None:
    folder = private_folder()
    checkout = Path(debian_tool.__file__).resolve().parents[2]
    assert folder == checkout / ".tools" or folder.parts[-2:] == ("bellwire", "tools")
