"""Pods of their own on each shape of Redis: two API pods and two gateways."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest

from infra.local.counters import read_total
from infra.local.pods import Pod
from infra.local.valkey_cluster import ValkeyCluster
from infra.local.valkey_sentinel import Sentinels
from tests.conftest import api_pod_of, gateway_of, running
from tests.shop import Operator, Shop


@dataclass(slots=True)
class Estate:
    """Pods on one Redis. The second gateway compares heads once a minute only: what it shows soon, it was told live."""

    apis: tuple[Pod, Pod]
    gateways: tuple[Pod, Pod]
    operator: Operator

    async def follows(self) -> None:
        """Wait until every pod that says so often reaches the Redis that it should: arriving alone proves no following,
        for PostgreSQL is asked more often after tenants that are not heard."""
        pods = (*self.apis, self.gateways[0])
        async with asyncio.timeout(60):
            while sum(read_total([pod.url], "bellwire_redis_up") for pod in pods) < len(pods):
                await asyncio.sleep(0.1)

    async def open_shop(self, http: httpx.AsyncClient, slug: str | None = None) -> Shop:
        """A shop whose orders go to one of our API pods."""
        return (await self.operator.open_shop(slug)).at(http)


@contextmanager
def estate_on(redis_url: str, pod_env: dict[str, str], operator: Operator) -> Iterator[Estate]:
    """Start the pods, and stop them."""
    env = {**pod_env, "BELLWIRE_REDIS_URL": redis_url}
    apis = (api_pod_of("shape-api-1", env, []), api_pod_of("shape-api-2", env, []))
    deaf = {**env, "BELLWIRE_HEAD_CHECK_SECONDS": "60"}
    gateways = (gateway_of("shape-gateway-1", env, []), gateway_of("shape-gateway-2", deaf, []))
    with running(*apis, *gateways):
        yield Estate(apis, gateways, operator)


@pytest.fixture
def sentinels() -> Iterator[Sentinels]:
    """A primary, a replica, three Sentinels: the test's own."""
    servers = Sentinels()
    servers.start()
    yield servers
    servers.stop()


@pytest.fixture(scope="module")
def cluster() -> Iterator[ValkeyCluster]:
    """Three primaries, a replica each. A test that breaks something mends it."""
    servers = ValkeyCluster()
    servers.start()
    yield servers
    servers.stop()


@pytest.fixture
def sentinel_estate(sentinels: Sentinels, pod_env: dict[str, str], operator: Operator) -> Iterator[Estate]:
    """Pods that know the Sentinels alone."""
    with estate_on(sentinels.url, pod_env, operator) as estate:
        yield estate


@pytest.fixture(scope="module")
def cluster_estate(cluster: ValkeyCluster, pod_env: dict[str, str], operator: Operator) -> Iterator[Estate]:
    """Pods that know the cluster."""
    with estate_on(cluster.url, pod_env, operator) as estate:
        yield estate
