"""The imports, read from the code itself: the floors it may go down to, and the circles it must not run in.

A tree is a folder with packages in it, ours or one that a test has made. An import counts wherever it stands: in a
function, and under TYPE_CHECKING too.
"""

import ast
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Floors = Mapping[str, Sequence[str]]
"""A part of the house (a folder, or a file without `.py`), and the parts that it may import besides itself."""


@functools.cache
def names_in(path: Path) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The imports of a file: a module, and the names that are taken from it, none for a plain `import`."""
    found: list[tuple[str, tuple[str, ...]]] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(alias.name, ()) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module is not None
            found.append((node.module, tuple(alias.name for alias in node.names)))
    return tuple(found)


@dataclass(frozen=True)
class Tree:
    """Some packages of a folder."""

    root: Path
    packages: tuple[str, ...]

    def files(self) -> Iterator[Path]:
        """Every Python file."""
        for package in self.packages:
            yield from sorted((self.root / package).rglob("*.py"))

    def is_module(self, name: str) -> bool:
        """Whether a dotted name is a module or a package of this tree."""
        path = self.root.joinpath(*name.split("."))
        return path.with_suffix(".py").is_file() or path.is_dir()

    def imports(self, path: Path) -> Iterator[str]:
        """The modules that a file imports; `from a import b` is `a.b` where that is a module."""
        for module, names in names_in(path):
            if module.split(".")[0] in self.packages:
                inner = [f"{module}.{name}" for name in names]
                modules = [name for name in inner if self.is_module(name)]
                yield from modules
                if len(modules) == len(inner) and inner:
                    continue
            yield module

    def name_of(self, path: Path) -> str:
        """A file's dotted name; a package's `__init__` has the package's."""
        parts = path.relative_to(self.root).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def breaches(self, path: Path, floors: Floors) -> list[str]:
        """The imports of a file that its part of the house may not have."""
        part = part_of(self.name_of(path), floors)
        return [
            f"{part} must not import {module}"
            for module in self.imports(path)
            if module.split(".")[0] in self.packages
            and part_of(module, floors) != part
            and not any(_within(module, base) for base in floors[part])
        ]

    def circles(self) -> list[list[str]]:
        """Every set of modules of which each one imports, over others maybe, itself."""
        paths = {self.name_of(path): path for path in self.files()}
        graph = {name: [one for one in self.imports(path) if one in paths] for name, path in paths.items()}
        return [
            sorted(knot) for knot in strongly_connected(graph) if len(knot) > 1 or knot[0] in graph[knot[0]]
        ]


def part_of(module: str, floors: Floors) -> str:
    """The smallest part of the house that a module is in."""
    return max((part for part in floors if _within(module, part)), key=len)


def _within(module: str, part: str) -> bool:
    return f"{module.replace('.', '/')}/".startswith(f"{part}/")


def strongly_connected(graph: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Split a graph into its strongly connected components (Tarjan, 1972)."""
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    components: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = lowest[node] = len(index)
        stack.append(node)
        for other in graph[node]:
            if other not in index:
                visit(other)
            if other in stack:
                lowest[node] = min(lowest[node], lowest[other])
        if lowest[node] == index[node]:
            start = stack.index(node)
            components.append(stack[start:])
            del stack[start:]

    for node in graph:
        if node not in index:
            visit(node)
    return components
