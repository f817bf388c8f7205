"""Before the upgrade: who may connect, and what the others are told."""

import httpx
import pytest
from websockets.asyncio.client import connect

from infra.local.pods import Pod
from tests.conftest import OpenShop, StartGateway
from tests.gateway.till import open_till, refusal, socket_url
from tests.shop import Operator, Shop, bearer


async def test_no_key_and_a_wrong_key_get_401(gateway: Pod, shop: Shop) -> None:
    wrong = shop.terminal_key[:-1] + ("A" if shop.terminal_key[-1] != "A" else "B")
    for headers in ({}, bearer("nonsense"), bearer(wrong), {"Authorization": f"Basic {shop.terminal_key}"}):
        status, problem = await refusal(gateway, shop.slug, additional_headers=headers)
        assert status == 401
        assert problem["status"] == 401


async def test_the_key_of_another_tenant_gets_404_as_if_there_were_none(
    gateway: Pod, shop: Shop, open_shop: OpenShop
) -> None:
    other = await open_shop()
    foreign = await refusal(gateway, other.slug, additional_headers=bearer(shop.terminal_key))
    nobody = await refusal(gateway, "no-such-tenant", additional_headers=bearer(shop.terminal_key))
    assert foreign == nobody
    assert foreign[0] == 404


async def test_other_kinds_of_keys_get_403(gateway: Pod, shop: Shop, operator: Operator) -> None:
    for key in (shop.storefront_key, operator.key):
        status, _ = await refusal(gateway, shop.slug, additional_headers=bearer(key))
        assert status == 403


@pytest.mark.parametrize(
    "query", ["?after=x", "?after=", "?after=1-", "?after=-1", "?after=1-1-1", "?types=nonsense", "?types="]
)
async def test_a_bad_query_gets_400_and_names_the_field(gateway: Pod, shop: Shop, query: str) -> None:
    status, problem = await refusal(gateway, shop.slug, query, additional_headers=bearer(shop.terminal_key))
    assert status == 400
    assert problem["errors"][0]["loc"] == query[1:].partition("=")[0]


@pytest.mark.parametrize("name", ["key", "token", "access_token", "anything"])
async def test_a_key_in_the_query_string_gets_400(gateway: Pod, shop: Shop, name: str) -> None:
    query = f"?{name}={shop.terminal_key}"
    for headers in ({}, bearer(shop.terminal_key)):
        status, problem = await refusal(gateway, shop.slug, query, additional_headers=headers)
        assert status == 400
        assert shop.terminal_key not in str(problem)


async def test_a_browser_offers_its_key_as_a_subprotocol(gateway: Pod, shop: Shop) -> None:
    offered = ["bellwire.v1", f"bearer.{shop.terminal_key}"]
    async with connect(socket_url(gateway, shop.slug), subprotocols=offered, proxy=None) as socket:  # type: ignore[arg-type]
        assert socket.subprotocol == "bellwire.v1"
        assert '"hello"' in str(await socket.recv())


async def test_a_page_of_a_foreign_origin_is_refused_and_one_of_ours_is_not(gateway: Pod, shop: Shop) -> None:
    headers = bearer(shop.terminal_key)
    status, _ = await refusal(gateway, shop.slug, additional_headers=headers, origin="https://evil.example")
    assert status == 403
    async with open_till(gateway, shop.slug, shop.terminal_key, origin=gateway.url):
        pass


async def test_a_listed_origin_may_connect(start_gateway: StartGateway, shop: Shop) -> None:
    pod = start_gateway({"BELLWIRE_ALLOWED_ORIGINS": '["https://till.example"]'})
    async with open_till(pod, shop.slug, shop.terminal_key, origin="https://till.example"):
        pass


async def test_a_plain_get_is_told_to_upgrade(gateway: Pod, shop: Shop) -> None:
    async with httpx.AsyncClient() as client:
        response = await client.get(f"{gateway.url}/ws/pos/{shop.slug}", headers=bearer(shop.terminal_key))
    assert response.status_code == 426


async def test_a_full_gateway_says_when_to_come_back(start_gateway: StartGateway, shop: Shop) -> None:
    pod = start_gateway({"BELLWIRE_MAX_SOCKETS": "1"})
    second = await shop.add_terminal("second")
    async with open_till(pod, shop.slug, shop.terminal_key):
        async with httpx.AsyncClient() as client:
            response = await client.get(
                f"{pod.url}/ws/pos/{shop.slug}",
                headers=bearer(second.key)
                | {
                    "Connection": "Upgrade",
                    "Upgrade": "websocket",
                    "Sec-WebSocket-Version": "13",
                    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
                },
            )
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) >= 1
