"""A Redis with a password, and an API pod and two gateways on it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx
import pytest

from infra.local.pods import Pod
from infra.local.valkey import Valkey
from tests.conftest import api_pod_of, gateway_of, running
from tests.shop import Operator

PASSWORD = "the-password-of-redis"


@dataclass(frozen=True, slots=True)
class Scene:
    """`gateways`: the first keeps its rings, the second keeps an event of each tenant and reads the others."""

    redis_url: str
    gateways: tuple[Pod, Pod]
    operator: Operator
    log: list[str]


@pytest.fixture(scope="module")
def guarded() -> Iterator[Valkey]:
    """Valkey with a password."""
    server = Valkey(password=PASSWORD)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
async def scene(guarded: Valkey, pod_env: dict[str, str], operator: Operator) -> AsyncIterator[Scene]:
    """Pods that sign, and believe nothing else."""
    env, lines = {**pod_env, "BELLWIRE_REDIS_URL": guarded.url, "BELLWIRE_REDIS_STRICT": "true"}, list[str]()
    api = api_pod_of("signing-api", env, lines)
    rings = gateway_of("signing-rings", env, lines)
    reads = gateway_of("signing-reads", {**env, "BELLWIRE_RING_EVENTS": "1"}, lines)
    async with AsyncExitStack() as stack:
        stack.enter_context(running(api, rings, reads))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=api.url, timeout=10))
        yield Scene(guarded.url, (rings, reads), Operator(http, operator.key), lines)
