"""The terminals' SDK stands alone: on the standard library and `websockets`, its brain on nothing that is not pure."""

import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.house import Tree
from tests.architecture.test_imports import IMPURE

ROOT = Path(__file__).resolve().parents[2] / "sdk" / "python"
SDK = Tree(ROOT, ("bellwire_terminal",))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize("path", list(SDK.files()), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_imports_the_sdk_the_standard_library_and_websockets(path: Path) -> None:
    roots = {module.split(".")[0] for module in SDK.imports(path)}
    assert roots - sys.stdlib_module_names <= {"bellwire_terminal", "websockets"}
    if "core" in path.parts:
        assert not roots & IMPURE
        assert all(
            module.startswith("bellwire_terminal.core")
            for module in SDK.imports(path)
            if module.startswith("bellwire_terminal")
        )


def test_no_module_imports_itself_over_others() -> None:
    assert SDK.circles() == []


def test_it_depends_on_websockets_alone_and_its_release_is_the_project_s() -> None:
    assert [name.split(">")[0] for name in PROJECT["dependencies"]] == ["websockets"]
    whole = tomllib.loads((ROOT.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert PROJECT["version"] == whole["version"]
    assert PROJECT["license"] == whole["license"]
    assert (ROOT / "LICENSE").read_bytes() == (ROOT.parents[1] / "LICENSE").read_bytes()
