"""Give the pods' database roles what their pods need, and nothing else; again after each migration.

The roles of an installation stand in `pod_roles`; an installation whose pods connect as the owner of the tables has
none there, and nothing here does anything. The decisions are in privileges.py; here they are compared with what the
catalog says, and only what differs is granted or taken away.
"""

from collections.abc import Iterable, Mapping

from api.db.migration_log import Connection
from api.db.privileges import OWNERS_FUNCTIONS, PodKind, may, may_columns

_THERE = "SELECT to_regclass('pod_roles') IS NOT NULL"
_REMEMBERED = """
    SELECT p.kind, p.role, r.oid IS NOT NULL AS exists FROM pod_roles p LEFT JOIN pg_roles r ON r.rolname = p.role
    ORDER BY p.kind
"""
_REMEMBER = """
    INSERT INTO pod_roles (kind, role) VALUES ($1, $2) ON CONFLICT (kind) DO UPDATE SET role = excluded.role
"""

# Tables, partitions among them, and sequences, with what a role holds on each directly.
_RELATIONS = """
    SELECT c.relname AS name, c.relkind = 'S' AS sequence, c.relispartition AS partition,
           EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'i') AS internal,
           ARRAY(
               SELECT a.privilege_type FROM aclexplode(c.relacl) a WHERE a.grantee = $1::text::regrole::oid
           ) AS held
    FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
    ORDER BY c.relname
"""
_COLUMNS = """
    SELECT c.relname AS name, a.attname AS column, e.privilege_type AS privilege
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
    CROSS JOIN LATERAL aclexplode(a.attacl) e
    WHERE c.relnamespace = current_schema()::regnamespace AND e.grantee = $1::text::regrole::oid
"""
_FUNCTIONS = """
    SELECT p.proname AS name, p.oid::regprocedure::text AS signature,
           EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee = $1::text::regrole::oid) AS held
    FROM pg_proc p
    WHERE p.pronamespace = current_schema()::regnamespace AND p.proname = ANY ($2)
    ORDER BY p.proname
"""


async def remembered(connection: Connection) -> dict[PodKind, str]:
    """Return the roles of this installation that the server knows; none where its pods are the owner."""
    if not await connection.fetchval(_THERE):
        return {}
    rows = await connection.fetch(_REMEMBERED)
    return {PodKind(row["kind"]): row["role"] for row in rows if row["exists"]}


async def remember(connection: Connection, roles: Mapping[PodKind, str]) -> None:
    """Keep the roles' names for the migrations to come."""
    for kind, role in roles.items():
        await connection.execute(_REMEMBER, kind.value, role)


async def keep_privileges(connection: Connection) -> list[str]:
    """Inside a transaction: grant what the installation's roles lack, and take away what they have too much.

    Returns the statements, none where all is as it should be.
    """
    done: list[str] = []
    for kind, role in (await remembered(connection)).items():
        for statement in await _differences(connection, kind, role):
            await connection.execute(statement)
            done.append(statement)
    return done


async def _differences(connection: Connection, kind: PodKind, role: str) -> list[str]:
    to = _quoted(role)
    found: list[str] = []
    for row in await connection.fetch(_RELATIONS, to):
        if row["sequence"]:
            # A table that numbers its rows by itself needs no grant.
            wanted = frozenset({"USAGE"} if kind is PodKind.API and not row["internal"] else ())
        else:
            wanted = frozenset() if row["partition"] else may(kind, row["name"])
        what = f"{'SEQUENCE' if row['sequence'] else 'TABLE'} {_quoted(row['name'])}"
        found += _statements(what, to, wanted, frozenset(row["held"]))
    held: dict[tuple[str, str], set[str]] = {}
    for row in await connection.fetch(_COLUMNS, to):
        held.setdefault((row["name"], row["privilege"]), set()).add(row["column"])
    tables = {row["name"] for row in await connection.fetch(_RELATIONS, to)}
    wanted_columns = {
        (table, privilege): columns
        for table in tables
        for privilege, columns in may_columns(kind, table).items()
    }
    for table, privilege in sorted(held.keys() | wanted_columns.keys()):
        wanted = wanted_columns.get((table, privilege), frozenset())
        has = frozenset(held.get((table, privilege), ()))
        for columns, verb, word in ((wanted - has, "GRANT", "TO"), (has - wanted, "REVOKE", "FROM")):
            if columns:
                names = ", ".join(map(_quoted, sorted(columns)))
                found.append(f"{verb} {privilege} ({names}) ON TABLE {_quoted(table)} {word} {to}")
    for row in await connection.fetch(_FUNCTIONS, to, list(OWNERS_FUNCTIONS)):
        wanted = frozenset({"EXECUTE"} if kind in OWNERS_FUNCTIONS[row["name"]] else ())
        found += _statements(
            f"FUNCTION {row['signature']}", to, wanted, frozenset({"EXECUTE"} if row["held"] else ())
        )
    return found


def _statements(what: str, to: str, wanted: frozenset[str], held: frozenset[str]) -> Iterable[str]:
    if lacks := sorted(wanted - held):
        yield f"GRANT {', '.join(lacks)} ON {what} TO {to}"
    if extra := sorted(held - wanted):
        yield f"REVOKE {', '.join(extra)} ON {what} FROM {to}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
