"""The examples in the docstrings of the pure parts say what really happens."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = [
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    for part in ("backbone/contract", "api/core", "gateway/core")
    for path in sorted((ROOT / part).glob("*.py"))
    if path.name != "__init__.py"
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_hold(name: str) -> None:
    assert doctest.testmod(import_module(name)).failed == 0


def test_most_modules_show_an_example() -> None:
    finder = doctest.DocTestFinder()
    shown = [name for name in MODULES if any(test.examples for test in finder.find(import_module(name)))]
    assert len(shown) > len(MODULES) / 2
