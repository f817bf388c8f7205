"""The first minute of a checkout: an interrupted .venv is made again, and somebody's own is never taken apart."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of a checkout as makes the environment, without anything in it."""
    folder = tmp_path / "a checkout"
    (folder / "infra/local").mkdir(parents=True)
    for name in ("bootstrap.sh", "uv.txt"):
        shutil.copy(ROOT / "infra/local" / name, folder / "infra/local")
    return folder


def bootstrap(checkout: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", "infra/local/bootstrap.sh"], cwd=checkout, env={**os.environ, **env}, capture_output=True, text=True,
        timeout=100, check=False,
    )  # fmt: skip


def test_one_that_was_interrupted_before_pip_was_there_is_made_again(checkout: Path) -> None:
    """As Ctrl-C leaves it: Python runs, and pip is not there. Nothing is downloaded here: uv is looked for in vain."""
    (checkout / ".venv").mkdir()
    (checkout / ".venv/.bootstrap").touch()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", ".venv"], cwd=checkout, check=True)
    done = bootstrap(checkout, PIP_NO_INDEX="1")
    assert "making .venv with Python 3" in done.stderr
    assert done.stderr.count("installing uv into .venv") == 1
    pip = subprocess.run(
        [checkout / ".venv/bin/python", "-m", "pip", "--version"], capture_output=True, check=False
    )
    assert pip.returncode == 0
    # A whole .venv is not made again.
    assert "making .venv" not in bootstrap(checkout, PIP_NO_INDEX="1").stderr


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_somebody_s_own_that_does_not_work_is_said_and_left_as_it_is(checkout: Path, kind: str) -> None:
    theirs = checkout / ".venv"
    if kind == "link":
        theirs = checkout / "elsewhere"
        (checkout / ".venv").symlink_to(theirs)
    (theirs / "bin").mkdir(parents=True)
    (theirs / "lib").mkdir()
    (theirs / "lib/precious").write_text("mine")
    (theirs / "bin/python").symlink_to("/no/such/python")
    done = bootstrap(checkout)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"{checkout}/.venv was not made by Bellwire and has no Python 3.11 or later with pip: "
        "mend it, or move it away"
    )
    assert (theirs / "lib/precious").exists()
    assert not (theirs / ".bootstrap").exists()


def test_make_clean_leaves_an_environment_that_it_did_not_make(checkout: Path) -> None:
    shutil.copy(ROOT / "Makefile", checkout)
    for name in ("api", "tests", "dist", ".bellwire"):
        (checkout / name / "__pycache__").mkdir(parents=True)
    (checkout / ".venv").mkdir()
    (checkout / ".venv/precious").write_text("mine")
    named = re.search(r"^PACKAGES := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert named is not None
    for name in named[1].split():
        (checkout / name).mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["make", "clean"], cwd=checkout, capture_output=True, text=True, check=True)
    assert "left .venv, which was not made here" in done.stdout
    assert (checkout / ".venv/precious").exists()
    assert (checkout / "dist/__pycache__").exists()
    assert not (checkout / "api/__pycache__").exists()
    assert not (checkout / ".bellwire").exists()
    (checkout / ".venv/.bootstrap").touch()
    subprocess.run(["make", "clean"], cwd=checkout, capture_output=True, check=True)
    assert not (checkout / ".venv").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the demo is for Linux")
def test_a_user_without_a_home_gets_one_too(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "XDG_"))}
    script = (checkout / "infra/local/bootstrap.sh").read_text().partition("install_uv()")[0]
    (checkout / "infra/local/bootstrap.sh").write_text(
        script.replace("is_whole || {", "true || {") + 'echo "$UV_CACHE_DIR"\n'
    )
    command = ["sh", "infra/local/bootstrap.sh"]
    for home in ("/nonexistent", ""):
        said = subprocess.run(
            command, cwd=checkout, env={**env, "HOME": home}, capture_output=True, text=True, check=True
        )
        assert said.stdout.strip() == f"{checkout}/.venv/.uv-cache"
    said = subprocess.run(
        command, cwd=checkout, env=env | {"HOME": str(checkout)}, capture_output=True, text=True, check=False
    )
    assert "uv-cache" not in said.stdout
