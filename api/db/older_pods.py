"""Is a pod of an older release still there? Asked before a `post` migration, which such a pod could not live with.

Every pod names itself and its version in each of its connections (`bellwire-api-reads@0.2.0`), and speaks with
PostgreSQL each second; the pods of 0.1.0 give no version. Some seconds are looked at, so that a restart between two
lives is noticed. A gateway's lease without any connection of a gateway means that a pooler hides who is there.
"""

import asyncio
from collections.abc import Sequence

from api.db.migration_files import Migration, MigrationRefused
from api.db.migration_log import Connection
from backbone.contract.release import FIRST, Release, parse_release

LOOK_SECONDS = 3.0
EVERY_SECONDS = 0.25

_PODS = """
    SELECT DISTINCT application_name AS name FROM pg_stat_activity
    WHERE datname = current_database() AND application_name ~ '^bellwire-(api|gateway)'
"""

_LEASES = (
    "SELECT gateway FROM gateways WHERE renewed_at > clock_timestamp() - interval '10 seconds' ORDER BY 1"
)


def release_of(name: str) -> Release:
    """Return the release in an application's name; one without is the first."""
    _, _, version = name.partition("@")
    try:
        return parse_release(version)
    except ValueError:
        return FIRST


async def refuse_older_pods(connection: Connection, due: Sequence[Migration]) -> None:
    """Look for `LOOK_SECONDS`.

    Raises:
        MigrationRefused: a pod older than the release of one of `due` is connected, or nobody can tell.
    """
    seen: set[str] = set()
    for _ in range(round(LOOK_SECONDS / EVERY_SECONDS)):
        seen.update(row["name"] for row in await connection.fetch(_PODS))
        for migration in due:
            older = sorted(name for name in seen if release_of(name).line < migration.release.line)
            if older:
                raise MigrationRefused(
                    f"{migration.name} has to wait: pods older than {migration.release} are connected "
                    f"({', '.join(older)}). Roll them first; `--force` applies it all the same."
                )
        await asyncio.sleep(EVERY_SECONDS)
    leases = [row["gateway"] for row in await connection.fetch(_LEASES)]
    if leases and not any(name.startswith("bellwire-gateway") for name in seen):
        raise MigrationRefused(
            f"{due[0].name} has to wait: {', '.join(leases)} renewed a lease, and no gateway's connection is seen here "
            "(a pooler hides them). Give the server's own address, or `--force`."
        )
