"""Every table and function has a decision, and the database holds pods to it."""

import asyncpg
import pytest

from api.db.migrate import migrate
from api.db.privileges import (
    API_EXCEPTIONS,
    GATEWAY,
    GATEWAY_COLUMNS,
    NOT_FOR_GATEWAYS,
    OWNERS_FUNCTIONS,
    PodKind,
    may,
    may_columns,
)
from tests.roles.conftest import Connection, House

TABLES = """
    SELECT relname FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
"""
DAYS = (
    "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'pos_sync_logs'::regclass ORDER BY 1"
)
EVERY_PRIVILEGE = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


async def test_every_table_has_a_decision(owner: Connection) -> None:
    tables = {row["relname"] for row in await owner.fetch(TABLES)}
    assert tables == GATEWAY.keys() | NOT_FOR_GATEWAYS, "decide in api/db/privileges.py what gateways may do"
    assert not GATEWAY.keys() & NOT_FOR_GATEWAYS
    assert tables >= API_EXCEPTIONS.keys()
    assert tables >= {table for table, _ in GATEWAY_COLUMNS}


@pytest.mark.parametrize("kind", PodKind)
async def test_the_database_says_of_each_table_what_was_decided(house: House, kind: PodKind) -> None:
    connection = await house.connect(kind)
    try:
        for table in [row["relname"] for row in await connection.fetch(TABLES)]:
            held = {
                privilege
                for privilege in EVERY_PRIVILEGE
                if await connection.fetchval("SELECT has_table_privilege($1, $2)", table, privilege)
            }
            assert held == may(kind, table), table
            for privilege in EVERY_PRIVILEGE:
                if privilege in {"SELECT", "INSERT", "UPDATE", "REFERENCES"} - held:
                    columns = await connection.fetch(
                        "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 "
                        "AND NOT attisdropped AND has_column_privilege($1::text::regclass, attnum, $2)",
                        table,
                        privilege,
                    )
                    names = {row["attname"] for row in columns}
                    assert names == may_columns(kind, table).get(privilege, frozenset()), table
        # A day of the log is reached through the log alone.
        for day in [row[0] for row in await connection.fetch(DAYS)]:
            assert not await connection.fetchval(
                "SELECT has_table_privilege($1, 'SELECT, INSERT, DELETE')", day
            )
    finally:
        await connection.close()


async def test_what_runs_as_its_owner_is_a_short_list_with_a_path_of_its_own_and_not_everybody_s(
    owner: Connection,
) -> None:
    rows = await owner.fetch(
        "SELECT proname, proconfig, EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) "
        "WHERE grantee = 0) AS everybody FROM pg_proc WHERE pronamespace = current_schema()::regnamespace AND prosecdef"
    )
    assert sorted(row["proname"] for row in rows) == sorted(OWNERS_FUNCTIONS), "see api/db/privileges.py"
    for row in rows:
        assert row["proconfig"] == ["search_path=public, pg_temp"], row["proname"]
        # Pods of a role that was granted its rows by hand, and no function, enter epochs too.
        assert row["everybody"] == (row["proname"] == "enter_epoch"), row["proname"]


@pytest.mark.parametrize("kind", PodKind)
async def test_such_a_function_is_called_by_those_pods_that_need_it(house: House, kind: PodKind) -> None:
    connection = await house.connect(kind)
    try:
        for name, kinds in OWNERS_FUNCTIONS.items():
            may_call = await connection.fetchval(
                "SELECT has_function_privilege(oid, 'EXECUTE') FROM pg_proc WHERE proname = $1", name
            )
            assert may_call == (kind in kinds), name
    finally:
        await connection.close()


GATEWAYS_MAY_NOT = (
    "INSERT INTO orders (order_id) VALUES (gen_random_uuid())",
    "UPDATE orders SET status = 'completed'",
    "SELECT customer_phone FROM orders",
    "SELECT place_order('t', 'k', '', gen_random_uuid(), '', '', '', '', '', '', 0, '', '{}', '{}', '{}', '{}', '{}')",
    "SELECT alarm_order('t', gen_random_uuid())",
    "SELECT number_hmac FROM gift_cards",
    "SELECT phone FROM loyalty_accounts",
    "SELECT result FROM idempotency_keys",
    "SELECT url FROM webhook_endpoints",
    "SELECT code_hmac FROM pairings",
    "SELECT * FROM audit_trail",
    "UPDATE tenant_streams SET seq = seq + 1",
    "UPDATE tenants SET disabled_at = NULL",
    "INSERT INTO pos_sync_logs (tenant, seq, epoch, type, committed_at, payload) VALUES ('t', 1, 1, 'x', now(), '')",
    "UPDATE terminals SET revoked_at = NULL",
    "UPDATE terminals SET tenant = 't'",
    "INSERT INTO api_keys (key_hash, kind) VALUES (sha256('mine'), 'op')",
    "UPDATE api_keys SET revoked_at = NULL, expires_at = NULL",
    "INSERT INTO unseen_orders (tenant) VALUES ('t')",
    "INSERT INTO erasures VALUES ('t', 1, 1, now())",
    "SELECT drop_event_partitions(current_date)",
    "SELECT ensure_event_partitions(current_date, 1)",
    "SELECT erase_event('t', 1, now(), '')",
    "SELECT forget_audit(400, 1)",
    "SELECT purge_deleted_tenant('t', 1)",
)
NO_POD_MAY = (
    "CREATE TABLE mine ()",
    "CREATE FUNCTION mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "DROP TABLE orders",
    "ALTER TABLE orders ADD COLUMN mine text",
    "ALTER TABLE pos_gift_card_transactions DISABLE TRIGGER ALL",
    "DROP TRIGGER tenant_streams_settled ON tenant_streams",
    "CREATE INDEX ON orders (status)",
    "TRUNCATE orders",
    "ALTER FUNCTION enter_epoch() OWNER TO CURRENT_USER",
    "GRANT SELECT ON pod_roles TO PUBLIC",
    "SET ROLE house_owner",
    "ALTER ROLE house_owner PASSWORD 'x'",
    "SELECT * FROM pod_roles",
    "DELETE FROM pos_sync_logs",
    "UPDATE pos_sync_logs SET payload = ''",
    "TRUNCATE pos_sync_logs",
    "DELETE FROM tenant_streams",
    "DELETE FROM tenants",
    "UPDATE cluster_epochs SET timeline = 'x'",
    "INSERT INTO stream_forks VALUES ('t', 2, 0)",
    "DELETE FROM schema_migrations",
    "DELETE FROM audit_trail",
    "UPDATE audit_trail SET action = 'x'",
    "UPDATE pos_gift_card_transactions SET amount_cents = 1",
    "DELETE FROM pos_loyalty_transactions",
    "DELETE FROM order_status_history",
    "SELECT pg_read_file('/etc/passwd')",
)


@pytest.mark.parametrize(
    ("kind", "statement"),
    [
        *((kind, statement) for kind in PodKind for statement in NO_POD_MAY),
        *((PodKind.GATEWAY, statement) for statement in GATEWAYS_MAY_NOT),
    ],
)
async def test_a_pod_that_was_taken_over_may_not(house: House, kind: PodKind, statement: str) -> None:
    connection = await house.connect(kind)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_tenant_s_log_cannot_be_purged_by_calling_it_a_test_tenant(
    house: House, owner: Connection
) -> None:
    await owner.execute("INSERT INTO tenants (tenant, name) VALUES ('real', 'real')")
    await owner.execute("INSERT INTO tenant_streams (tenant) VALUES ('real')")
    pod = await house.connect(PodKind.API)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pod.execute("UPDATE tenants SET is_test = true WHERE tenant = 'real'")
        await pod.execute("UPDATE tenants SET deleted_at = now() - interval '1 minute' WHERE tenant = 'real'")
        assert await pod.fetchval("SELECT purge_deleted_tenant('real', 10)") == 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pod.fetchval("SELECT purge_tenant('real', 10)")
    finally:
        await pod.close()
    assert await owner.fetchval("SELECT count(*) FROM tenant_streams WHERE tenant = 'real'") == 1


async def test_tables_of_the_caller_s_own_do_not_come_before_the_real_ones(
    house: House, owner: Connection
) -> None:
    pod = await house.connect(PodKind.GATEWAY)
    try:
        real = await owner.fetchval("SELECT max(epoch) FROM cluster_epochs")
        await pod.execute(
            "CREATE TEMP TABLE cluster_epochs AS SELECT 7 AS epoch, 0::bigint AS system_identifier"
        )
        await pod.execute("SET search_path = pg_temp, public")
        assert await pod.fetchval("SELECT public.enter_epoch()") == real
    finally:
        await pod.close()


async def test_a_table_that_a_later_migration_makes_is_the_api_s_with_the_next_migrate(
    house: House, owner: Connection
) -> None:
    await owner.execute(
        "CREATE TABLE of_tomorrow (a serial PRIMARY KEY, b bigint GENERATED ALWAYS AS IDENTITY)"
    )
    api, gateway = await house.connect(PodKind.API), await house.connect(PodKind.GATEWAY)
    try:
        said: list[str] = []
        assert await migrate(house.owner_url, say=said.append) == []
        assert said == ["2 privileges of the pods' roles were given or taken away"]
        assert await api.fetchval("INSERT INTO of_tomorrow DEFAULT VALUES RETURNING a") == 1
        for verb in ("SELECT * FROM", "DELETE FROM"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await gateway.execute(f"{verb} of_tomorrow")
        # Grants that somebody made by hand are taken away again; all that is as it should be is left alone.
        await owner.execute(
            "GRANT ALL ON orders TO house_gateway; REVOKE INSERT ON of_tomorrow FROM house_api"
        )
        await migrate(house.owner_url, say=said.append)
        await api.execute("INSERT INTO of_tomorrow DEFAULT VALUES")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await gateway.execute("SELECT FROM orders")
        await migrate(house.owner_url, say=said.append)
        assert len(said) == 2
    finally:
        await api.close()
        await gateway.close()
        await owner.execute("DROP TABLE of_tomorrow")
