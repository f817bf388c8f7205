"""Autobahn's `wstest`, the fuzzing client for WebSocket servers, with the Python 2.7 that it still needs.

Promise: `wstest()` returns what runs it, or raises `ToolMissing` with one sentence. The interpreter is Debian's, of the
last release that had one, fetched with apt (which checks the archive's signature) and unpacked beside the other fetched
tools: nothing of the system changes. Its imports come from PyPI, each file with the hash that is written down in
`wstest-requirements.txt`; x86-64 only, since two of them are compiled and nobody builds them any more.
"""

import os
import shutil
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from infra.local.debian_tool import (
    Progress,
    Tool,
    ToolMissing,
    apt,
    last_line,
    locked,
    private_folder,
    put_in_place,
    run,
    unpacked,
)

VERSION = "25.10.1"
RELEASE = "bullseye"
SOURCE = f"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian {RELEASE} main\n"
PACKAGES = (
    "python2.7",
    "python2.7-minimal",
    "libpython2.7-minimal",
    "libpython2.7-stdlib",
    "libffi7",
    "libssl1.1",
)
REQUIREMENTS = Path(__file__).with_name("wstest-requirements.txt")
# The last pip that runs on Python 2.7, and what builds the few packages that come as source.
INSTALLERS = """\
pip==20.3.4 --hash=sha256:217ae5161a0e08c0fb873858806e3478c9775caffce5168b50ec885e358c199d
setuptools==44.0.0 --hash=sha256:180081a244d0888b0065e18206950d603f6550721bd6f8c0a10221ed467dd78e
wheel==0.37.1 --hash=sha256:4bdcd7d840138086126cd09254dc6195fb4fc6f01c050a1d7236f2630db1d22a
"""
START = (
    "import site, sys; site.addsitedir(sys.argv.pop(1)); from autobahntestsuite import wstest; wstest.run()"
)


@dataclass(frozen=True, slots=True)
class Wstest:
    """A `wstest` that runs."""

    python: Tool
    packages: Path

    def command(self, *words: str) -> list[str]:
        """The command of `wstest` with these words."""
        return [str(self.python.path), "-c", START, str(self.packages), *words]

    def environment(self) -> dict[str, str]:
        """Where it finds its libraries, and nothing of our own Python's."""
        return {
            name: value for name, value in self.python.environment().items() if not name.startswith("PYTHON")
        }


def wstest(*, progress: Progress | None = None) -> Wstest:
    """Return it, fetching it first when it is absent; several processes at once take turns.

    Raises:
        ToolMissing: it could not be had.
    """
    say = progress or (lambda _: None)
    target = private_folder() / "wstest"
    with locked(target.parent):
        if (here := found(target)) is None:
            if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
                raise ToolMissing(
                    "wstest needs Python 2.7, which is fetched with apt-get, and there is none here."
                )
            say(f"fetching wstest and its Python 2.7 into {target}")
            with tempfile.TemporaryDirectory(dir=target.parent, prefix=".wstest-") as scratch:
                make(Path(scratch) / "wstest")
                put_in_place(Path(scratch) / "wstest", target)
            here = found(target)
    if here is None:
        raise ToolMissing(f"The files fetched into {target} is not a wstest.")
    return here


def found(target: Path) -> Wstest | None:
    """Files that an earlier call fetched."""
    python = unpacked(target / "python", "python2.7")
    packages = target / "packages"
    return Wstest(python, packages) if python and (packages / "autobahntestsuite").is_dir() else None


def make(target: Path) -> None:
    """Fetch everything into an empty place.

    Raises:
        ToolMissing: Debian or PyPI is out of reach, or no longer has it.
    """
    target.mkdir()
    fetch_python(target / "python", target / "apt")
    fetch_installers(target / "installers")
    python = unpacked(target / "python", "python2.7")
    if python is None:
        raise ToolMissing(f"Debian's {RELEASE} has no python2.7 for this machine.")
    options = ["--quiet", "--disable-pip-version-check", "--no-cache-dir", "--no-compile", "--no-deps"]
    options += ["--no-build-isolation", "--no-use-pep517", "--require-hashes"]
    done = run(
        [str(python.path), "-m", "pip", "install", *options, "--target", str(target / "packages"),
         "--requirement", str(REQUIREMENTS)],
        seconds=300,
        env={**python.env, "PYTHONPATH": str(target / "installers")},
    )  # fmt: skip
    if done.returncode != 0:
        raise ToolMissing(f"wstest could not be installed from PyPI ({last_line(done.stderr)}).")
    for scaffold in ("apt", "installers"):
        shutil.rmtree(target / scaffold)


def fetch_python(tree: Path, work: Path) -> None:
    """Unpack Debian's Python 2.7 with package lists of our own, so that the machine's stay as they are."""
    (work / "lists/partial").mkdir(parents=True)
    (work / "archives").mkdir()
    (work / "source.list").write_text(SOURCE)
    (work / "status").touch()
    options = [
        f"Dir::Etc::SourceList={work}/source.list", "Dir::Etc::SourceParts=/nonexistent", f"Dir::Cache={work}",
        f"Dir::State::lists={work}/lists/", f"Dir::State::status={work}/status", "APT::Sandbox::User=",
        "Debug::NoLocking=1", "Acquire::Languages=none", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
    ]  # fmt: skip
    for words in (["update"], ["download", *PACKAGES]):
        done = apt(words, options, cwd=work / "archives")
        if done.returncode != 0:
            raise ToolMissing(f"Python 2.7 could not be fetched from Debian ({last_line(done.stderr)}).")
    for archive in sorted((work / "archives").glob("*.deb")):
        opened = run(["dpkg-deb", "-x", str(archive), str(tree)], seconds=120)
        if opened.returncode != 0:
            raise ToolMissing(f"{archive.name} cannot be unpacked ({last_line(opened.stderr)}).")


def fetch_installers(folder: Path) -> None:
    """Unpack the old pip and its helpers; our own pip downloads them."""
    folder.mkdir()
    listed = folder / "requirements.txt"
    listed.write_text(INSTALLERS)
    options = [
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
    ]
    options += ["--python-version", "27", "--implementation", "py", "--abi", "none", "--platform", "any"]
    done = run(
        [
            sys.executable,
            "-m",
            "pip",
            "download",
            *options,
            "--dest",
            str(folder),
            "--requirement",
            str(listed),
        ],
        seconds=120,
    )
    if done.returncode != 0:
        raise ToolMissing(f"pip for Python 2.7 could not be fetched from PyPI ({last_line(done.stderr)}).")
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        os.unlink(wheel)
