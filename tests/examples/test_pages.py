"""The quick starts do what they say: every block of them is done as their reader does it, and shows what it shows."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.local.cluster import Cluster
from tests.conftest import ROOT
from tests.examples.conftest import OpenExample
from tests.examples.page import NotRun, blocks_of
from tests.examples.reader import Reader

PAGES = ROOT / "docs" / "quickstart"
NAMES = ("python", "javascript", "curl", "webhooks", "browser")


@pytest.fixture(scope="module")
def readers(
    request: pytest.FixtureRequest,
    square: Cluster,
    open_example: OpenExample,
    tmp_path_factory: pytest.TempPathFactory,
    page_port: int,
) -> Iterator[dict[str, Future[None]]]:
    """All of them that were chosen read side by side: most of the time they wait."""
    chosen = [
        item.callspec.params["name"]
        for item in request.session.items
        if hasattr(item, "callspec") and "readers" in getattr(item, "fixturenames", ())
    ]

    def read(name: str, folder: Path) -> None:
        reader = Reader(square, open_example(name), folder, page_port)
        try:
            reader.read(PAGES / f"{name}.md")
        finally:
            reader.stop()

    with ThreadPoolExecutor(len(NAMES)) as threads:
        yield {name: threads.submit(read, name, tmp_path_factory.mktemp(name)) for name in chosen}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long if name == "browser" else ()) for name in NAMES]
)
def test_a_quick_start_does_what_it_says(name: str, readers: dict[str, Future[None]]) -> None:
    readers[name].result()


def test_every_quick_start_is_read() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == set(NAMES)


@pytest.mark.parametrize(
    "text",
    [
        "```\nls\n```\n",
        "```go file=a.go\nx\n```\n",
        "```sh then\nls\n```\n",
        "```text\nls\n```\n",
        "```sh\nls\n```\n\n```sh\nls\n",
        "- a\n\n  ```sh\n  ls\n  ```\n",
    ],
)
def test_a_block_that_nobody_runs_is_an_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(text, encoding="utf-8")
    with pytest.raises(NotRun):
        blocks_of(tmp_path / "page.md")
