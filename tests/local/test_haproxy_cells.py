"""Cells: two installations behind one balancer, each with its own shops, and neither minds the other's end."""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.asyncio.client import connect

from infra.local.cell_door import CELLS, CellDoor
from infra.local.cluster import LOCAL_LIMITS, Cluster, together
from infra.local.haproxy import HAProxy, find_haproxy
from infra.local.plan import Plan
from infra.local.shops import Shop, open_shop
from infra.local.waiting import wait_until
from tests.gateway.till import Till
from tests.local.echo_pod import EchoPod
from tests.local.test_haproxy import UPGRADE
from tests.shop import bearer

HOSTS = {"a.example": "cell-1", "b.example": "cell-2"}
BEHIND = {**LOCAL_LIMITS, "LB_ACCEPT_PROXY": "1", "LB_LOG_LEVEL": "info"}


@dataclass
class Two:
    """Two cells of echoing pods, and the door in front of them."""

    door: CellDoor
    cells: list[HAProxy]
    gateways: list[EchoPod]
    client: httpx.Client
    log: list[str] = field(default_factory=list)

    def cell_of(self, path: str, host: str = "pos.example", **headers: str) -> str:
        """The cell that answers."""
        answer = self.client.get(path, headers={"Host": host, **headers})
        return str(answer.json()["pod"])[-1]


@pytest.fixture(scope="module")
def two() -> Iterator[Two]:
    with ExitStack() as stack:
        cells: list[HAProxy] = []
        gateways = []
        for name in "ab":
            pods = [stack.enter_context(EchoPod(f"{kind}-{name}")) for kind in ("api", "gateway")]
            gateways.append(pods[1])
            cell = HAProxy(apis=[pods[0].address], gateways=[pods[1].address], settings=BEHIND)
            stack.callback(cell.stop)
            cell.start()
            cells.append(cell)
        log: list[str] = []
        places = {"kitchen": "cell-1", "bistro": "cell-2", "lost": "cell-7", **HOSTS}
        door = stack.enter_context(
            CellDoor([f"127.0.0.1:{cell.port}" for cell in cells], places, lambda _, line: log.append(line))
        )
        client = stack.enter_context(httpx.Client(base_url=door.url, trust_env=False, timeout=10))
        yield Two(door, cells, gateways, client, log)


@pytest.mark.parametrize(
    "path", ["/ws/pos/{}", "/sse/pos/{}?after=0", "/api/tenant/{}/status", "/api/tenant/{}"]
)
def test_a_path_with_a_tenant_goes_to_its_cell_whatever_the_host(two: Two, path: str) -> None:
    headers = UPGRADE if path.startswith("/ws") else {}
    for tenant, cell in (("kitchen", "a"), ("bistro", "b"), ("%62istro", "b")):
        for host in ("pos.example", *HOSTS):
            assert two.cell_of(path.format(tenant), host, **headers) == cell


def test_a_stream_that_its_client_ends_is_over_at_the_cells_gateway(two: Two) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(two.door.url).port), timeout=5) as link:
        link.sendall(b"GET /sse/pos/stay HTTP/1.1\r\nHost: a.example\r\n\r\n")
        said = b""
        while b"gateway-a" not in said:
            said += link.recv(1000)
    assert wait_until(lambda: two.gateways[0].ended_a_stream, 10)


@pytest.mark.parametrize(
    "path", ["/api/tenant/orders/create", "/api/whoami", "/docs", "/api/tenant/new/status"]
)
def test_what_names_no_known_tenant_goes_by_its_host_and_else_to_the_first_cell(two: Two, path: str) -> None:
    assert two.cell_of(path) == "a"
    assert two.cell_of(path, "a.example") == "a"
    assert two.cell_of(path, "B.EXAMPLE:8443") == "b"


def test_a_cell_sees_the_shops_address_and_the_door_logs_no_path(two: Two) -> None:
    answer = two.client.get("/api/tenant/bistro/gift-cards/1234567812345678", headers={"Host": "x"})
    assert answer.json()["headers"]["x-forwarded-for"] == "127.0.0.1"
    # Lines come when they come, those of the tests before among them; this one's is the last before a refusal's.
    assert two.client.get("/api/tenant/lost/status").status_code == 503
    assert wait_until(lambda: any('"status":503' in line for line in two.log), 30)
    lines = [json.loads(line) for line in two.log if line.startswith("{")]
    refused = next(number for number, line in enumerate(lines) if line["status"] == 503)
    line = lines[refused - 1]
    assert (line["cell"], line["by"], line["status"]) == ("cell-2", "tenant", 200)
    assert not any("12345678" in line for line in two.log)


def test_a_line_that_names_no_cell_is_said_and_asks_nobody_else(two: Two) -> None:
    answer = two.client.get("/api/tenant/lost/status")
    assert answer.status_code == 503
    assert answer.json()["detail"] == "The cell that has this shop is not known here."


def test_a_tenant_is_added_while_the_door_is_open(two: Two) -> None:
    assert two.cell_of("/api/tenant/late/status") == "a"
    two.door.add("late", "cell-2")
    assert two.cell_of("/api/tenant/late/status") == "b"


def test_tls_to_the_cells_is_a_configuration_that_haproxy_takes(two: Two) -> None:
    tool = find_haproxy()
    authority = "/etc/ssl/certs/ca-certificates.crt"
    done = subprocess.run(
        [tool.path, "-c", "-V", "-f", CELLS], capture_output=True, text=True, check=False,
        env={**tool.environment(), "LB_CELLS_MAP": str(CELLS.with_name("cells.map")), "LB_CELL_CA": authority,
             "LB_CELL_NAME": "cell.example", "LB_ACCEPT_PROXY": "1"}
        | {f"LB_CELL_{number}": f"127.0.0.1:{number}" for number in range(1, 9)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr


async def seated(door: CellDoor, shop: Shop) -> Till:
    """The shop's till, through the one door."""
    url = f"{door.url.replace('http', 'ws', 1)}/ws/pos/{shop.slug}"
    return Till(
        await connect(url, additional_headers=bearer(shop.terminals[0].key), compression=None, proxy=None)
    )


@pytest.mark.long
@pytest.mark.timeout(180)
async def test_two_small_cells_serve_their_own_shops_and_one_ends_without_the_other() -> None:
    with ExitStack() as stack:
        cells = [Cluster(Plan(api_pods=1, gateway_pods=1, load_balancer=False)) for _ in "ab"]
        for cell in cells:
            stack.callback(cell.stop)
        together([cell.start for cell in cells])
        balancers = [
            HAProxy(
                apis=[pod.address for pod in cell.apis], gateways=[pod.address for pod in cell.gateways],
                settings=BEHIND,
            )
            for cell in cells
        ]  # fmt: skip
        for balancer in balancers:
            stack.callback(balancer.stop)
        together([balancer.start for balancer in balancers])
        places = {"kitchen": "cell-1", "bistro": "cell-2", **HOSTS}
        door = stack.enter_context(CellDoor([f"127.0.0.1:{each.port}" for each in balancers], places))
        shops: list[Shop] = []
        for cell, slug in zip(cells, ("kitchen", "bistro"), strict=True):
            with httpx.Client(
                base_url=cell.url, headers=bearer(cell.operator_key), trust_env=False
            ) as client:
                shops.append(open_shop(client, slug, slug, ("till",)))
        async with httpx.AsyncClient(base_url=door.url, trust_env=False, timeout=30) as client:
            tills = [await seated(door, shop) for shop in shops]
            for number, (shop, host) in enumerate(zip(shops, HOSTS, strict=True)):
                for name in ("first", "second"):
                    body = {"orderType": "pickup", "customerName": f"{shop.slug} {name}",
                            "items": [{"name": "Soup", "quantity": 1, "unitPrice": 4}]}  # fmt: skip
                    placed = await client.post(
                        "/api/tenant/orders/create", json=body,
                        headers={**bearer(shop.storefront_key), "Host": host},
                    )  # fmt: skip
                    assert placed.status_code == 201, placed.text
                    seen = await tills[number].until("new_order")
                    assert seen["data"]["customerName"] == f"{shop.slug} {name}"
                assert len(tills[number].events) == 2
            # A key is good in its own cell alone, whichever way it is brought there.
            stranger = await client.get("/api/tenant/bistro/status", headers=bearer(shops[0].storefront_key))
            assert stranger.status_code == 401
            balancers[1].stop()
            cells[1].stop()
            gone = await client.get("/api/tenant/bistro/status", headers=bearer(shops[1].storefront_key))
            assert (gone.status_code, gone.headers["Retry-After"]) == (503, "2")
            there = await client.get("/api/tenant/kitchen/status", headers=bearer(shops[0].storefront_key))
            assert there.json()["acceptingOrders"] is True
            for till in tills:
                till.socket.transport.abort()
