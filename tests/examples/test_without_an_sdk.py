"""The terminals without an SDK before a whole cluster: each event once, whatever is cut, and a key's end is the end."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from chaos.proxy import Network
from infra.local.cluster import Cluster
from infra.local.debian_tool import private_folder
from infra.local.shops import Shop
from infra.local.waiting import wait_until
from tests.conftest import ROOT
from tests.endtoend.test_libraries import BUILD_SECONDS, made, needed
from tests.examples.conftest import OpenExample
from tests.examples.program import Program
from tests.examples.reader import with_tools
from tests.shop import ORDER, bearer

pytestmark = pytest.mark.long

EXAMPLES = ROOT / "examples"
SECONDS = 30.0
Command = list[str | Path]


def till_of_curl() -> Command:
    return ["sh", EXAMPLES / "till.sh"]


def till_of_node() -> Command:
    """Beside its library, which npm fetched."""
    npm, folder = needed("npm", "npm"), private_folder() / "example-node"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "till.mjs"):
        shutil.copy(EXAMPLES / "node" / name, folder / name)
    made(
        "npm could not fetch ws", [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], 120, cwd=folder
    )
    return [needed("node", "nodejs"), folder / "till.mjs"]


def till_of_go() -> Command:
    """Built from what `go.sum` pins."""
    target = private_folder() / "example-go" / "till"
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [needed("go", "golang-go"), "build", "-mod=readonly", "-o", str(target), "."]
    made("Go could not build its till", command, BUILD_SECONDS, cwd=EXAMPLES / "go")
    return [target]


def till_of_java() -> Command:
    """Compiled: one source file, nothing but the JDK."""
    folder = private_folder() / "example-java"
    command = [
        needed("javac", "default-jdk-headless"),
        "-d",
        str(folder),
        str(EXAMPLES / "java" / "Till.java"),
    ]
    made("Java could not compile its till", command, 120)
    return [needed("java", "default-jdk-headless"), "-Xshare:auto", "-cp", folder, "Till"]


TILLS: dict[str, Callable[[], Command]] = {
    "curl": till_of_curl,
    "node": till_of_node,
    "go": till_of_go,
    "java": till_of_java,
}


@pytest.fixture(scope="module")
def wire(square: Cluster) -> Iterator[Network]:
    """A wire to the cluster that can be cut."""
    network = Network(httpx.URL(square.url).port or 80, seed=1)
    network.start()
    yield network
    network.stop()


@pytest.mark.timeout(BUILD_SECONDS + 120)
@pytest.mark.parametrize("name", TILLS)
def test_a_till_without_an_sdk_has_each_order_once_over_a_cut_and_a_crash_and_ends_with_its_key(
    name: str, square: Cluster, wire: Network, open_example: OpenExample, tmp_path: Path
) -> None:
    command, shop = TILLS[name](), open_example(name)
    key = shop.terminals[0].key
    environment = with_tools({"PATH": os.environ["PATH"]}) | {
        "BELLWIRE_URL": wire.url, "BELLWIRE_TENANT": shop.slug,
    }  # fmt: skip
    programs = [Program(command, environment | {"BELLWIRE_KEY": key}, tmp_path)]
    try:
        till = programs[0]
        till.prints(order(square, shop))
        # The wire is pulled; what comes now waits in the log.
        wire.silence()
        sent = [order(square, shop), order(square, shop)]
        wire.mend(cut=1.0)
        for offset in sent:
            till.prints(offset)
        assert wait_until(lambda: acked(square, key) == sent[-1], SECONDS), till.lines
        till.kill()
        sent = [order(square, shop)]
        programs.append(Program(command, environment | {"BELLWIRE_KEY": key}, tmp_path))
        programs[1].prints(sent[0])
        handled = [line.split()[0] for each in programs for line in each.lines if " new_order " in line]
        assert handled == ["1-1", "1-2", "1-3", "1-4"]
        if name != "curl":
            # Another device with its key: it says so and does not come back.
            programs.append(Program(command, environment | {"BELLWIRE_KEY": key}, tmp_path))
            assert programs[1].ends() == 1
            assert "4409" in programs[1].lines[-1]
        programs.append(Program(command, environment | {"BELLWIRE_KEY": key[:-4] + "AAAA"}, tmp_path))
        assert programs[-1].ends() == 1
        assert "401" in programs[-1].lines[-1]
    finally:
        for program in programs:
            program.kill()


def order(square: Cluster, shop: Shop) -> str:
    """Place an order; its event's offset."""
    answer = httpx.post(
        f"{square.url}/api/tenant/orders/create",
        json=ORDER,
        headers=bearer(shop.storefront_key),
        trust_env=False,
    )
    offset: str = answer.json()["offset"]
    return offset


def acked(square: Cluster, key: str) -> str | None:
    """How far a terminal has acked."""
    answer = httpx.get(f"{square.url}/api/whoami", headers=bearer(key), trust_env=False)
    found: str | None = answer.json()["ackedOffset"]
    return found
