"""A shop's webhook endpoints, registered, looked at and waited for over HTTP."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.api.sink import Delivery
from tests.shop import Shop, bearer


async def register(shop: Shop, url: str, **more: Any) -> dict[str, Any]:
    response = await shop.http.post(
        shop.path("webhooks"), json={"url": url, **more}, headers=bearer(shop.storefront_key)
    )
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def look(shop: Shop, endpoint: dict[str, Any]) -> dict[str, Any]:
    response = await shop.http.get(
        shop.path(f"webhooks/{endpoint['id']}"), headers=bearer(shop.storefront_key)
    )
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def act(shop: Shop, endpoint: dict[str, Any], what: str, **body: Any) -> httpx.Response:
    """`POST` what is to be done with an endpoint: `enable`, `test`, `skip`, `rotate`."""
    return await shop.http.post(
        shop.path(f"webhooks/{endpoint['id']}/{what}"), json=body or None, headers=bearer(shop.storefront_key)
    )


async def attempts(shop: Shop, endpoint: dict[str, Any], least: int = 0) -> list[dict[str, Any]]:
    """The endpoint's attempts, newest first, once there are so many."""
    async with asyncio.timeout(30):
        while True:
            response = await shop.http.get(
                shop.path(f"webhooks/{endpoint['id']}/attempts"), headers=bearer(shop.storefront_key)
            )
            assert response.status_code == 200, response.text
            found: list[dict[str, Any]] = response.json()["attempts"]
            if len(found) >= least:
                return found
            await asyncio.sleep(0.1)


async def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.05)


async def seen(
    shop: Shop, endpoint: dict[str, Any], *, least_failures: int = 0, **wanted: Any
) -> dict[str, Any]:
    """Until the endpoint looks like this; the next failure may come before one has looked, so they are a least."""
    async with asyncio.timeout(30):
        while True:
            found = await look(shop, endpoint)
            if found["failures"] >= least_failures and all(
                found[name] == value for name, value in wanted.items()
            ):
                return found
            await asyncio.sleep(0.1)


def verified(delivery: Delivery, secret: str) -> bool:
    try:
        Webhook(secret).verify(delivery.body, delivery.headers)
    except WebhookVerificationError:
        return False
    return True
