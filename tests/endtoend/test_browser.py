"""A till that is a page of another origin, in a real browser: where it is listed all works, elsewhere nothing."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.local.chromium import find_chromium, show
from infra.local.cluster import Cluster
from infra.local.debian_tool import ToolMissing
from infra.local.plan import Plan
from infra.local.shops import open_shops
from tests.shop import bearer

pytestmark = pytest.mark.long

PAGE = Path(__file__).with_name("till_page.html")
SECONDS = 120.0
LISTED = {
    "whoami": "term",
    "a wrong key": "401 unauthorized",
    "an order, and its replay": "201 201 true true",
    "a wrong order": "422 true",
    "the list, a step, an ack": "200 204",
    "a webhook deleted": "201 204",
    "another tenant": "404 not-found",
    "a simple request": "404 not-found",
    "the load balancer's own error": "404 true",
    "a stream": "event: hello",
    "a stream resumed": "resumed",
    "a stream refused": "400 bad-request",
    "a socket": "bellwire.v1 true",
    "a socket with a ticket": "true 4401 unauthorized",
    "an event source with a ticket": "true",
    "an event source that comes back": "refused 2 true",
    "a socket with a wrong key": "4401 unauthorized",
    "a socket of another tenant": "4404 not-found",
    "a socket at a wrong path": "4404 not-found",
    "a socket from a bad offset": "4400 bad-request",
}


@dataclass
class Home:
    """Where the page comes from, and where it posts what became of its probes."""

    config: dict[str, str] = field(default_factory=dict)
    results: dict[str, str] = field(default_factory=dict)
    done: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    def serve(self) -> ThreadingHTTPServer:
        """The server, not yet running."""
        home = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page = self.path == "/"
                body = PAGE.read_bytes() if page else json.dumps(home.config).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html" if page else "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                home.results = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(204)
                self.end_headers()
                home.done.set()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
                """Silence: the test asserts on results."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = server.server_address[1]
        return server


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """A page's server, whose origin by address the cluster will list, and by name will not."""
    home = Home()
    server = home.serve()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield home
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def cluster(home: Home) -> Iterator[Cluster]:
    """A cluster that lists the page's address."""
    settings = {"BELLWIRE_ALLOWED_ORIGINS": f"https://till.example.com, http://127.0.0.1:{home.port}"}
    with Cluster(Plan(api_pods=1, gateway_pods=1), settings=settings) as cluster:
        kitchen, bistro = open_shops(cluster.url, cluster.operator_key)
        home.config = {
            "api": cluster.url,
            "tenant": kitchen.slug,
            "other": bistro.slug,
            "term": kitchen.terminals[0].key,
            "store": kitchen.storefront_key,
            "wrong": kitchen.terminals[0].key[:-4] + "AAAA",
        }
        yield cluster


def shown(home: Home, page: str, profile: Path) -> dict[str, str]:
    """Show the page, and return what became of its probes.

    A machine without Chromium and without a way to get it fails with the one sentence that says what to type.
    """
    try:
        tool = find_chromium()
    except ToolMissing as exc:
        pytest.fail(str(exc), pytrace=False)
    home.done.clear()
    browser = show(tool, page, profile)
    try:
        assert home.done.wait(SECONDS), browser.tail
        return home.results
    finally:
        browser.stop()


def test_a_page_whose_origin_is_listed_can_do_all_that_a_till_and_a_shop_do(
    home: Home, cluster: Cluster, tmp_path: Path
) -> None:
    assert shown(home, f"http://127.0.0.1:{home.port}/", tmp_path) == LISTED


def test_a_page_whose_origin_is_not_listed_can_do_nothing_and_is_told_so(
    home: Home, cluster: Cluster, tmp_path: Path
) -> None:
    before = orders(cluster, home)
    results = shown(home, f"http://localhost:{home.port}/", tmp_path)
    assert set(results) == set(LISTED)
    for name, result in results.items():
        if name == "a socket":
            assert result == "Error: closed with 4403 origin-not-allowed"
        elif not name.startswith("a socket"):
            assert result == "TypeError: Failed to fetch", name
    assert orders(cluster, home) == before


def orders(cluster: Cluster, home: Home) -> list[str]:
    """The shop's orders, as another program sees them."""
    url = f"{cluster.url}/api/tenant/{home.config['tenant']}/orders"
    listed = httpx.get(url, headers=bearer(home.config["store"]), trust_env=False).json()["orders"]
    return [order["orderId"] for order in listed]
