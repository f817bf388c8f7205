"""The results of many rows so far, in a file: an interrupted run goes on where it was, and a page gets the table.

Knows files. The figures are `measure`'s.
"""

import json
import os
import platform
from pathlib import Path

from chaos.measure import Result, markdown, plain, read

BEGIN, END = "<!-- chaos: begin -->", "<!-- chaos: end -->"


class NoPlace(Exception):
    """The page has no markers."""


class Record:
    """The results of one load on one machine; those of another load are not continued, they begin anew."""

    def __init__(self, file: Path, load: str) -> None:
        self._file = file
        self.title = (
            f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; {load}"
        )
        self.results: list[Result] = []
        self.failures: list[str] = []
        if file.exists():
            kept = json.loads(file.read_text())
            if kept.get("title") == self.title:
                self.results = read(kept["rows"])

    def has(self, row: str, seed: int) -> bool:
        """Whether that was done already."""
        return any((result.row, result.seed) == (row, seed) for result in self.results)

    def add(self, result: Result) -> None:
        """Take a result, and keep it."""
        self.results.append(result)
        self.save()

    def save(self) -> None:
        """Write everything down."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        document = {"title": self.title, "rows": plain(self.results), "failures": self.failures}
        draft = self._file.with_suffix(".draft")
        draft.write_text(json.dumps(document, indent=2))
        os.replace(draft, self._file)

    def table(self, order: list[str]) -> str:
        """The table as Markdown, rows in this order."""
        known = [result for result in self.results if result.row in order]
        return markdown(sorted(known, key=lambda result: (order.index(result.row), result.seed)))

    def write_to(self, page: Path, order: list[str]) -> None:
        """Put title and table between the markers of a page.

        Raises:
            NoPlace: it has none.
        """
        text = page.read_text()
        before, begin, rest = text.partition(BEGIN)
        _, end, after = rest.partition(END)
        if not begin or not end:
            raise NoPlace(f"{page} has no place for the table, {BEGIN} … {END}")
        page.write_text(f"{before}{BEGIN}\n{self.title}.\n\n{self.table(order)}{END}{after}")
