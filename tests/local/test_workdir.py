"""Private directories: ours alone, gone at the end, removed after a kill; nothing else is ever removed."""

import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.account import Account, ourselves
from infra.local.failure import CannotStart
from infra.local.workdir import FOLDER, FOLDER_MARK, FOLDERS, MARK, Workdir, sweep

ROOT = Path(__file__).resolve().parents[2]
HOUR = 3600
OTHER_USER = 65534

OWNER = """
import sys, time
from pathlib import Path
from infra.local.workdir import Workdir
workdir = Workdir("killed")
(workdir.path / "data").write_text("x")
print(workdir.path, flush=True)
time.sleep(100)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def place(folder: Path) -> Iterator[Path]:
    """The user's folder, with a living owner in it."""
    with Workdir("living") as workdir:
        yield workdir.path.parent


def killed(folder: Path) -> Path:
    """The directory of an owner that was killed with SIGKILL."""
    env = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", OWNER], env=env, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        path = Path(owner.stdout.readline().decode().strip())
        owner.send_signal(signal.SIGKILL)
    assert (path / "data").exists()
    return path


def marked(path: Path, name: str | None = None, inode: int | None = None, mark: str = MARK) -> Path:
    """A directory with a file beside it that says what our mark says."""
    path.mkdir()
    (path / "precious").write_text("mine")
    text = f"{mark}\n{name or path.name}\n{inode or path.stat().st_ino}\n"
    path.with_name(f"{path.name}.owner").write_text(text)
    return path


def aged(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        moment = path.lstat().st_mtime - HOUR
        os.utime(path, (moment, moment), follow_symlinks=False)


def everything(folder: Path) -> dict[str, str]:
    """The names there, and the content of the files."""
    return {
        str(path.relative_to(folder)): path.read_text()
        if path.is_file() and not path.is_symlink()
        else str(path.lstat().st_mode)
        for path in folder.rglob("*")
        if not path.is_fifo()
    }


def test_only_its_owner_may_look_into_it(folder: Path) -> None:
    with Workdir("test") as workdir:
        assert stat.S_IMODE(workdir.path.stat().st_mode) == 0o700
        assert stat.S_IMODE(workdir.path.parent.stat().st_mode) == 0o700
        assert workdir.path.parent == folder / f"{FOLDER}-{os.geteuid()}"


def test_it_is_gone_with_all_that_is_in_it_at_the_end(folder: Path) -> None:
    with Workdir("test") as workdir:
        (workdir.path / "data").mkdir()
        (workdir.path / "data" / "file").write_text("x")
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's directory takes root")
def test_a_server_s_user_reaches_its_own_directory_and_lists_no_other(folder: Path) -> None:
    folder.parent.chmod(0o711)
    with Workdir("test", Account(OTHER_USER, OTHER_USER, "nobody")) as workdir:
        assert workdir.path.stat().st_uid == OTHER_USER
        assert stat.S_IMODE(workdir.path.parent.stat().st_mode) == 0o711


def test_the_directory_of_a_living_owner_is_not_removed(place: Path) -> None:
    before = everything(place)
    assert sweep() == []
    assert everything(place) == before


def test_the_directory_of_an_owner_that_was_killed_is_removed_by_the_next_run(folder: Path) -> None:
    path = killed(folder)
    with Workdir("next"):
        assert sweep() == [path]
        assert not path.exists()
    assert list(folder.iterdir()) == []


def test_an_owner_that_was_killed_before_its_directory_was_noted_leaves_nothing(place: Path) -> None:
    for name, made in (("a-1", False), ("b-2", True)):
        (place / f"{name}.owner").write_text(f"{MARK}\n{name}\n")
        if made:
            (place / name).mkdir()
    before = set(everything(place))
    assert sweep() == []
    assert before - set(everything(place)) == {"a-1.owner", "b-2.owner", "b-2"}


MAKER = """
import os, signal
from pathlib import Path
from infra.local.workdir import Workdir
at = {at!r}
write, rename = Path.write_text, Path.rename
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
def marked(self, text):
    write(self, text)
    die()
Path.write_text = {{"unmarked": die, "marked": marked}}.get(at, write)
Workdir("killed")
"""


@pytest.mark.parametrize("at", ["unmarked", "marked"])
def test_a_run_that_was_killed_while_it_made_the_folder_takes_no_name_and_leaves_nothing(
    folder: Path, at: str
) -> None:
    env = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    killed = subprocess.run([sys.executable, "-c", MAKER.format(at=at)], env=env, check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = folder.iterdir()
    with Workdir("next") as workdir:
        assert workdir.path.parent == folder / f"{FOLDER}-{os.geteuid()}"
        # It may be somebody's who is about to finish it.
        sweep()
        assert left.exists()
        aged(left)
        sweep()
        assert not left.exists()
    assert list(folder.iterdir()) == []


def test_what_only_looks_like_a_folder_that_was_not_finished_survives(folder: Path) -> None:
    name = f"{FOLDER}-{os.geteuid()}"
    for own in (f"{name}.new-", f"{name}.new-0123456", f"{name}.new-xyzxyzxy", f"x{name}.new-01234567"):
        (folder / own).mkdir()
    (folder / f"{name}.new-01234567").mkdir()
    (folder / f"{name}.new-01234567" / "precious").write_text("mine")
    (folder / f"{name}.new-76543210").write_text("mine")
    aged(folder)
    before = everything(folder)
    assert sweep() == []
    assert everything(folder) == before


def test_what_is_beside_our_folder_is_never_touched_whatever_its_name(folder: Path) -> None:
    checkout = folder / "bellwire-mine"
    (checkout / ".git").mkdir(parents=True)
    (checkout / ".git" / "HEAD").write_text("ref: refs/heads/main")
    (folder / "bellwire-postgres-abc").mkdir()
    (folder / "bellwire-postgres-abc" / "owner").write_text("1\n")
    (folder / "bellwire-file").write_text("mine")
    (folder / "bellwire-link").symlink_to(checkout)
    (folder / f"{FOLDER}-4711").mkdir()
    (folder / f"{FOLDER}").mkdir()
    marked(folder / "bellwire-marked")
    aged(folder)
    before = everything(folder)
    path = killed(folder)
    assert sweep() == [path]
    assert everything(folder) == before


def test_look_alikes_within_our_folder_survive(place: Path) -> None:
    (place / "unmarked-1").mkdir()
    (place / "file-1").write_text("mine")
    (place / "file-1.owner").write_text(f"{MARK}\nfile-1\n{(place / 'file-1').stat().st_ino}\n")
    marked(place / "forged-1", mark="1")
    marked(place / "other-1", name="another-1")
    marked(place / "inode-1", inode=1)
    link = place / "link-1"
    link.symlink_to(marked(place.parent / "elsewhere"))
    link.with_name("link-1.owner").write_text(f"{MARK}\nlink-1\n{link.stat().st_ino}\n")
    real = marked(place / "mark-is-a-link-1")
    mark = real.with_name("mark-is-a-link-1.owner")
    mark.rename(place.parent / "mark")
    mark.symlink_to(place.parent / "mark")
    os.mkfifo(place / "pipe-1.owner")
    (place / "folder-1.owner").mkdir()
    (place / "empty-1").mkdir()
    (place / "empty-1.owner").touch()
    (place / "long-1").mkdir()
    (place / "long-1.owner").write_text("x" * 100_000)
    (place / "not-empty-1").mkdir()
    (place / "not-empty-1" / "precious").write_text("mine")
    (place / ".owner").write_text(f"{MARK}\n\n{place.stat().st_ino}\n")
    aged(place)
    before = everything(place)
    assert sweep() == []
    assert everything(place) == before


def test_a_copy_of_a_directory_of_ours_survives_and_so_does_one_that_was_moved(folder: Path) -> None:
    path = killed(folder)
    mark = path.with_name(f"{path.name}.owner")
    for name in ("copy-1", "namesake-1"):
        shutil.copytree(path, path.with_name(name))
        shutil.copy(mark, path.with_name(f"{name}.owner"))
    (path.parent / "namesake-1.owner").write_text(mark.read_text().replace(path.name, "namesake-1"))
    moved = path.rename(path.with_name("moved-1"))
    shutil.copytree(moved, path)
    assert sweep() == []
    assert all(
        (kept / "data").exists() for kept in (path, moved, path.parent / "copy-1", path.parent / "namesake-1")
    )


def test_who_holds_the_lock_is_the_owner_and_a_process_id_says_nothing(place: Path) -> None:
    """The mark holds no number that another process could be given: a lock that is held is a living owner's."""
    path = marked(place / "held-1")
    with path.with_name("held-1.owner").open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert sweep() == []
    assert sweep() == [path]


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's directory takes root")
@pytest.mark.parametrize("what", ["mark", "folder"])
def test_what_another_user_has_marked_survives(place: Path, what: str) -> None:
    path = marked(place / "other-user-1")
    if what == "mark":
        os.chown(path.with_name("other-user-1.owner"), OTHER_USER, OTHER_USER)
    else:
        os.chown(place, OTHER_USER, OTHER_USER)
    assert sweep() == []
    assert (path / "precious").exists()
    os.chown(place, os.geteuid(), os.getegid())


def test_a_folder_in_which_others_may_write_is_not_swept(place: Path) -> None:
    path = marked(place / "shared-1")
    place.chmod(0o777)
    assert sweep() == []
    assert (path / "precious").exists()
    place.chmod(0o700)


@pytest.mark.skipif(os.geteuid() != 0, reason="a mount takes root")
def test_what_is_mounted_into_a_directory_of_ours_is_not_emptied(folder: Path) -> None:
    path = killed(folder)
    (folder / "precious").mkdir()
    (folder / "precious" / "file").write_text("mine")
    (path / "mounted").mkdir()
    code = f"""
import os, subprocess, sys, tempfile
subprocess.run(["mount", "--bind", {str(folder / "precious")!r}, {str(path / "mounted")!r}], check=True)
from infra.local.workdir import sweep
assert sweep() == [], "it was removed"
assert os.path.exists({str(path / "mounted" / "file")!r})
"""
    env = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    subprocess.run(["unshare", "--mount", sys.executable, "-c", code], env=env, check=True)
    assert sweep() == [path]
    assert (folder / "precious" / "file").exists()


@pytest.mark.parametrize("kind", ["folder", "marked elsewhere", "empty", "file", "link", "open to all"])
def test_somebody_s_own_of_our_folder_s_name_is_left_alone_and_another_name_taken(
    folder: Path, kind: str
) -> None:
    theirs = folder / f"{FOLDER}-{os.geteuid()}"
    if kind == "file":
        theirs.write_text("mine")
    elif kind == "link":
        (folder / "precious").mkdir()
        theirs.symlink_to(folder / "precious")
    else:
        theirs.mkdir()
    if kind in ("folder", "marked elsewhere", "open to all"):
        (theirs / "precious").write_text("mine")
    if kind == "marked elsewhere":
        (theirs / FOLDER_MARK).write_text(f"{MARK}\n1\n")
    if kind == "open to all":
        (theirs / FOLDER_MARK).write_text(f"{MARK}\n{theirs.stat().st_ino}\n")
        theirs.chmod(0o777)
    before = everything(folder)
    with Workdir("test") as workdir:
        assert workdir.path.parent == folder / f"{FOLDER}-{os.geteuid()}-2"
        sweep()
    assert everything(folder) == before


def test_where_every_name_is_taken_one_sentence_says_so(folder: Path) -> None:
    for number in ("", *(f"-{number}" for number in range(2, FOLDERS + 1))):
        (folder / f"{FOLDER}-{os.geteuid()}{number}").write_text("mine")
    with pytest.raises(CannotStart, match="move them away"):
        Workdir("test")


def test_a_temporary_folder_that_is_not_there_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "gone"))
    with pytest.raises(CannotStart, match=r"gone cannot be used \(No such file or directory\)"):
        Workdir("test")
    assert sweep() == []


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=40), st.text(max_size=100))
def test_no_text_but_the_mark_makes_a_directory_ours(name: str, text: str) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        previous, tempfile.tempdir = tempfile.tempdir, temporary
        try:
            with Workdir("living") as workdir:
                path = workdir.path.parent / "dir-1"
                path.mkdir()
                words = [MARK[: len(name)] or MARK, name, text]
                path.with_name("dir-1.owner").write_text("\n".join(words), errors="replace")
                assert sweep() == []
                assert path.is_dir()
                shutil.rmtree(path)
                path.with_name("dir-1.owner").unlink()
        finally:
            tempfile.tempdir = previous
        assert list(folder.iterdir()) == []


def test_many_at_once_do_not_take_the_folder_from_each_other(folder: Path) -> None:
    code = """
from infra.local.workdir import Workdir, sweep
for _ in range(60):
    with Workdir("busy") as workdir:
        sweep()
        (workdir.path / "file").write_text("x")
"""
    env = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    crowd = [subprocess.Popen([sys.executable, "-c", code], env=env) for _ in range(4)]
    assert [each.wait(60) for each in crowd] == [0, 0, 0, 0]
    assert list(folder.iterdir()) == []


def test_it_belongs_to_ourselves_where_no_other_user_is_named() -> None:
    with Workdir("test") as workdir:
        assert workdir.path.stat().st_uid == ourselves().uid
