"""A version of Bellwire under measurement: a tree, servers of its own, pods by its own commands, shops with their keys.

Knows the commands and SQL functions that two releases which follow each other share.
"""

import asyncio
import os
import subprocess
from pathlib import Path

import asyncpg
import httpx

from benchmarks.fanout.cpu import TICKS, cpu_seconds_of, family
from benchmarks.fanout.shops import register
from infra.local.failure import CannotStart
from infra.local.pods import Pod, Role
from infra.local.ports import free_port
from infra.local.postgres import Postgres
from infra.local.shops import open_shop
from infra.local.valkey import Valkey

SECRET = "a secret of the benchmarks, long enough"
SETTINGS = {
    "CARD_SECRET": SECRET,
    "LOG_LEVEL": "warning",
    "LOG_FORMAT": "text",
    "API_DRAIN_SECONDS": "0",
    # No client here is a flood.
    "KEY_RATE": "100000",
    "TENANT_RATE": "100000",
    # A busy machine must not look like a Redis that is away.
    "REDIS_TIMEOUT_SECONDS": "5",
}

_PLACE = """
    SELECT place_order(t, NULL, NULL, gen_random_uuid(), 'online', 'pickup', 'Ada', NULL, NULL, NULL, 0, '0',
                       '{}', '{}', '{}', '{}', '{"orderSource":"online"}')
    FROM unnest($1::text[]) AS t, generate_series(1, $2)
"""


class Version:
    """One tree. Its environment is the `.venv` in it, which `make .venv/.all` there has made."""

    def __init__(self, name: str, tree: Path) -> None:
        self.name = name
        self.postgres = Postgres()
        self.valkey = Valkey()
        self._tree = tree
        self._python = str(tree / ".venv/bin/python")
        self._pods: list[Pod] = []
        self._operator_key = ""

    async def start(self) -> None:
        """Start the servers, and prepare the database.

        Raises:
            CannotStart: the tree has no environment, or a server does not start.
        """
        if not await asyncio.to_thread(Path(self._python).exists):
            raise CannotStart(f"{self._python} is not there: make -C {self._tree} .venv/.all")
        await asyncio.gather(asyncio.to_thread(self.postgres.start), asyncio.to_thread(self.valkey.start))
        await asyncio.to_thread(self._run, "migrate")
        self._operator_key = (await asyncio.to_thread(self._run, "operator-key")).strip()

    async def stop(self) -> None:
        """Stop everything, however far it came."""
        for pod in self._pods:
            await asyncio.to_thread(pod.stop, 0.1)
        await asyncio.to_thread(self.valkey.stop)
        await asyncio.to_thread(self.postgres.stop)

    async def pod(self, role: Role, **settings: str) -> Pod:
        """Start one more pod, which is stopped with the version."""
        words = {"DATABASE_URL": self.postgres.url, "REDIS_URL": self.valkey.url, **SETTINGS, **settings}
        env = {**os.environ, **{f"BELLWIRE_{name}": value for name, value in words.items()}}
        name = f"{self.name}-{len(self._pods)}"
        pod = Pod(role, name, [self._python, "-m", "bellwire", role], free_port(), env=env, cwd=self._tree)
        self._pods.append(pod)
        pod.start()
        await asyncio.to_thread(pod.await_ready)
        return pod

    def open_shops(self, pod: Pod, count: int) -> list[str]:
        """Open shops by an API pod, and return their storefronts' keys."""
        headers = {"Authorization": f"Bearer {self._operator_key}"}
        with httpx.Client(base_url=pod.url, headers=headers, trust_env=False, timeout=30) as client:
            shops = [open_shop(client, f"shop-{number}", "A shop", ()) for number in range(count)]
        return [shop.storefront_key for shop in shops]

    async def seat(self, tenants: list[str], tills: int) -> list[tuple[str, str]]:
        """Register so many tills at each of these tenants, which are made; return tenant and key of each till."""
        connection = await asyncpg.connect(self.postgres.url)
        try:
            return [(tenant, key) for tenant in tenants for key in await register(connection, tenant, tills)]
        finally:
            await connection.close()

    async def place(self, tenants: list[str], count: int) -> None:
        """Commit so many orders at each of these tenants; nobody announces them."""
        connection = await asyncpg.connect(self.postgres.url)
        try:
            await connection.execute(_PLACE, tenants, count)
        finally:
            await connection.close()

    async def silence(self) -> None:
        """Let no order of the shops that there are alarm while it is measured."""
        connection = await asyncpg.connect(self.postgres.url)
        try:
            await connection.execute("UPDATE tenants SET ack_deadline_seconds = 86400")
        finally:
            await connection.close()

    def postgres_seconds(self) -> float:
        """CPU that PostgreSQL used so far, with that of its processes which have ended."""
        fields = Path(f"/proc/{self.postgres.pid}/stat").read_text().rpartition(")")[2].split()
        return cpu_seconds_of(family(self.postgres.pid)) + (int(fields[13]) + int(fields[14])) / TICKS

    def _run(self, command: str) -> str:
        words = [self._python, "-m", "bellwire", command, "--database-url", self.postgres.url]
        done = subprocess.run(words, cwd=self._tree, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotStart(f"{' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout
