"""Real servers for every test that needs them, started once a run: PostgreSQL, Valkey, API pods as processes.

A server that does not start is a failure, never a skip.
"""

import asyncio
import gc
import logging
import math
import os
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, cast
from urllib.parse import quote

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, settings

from api.db.migrate import migrate
from api.db.operator_keys import create_operator_key
from api.db.privileges import PodKind
from api.db.separate_roles import Wanted, separate_roles
from infra.local.pods import Pod
from infra.local.ports import free_port
from infra.local.postgres import Postgres
from infra.local.valkey import Valkey
from tests.lanes import longest_first
from tests.shop import Operator, Shop
from tests.sizes import in_one_size

ROOT = Path(__file__).resolve().parents[1]
if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
    # As in the Makefile: hundreds of processes would each compile all that they import.
    sys.dont_write_bytecode = False
    sys.pycache_prefix = os.environ.setdefault("PYTHONPYCACHEPREFIX", str(ROOT / ".venv" / "bytecode"))
# httpx asks for this module several times a request. It is not installed, and each time all paths are searched for it.
sys.modules.setdefault("sniffio", cast("ModuleType", None))
CARD_SECRET = "a secret of the tests, long enough to be one"
REDIS_SECRET = "another one, by which the pods know each other"
ROLES = {kind: Wanted(f"test_{kind.value}", f"a password of {kind.value}") for kind in PodKind}
ROLES_OF = "DATABASE_WITH_ROLES"

# How long inputs take to come says nothing on a machine that others use.
PATIENT = [HealthCheck.too_slow]
settings.register_profile("patient", deadline=None, suppress_health_check=PATIENT)
settings.load_profile("patient")
# For `make cov`: few examples, and the same each time, so that a gate is passed or not whatever chance says.
settings.register_profile(
    "coverage", max_examples=30, derandomize=True, deadline=None, suppress_health_check=PATIENT
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Our own words on the command line."""
    parser.addoption(
        "--write-examples", action="store_true", help="write api/examples.json from what the API answers now"
    )
    parser.addoption(
        "--orders", type=int, help="orders of a busy day in tests/receipts, with Redis and without it"
    )
    parser.addoption(
        "--forgeries", type=int, default=2_100, help="how often tests/forgery tries to put in a forged event"
    )
    parser.addoption(
        "--requests", type=int, default=15, help="how many of each kind tests/api/test_schema.py makes up"
    )
    parser.addoption("--seed", type=int, help="its chance; one is drawn, and told, where none is given")
    parser.addoption("--tills", type=int, help="tills of the crowd in tests/sdk/test_crowd.py, in Python")
    parser.addoption("--javascript", type=int, help="tills of that crowd that run in Node, besides")
    parser.addoption("--kills", type=int, help="how many kills and cuts it goes through")
    parser.addoption(
        "--plant", help="a fault that it has to find, by its name in tests/receipts or tests/alarms"
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A proof runs in one size. In a lane, long files come first; alone, in the order that a person expects."""
    config.hook.pytest_deselected(items=in_one_size(items))
    if hasattr(config, "workerinput"):
        longest_first(items)


class Kept(logging.Handler):
    """Keeps every line of a logger."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
async def loop_in_debug_mode() -> AsyncIterator[None]:
    """Asyncio's own checks, as errors: a call from a wrong thread, an exception or a coroutine that nobody awaited.

    For tests that run our code in their own process; it makes a loop slower, so that no figure is taken there. How long
    a callback took is not judged: on a machine that others use, a clock on the wall says nothing of it.
    """
    loop, kept = asyncio.get_running_loop(), Kept()
    loop.slow_callback_duration = math.inf
    loop.set_debug(True)
    logging.getLogger("asyncio").addHandler(kept)
    yield
    await asyncio.sleep(0)
    gc.collect(1)
    logging.getLogger("asyncio").removeHandler(kept)
    loop.set_debug(False)
    assert not kept.lines


MakeDatabase = Callable[[], Coroutine[Any, Any, str]]
StartApiPod = Callable[..., Pod]
StartGateway = Callable[..., Pod]
OpenShop = Callable[..., Awaitable[Shop]]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The run's PostgreSQL. Do not kill it: start one of your own for that."""
    server = Postgres()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """The run's Valkey. Do not kill it: start one of your own for that."""
    server = Valkey()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis_url(valkey: Valkey) -> str:
    """Where the run's Valkey is."""
    return valkey.url


async def create_database(server: str, template: str = "template1") -> str:
    """Make a database, and return its URL; its template is one that nobody is connected to.

    Copied as files: nothing of it has to be in the log of a server that is thrown away.
    """
    name = f"test_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    finally:
        await connection.close()
    return server.rsplit("/", 1)[0] + f"/{name}"


@pytest.fixture(scope="session")
def new_database(postgres: Postgres) -> MakeDatabase:
    """Call it for the URL of a new, empty database."""
    return lambda: create_database(postgres.url)


@pytest.fixture(scope="session")
async def migrated_database(postgres: Postgres) -> MakeDatabase:
    """Call it for the URL of a new database that is migrated: a copy of one, which takes a tenth of a second."""
    template = await create_database(postgres.url)
    await migrate(template)
    return lambda: create_database(postgres.url, template.rsplit("/", 1)[1])


@pytest.fixture(scope="session")
async def database_url(migrated_database: MakeDatabase) -> str:
    """The database that the run's pods share, migrated, by its owner's address: the tests' own."""
    url = await migrated_database()
    await separate_roles(url, ROLES)
    return url


@pytest.fixture(scope="session")
async def database(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection of the tests' own, to look at what the pods did."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
def pod_env(database_url: str, redis_url: str) -> dict[str, str]:
    """The settings of the run's pods, of either kind."""
    return {
        **os.environ,
        "BELLWIRE_DATABASE_URL": database_url,
        ROLES_OF: database_url,
        "BELLWIRE_REDIS_URL": redis_url,
        "BELLWIRE_CARD_SECRET": CARD_SECRET,
        "BELLWIRE_REDIS_SECRET": REDIS_SECRET,
        "BELLWIRE_LOG_FORMAT": "json",
        "BELLWIRE_DRAIN_SECONDS": "1",
        "BELLWIRE_API_DRAIN_SECONDS": "0",
        # Webhooks of tests go to this machine, and their minutes are short.
        "BELLWIRE_WEBHOOK_PRIVATE": "true",
        "BELLWIRE_WEBHOOK_RETRY_SCALE": "0.01",
        "BELLWIRE_WEBHOOK_TIMEOUT_SECONDS": "2",
        "PYTHONUNBUFFERED": "1",
    }


def as_role(url: str, wanted: Wanted) -> str:
    """The address of a database, for another role."""
    assert wanted.password is not None
    return f"postgresql://{wanted.role}:{quote(wanted.password)}@{url.rpartition('@')[2]}"


def in_its_role(env: dict[str, str], kind: PodKind) -> dict[str, str]:
    """The environment of a pod of that kind: on the run's own database it may do what its kind may."""
    if env["BELLWIRE_DATABASE_URL"] != env.get(ROLES_OF):
        return env
    return {**env, "BELLWIRE_DATABASE_URL": as_role(env[ROLES_OF], ROLES[kind])}


def api_pod_of(name: str, env: dict[str, str], lines: list[str]) -> Pod:
    """An API pod, not started; `lines` gets its log."""
    env = in_its_role(env, PodKind.API)
    command = [sys.executable, "-m", "bellwire", "api"]
    return Pod(
        "api",
        name,
        command,
        free_port(),
        env={**env, "BELLWIRE_POD_NAME": name},
        cwd=ROOT,
        sink=lambda _, line: lines.append(line),
    )


def stop_all(pods: Iterable[Pod]) -> None:
    """Stop pods at the same time: each may drain for a second."""
    stopping = list(pods)
    with ThreadPoolExecutor(max(1, len(stopping))) as threads:
        list(threads.map(lambda pod: pod.stop(10), stopping))


@contextmanager
def running(*pods: Pod) -> Iterator[None]:
    """Pods that were started at the same time and are ready, and are stopped at the end."""
    try:
        for pod in pods:
            pod.start()
        for pod in pods:
            pod.await_ready()
        yield
    finally:
        stop_all(pods)


@pytest.fixture(scope="session")
def api_pods(pod_env: dict[str, str]) -> Iterator[tuple[Pod, Pod]]:
    """The run's two API pods, on one database and one Valkey."""
    first, second = (api_pod_of(f"api-{number}", pod_env, []) for number in (1, 2))
    with running(first, second):
        yield first, second


@pytest.fixture(scope="session")
def api_pod(api_pods: tuple[Pod, Pod]) -> Pod:
    """The first of them."""
    return api_pods[0]


@pytest.fixture
def start_api_pod(pod_env: dict[str, str]) -> Iterator[StartApiPod]:
    """Call it for an API pod of the test's own, with settings over the run's, and with a list for its log."""
    pods: list[Pod] = []

    def start(settings: dict[str, str], lines: list[str] | None = None, *, ready: bool = True) -> Pod:
        name = f"api-of-its-own-{len(pods)}"
        pod = api_pod_of(name, {**pod_env, **settings}, [] if lines is None else lines)
        pods.append(pod)
        pod.start()
        if ready:
            pod.await_ready()
        return pod

    yield start
    stop_all(pods)


@pytest.fixture(scope="session")
async def http(api_pod: Pod) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the first API pod."""
    async with httpx.AsyncClient(base_url=api_pod.url, timeout=35) as client:
        yield client


@pytest.fixture(scope="session")
async def operator(http: httpx.AsyncClient, database_url: str) -> Operator:
    """The operator, who may open shops."""
    return Operator(http, await create_operator_key(database_url))


@pytest.fixture(scope="session")
def open_shop(operator: Operator) -> OpenShop:
    """Call it for a new shop with one terminal."""
    return operator.open_shop


@pytest.fixture
async def shop(operator: Operator) -> Shop:
    """A new shop with one terminal, for this test alone."""
    return await operator.open_shop()


# Tests must not wait for what a shop waits for.
QUICK = {
    "BELLWIRE_HEARTBEAT_SECONDS": "1",
    "BELLWIRE_DRAIN_NOTICE_SECONDS": "0",
    "BELLWIRE_SLOW_SECONDS": "2",
}


def gateway_of(name: str, env: dict[str, str], lines: list[str]) -> Pod:
    """A gateway pod, not started; `lines` gets its log."""
    env = in_its_role(env, PodKind.GATEWAY)
    return Pod(
        "gateway",
        name,
        [sys.executable, "-m", "bellwire", "gateway"],
        free_port(),
        env={**QUICK, **env, "BELLWIRE_POD_NAME": name},
        cwd=ROOT,
        sink=lambda _, line: lines.append(line),
    )


@pytest.fixture(scope="session")
def gateways(pod_env: dict[str, str]) -> Iterator[tuple[Pod, Pod]]:
    """The run's two gateway pods."""
    pods = (gateway_of("gateway-1", pod_env, []), gateway_of("gateway-2", pod_env, []))
    with running(*pods):
        yield pods


@pytest.fixture(scope="session")
def gateway(gateways: tuple[Pod, Pod]) -> Pod:
    """The first of them."""
    return gateways[0]


@pytest.fixture
def start_gateway(pod_env: dict[str, str]) -> Iterator[StartGateway]:
    """Call it for a gateway pod of the test's own, with settings over the run's, and with a list for its log."""
    pods: list[Pod] = []

    def start(settings: dict[str, str], lines: list[str] | None = None, *, ready: bool = True) -> Pod:
        pod = gateway_of(f"own-gateway-{len(pods)}", {**pod_env, **settings}, [] if lines is None else lines)
        pods.append(pod)
        pod.start()
        if ready:
            pod.await_ready()
        return pod

    yield start
    stop_all(pods)


@pytest.fixture(scope="module")
def share_gateway(pod_env: dict[str, str]) -> Iterator[StartGateway]:
    """Call it for a gateway that a file's tests share: the same settings, the same pod. Leave it as it was.

    A list for its log is the pod's from then on: the first one that was given gets all that it says.
    """
    pods: dict[frozenset[tuple[str, str]], Pod] = {}

    def share(settings: dict[str, str], lines: list[str] | None = None) -> Pod:
        key = frozenset(settings.items())
        if key not in pods:
            name = f"shared-gateway-{len(pods)}"
            pods[key] = gateway_of(name, {**pod_env, **settings}, [] if lines is None else lines)
            pods[key].start()
            pods[key].await_ready()
        return pods[key]

    yield share
    stop_all(pods.values())
