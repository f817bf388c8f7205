"""The schema that this version's pods need, and whether a database has it. Pure but for reading our own list.

`migrations.txt` names every migration there is, with its release, phase and SHA-256; what stands there has landed and
is frozen. Migrations are applied by `bellwire migrate` (api/db/migrate.py) and never by a pod: a pod waits.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from importlib.resources import files
from typing import Any

from backbone.contract.release import FIRST, Release, parse_release
from backbone.runtime.version import RELEASE


class Phase(Enum):
    """When a migration applies. The values are in files and in the database."""

    PRE = "pre"
    """Before its release's code; the release before must be able to live with it."""
    POST = "post"
    """After it, when no pod of an older release is left."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of our list, or one row of a database's table of applied migrations."""

    name: str
    checksum: bytes
    phase: Phase = Phase.PRE
    release: Release = FIRST


APPLIED = """
    SELECT name, checksum, to_jsonb(m)->>'phase' AS phase, to_jsonb(m)->>'release' AS release
    FROM schema_migrations m ORDER BY name
"""
"""Every applied migration. A table that release 0.1.0 made has neither phase nor release."""

TABLE_THERE = "SELECT to_regclass('schema_migrations') IS NOT NULL AS there"


def applied_of(rows: Iterable[Any]) -> dict[str, Listed]:
    """Return what `APPLIED` brought, by name."""
    return {
        row["name"]: Listed(
            row["name"],
            row["checksum"],
            Phase(row["phase"] or "pre"),
            parse_release(row["release"] or str(FIRST)),
        )
        for row in rows
    }


def load_list() -> list[Listed]:
    """Return our list, `name release phase sha256` a line."""
    text = (files("backbone.eventlog") / "migrations.txt").read_text("utf-8")
    lines = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return [
        Listed(name, bytes.fromhex(checksum), Phase(phase), parse_release(release))
        for name, release, phase, checksum in lines
    ]


def unfit(applied: Mapping[str, Listed], ours: Iterable[Listed], release: Release = RELEASE) -> str | None:
    """Return why this release cannot live with what is applied beyond its own migrations; None when it can.

    A later `pre` is meant for it, when its release is the next one. A later `post` is not.
    """
    known = {listed.name for listed in ours}
    for name, listed in applied.items():
        if name in known:
            continue
        if listed.release.line < release.line or listed.release == FIRST:
            return (
                f"The database has the migration {name}, which is unknown here: run the version that made it."
            )
        if listed.phase is Phase.POST:
            return (
                f"The database has the post-migration {name} of {listed.release}, which ends support "
                f"for {release}: run {listed.release}."
            )
        if not release.lives_beside_newer(listed.release):
            return (
                f"The database has the migration {name} of {listed.release}; {release} lives beside "
                "the release that follows it, and no later one."
            )
    return None


def lacking(applied: Mapping[str, Listed], ours: Iterable[Listed]) -> list[str]:
    """Return the names of our `pre` migrations that are not applied."""
    return [listed.name for listed in ours if listed.phase is Phase.PRE and listed.name not in applied]
