"""The plan of a migration: which files are applied, in which order, and which are refused. Pure.

An empty database has no pods that could mind, so everything applies at once. Otherwise `pre` applies; a `post` does
when its release is over (a later one is being prepared) or was asked for, and when no pod older than it is left.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from api.db.migration_files import Migration, MigrationRefused
from backbone.contract.release import Release
from backbone.eventlog.schema import Listed, Phase, unfit
from backbone.runtime.version import RELEASE

# Files that were renamed after they had landed; their texts are the same to the byte.
RENAMED = {
    "0010_epochs.sql": "0009_epochs.sql",
    "0030_alarms.sql": "0010_alarms.sql",
    "0031_webhooks.sql": "0011_webhooks.sql",
    "0032_traceparent.sql": "0012_traceparent.sql",
    "0040_order_points.sql": "0013_order_points.sql",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """The migrations that a database lacks. `now` in order; `waiting` are the `post` ones whose time has not come.

    `beyond` is what a later release has prepared, and this one lives with.
    """

    now: tuple[Migration, ...]
    waiting: tuple[Migration, ...] = ()
    beyond: tuple[Listed, ...] = ()


def make_plan(
    migrations: Sequence[Migration],
    applied: Mapping[str, Listed],
    *,
    post: bool = False,
    fresh: bool = False,
    release: Release = RELEASE,
) -> Plan:
    """Return what to do.

    `post`: the `post` ones of this release too. `fresh`: the database was empty when this run began.

    Raises:
        MigrationRefused: an applied file was changed or is unknown here, or a new one would have to go in between.
    """
    ours = {migration.name: migration for migration in migrations}
    _refuse_strangers(ours, applied, release)
    missing = sorted((m for m in migrations if m.name not in applied), key=lambda m: m.place)
    beyond = tuple(listed for name, listed in applied.items() if name not in ours)
    _refuse_between(missing, [ours[name] for name in applied if name in ours], beyond)
    due = [
        migration
        for migration in missing
        if migration.phase is Phase.PRE or post or fresh or migration.release.line < release.line
    ]
    return Plan(tuple(due), tuple(m for m in missing if m not in due), beyond)


def _refuse_strangers(ours: Mapping[str, Migration], applied: Mapping[str, Listed], release: Release) -> None:
    renamed = sorted(name for name in applied if name in RENAMED and name not in ours)
    if renamed:
        raise MigrationRefused(
            f"The database has {', '.join(renamed)}, the names of an earlier numbering: "
            "`bellwire migrate --adopt` compares its schema with this version's and takes it over."
        )
    for name, listed in applied.items():
        if name in ours and ours[name].checksum != listed.checksum:
            raise MigrationRefused(
                f"The migration {name} was changed after it was applied: restore it and add a new one."
            )
    known = [Listed(m.name, m.checksum, m.phase, m.release) for m in ours.values()]
    if reason := unfit(applied, known, release):
        raise MigrationRefused(reason)


def _refuse_between(
    missing: Sequence[Migration], applied: Iterable[Migration], beyond: Sequence[Listed]
) -> None:
    have = list(applied)
    for phase in Phase:
        newest = max((m.name for m in have if m.phase is phase), default="")
        for migration in missing:
            if migration.phase is phase and migration.name < newest:
                raise MigrationRefused(
                    f"The migration {migration.name} is new but sorts before {newest}: give it a later name."
                )
    lost = [m.name for m in missing if m.phase is Phase.PRE]
    if beyond and lost:
        raise MigrationRefused(
            f"The database has {beyond[0].name} of {beyond[0].release}, and lacks {lost[0]}, which comes before it: "
            f"run `bellwire migrate` of {beyond[0].release}."
        )
