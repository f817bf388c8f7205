"""A release's number, and which releases may run side by side.

Pure. Two releases live together when one is the other's successor: the same major with the next minor, or the next
major's `.0`. Patches of one minor always do. See docs/upgrading.md.
"""

import re
from dataclasses import dataclass

_NUMBER = re.compile(r"(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True, order=True)
class Release:
    """`major.minor.patch`."""

    major: int
    minor: int
    patch: int = 0

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def line(self) -> tuple[int, int]:
        """The part that schema and contract belong to; a patch changes neither."""
        return self.major, self.minor

    def lives_beside_newer(self, newer: "Release") -> bool:
        """Whether this one's pods may run on what `newer` prepared."""
        if newer.line <= self.line:
            return True
        if newer.major == self.major:
            return newer.minor == self.minor + 1
        return newer.major == self.major + 1 and newer.minor == 0


FIRST = Release(0, 1)
"""The release of whatever names none."""


def parse_release(text: str) -> Release:
    """Read `0.2.0`; what follows the three numbers (`0.2.0.dev1`) is passed over.

    Raises:
        ValueError: it does not begin like that.

    >>> parse_release("0.2.0.dev1")
    Release(major=0, minor=2, patch=0)
    """
    found = _NUMBER.match(text)
    if found is None:
        raise ValueError(f"{text!r} is no release: three numbers, as 0.2.0")
    return Release(*(int(part) for part in found.groups()))
