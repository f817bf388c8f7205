"""The demo cluster, whole: HAProxy, two API pods, three gateways, servers of its own that may be killed."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import asyncpg
import httpx
import pytest

from infra.local.cluster import Cluster
from infra.local.plan import Plan
from infra.local.shops import Shop, open_shops
from tests.shop import bearer


@dataclass(frozen=True, slots=True)
class Town:
    """A cluster and its two shops."""

    cluster: Cluster
    kitchen: Shop
    bistro: Shop
    http: httpx.AsyncClient

    async def order(self, **changes: object) -> httpx.Response:
        """Place an order at the kitchen, through the load balancer."""
        body = {
            "orderType": "pickup",
            "customerName": "Ada",
            "items": [{"name": "Margherita", "quantity": 1, "unitPrice": 9.5}],
        }
        return await self.http.post(
            "/api/tenant/orders/create", json={**body, **changes}, headers=bearer(self.kitchen.storefront_key)
        )


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Started once a module; whoever breaks something mends it."""
    with Cluster(Plan(), settings={"BELLWIRE_DRAIN_NOTICE_SECONDS": "0.5"}) as cluster:
        yield cluster


@pytest.fixture(scope="module")
async def town(cluster: Cluster) -> AsyncIterator[Town]:
    """The cluster with its shops open."""
    kitchen, bistro = open_shops(cluster.url, cluster.operator_key)
    # The tills of these tests ack nothing; an alarm in the midst of a run would be no fault, and not expected.
    connection = await asyncpg.connect(cluster.database_url)
    await connection.execute("UPDATE tenants SET ack_deadline_seconds = 86400")
    await connection.close()
    async with httpx.AsyncClient(base_url=cluster.url, timeout=10, trust_env=False) as client:
        yield Town(cluster, kitchen, bistro, client)
