"""Keys have a life: several at once, an end that everybody keeps to, a rotation that loses nothing, a last use."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from click.testing import CliRunner

from api.background import key_uses
from bellwire.__main__ import main
from infra.local.pods import Pod
from tests.conftest import OpenShop, StartApiPod
from tests.gateway.till import open_till, refusal
from tests.shop import Shop, bearer


async def ask(shop: Shop, method: str, rest: str, **more: Any) -> httpx.Response:
    return await shop.http.request(method, shop.path(rest), headers=bearer(shop.operator_key), **more)


async def make(shop: Shop, **body: Any) -> dict[str, Any]:
    response = await ask(shop, "POST", "keys", json={"name": "app", **body})
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def rotate(shop: Shop, **more: Any) -> httpx.Response:
    return await ask(shop, "POST", f"terminals/{shop.terminals[0].terminal_id}/rotate", **more)


async def serves(shop: Shop, key: str) -> bool:
    response = await shop.http.get("/api/whoami", headers=bearer(key))
    assert response.status_code in (200, 401)
    return response.status_code == 200


async def is_refused(shop: Shop, key: str, seconds: float = 6.0) -> None:
    """Two seconds are promised; the machine of a test may be busy."""
    async with asyncio.timeout(seconds):
        while await serves(shop, key):
            await asyncio.sleep(0.1)


async def test_several_storefront_keys_are_valid_and_each_ends_alone(shop: Shop) -> None:
    first, second = await make(shop, name="web"), await make(shop, name="app", mayPair=True)
    assert set(first) == {
        "keyId", "key", "name", "createdAt", "createdBy", "expiresAt", "lastUsedAt", "mayPair",
    }  # fmt: skip
    assert all([await serves(shop, key) for key in (first["key"], second["key"], shop.storefront_key)])
    listed = (await ask(shop, "GET", "keys")).json()["keys"]
    assert [(key["name"], key["mayPair"]) for key in listed] == [(None, False), ("web", False), ("app", True)]
    assert all("key" not in key for key in listed)
    one = await ask(shop, "GET", f"keys/{second['keyId']}")
    assert (one.status_code, one.json()) == (200, listed[2])
    assert (await ask(shop, "DELETE", f"keys/{first['keyId']}")).status_code == 204
    await is_refused(shop, first["key"])
    assert await serves(shop, second["key"])
    for method in ("GET", "DELETE"):
        assert (await ask(shop, method, f"keys/{first['keyId']}")).status_code == 404


async def test_a_key_of_another_tenant_is_neither_listed_nor_ended(shop: Shop, open_shop: OpenShop) -> None:
    other = await open_shop()
    theirs = await make(other)
    for method in ("GET", "DELETE"):
        assert (await ask(shop, method, f"keys/{theirs['keyId']}")).status_code == 404
    assert theirs["keyId"] not in (await ask(shop, "GET", "keys")).text
    # A terminal's key is none of these.
    terminals = (await ask(shop, "GET", "keys")).json()["keys"]
    assert len(terminals) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"expiresAt": "2020-01-01T00:00:00Z"},
        {"expiresAt": "2099-01-01T00:00:00"},
        {"expiresAt": "tomorrow"},
        {"expiresAt": 4070908800},
        {"name": " "},
        {"mayPair": "yes"},
        {"more": 1},
    ],
)
async def test_a_wrong_field_of_a_key_is_named(shop: Shop, body: dict[str, Any]) -> None:
    response = await ask(shop, "POST", "keys", json={"name": "app", **body})
    assert response.status_code == 422
    assert response.json()["errors"][0]["loc"] == next(iter(body))


async def test_a_tenant_has_so_many_keys_however_many_come_at_once(shop: Shop) -> None:
    answers = await asyncio.gather(*(ask(shop, "POST", "keys", json={"name": "k"}) for _ in range(55)))
    assert sum(answer.status_code == 201 for answer in answers) == 49
    refused = next(answer for answer in answers if answer.status_code != 201)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:bellwire:problem:too-many-keys")


async def test_a_key_ends_at_its_moment(shop: Shop) -> None:
    end = datetime.now(UTC) + timedelta(seconds=1.5)
    made = await make(shop, expiresAt=end.isoformat())
    assert await serves(shop, made["key"])
    await is_refused(shop, made["key"])
    assert datetime.now(UTC) >= end
    assert [key["name"] for key in (await ask(shop, "GET", "keys")).json()["keys"]] == [None]


async def test_a_rotated_terminal_stays_one_terminal_and_its_stream_goes_on_with_the_new_key(
    shop: Shop, gateway: Pod
) -> None:
    till_of = shop.terminals[0]
    first = await shop.try_order(till_of.key, "1")
    async with open_till(gateway, shop.slug, till_of.key) as till:
        answer = await rotate(shop, json={"overlapSeconds": 1})
        assert answer.status_code == 200
        document = answer.json()
        assert set(document) == {"terminalId", "key", "previousValidUntil"}
        assert document["terminalId"] == till_of.terminal_id
        # A retry is a retry, whichever key.
        again = await shop.try_order(document["key"], "1")
        assert (again.status_code, again.content) == (201, first.content)
        code, _ = await till.closed()
        assert code == 1012
    await is_refused(shop, till_of.key)
    # Each pod remembers a key for a little less than two seconds.
    await asyncio.sleep(2)
    assert (await refusal(gateway, shop.slug, additional_headers=bearer(till_of.key)))[0] == 401
    async with open_till(gateway, shop.slug, document["key"]) as till:
        assert (await rotate(shop, json={})).status_code == 200
        await shop.order()
        await till.has(1)
    listed = (await ask(shop, "GET", "terminals")).json()["terminals"]
    assert [one["name"] for one in listed] == [till_of.name]


async def test_two_keys_of_a_terminal_are_valid_at_most_and_a_stolen_one_ends_at_once(shop: Shop) -> None:
    second = (await rotate(shop)).json()
    until = datetime.fromisoformat(second["previousValidUntil"])
    assert timedelta(hours=23) < until - datetime.now(UTC) < timedelta(hours=25)
    assert await serves(shop, shop.terminal_key)
    assert await serves(shop, second["key"])
    refused = await rotate(shop, json={"overlapSeconds": 60})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:bellwire:problem:too-many-keys")
    third = (await rotate(shop, json={"overlapSeconds": 0})).json()
    for key in (shop.terminal_key, second["key"]):
        await is_refused(shop, key)
    assert await serves(shop, third["key"])
    for wrong in (-1, 604_801, "1", True):
        assert (await rotate(shop, json={"overlapSeconds": wrong})).status_code == 422
    assert (await ask(shop, "DELETE", f"terminals/{shop.terminals[0].terminal_id}")).status_code == 204
    assert (await rotate(shop)).status_code == 404
    await is_refused(shop, third["key"])


async def test_the_last_use_of_a_key_is_told(
    start_api_pod: StartApiPod, shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    made = await make(shop)
    assert made["lastUsedAt"] is None
    pod = start_api_pod({})
    async with httpx.AsyncClient(base_url=pod.url) as http:
        before = datetime.now(UTC)
        assert (await http.get("/api/whoami", headers=bearer(made["key"]))).status_code == 200
    # Uses that are not written yet are written at the end.
    await asyncio.to_thread(pod.stop, 10)
    assert key_uses.EVERY_SECONDS < 300
    listed = {key["keyId"]: key for key in (await ask(shop, "GET", "keys")).json()["keys"]}
    used = datetime.fromisoformat(listed[made["keyId"]]["lastUsedAt"])
    assert abs(used - before) < timedelta(seconds=10)


async def test_a_shop_that_is_off_is_refused_everywhere_and_goes_on_when_it_is_on_again(
    shop: Shop, gateway: Pod
) -> None:
    async def switch(off: bool) -> None:
        response = await shop.http.patch(
            f"/api/tenant/{shop.slug}", json={"disabled": off}, headers=bearer(shop.operator_key)
        )
        assert (response.status_code, response.json()["disabled"]) == (200, off)

    await shop.order()
    async with open_till(gateway, shop.slug, shop.terminal_key) as till:
        poll = asyncio.create_task(shop.poll(wait=30))
        await asyncio.sleep(0.3)
        await switch(True)
        assert (await till.closed())[0] == 4403
        assert (await poll).status_code == 401
    for key in (shop.terminal_key, shop.storefront_key):
        await is_refused(shop, key)
    assert (await refusal(gateway, shop.slug, additional_headers=bearer(shop.terminal_key)))[0] == 401
    await switch(True)
    await switch(False)
    async with open_till(gateway, shop.slug, shop.terminal_key, query="?after=0") as till:
        await till.has(1)
    assert await serves(shop, shop.storefront_key)


def command(database_url: str, *words: str) -> tuple[int, str]:
    found = CliRunner().invoke(main, ["keys", *words, "--database-url", database_url])
    return found.exit_code, found.output


async def test_operator_keys_are_made_listed_and_ended_by_name(shop: Shop, database_url: str) -> None:
    def run(*words: str) -> tuple[int, str]:
        return command(database_url, *words)

    code, key = await asyncio.to_thread(run, "add", "--name", "the night shift")
    key = key.strip()
    assert code == 0
    assert await serves(shop, key)
    _, listed = await asyncio.to_thread(run, "list")
    line = next(line for line in listed.splitlines() if line.endswith("the night shift"))
    assert key not in listed
    key_id = line.split()[0]
    assert (await asyncio.to_thread(run, "revoke", key_id))[0] == 0
    await is_refused(shop, key)
    code, said = await asyncio.to_thread(run, "revoke", key_id)
    assert (code, said.count("\n")) == (1, 1)
    assert key_id not in (await asyncio.to_thread(run, "list"))[1]
    assert (await asyncio.to_thread(run, "add", "--name", " "))[0] == 1


async def test_the_audit_trail_tells_an_operator_who_did_what_page_by_page(
    shop: Shop, open_shop: OpenShop
) -> None:
    await open_shop()
    made = await make(shop)
    await ask(shop, "DELETE", f"keys/{made['keyId']}")
    await rotate(shop, json={"overlapSeconds": 0})
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        page = (await ask(shop, "GET", "audit", params={"limit": 2, **after})).json()
        assert len(page["entries"]) <= 2
        found += page["entries"]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert [entry["action"] for entry in found] == [
        "terminal.rotated", "key.ended", "key.made", "terminal.registered", "tenant.opened",
    ]  # fmt: skip
    assert {(entry["kind"], entry["count"]) for entry in found} == {("op", 1)}
    assert len({entry["keyId"] for entry in found}) == 1
    assert all(entry["address"] for entry in found)
    assert found[2]["facts"] == {"keyId": made["keyId"], "name": "app"}
    told = str(found)
    assert made["key"] not in told
    assert shop.operator_key not in told
