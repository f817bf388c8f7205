"""Tills made with libraries as they are published: each connects, acks, is cut in mid-stream, resumes, is refused."""

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from chaos.proxy import Network
from infra.local.cluster import Cluster
from infra.local.debian_tool import private_folder
from infra.local.plan import Plan
from infra.local.shops import Shop, open_shops
from infra.local.waiting import wait_until
from tests.shop import ORDER, bearer

pytestmark = pytest.mark.long

HERE = Path(__file__).with_name("libraries")
# A stand-in that comes back for ever never says why it was refused.
REFUSED = {"ws": 401, "eventsource": 401, "event-source-polyfill": 401, "reconnecting-eventsource": None}
# Much of Go's own library is compiled first, once on a machine.
BUILD_SECONDS = 600
WAIT_SECONDS = 30.0


def needed(program: str, package: str) -> str:
    """The program that a library needs."""
    found = shutil.which(program)
    if found is None:
        pytest.fail(
            f"{program} is needed; on Debian or Ubuntu: sudo apt-get install {package}", pytrace=False
        )
    return found


def made(what: str, command: list[str], seconds: float, **options: Any) -> None:
    """Run a command that fetches or builds a library, or fail with what it said."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, **options)
    if done.returncode:
        pytest.fail(f"{what}: {done.stderr[-500:]}", pytrace=False)


# -- the one cluster -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Town:
    """A cluster with its shops, and a wire to it that can be cut.

    Tills of `kitchen` need not ack; those of `bistro` do, so that no alarm comes between their orders.
    """

    cluster: Cluster
    kitchen: Shop
    bistro: Shop
    wire: Network
    http: httpx.Client

    def till(self, shop: Shop, name: str) -> str:
        """The key of a new terminal."""
        path = f"/api/tenant/{shop.slug}/terminals"
        answer = self.http.post(path, json={"name": name}, headers=bearer(self.cluster.operator_key))
        key: str = answer.json()["key"]
        return key

    def order(self) -> str:
        """Place an order at the bistro; its event's offset."""
        answer = self.http.post(
            "/api/tenant/orders/create", json=ORDER, headers=bearer(self.bistro.storefront_key)
        )
        offset: str = answer.json()["offset"]
        return offset

    def acked(self, key: str) -> str | None:
        """How far a terminal has acked."""
        found: str | None = self.http.get("/api/whoami", headers=bearer(key)).json()["ackedOffset"]
        return found


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with Cluster(Plan(api_pods=1, gateway_pods=1)) as cluster:
        kitchen, bistro = open_shops(cluster.url, cluster.operator_key)
        wire = Network(httpx.URL(cluster.url).port or 80, seed=1)
        wire.start()
        with httpx.Client(base_url=cluster.url, timeout=20, trust_env=False) as http:
            yield Town(cluster, kitchen, bistro, wire, http)
        wire.stop()


# -- npm's ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scenario() -> Path:
    """The scenario beside its libraries, which npm fetched."""
    npm = needed("npm", "npm")
    folder = private_folder() / "libraries"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "scenario.cjs"):
        shutil.copy(HERE / name, folder / name)
    command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    made("npm could not fetch the libraries", command, 120, cwd=folder)
    return folder / "scenario.cjs"


@pytest.mark.parametrize("library", REFUSED)
def test_a_till_made_with_the_library_gets_each_event_once_whatever_is_cut(
    library: str, scenario: Path, town: Town, tmp_path: Path
) -> None:
    key = town.till(town.kitchen, library)
    config = tmp_path / "config.json"
    config.write_text(
        json.dumps(
            {
                "url": town.cluster.url,
                "tenant": town.kitchen.slug,
                "term": key,
                "wrong": key[:-4] + "AAAA",
                "store": town.kitchen.storefront_key,
            }
        )
    )
    done = subprocess.run(
        ["node", scenario, library, config], capture_output=True, text=True, timeout=90, check=False
    )
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    assert len(result["sent"]) == 4, result
    assert result["got"] == result["sent"]
    assert result.get("refused") == REFUSED[library]


# -- programs that print what they hear: libraries/README.md -------------------------------------------------------


@pytest.fixture(scope="module")
def go_tills() -> Path:
    """Both of Go's, built from what `go.sum` pins."""
    go = needed("go", "golang-go")
    target = private_folder() / "libraries-go" / "tills"
    target.parent.mkdir(parents=True, exist_ok=True)
    env = {
        **os.environ,
        "GOFLAGS": "-mod=readonly",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "CGO_ENABLED": "0",
    }
    made(
        "Go could not build its tills",
        [go, "build", "-o", str(target), "."],
        BUILD_SECONDS,
        cwd=HERE / "go",
        env=env,
    )
    return target


@pytest.fixture(scope="module")
def java_till(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Java's, compiled: one source file, nothing but the JDK."""
    folder = tmp_path_factory.mktemp("java")
    made(
        "Java could not compile its till",
        [needed("javac", "default-jdk-headless"), "-d", str(folder), str(HERE / "Till.java")],
        120,
    )
    return [needed("java", "default-jdk-headless"), "-Xshare:auto", "-cp", str(folder), "Till"]


Command = Callable[[pytest.FixtureRequest], list[str]]

PROGRAMS: dict[str, Command] = {
    "gorilla/websocket": lambda request: [str(request.getfixturevalue("go_tills")), "gorilla"],
    "coder/websocket": lambda request: [str(request.getfixturevalue("go_tills")), "coder"],
    "java.net.http": lambda request: list(request.getfixturevalue("java_till")),
    "aiohttp": lambda _: [sys.executable, str(HERE / "aiohttp_till.py")],
    "websocket-client": lambda _: [sys.executable, str(HERE / "websocket_client_till.py")],
}


@dataclass
class Program:
    """A till that runs, and what it has printed."""

    process: "subprocess.Popen[str]"
    lines: "queue.Queue[dict[str, Any] | None]" = field(default_factory=queue.Queue)

    def read(self) -> None:
        """The body of the thread that reads it."""
        assert self.process.stdout is not None
        with self.process.stdout as printed:
            for line in printed:
                self.lines.put(json.loads(line))
        self.lines.put(None)

    def next(self, name: str) -> Any:
        """The value of the next line, which is of this kind."""
        line = self.lines.get(timeout=WAIT_SECONDS)
        assert line is not None, f"it ended, and was to print {name}"
        assert list(line) == [name]
        return line[name]


@pytest.fixture
def run(town: Town) -> Iterator[Callable[[list[str], str], Program]]:
    """Call it with a till's command and key for the till, behind the wire."""
    programs: list[tuple[Program, threading.Thread]] = []

    def start(command: list[str], key: str) -> Program:
        url = f"{town.wire.url.replace('http', 'ws', 1)}/ws/pos/{town.bistro.slug}"
        env = {**os.environ, "TILL_URL": url, "TILL_KEY": key, "NO_PROXY": "*"}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
        program = Program(process)
        reader = threading.Thread(target=program.read)
        reader.start()
        programs.append((program, reader))
        return program

    yield start
    for program, reader in programs:
        program.process.kill()
        program.process.wait()
        reader.join()


@pytest.mark.timeout(BUILD_SECONDS + 120)
@pytest.mark.parametrize("library", PROGRAMS)
def test_a_till_made_with_the_library_acks_is_cut_resumes_and_is_refused(
    library: str, request: pytest.FixtureRequest, town: Town, run: Callable[[list[str], str], Program]
) -> None:
    command = PROGRAMS[library](request)
    key = town.till(town.bistro, library)
    till = run(command, key)
    till.next("hello")
    sent = [town.order()]
    got = [till.next("event")]
    # The wire is pulled; what comes now waits in the log.
    town.wire.silence()
    sent += [town.order(), town.order()]
    town.wire.mend(cut=1.0)
    assert till.next("hello") == sent[0]
    got += [till.next("event"), till.next("event")]
    sent.append(town.order())
    got.append(till.next("event"))
    assert got == sent
    assert wait_until(lambda: town.acked(key) == sent[-1], WAIT_SECONDS), "its acks did not arrive"
    assert run(command, key[:-4] + "AAAA").next("refused") == 401
