"""The terminals' SDK stands alone: on the standard library and `websockets`, its brain on nothing that is not pure.

So does the one in JavaScript: on the platform alone.
"""

import json
import re
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


def test_it_depends_on_websockets_alone_and_both_sdks_have_the_project_s_release() -> None:
    assert [name.split(">")[0] for name in PROJECT["dependencies"]] == ["websockets"]
    script = json.loads((ROOT.parent / "js" / "package.json").read_text(encoding="utf-8"))
    whole = tomllib.loads((ROOT.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert PROJECT["version"] == whole["version"]
    assert PROJECT["license"] == whole["license"]
    assert (script["version"], script["license"]) == (whole["version"], whole["license"])
    assert "dependencies" not in script
    assert (ROOT.parent / "js" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert (ROOT / "LICENSE").read_bytes() == (ROOT.parents[1] / "LICENSE").read_bytes()


SCRIPT = ROOT.parent / "js"
# A clock, chance, a timer, the network and disks, as JavaScript has them.
NOT_PURE = re.compile(
    r"(?<![#\"])\b(Date|Math\.random|performance|setTimeout|setInterval|queueMicrotask|fetch|WebSocket|localStorage|indexedDB"
    r"|navigator|crypto|process|globalThis|async|await|Promise)\b"
)


@pytest.mark.parametrize("path", sorted(SCRIPT.rglob("src/**/*.js")), ids=lambda path: path.name)
def test_a_script_imports_its_own_package_alone_and_the_brain_is_pure(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    code = re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)
    imported = re.findall(r"\b(?:from|import\(|import)\s*[\"']([^\"']+)[\"']", code)
    for name in imported:
        if name.startswith("node:"):
            assert path.name.startswith("node")
            continue
        assert (path.parent / name).is_file(), name
    if path.parent.name == "core":
        assert all(name.startswith("./") for name in imported)
        assert NOT_PURE.findall(code) == []
