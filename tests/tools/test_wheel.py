"""The content of our wheel, and where it can be installed."""

import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

from api.pages import FOLDERS
from backbone.runtime.pages import served

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = ("api", "backbone", "bellwire", "gateway", "loadtests")
COMPILER = shutil.which("cc")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built from a checkout that has the files of git and nothing else."""
    checkout, built = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("built")
    for name in ("pyproject.toml", "README.md", "LICENSE", "hatch_build.py", "infra"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, checkout)
    for name in PACKAGES:
        ignored = shutil.ignore_patterns("*.so", "__pycache__")
        shutil.copytree(ROOT / name, checkout / name, ignore=ignored)
    shutil.copytree(ROOT / "web", checkout / "web", symlinks=True)
    shutil.copytree(ROOT / "sdk" / "js" / "src", checkout / "sdk" / "js" / "src")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)],
        cwd=checkout, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def text_of(wheel: Path, name: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (found,) = [each for each in archive.namelist() if each.endswith(f".dist-info/{name}")]
        return archive.read(found).decode()


def test_it_has_what_runs_in_production_and_no_tools_of_the_repository(names: list[str]) -> None:
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == set(PACKAGES)
    for package in PACKAGES:
        assert {f"{package}/__init__.py", f"{package}/py.typed"} <= set(names)
    assert "api/db/migrations/0001_tenants.sql" in names
    assert "gateway/fanout/send_all.py" in names
    assert "loadtests/thresholds.toml" in names
    assert not [name for name in names if name.startswith("loadtests/results")]
    assert not [name for name in names if name.endswith((".webp", ".png"))]


def test_it_has_the_pages_that_a_checkout_serves_and_none_of_their_tests(names: list[str]) -> None:
    pages = {f"api/web/{name}" for name, _ in served(ROOT / "web", FOLDERS)}
    assert {name for name in names if name.startswith("api/web/")} == pages
    assert "api/web/sdk/core/machine.js" in pages


def test_it_has_the_compiled_loop_where_there_is_a_compiler(names: list[str]) -> None:
    compiled = [name for name in names if name.endswith(".so")]
    assert compiled == (["gateway/fanout/libfanout.so"] if COMPILER else [])


def test_one_wheel_is_for_every_python_that_we_support_on_its_platform(wheel: Path) -> None:
    platform = re.sub(r"[-.]", "_", sysconfig.get_platform()) if COMPILER else "any"
    assert wheel.stem.endswith(f"-py3-none-{platform}")
    assert f"Tag: py3-none-{platform}\n" in text_of(wheel, "WHEEL")


def test_it_says_under_which_license_and_brings_it(wheel: Path) -> None:
    metadata = message_from_string(text_of(wheel, "METADATA"))
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_all("License-File") == ["LICENSE"]
    assert text_of(wheel, "licenses/LICENSE") == (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_libraries_whose_inner_parts_we_use_have_an_upper_bound() -> None:
    bounded = {line.split(">=")[0] for line in PROJECT["project"]["dependencies"] if ",<" in line}
    # The terminals' SDK is of this release.
    assert bounded == {
        "asyncpg", "bellwire-terminal", "prometheus-client", "redis[hiredis]", "uvicorn", "websockets"
    }  # fmt: skip
