"""An arena: pods whose way to Redis can be spoiled, API pods and gateways apart, and a Redis on a port of its own."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx
import pytest

from chaos.tcp import ChaosProxy, chaos_proxy
from infra.local.pods import Pod
from infra.local.ports import free_port
from infra.local.valkey import Valkey
from tests.conftest import api_pod_of, gateway_of, running
from tests.shop import Operator, Shop


@dataclass(frozen=True, slots=True)
class Arena:
    """`redis_port` is where the proxies lead to; whatever listens there is the test's choice."""

    redis_port: int
    to_apis: ChaosProxy
    to_gateways: ChaosProxy
    apis: tuple[Pod, Pod]
    gateways: tuple[Pod, Pod]
    doors: tuple[httpx.AsyncClient, httpx.AsyncClient]
    operator: Operator

    async def open_shops(self) -> list[Shop]:
        """Two shops, one at each API pod."""
        return [(await self.operator.open_shop()).at(door) for door in self.doors]


@pytest.fixture(scope="module")
async def arena(pod_env: dict[str, str], operator: Operator) -> AsyncIterator[Arena]:
    """Two API pods and two gateways, started once a module."""
    port = free_port()
    async with AsyncExitStack() as stack:
        to_apis = await stack.enter_async_context(chaos_proxy(port))
        to_gateways = await stack.enter_async_context(chaos_proxy(port))
        api_env = {**pod_env, "BELLWIRE_REDIS_URL": f"redis://127.0.0.1:{to_apis.port}/0"}
        gateway_env = {**pod_env, "BELLWIRE_REDIS_URL": f"redis://127.0.0.1:{to_gateways.port}/0"}
        apis = (api_pod_of("fault-api-1", api_env, []), api_pod_of("fault-api-2", api_env, []))
        gateways = (
            gateway_of("fault-gateway-1", gateway_env, []),
            gateway_of("fault-gateway-2", gateway_env, []),
        )
        stack.enter_context(running(*apis, *gateways))
        one, other = [
            await stack.enter_async_context(httpx.AsyncClient(base_url=pod.url, timeout=10)) for pod in apis
        ]
        yield Arena(port, to_apis, to_gateways, apis, gateways, (one, other), operator)


@pytest.fixture
def redis_there(arena: Arena) -> Iterator[Valkey]:
    """A Redis of the test's own, where the arena's pods look for it."""
    server = Valkey(port=arena.redis_port)
    server.start()
    yield server
    server.stop()
