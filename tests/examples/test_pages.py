"""The quick starts do what they say: every block of them is done as their reader does it, and shows what it shows."""

import re
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
LINKED = (
    *sorted(PAGES.glob("*.md")),
    ROOT / "docs" / "migrate.md",
    ROOT / "docs" / "write-a-terminal.md",
    ROOT / "examples" / "README.md",
)
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


@pytest.mark.parametrize("page", LINKED, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_for_integrators_leads_somewhere(page: Path) -> None:
    for target, _, part in (
        link.partition("#") for link in re.findall(r"\]\(([^):]+)\)", page.read_text("utf-8"))
    ):
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), target
        assert not part or part in anchors(there), f"{target}#{part}"


def anchors(page: Path) -> set[str]:
    """The names that headings have, as the sites that show Markdown make them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


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
