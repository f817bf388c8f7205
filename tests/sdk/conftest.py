"""A whole cluster for the SDK's shells: HAProxy, API pods, gateways; and a shop of a test's own in it."""

import uuid
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from infra.local.cluster import Cluster
from infra.local.plan import Plan
from tests.shop import Operator, Shop


@pytest.fixture(scope="session")
def town() -> Iterator[Cluster]:
    """One cluster for all of them: some kill a pod of it, which comes back by itself."""
    settings = {"BELLWIRE_DRAIN_NOTICE_SECONDS": "0", "BELLWIRE_HEARTBEAT_SECONDS": "2"}
    with Cluster(Plan(api_pods=1, gateway_pods=2), settings=settings) as cluster:
        yield cluster


@pytest.fixture(scope="session")
async def counter(town: Cluster) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the cluster, for the storefront's part."""
    async with httpx.AsyncClient(base_url=town.url, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture
async def corner(town: Cluster, counter: httpx.AsyncClient) -> Shop:
    """A shop of this test's own, with one terminal."""
    return await Operator(counter, town.operator_key).open_shop(f"sdk-{uuid.uuid4().hex[:12]}")
