"""How much of the JavaScript SDK a page fetches, minified by Debian's esbuild and packed as servers pack it."""

import gzip
import subprocess
from pathlib import Path

import pytest

from infra.local.debian_tool import Tool, ToolMissing, find_tool

SOURCE = Path(__file__).resolve().parents[2] / "sdk" / "js" / "src"
# The parts that `open` fetches where they are wanted.
LATER = ("keeping", "sharing")


@pytest.fixture(scope="module")
def esbuild() -> Tool:
    """The bundler; the SDK itself needs none."""
    try:
        return find_tool("esbuild", "esbuild")
    except ToolMissing as exc:
        pytest.fail(str(exc), pytrace=False)


@pytest.mark.parametrize(
    ("module", "later", "most_bytes"),
    [
        # Every event once and in order, over three doors, with its own cursor, or none: the 12 kB that were wished for.
        ("board", True, 12 * 1_024),
        # The same with an outbox, commands and claims.
        ("terminal", True, 16_000),
        # With IndexedDB, and tabs that share it.
        ("terminal", False, 21_000),
    ],
)
def test_a_module_with_all_that_it_imports_is_no_larger_than_this(
    esbuild: Tool, module: str, later: bool, most_bytes: int
) -> None:
    words = ["--bundle", "--minify", "--format=esm", "--target=es2022"]
    if later:
        words += [f"--external:./{name}.js" for name in LATER]
    bundle = subprocess.run(
        [esbuild.path, SOURCE / f"{module}.js", *words],
        env=esbuild.environment(),
        capture_output=True,
        timeout=60,
        check=True,
    ).stdout
    assert len(gzip.compress(bundle, 9, mtime=0)) <= most_bytes
