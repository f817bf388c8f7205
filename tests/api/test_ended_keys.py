"""A key that has ended hears and does nothing more, whatever it had begun."""

import asyncio
import time

import httpx
import pytest

from infra.local.pods import Pod
from infra.local.ports import free_port
from tests.conftest import OpenShop, StartApiPod
from tests.shop import ORDER, Shop, bearer

# Two seconds are promised; the machine of a test may be busy.
SOON = 6.0


async def revoke(shop: Shop) -> None:
    response = await shop.http.delete(
        shop.path(f"terminals/{shop.terminals[0].terminal_id}"), headers=bearer(shop.operator_key)
    )
    assert response.status_code == 204


@pytest.mark.parametrize("redis", [True, False])
async def test_a_long_poll_under_way_is_answered_401_and_not_with_what_came_later(
    start_api_pod: StartApiPod, open_shop: OpenShop, redis: bool
) -> None:
    shop, other = await open_shop(), await open_shop()
    pod = start_api_pod({} if redis else {"BELLWIRE_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"})
    async with httpx.AsyncClient(base_url=pod.url, timeout=35) as http:
        polls = [asyncio.create_task(one.at(http).poll(wait=30)) for one in (shop, other)]
        await asyncio.sleep(0.5)
        assert not any(poll.done() for poll in polls)
        revoked_at = time.monotonic()
        await revoke(shop)
        answer = await polls[0]
        assert time.monotonic() - revoked_at < SOON
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        # The other one waits on, and is served.
        assert not polls[1].done()
        await other.order()
        assert len((await polls[1]).json()["events"]) == 1


async def test_an_order_whose_body_took_its_time_is_not_placed_with_a_key_that_ended_meanwhile(
    api_pod: Pod, shop: Shop
) -> None:
    host, port = api_pod.url.removeprefix("http://").split(":")
    body = httpx.Request("POST", "http://x/", json=ORDER).content
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /api/tenant/orders/create HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\n"
        + f"Authorization: Bearer {shop.terminal_key}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body[:20]
    )
    await writer.drain()
    await asyncio.sleep(0.3)
    await revoke(shop)
    await asyncio.sleep(2.0)
    writer.write(body[20:])
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 401 ")
    listed = await shop.http.get(shop.path("orders"), headers=bearer(shop.storefront_key))
    assert listed.json()["orders"] == []
