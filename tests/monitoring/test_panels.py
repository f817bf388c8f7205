"""Every query of every panel has something to say under load, asked of a real Prometheus over a real cluster."""

import contextlib
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from drill.faults import FAULTS
from drill.hooks import endpoints
from drill.place import Place
from drill.runner import run_fault
from drill.traffic import ORDER
from infra.local.prometheus import Prometheus
from infra.local.waiting import wait_until
from infra.monitoring.boards import BOARDS
from infra.monitoring.boards.load_tests import LOAD_TESTS
from infra.monitoring.dashboard import ANNOTATIONS

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]
# Times of the rules are so many times shorter, so that Prometheus looks each second.
FACTOR = 20
ASK_SECONDS = 120.0
CROWD = 10
# Panels that say nothing while all is well, and why.
SILENT = {
    "Lag of standbys": "this cluster has no standby with an exporter beside it",
    "Disks of its machine": "no node_exporter: the disks are the user's",
    "Servers down": "none is down; without one of its state HAProxy has no series of it",
    "Resets": "no terminal holds an offset that is gone",
}
SILENT_ANNOTATIONS = {"Alerts": "none fires", "Releases": "no second release came"}


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with Place(FACTOR) as place:
        place.await_well()
        place.watch()
        yield place


def plain(expr: str) -> str:
    """The query with its variables as they are when everything is chosen."""
    expr = expr.replace("$__rate_interval", "15s").replace("$shops", "false")
    return re.sub(r"\$\w+", ".*", expr)


def figures(prometheus: Prometheus, expr: str) -> int:
    """How many series a query has that are a number."""
    return sum(series["value"][1] != "NaN" for series in prometheus.ask(plain(expr)))


def live(place: Place) -> None:
    """A day's other events: orders all at once, tickets, replaced connections, wrong keys, limits, a kill."""
    place.cluster.gateways[-1].kill()
    shop = place.traffic.shops[0]
    url, key = place.cluster.url, shop.terminals[0].key
    address = f"{url.replace('http', 'ws', 1)}/ws/pos/{shop.slug}"
    bearer = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        ticket = (
            client.post(f"/api/tenant/{shop.slug}/tickets", headers=bearer)
            .raise_for_status()
            .json()["ticket"]
        )
        for _ in range(8):
            client.post("/api/terminals/pair", json={"code": "00000000"})
        with connect(f"{address}?ticket={ticket}&after=0", proxy=None):
            time.sleep(1)
    with ThreadPoolExecutor(CROWD) as crowd:
        list(crowd.map(order, [place] * CROWD * 3))
    for number in range(200):
        wrong = {"Authorization": f"Bearer bw_term_{number:043d}"}
        with pytest.raises(InvalidStatus) as refused, connect(address, additional_headers=wrong, proxy=None):
            pass
        if refused.value.response.status_code == 429:
            break


def order(place: Place) -> None:
    shop = place.traffic.shops[0]
    bearer = {"Authorization": f"Bearer {shop.storefront_key}"}
    address = f"{place.cluster.url}/api/tenant/orders/create"
    httpx.post(address, json=ORDER, headers=bearer, timeout=30, trust_env=False).raise_for_status()


def test_every_query_of_every_panel_has_something_to_say_under_load(place: Place) -> None:
    prometheus = place.monitoring.prometheus
    with endpoints(place, 2, 200):
        live(place)
        wanted = {
            f"{board.name} / {panel.title} / {query.legend}": query.expr
            for board in BOARDS
            # A load test's figures are asked for in test_load_board.py, during one.
            if board is not LOAD_TESTS
            for row in board.rows
            for panel in row.panels
            if panel.title not in SILENT
            for query in panel.queries
        } | {name: expr for name, _, expr, _ in ANNOTATIONS if name not in SILENT_ANNOTATIONS}
        assert len(wanted) > 100

        def asked() -> bool:
            # A query that has said something once is well: the rate of what came once ends with its window.
            for name, expr in list(wanted.items()):
                if figures(prometheus, expr):
                    del wanted[name]
            if wanted:
                with contextlib.suppress(httpx.HTTPError):
                    live(place)
            return not wanted

        wait_until(asked, ASK_SECONDS)
    assert wanted == {}


def test_the_panels_that_say_nothing_are_asked_of_what_is_not_there_and_of_nothing_else(place: Place) -> None:
    titles = {panel.title for board in BOARDS for row in board.rows for panel in row.panels}
    assert titles >= SILENT.keys()
    assert {name for name, *_ in ANNOTATIONS} >= SILENT_ANNOTATIONS.keys()


def test_no_series_of_a_pod_is_the_moment_of_a_counters_birth(place: Place) -> None:
    prometheus = place.monitoring.prometheus
    assert wait_until(lambda: len(prometheus.ask('{job=~"bellwire-(api|gateway)"}')) > 500, ASK_SECONDS)
    assert prometheus.ask('{__name__=~".*_created",job=~"bellwire-(api|gateway)"}') == []


def test_a_fault_brings_its_alert_somebody_is_told_and_it_ends(place: Place) -> None:
    """One fault of `make drill`, the quickest: messages that no pod signed."""
    row = run_fault(place, FAULTS["redis-forged"], lambda text: None)
    assert row.wrong == []
    (line,) = [each for each in row.lines if each.firing is not None]
    assert line.alert == "BellwireRedisForged"
    assert line.told is not None
    assert line.ended is not None
