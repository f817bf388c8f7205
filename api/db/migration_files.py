"""A migration as a file: its text, and what its header declares. Pure but for reading the folder.

The header is the comment that the file begins with. Three of its lines have a meaning, each written `-- word: value`:

    -- release: 0.2.0       the release that brings it; without it 0.1.0
    -- phase: post          applies once no older pod is left; without it `pre`, before the release's code
    -- transaction: none    one statement outside a transaction; without it the file is one transaction

See docs/upgrading.md.
"""

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files

from backbone.contract.errors import BellwireError
from backbone.contract.release import FIRST, Release, parse_release
from backbone.eventlog.schema import Phase


class MigrationRefused(BellwireError):
    """The database and the files of this version do not belong together; the text says why."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    name: str
    sql: str
    release: Release = FIRST
    phase: Phase = Phase.PRE
    in_transaction: bool = True

    @property
    def checksum(self) -> bytes:
        """The SHA-256 of the file's text."""
        return hashlib.sha256(self.sql.encode()).digest()

    @property
    def place(self) -> tuple[tuple[int, int], bool, str]:
        """The order in which files apply: a release's `pre`, then its `post`, then the next release's."""
        return self.release.line, self.phase is Phase.POST, self.name


_DECLARATION = re.compile(r"--\s*([a-z]+):\s*(\S+)\s*")
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
# Statements that may stand outside a transaction: each can be cut at any moment and begun again.
_OUTSIDE = re.compile(
    r"""\s*(?:CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?!IF\b)\w+\s+ON\s[^;]*
         |  DROP\s+INDEX\s+CONCURRENTLY\s+IF\s+EXISTS\s[^;]*
         |  DO\s+(?P<quote>\$\w*\$)(?:(?!(?P=quote)).)*(?P=quote)\s*);?\s*""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)


def read_migration(name: str, sql: str) -> Migration:
    """Return a file as a migration.

    Raises:
        ValueError: its header declares what we do not understand, or it cannot stand outside a transaction.
    """
    declared = _declarations(name, sql)
    try:
        release = parse_release(declared["release"]) if "release" in declared else FIRST
        phase = Phase(declared.get("phase", "pre"))
    except ValueError as exc:
        raise ValueError(f"{name}: {exc}") from exc
    transaction = declared.get("transaction", "one")
    if transaction not in ("one", "none"):
        raise ValueError(f"{name}: {transaction!r} is no transaction: `one` or `none`")
    if transaction == "none" and _OUTSIDE.fullmatch(strip_comments(sql)) is None:
        raise ValueError(
            f"{name}: outside a transaction stands one statement that may be cut and begun again: "
            "CREATE INDEX CONCURRENTLY name ON …, DROP INDEX CONCURRENTLY IF EXISTS name, or a DO block"
        )
    return Migration(name, sql, release, phase, transaction == "one")


def strip_comments(sql: str) -> str:
    """Return what the server reads of a file. Not for a file with `--` in a text."""
    return _COMMENT.sub("", sql)


def _declarations(name: str, sql: str) -> dict[str, str]:
    found: dict[str, str] = {}
    in_header = True
    for line in sql.splitlines():
        in_header = in_header and (not line.strip() or line.startswith("--"))
        match = _DECLARATION.fullmatch(line)
        if match is None:
            continue
        word, value = match.groups()
        if word not in ("release", "phase", "transaction"):
            raise ValueError(f"{name}: nothing is declared by {line!r}")
        if not in_header or word in found:
            raise ValueError(f"{name}: {line!r} belongs once into the comment that the file begins with")
        found[word] = value
    return found


def load_migrations() -> list[Migration]:
    """Return this version's files, in the order in which they apply."""
    folder = files("api.db") / "migrations"
    found = [
        read_migration(file.name, file.read_text("utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    ]
    return sorted(found, key=lambda migration: migration.place)
