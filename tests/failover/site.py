"""A whole site on servers that may be lost: PostgreSQL servers that follow each other, pods that know all of them."""

import asyncio
import uuid
from typing import Any

import asyncpg
import httpx

from api.db.migrate import migrate
from api.db.operator_keys import create_operator_key
from api.db.separate_roles import separate_roles
from infra.local.pods import Pod
from infra.local.postgres import Postgres
from infra.local.standby import Standby
from tests.conftest import ROLES, ROLES_OF, api_pod_of, gateway_of
from tests.failover.keeper import Keeper
from tests.shop import Operator, Shop

WAIT_SECONDS = 30.0


class Site:
    """An API pod and two gateways on `first`, which `second` and then `third` can take over from."""

    def __init__(self, env: dict[str, str]) -> None:
        self.first = Postgres()
        self.second = Standby(self.first)
        self.third = Standby(self.second)
        self.primary: Postgres = self.first
        servers = (self.first, self.second, self.third)
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
        user, _, rest = self.first.url.partition("@")
        self.url = f"{user}@{hosts}/{rest.partition('/')[2]}"
        # Each pod in the role of its kind: they hold over a failover, too.
        env = {**env, "BELLWIRE_DATABASE_URL": self.url, ROLES_OF: self.url}
        self.logs: list[str] = []
        self.api = api_pod_of(f"api-{uuid.uuid4().hex[:6]}", env, self.logs)
        self.gateways = [gateway_of(f"gateway-{uuid.uuid4().hex[:6]}", env, self.logs) for _ in range(2)]
        self.http = httpx.AsyncClient(base_url=self.api.url, timeout=35)
        self.shop: Shop

    @property
    def pods(self) -> list[Pod]:
        return [self.api, *self.gateways]

    async def start(self, *, synchronous: bool = False) -> None:
        await asyncio.to_thread(self.first.start)
        await migrate(self.url)
        await separate_roles(self.url, ROLES)
        await asyncio.to_thread(self.second.start)
        if synchronous:
            self.first.reconfigure("synchronous_standby_names", "*")
            await self.until("SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'")
        for pod in self.pods:
            pod.start()
        for pod in self.pods:
            await asyncio.to_thread(pod.await_ready)
        operator = Operator(self.http, await create_operator_key(self.url))
        self.shop = await operator.open_shop()

    async def stop(self) -> None:
        await self.http.aclose()
        # The pods' lines for a failing test.
        print("\n".join(line for line in self.logs if '"level":"info"' not in line))
        await asyncio.gather(*(asyncio.to_thread(pod.stop, 10) for pod in self.pods))
        for server in (self.third, self.second, self.first):
            await asyncio.to_thread(server.stop)

    async def ask(self, question: str) -> Any:
        """Ask the primary of the moment."""
        connection = await asyncpg.connect(self.primary.url)
        try:
            return await connection.fetchval(question)
        finally:
            await connection.close()

    async def until(self, question: str) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            while not await self.ask(question):
                await asyncio.sleep(0.05)

    async def follow(self, standby: Standby) -> None:
        """`standby` has everything that the primary has at this moment."""
        lsn = await self.ask("SELECT pg_current_wal_lsn()::text")
        await self.until(f"SELECT bool_and(replay_lsn >= '{lsn}') FROM pg_stat_replication")
        assert standby.alive

    async def cut_off(self, standby: Standby) -> None:
        """`standby` has everything up to this moment, and nothing of what follows."""
        await self.follow(standby)
        standby.cut_off()
        await self.until("SELECT count(*) = 0 FROM pg_stat_replication")

    async def fail_over(self, standby: Standby) -> None:
        """The primary dies, the standby takes its place."""
        await asyncio.to_thread(self.primary.kill)
        await asyncio.to_thread(standby.promote)
        self.primary = standby

    async def keeper(self) -> Keeper:
        terminal = await self.shop.add_terminal(f"till-{uuid.uuid4().hex[:6]}")
        return Keeper(self.shop, terminal.key)

    async def order(self, count: int) -> list[str]:
        """Place orders, each until it is answered with 201, as a storefront does; returns their ids."""
        return [await self._order_one() for _ in range(count)]

    async def order_until(self, over: asyncio.Event) -> list[str]:
        """Place orders one after the other until `over` is set, and then one more; returns their ids."""
        placed = []
        while not over.is_set():
            placed.append(await self._order_one())
        return [*placed, await self._order_one()]

    async def _order_one(self) -> str:
        key = uuid.uuid4().hex
        async with asyncio.timeout(WAIT_SECONDS):
            while (response := await self.shop.try_order(idempotency_key=key)).status_code != 201:
                assert response.status_code in (409, 503), response.text
                await asyncio.sleep(0.05)
        return str(response.json()["orderId"])
