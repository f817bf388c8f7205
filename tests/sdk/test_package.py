"""The package as an integrator gets it: a wheel, in an environment that has `websockets` and nothing of ours."""

import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "sdk" / "python"
TILL = """
import asyncio, bellwire_terminal
from bellwire_terminal import Terminal
from bellwire_terminal.fake import FakeBellwire

async def main():
    async with FakeBellwire() as fake, Terminal(fake.url, fake.tenant, fake.key) as till:
        offset = fake.place_order()
        event = await asyncio.wait_for(anext(till), 60)
        assert event.offset == offset
        print(bellwire_terminal.__file__)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built from a copy."""
    copy, built = tmp_path_factory.mktemp("copy") / "python", tmp_path_factory.mktemp("built")
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__", "dist"))
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    (found,) = built.glob("*.whl")
    return found


def test_the_wheel_has_the_package_its_types_and_its_license_and_no_more(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    ours = {path.relative_to(SOURCE).as_posix() for path in (SOURCE / "bellwire_terminal").rglob("*.py")}
    assert {name for name in names if ".dist-info/" not in name} == {*ours, "bellwire_terminal/py.typed"}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert wheel.name.endswith("-py3-none-any.whl")


def test_the_wheel_in_an_environment_of_its_own_is_a_till(wheel: Path, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "own")], check=True, timeout=100
    )
    (packages,) = (tmp_path / "own").glob("lib/python*/site-packages")
    websockets = find_spec("websockets")
    assert websockets is not None
    assert websockets.origin is not None
    shutil.copytree(Path(websockets.origin).parent, packages / "websockets")
    # This is all that an installer does with a wheel that has no scripts.
    zipfile.ZipFile(wheel).extractall(packages)
    python = tmp_path / "own" / "bin" / "python"
    done = subprocess.run(
        [str(python), "-I", "-c", TILL], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(packages)
