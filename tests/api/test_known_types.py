"""A process asks once how arrays are made, and goes by the server's own answer."""

import asyncpg
import pytest

from backbone.eventlog import known_types
from backbone.eventlog.known_types import FIRST_OF_A_SERVER, KnownTypes

ARRAYS = """
    SELECT $1::text[] AS texts, $2::uuid[] AS ids, $3::bigint[] AS numbers, $4::double precision[] AS seconds,
           $5::bytea[] AS hashes, $6::timestamptz[] AS moments, $7::boolean[] AS marks, $8::integer[] AS counts
"""
OF_OURS = "SELECT ROW(3, 4, 'new_order', 5, 'x', NULL, NULL)::committed_event AS event"


async def asked(url: str, *statements: str) -> tuple[list[asyncpg.Record], list[str]]:
    """The rows, and what went to the server for them, on a connection of its own."""
    said: list[str] = []
    connection = await asyncpg.connect(url, connection_class=KnownTypes)
    connection.add_query_logger(lambda record: said.append(record.query))
    try:
        values = [["a", None], [], [1], [0.5], [b"\0"], [], [True, False], [7]]
        rows = [await connection.fetchrow(sql, *(values if sql is ARRAYS else ())) for sql in statements]
        return [row for row in rows if row is not None], said
    finally:
        await connection.close()


async def test_a_second_connection_does_not_ask_what_the_first_was_told(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_types, "_known", {})
    first, told = await asked(database_url, ARRAYS)
    second, unasked = await asked(database_url, ARRAYS)
    assert any("typeinfo" in sql for sql in told)
    assert unasked == [ARRAYS]
    assert [*first[0].items()] == [*second[0].items()]
    assert first[0]["marks"] == [True, False]


async def test_a_type_of_our_schema_is_asked_for_by_each_connection(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_types, "_known", {})
    for _ in range(2):
        rows, told = await asked(database_url, OF_OURS)
        assert any("typeinfo" in sql for sql in told)
        assert rows[0]["event"]["type"] == "new_order"
    assert all(oid < FIRST_OF_A_SERVER for oid in known_types._known)


async def test_without_kept_statements_as_behind_a_pooler_the_first_answer_is_right_as_well(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_types, "_known", {})
    await asked(database_url, ARRAYS)
    connection = await asyncpg.connect(database_url, connection_class=KnownTypes, statement_cache_size=0)
    try:
        assert await connection.fetchval("SELECT $1::text[]", ["b"]) == ["b"]
    finally:
        await connection.close()
