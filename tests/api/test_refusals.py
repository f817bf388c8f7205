"""Refused keys and forbidden calls are in the audit trail, counted; a deed and its row are one."""

import asyncio
import json
import time
from typing import Any

import asyncpg
import httpx
import pytest

from backbone.contract.keys import hash_key, key_name
from tests.conftest import OpenShop, StartApiPod
from tests.shop import Operator, Shop, bearer


async def trail(shop: Shop, key: str, **wanted: Any) -> list[dict[str, Any]]:
    """The rows of a shop's trail with these members, newest first."""
    answer = await shop.http.get(shop.path("audit?limit=200"), headers=bearer(key))
    assert answer.status_code == 200, answer.text
    entries: list[dict[str, Any]] = answer.json()["entries"]
    return [entry for entry in entries if wanted.items() <= entry.items()]


async def comes(shop: Shop, key: str, rows: int, **wanted: Any) -> list[dict[str, Any]]:
    """The same, once there are so many."""
    until = time.monotonic() + 10
    while len(found := await trail(shop, key, **wanted)) < rows and time.monotonic() < until:
        await asyncio.sleep(0.1)
    return found


def name_of(key: str) -> str:
    key_hash = hash_key(key)
    assert key_hash is not None
    return key_name(key_hash)


async def test_refused_keys_and_forbidden_calls_are_a_row_for_each_hundred_and_one_for_the_rest(
    start_api_pod: StartApiPod, shop: Shop, open_shop: OpenShop, operator: Operator
) -> None:
    other = await open_shop()
    lines: list[str] = []
    pod = start_api_pod({"BELLWIRE_TRUST_FORWARDED_FOR": "true"}, lines)
    async with httpx.AsyncClient(base_url=pod.url) as http:

        async def ask(key: str, address: str, path: str) -> int:
            headers = {**bearer(key), "X-Forwarded-For": address}
            return (await http.get(path, headers=headers)).status_code

        status = shop.path("status")
        for number in range(150):
            assert await ask(f"bw_store_{number:043}", "198.51.100.1", status) == 401
        for _ in range(120):
            assert await ask(shop.terminal_key, "198.51.100.2", status) == 403
        for _ in range(100):
            # Of another shop, which does not learn of it.
            assert await ask(shop.storefront_key, "198.51.100.3", other.path("status")) == 404
        (refused,) = await comes(shop, operator.key, 1, action="key.refused")
        assert (refused["address"], refused["count"], refused["keyId"]) == ("198.51.100.1", 100, None)
        assert refused["facts"]["route"] == "GET /api/tenant/{tenant}/status"
        by_terminal = await comes(shop, operator.key, 1, action="call.forbidden", kind="term")
        assert [(row["count"], row["keyId"]) for row in by_terminal] == [(100, name_of(shop.terminal_key))]
        assert by_terminal[0]["terminalId"] == shop.terminals[0].terminal_id
        by_store = await comes(shop, operator.key, 1, action="call.forbidden", kind="store")
        assert [(row["count"], row["address"]) for row in by_store] == [(100, "198.51.100.3")]
    await asyncio.to_thread(pod.stop, 10)
    counts = [row["count"] for row in await trail(shop, operator.key, action="key.refused")]
    assert sorted(counts) == [50, 100]
    counts = [row["count"] for row in await trail(shop, operator.key, action="call.forbidden", kind="term")]
    assert sorted(counts) == [20, 100]
    assert await trail(other, operator.key, action="call.forbidden") == []
    said = [json.loads(line) for line in lines if "198.51.100." in line]
    assert {line["event"] for line in said} == {"access.refused", "access.forbidden"}
    assert len(said) == 3
    assert not any("bw_" in line for line in lines)


async def test_a_till_with_a_revoked_key_that_still_knocks_is_named(
    start_api_pod: StartApiPod, shop: Shop, operator: Operator
) -> None:
    gone = await shop.add_terminal("gone")
    path = shop.path(f"terminals/{gone.terminal_id}")
    assert (await shop.http.delete(path, headers=bearer(operator.key))).status_code == 204
    pod = start_api_pod({})
    async with httpx.AsyncClient(base_url=pod.url) as http:
        for _ in range(3):
            assert (await http.get("/api/whoami", headers=bearer(gone.key))).status_code == 401
            answer = await http.get(shop.path("events"), headers=bearer(gone.key))
            assert answer.status_code == 401
    await asyncio.to_thread(pod.stop, 10)
    (row,) = await trail(shop, operator.key, action="key.refused")
    assert (row["keyId"], row["terminalId"], row["count"]) == (name_of(gone.key), gone.terminal_id, 3)


DEEDS = {
    "key.made": ("POST", "keys", {"name": "second"}),
    "terminal.registered": ("POST", "terminals", {"name": "second"}),
    "webhook.made": ("POST", "webhooks", {"url": "https://example.com/", "counts": True}),
    "pairing.made": ("POST", "pairings", {"name": "second"}),
}


@pytest.mark.parametrize(("action", "deed"), DEEDS.items(), ids=DEEDS)
async def test_a_deed_that_cannot_be_noted_is_not_done(
    shop: Shop,
    operator: Operator,
    database: "asyncpg.Connection[asyncpg.Record]",
    action: str,
    deed: tuple[str, str, Any],
) -> None:
    method, path, body = deed
    listed = path
    before = (await shop.http.get(shop.path(listed), headers=bearer(operator.key))).json()
    # Of this shop alone, others go on.
    function = f"refuse_{shop.slug.replace('-', '_')}"
    await database.execute(f"""
        CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'no row for you'; END $$;
        CREATE TRIGGER {function} BEFORE INSERT ON audit_trail FOR EACH ROW
        WHEN (NEW.tenant = '{shop.slug}') EXECUTE FUNCTION {function}();
    """)
    try:
        answer = await shop.http.request(method, shop.path(path), json=body, headers=bearer(operator.key))
        assert answer.status_code == 500
    finally:
        await database.execute(f"DROP FUNCTION {function} CASCADE")
    assert (await shop.http.get(shop.path(listed), headers=bearer(operator.key))).json() == before
    answer = await shop.http.request(method, shop.path(path), json=body, headers=bearer(operator.key))
    assert answer.status_code == 201, answer.text
    (row,) = [
        row for row in await trail(shop, operator.key, action=action) if row["facts"].get("name") != "counter"
    ]
    assert row["keyId"] == name_of(operator.key)
    if action == "webhook.made":
        assert row["facts"]["counts"] is True


async def test_what_came_of_a_pairing_code_is_noted_with_the_terminal_and_its_key(
    shop: Shop, operator: Operator
) -> None:
    made = (
        await shop.http.post(shop.path("pairings"), json={"name": "new"}, headers=bearer(operator.key))
    ).json()
    # From an address that no other test's wrong codes have used up.
    transport = httpx.AsyncHTTPTransport(local_address="127.55.0.1")
    async with httpx.AsyncClient(base_url=shop.http.base_url, transport=transport) as http:
        answer = await http.post("/api/terminals/pair", json={"code": made["code"]})
    assert answer.status_code == 201
    paired = answer.json()
    (row,) = await trail(shop, operator.key, action="terminal.paired")
    assert row["terminalId"] == paired["terminalId"]
    assert row["facts"] == {"pairingId": made["pairingId"], "name": "new", "keyId": name_of(paired["key"])}
    rotate = shop.path(f"terminals/{paired['terminalId']}/rotate")
    assert (await shop.http.post(rotate, json={}, headers=bearer(operator.key))).status_code == 200
    assert (await shop.http.post(rotate, json={}, headers=bearer(operator.key))).status_code == 409
    assert len(await trail(shop, operator.key, action="terminal.rotated")) == 1
