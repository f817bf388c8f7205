"""The load balancer: HAProxy judges its configuration, and a real one shows what it does to a request."""

import json
import re
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime

import httpx
import pytest

from backbone.runtime.cors import METHODS, REQUEST_HEADERS
from infra.local.certificate import Certificate
from infra.local.failure import CannotStart
from infra.local.haproxy import CONFIGURATION, HAProxy, find_haproxy
from infra.local.waiting import wait_until
from tests.local.echo_pod import EchoPod

UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@dataclass
class Site:
    """A load balancer with two API pods and three gateway pods, and all that it logged."""

    balancer: HAProxy
    apis: list[EchoPod]
    gateways: list[EchoPod]
    client: httpx.Client
    log: list[str] = field(default_factory=list)

    def gateway_of(self, tenant: str) -> str:
        """Which pod gets the sockets of a tenant."""
        answer = self.client.get(f"/ws/pos/{tenant}", headers=UPGRADE)
        assert answer.status_code == 200
        return str(answer.json()["pod"])


Pods = tuple[list[EchoPod], list[EchoPod]]


def start_pods(stack: ExitStack) -> Pods:
    """Two API pods and three gateways, started at the same time."""
    apis = [EchoPod(f"api-{number}") for number in (1, 2)]
    gateways = [EchoPod(f"gateway-{number}") for number in (1, 2, 3)]
    for pod in (*apis, *gateways):
        pod.start()
        stack.callback(pod.kill)
    for pod in (*apis, *gateways):
        pod.await_ready()
    return apis, gateways


@pytest.fixture(scope="module")
def pods() -> Iterator[Pods]:
    """Behind every load balancer whose test leaves them as they were."""
    with ExitStack() as stack:
        yield start_pods(stack)


def build(stack: ExitStack, pods: Pods, certificate: Certificate | None = None, **settings: str) -> Site:
    log: list[str] = []
    apis, gateways = pods
    balancer = HAProxy(
        apis=[pod.address for pod in apis],
        gateways=[pod.address for pod in gateways],
        settings=settings,
        certificate=None if certificate is None else certificate.chain,
        sink=lambda name, line: log.append(line),
    )
    stack.callback(balancer.stop)
    balancer.start()
    tls = True if certificate is None else certificate.trusting()
    client = stack.enter_context(httpx.Client(base_url=balancer.url, trust_env=False, verify=tls))
    return Site(balancer, apis, gateways, client, log)


@pytest.fixture(scope="module")
def site(pods: Pods) -> Iterator[Site]:
    """One for all tests that leave it as it was."""
    with ExitStack() as stack:
        yield build(stack, pods, LB_LOG_LEVEL="info", LB_SRC_RATE_10S="100000")


@pytest.fixture
def own_site() -> Iterator[Site]:
    """One that the test may break."""
    with ExitStack() as stack:
        yield build(stack, start_pods(stack), LB_LOG_LEVEL="info", LB_SRC_RATE_10S="100000")


@pytest.mark.parametrize(
    "mode",
    [
        {
            f"LB_{role}_{number}": f"127.0.0.1:{number}"
            for role in ("API", "GATEWAY")
            for number in range(1, 9)
        }
        | {"LB_DEMO": "127.0.0.1:3"},
        {"LB_API_1": "127.0.0.1:1", "LB_GATEWAY_1": "127.0.0.1:2", "LB_ACCEPT_PROXY": "1"},
        {"LB_DNS": "127.0.0.1:53"},
        {"LB_DNS": "auto", "LB_BIND": "0.0.0.0:8080", "LB_API_FQDN": "api.example.svc.cluster.local"},
    ],
    ids=["local", "behind another balancer", "resolver", "cluster"],
)
def test_haproxy_accepts_the_configuration_without_a_warning(mode: dict[str, str]) -> None:
    tool = find_haproxy()
    done = subprocess.run(
        [tool.path, "-c", "-V", "-f", CONFIGURATION], env={**tool.environment(), **mode}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr


def test_sockets_and_streams_go_to_gateways_and_all_else_to_api_pods(site: Site) -> None:
    assert site.gateway_of("kitchen").startswith("gateway-")
    assert site.client.get("/sse/pos/kitchen").json()["pod"].startswith("gateway-")
    for path in (
        "/api/tenant/orders/create",
        "/openapi.json",
        "/readyz",
        "/ws/other",
        "/",
        "/wall",
        "/demo/acts/x",
    ):
        assert site.client.get(path).json()["pod"].startswith("api-")


def test_a_tenant_stays_on_one_gateway_whatever_the_door(site: Site) -> None:
    tenants = [f"shop-{number}" for number in range(30)]
    first = {tenant: site.gateway_of(tenant) for tenant in tenants}
    assert {tenant: site.gateway_of(tenant) for tenant in tenants} == first
    assert site.client.get("/sse/pos/shop-1?after=0").json()["pod"] == first["shop-1"]
    assert len(set(first.values())) == 3


@pytest.mark.parametrize(
    "path", ["/metrics", "/metrics/", "/metrics?x=1", "/%6detrics", "/METRICS", "/%2Fmetrics"]
)
def test_metrics_are_not_reachable_from_outside(site: Site, path: str) -> None:
    answer = site.client.get(path)
    assert answer.status_code == 404 or answer.json()["path"] == "/%2Fmetrics"


def test_its_own_metrics_are_on_the_admin_port(site: Site) -> None:
    assert "haproxy_backend_active_servers" in httpx.get(f"{site.balancer.admin_url}/metrics").text


def test_a_request_that_is_no_websocket_is_told_to_upgrade(site: Site) -> None:
    answer = site.client.get("/ws/pos/kitchen")
    assert answer.status_code == 426
    assert answer.headers["upgrade"] == "websocket"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 426


@pytest.mark.parametrize("path", ["/ws/pos/kitchen/", "/ws/pos/kitchen/x", "/ws/pos/kitchen%2fx"])
def test_an_address_behind_a_tenants_is_a_gateways_to_refuse(site: Site, path: str) -> None:
    assert site.client.get(path).json()["path"] == path


@pytest.mark.parametrize("path", ["/ws/pos/", "/sse/pos/", "/ws/pos//x"])
def test_an_address_without_a_tenant_is_not_found(site: Site, path: str) -> None:
    answer = site.client.get(path, headers=UPGRADE)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_killed_gateway_costs_no_handshake_and_its_tenant_moves_at_once(own_site: Site) -> None:
    victim = own_site.gateway_of("kitchen")
    next(pod for pod in own_site.gateways if pod.name == victim).kill()
    began = time.monotonic()
    # A connection of its own each, as a terminal's is: one that was kept may end with the pod that it led to.
    url = f"{own_site.balancer.url}/ws/pos/kitchen"
    moved = [httpx.get(url, headers=UPGRADE, trust_env=False).json()["pod"] for _ in range(5)]
    assert victim not in moved
    assert len(set(moved)) == 1
    assert time.monotonic() - began < 3.0
    assert wait_until(lambda: own_site.balancer.states()[victim].startswith("DOWN"), 3.0)


def test_a_terminal_that_was_sent_to_a_dead_gateway_is_told_a_sooner_time_than_when_all_are_known_to_be_dead(
    own_site: Site,
) -> None:
    url = f"{own_site.balancer.url}/ws/pos/kitchen"
    for pod in own_site.gateways:
        pod.kill()
    # Each of the tries is refused at once, before any of the pods counts as down.
    at_once = httpx.get(url, headers=UPGRADE, trust_env=False)
    assert (at_once.status_code, at_once.headers.get_list("Retry-After")) == (503, ["1"])
    assert wait_until(
        lambda: all(own_site.balancer.states()[pod.name].startswith("DOWN") for pod in own_site.gateways),
        10.0,
    )
    later = httpx.get(url, headers=UPGRADE, trust_env=False)
    assert (later.status_code, later.headers.get_list("Retry-After")) == (503, ["2"])


def test_a_gateway_that_says_it_is_not_ready_gets_no_new_sockets(own_site: Site) -> None:
    drained = next(pod for pod in own_site.gateways if pod.name == own_site.gateway_of("kitchen"))
    drained.refuse_work()
    assert wait_until(lambda: own_site.balancer.states()[drained.name].startswith("DOWN"), 5.0)
    assert own_site.gateway_of("kitchen") != drained.name


def open_socket(site: Site) -> tuple[socket.socket, EchoPod]:
    """A socket that stays open through the load balancer, and the pod at its other end."""
    link = socket.create_connection(("127.0.0.1", site.balancer.port), timeout=10)
    lines = [f"{name}: {value}" for name, value in UPGRADE.items()]
    link.sendall("\r\n".join(["GET /ws/pos/stay HTTP/1.1", "Host: bellwire", *lines, "", ""]).encode())
    heard = b""
    while b"gateway-" not in heard or len(heard.partition(b"\r\n\r\n")[2]) < len("gateway-1"):
        said = link.recv(1000)
        assert said, heard
        heard += said
    name = heard.partition(b"\r\n\r\n")[2].decode()
    return link, next(pod for pod in site.gateways if pod.name == name)


def test_a_gateway_that_drains_gets_no_new_sockets_and_keeps_those_it_has(own_site: Site) -> None:
    link, drained = open_socket(own_site)
    with link:
        drained.drain()
        assert wait_until(lambda: own_site.balancer.states()[drained.name].startswith("NOLB"), 5.0)
        other, pod = open_socket(own_site)
        other.close()
        assert pod is not drained
        # Well over the time after which a pod without an answer counts as down.
        link.settimeout(6.0)
        with pytest.raises(TimeoutError):
            link.recv(1)
        drained.kill()
        link.settimeout(10.0)
        assert link.recv(1) == b""


def test_a_gateway_that_hangs_loses_its_sockets_within_seconds(own_site: Site) -> None:
    link, frozen = open_socket(own_site)
    with link:
        began = time.monotonic()
        frozen.freeze()
        link.settimeout(30.0)
        assert link.recv(1) == b""
        # One that only stalls for a moment loses nothing.
        assert time.monotonic() - began > 3.0
    assert own_site.balancer.states()[frozen.name].startswith("DOWN")


def test_with_no_api_pod_the_answer_is_a_problem_with_a_time_to_come_back(own_site: Site) -> None:
    for pod in own_site.apis:
        pod.kill()
    answer = own_site.client.get("/api/tenant/orders/create")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["status"] == 503


def test_no_key_no_query_and_no_card_number_gets_into_the_log(site: Site) -> None:
    secret = {"Authorization": "Bearer bw_term_secret", "Sec-WebSocket-Protocol": "bearer.bw_term_secret"}
    site.client.get("/ws/pos/kitchen?after=0&key=bw_term_secret", headers={**UPGRADE, **secret})
    site.client.get("/api/tenant/kitchen/gift-cards/6011222233334444", headers=secret)
    site.client.get("/api/kitchen/loyalty/+15550100/add", headers=secret)
    assert wait_until(lambda: any("loyalty\\/*\\/add" in line for line in site.log), 3.0)
    text = "\n".join(site.log)
    assert "gift-cards\\/*" in text
    for forbidden in ("secret", "after=", "6011", "5550100"):
        assert forbidden not in text


def spellings(secret: str) -> list[str]:
    """A secret in a path, as people, programs and attackers write it."""
    coded = "".join(f"%{ord(letter):02x}" for letter in secret)
    grouped = "-".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return [
        secret, secret.lower(), coded, coded.replace("%", "%25"), f"a;{secret}", f"{secret};a", f"%20{secret}",
        grouped, grouped.lower(), grouped.replace("-", "%20"), grouped.replace("-", "."), f"x={secret}", f"{secret}%0a",
    ]  # fmt: skip


PLACES = (
    "/ws/pos/{}",
    "/sse/pos/{}",
    "/{}",
    "/api/tenant/kitchen/gift-cards/{}/redeem",
    "/api/{}/loyalty/{}",
    "/ws/pos/kitchen?ticket={}",
    "/sse/pos/kitchen?after=0&ticket={}",
)
SECRETS = {
    "key": "bw_term_Zq3xY7wK9pL2vN8mR4tB6cD1fG5hJ0sA",
    "ticket": f"bw_ticket_{'a1b2c3d4' * 8}",
    "storefront": "bw_store_aaaabbbbccccddddeeeeffffgggghhhh",
    "card": "ABCD2345EFGH6789J",
    "digits": "6011222233334444",
    "phone": "+15550100999",
    "mail": "ada@example.com",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_no_spelling_of_a_secret_gets_into_the_log_wherever_it_stands(site: Site, secret: str) -> None:
    before = len(site.log)
    paths = [place.replace("{}", spelled) for spelled in spellings(secret) for place in PLACES]
    for path in paths:
        site.client.get(path)
    site.client.get("/api/last-word")
    assert wait_until(lambda: any("last-word" in line for line in site.log[before:]), 5.0)
    lines = [json.loads(line)["path"] for line in site.log[before:] if line.startswith("{")]
    assert len(lines) > len(paths)
    squeezed = re.sub(r"[^a-z0-9]", "", "\n".join(lines).lower())
    wanted = re.sub(r"[^a-z0-9]", "", secret.lower())
    assert wanted not in squeezed
    # Nor a good part of it.
    assert not any(wanted[at : at + 8] in squeezed for at in range(len(wanted) - 8))


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE", "BREW"])
def test_what_can_be_a_routes_word_a_tenant_or_an_id_is_in_the_log_as_json(site: Site, method: str) -> None:
    order = uuid.uuid4()
    path = f"/api/tenant/shop-1/orders/{order}/status"
    site.client.request(method, path, content=b"{}", headers={"Content-Type": "application/json"})
    assert wait_until(lambda: any(str(order) in line for line in site.log), 10.0)
    line = json.loads(next(line for line in site.log if str(order) in line))
    assert (line["path"], line["method"], line["from"]) == (path, method, "127.0.0.1")
    assert line["by"].startswith("api/api-")
    assert datetime.fromisoformat(line["time"]).tzinfo is not None


def test_no_byte_of_a_request_ends_a_line_of_the_log_or_speaks_to_its_reader(site: Site) -> None:
    before = len(site.log)
    for code in [*range(0x01, 0x20), 0x22, 0x5C, 0x7F, 0x85, 0x9B, 0xFF]:
        site.client.get(f"/api/x%{code:02x}forged/y%c2%{code | 0x80:02x}")
    with socket.create_connection(("127.0.0.1", site.balancer.port), timeout=5) as link:
        link.sendall(b'\x16\x03"}\x1b[2J GET\r\n\r\n')
        link.recv(1000)
    site.client.get("/" + "a/" * 4000)
    site.client.get("/api/last-word")
    assert wait_until(lambda: any("last-word" in line for line in site.log[before:]), 5.0)
    for line in site.log[before:]:
        assert line.isascii()
        assert line.isprintable()
        assert not line.startswith("{") or json.loads(line)["from"] == "127.0.0.1"


def test_the_client_cannot_choose_its_address_or_request_id(site: Site) -> None:
    forged = {"X-Forwarded-For": "6.6.6.6", "X-Request-ID": "mine", "X-Forwarded-Proto": "https"}
    headers = site.client.get("/api/x", headers=forged).json()["headers"]
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-request-id"] != "mine"


def test_one_source_that_asks_too_much_is_told_to_wait(pods: Pods) -> None:
    with ExitStack() as stack:
        site = build(stack, pods, LB_SRC_RATE_10S="20")
        answers = [site.client.get("/api/x") for _ in range(30)]
    assert [answer.status_code for answer in answers[:20]] == [200] * 20
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0
    assert answers[-1].json()["status"] == 429


KEY = {"Authorization": f"Bearer bw_term_{'k' * 43}"}


def test_strangers_take_no_place_of_a_tenant(pods: Pods) -> None:
    with ExitStack() as stack:
        site = build(stack, pods, LB_SRC_RATE_10S="20", LB_SRC_KEYED_RATE_10S="50")
        keyless = [site.client.get("/ws/pos/kitchen", headers=UPGRADE).status_code for _ in range(30)]
        assert keyless == [200] * 20 + [429] * 10
        # Neither the tenant nor the address is shut for one who has a key, good or not: that is for the pods to say.
        assert site.client.get("/ws/pos/kitchen", headers={**UPGRADE, **KEY}).status_code == 200
        tickets = {f"bw_ticket_{'0a' * 32}": 200, f"bw_ticket_{'0a' * 31}": 429, "nonsense": 429}
        for ticket, status in tickets.items():
            path = f"/ws/pos/kitchen?ticket={ticket}"
            assert site.client.get(path, headers=UPGRADE).status_code == status


def test_a_key_that_was_good_goes_on_beside_a_flood_from_its_own_address(pods: Pods) -> None:
    with ExitStack() as stack:
        site = build(stack, pods, LB_SRC_RATE_10S="20", LB_SRC_KEYED_RATE_10S="20")
        assert site.client.get("/api/x", headers=KEY).status_code == 200
        wrong = [{"Authorization": f"Bearer bw_term_{number:043}"} for number in range(40)]
        flood = [site.client.get("/deny/401", headers=headers).status_code for headers in wrong]
        flood += [site.client.get("/deny/401").status_code for _ in range(40)]
        assert flood.count(429) > 30
        assert [site.client.get("/api/x", headers=KEY).status_code for _ in range(50)] == [200] * 50
        # Revoked: a stranger again, of an address that has asked enough.
        assert site.client.get("/deny/401", headers=KEY).status_code == 401
        assert site.client.get("/api/x", headers=KEY).status_code == 429


def test_a_key_that_has_gone_mad_is_stopped_at_the_door_and_no_other_with_it(pods: Pods) -> None:
    with ExitStack() as stack:
        site = build(stack, pods, LB_KEY_RATE_10S="20")
        other = {"Authorization": f"Bearer bw_term_{'o' * 43}"}
        for headers in (KEY, other):
            assert site.client.get("/api/x", headers=headers).status_code == 200
        mad = [site.client.get("/api/x", headers=KEY).status_code for _ in range(30)]
        assert mad == [200] * 20 + [429] * 10
        assert site.client.get("/api/x", headers=other).status_code == 200


def test_a_page_that_is_refused_by_a_close_frame_makes_no_key_good_and_ends_one_that_was(pods: Pods) -> None:
    page = {**UPGRADE, "Sec-WebSocket-Protocol": f"bellwire.v1, bellwire.codes, bearer.bw_term_{'k' * 43}"}

    def handshake(site: Site, path: str) -> bytes:
        with socket.create_connection(("127.0.0.1", site.balancer.port), timeout=10) as link:
            lines = [f"GET {path} HTTP/1.1", "Host: x", *(f"{name}: {value}" for name, value in page.items())]
            link.sendall("\r\n".join([*lines, "", ""]).encode())
            return link.recv(1000)

    with ExitStack() as stack:
        site = build(stack, pods, LB_SRC_KEYED_RATE_10S="20")
        heads = [handshake(site, "/ws/pos/refuse") for _ in range(30)]
        assert [head[9:12] for head in heads] == [b"101"] * 20 + [b"429"] * 10
        # The gateway's word to the balancer is not for others.
        assert not any(b"refused" in head.lower() for head in heads)
    with ExitStack() as stack:
        site = build(stack, pods, LB_SRC_KEYED_RATE_10S="20")
        assert {handshake(site, "/ws/pos/stay")[9:12] for _ in range(30)} == {b"101"}
        assert {handshake(site, "/ws/pos/refuse")[9:12] for _ in range(25)} == {b"101", b"429"}


def test_a_preflight_makes_no_key_good(pods: Pods) -> None:
    with ExitStack() as stack:
        site = build(stack, pods, LB_SRC_KEYED_RATE_10S="20")
        answers = [site.client.options("/api/x", headers=KEY).status_code for _ in range(30)]
        assert answers.count(429) == 10


def test_an_answer_that_needs_no_key_makes_none_good(pods: Pods) -> None:
    with ExitStack() as stack:
        site = build(stack, pods, LB_SRC_KEYED_RATE_10S="20")
        answers = [site.client.get("/docs", headers=KEY).status_code for _ in range(30)]
        assert answers == [200] * 20 + [429] * 10


def test_connections_of_one_address_are_counted_before_a_request_is_complete(pods: Pods) -> None:
    with ExitStack() as stack:
        site = build(stack, pods, LB_SRC_CONNECTIONS="30")
        halves = []
        for _ in range(60):
            # One that is too many may be cut before it is seen to be open.
            with suppress(ConnectionError):
                link = socket.create_connection(("127.0.0.1", site.balancer.port), timeout=5)
                halves.append(stack.enter_context(link))
        for half in halves:
            with suppress(ConnectionError):
                half.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-")

        def refused(link: socket.socket) -> bool:
            link.settimeout(0.05)
            try:
                return link.recv(1) == b""
            except TimeoutError:
                return False
            except ConnectionError:
                return True

        assert wait_until(lambda: sum(not refused(half) for half in halves) == 30, 4.0)
        other = socket.create_connection(("127.0.0.1", site.balancer.port), 5, ("127.0.0.9", 0))
        with other:
            other.sendall(b"GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n")
            assert other.recv(100).startswith(b"HTTP/1.1 200 ")


def test_a_till_whose_key_was_good_has_its_socket_beside_all_that_its_address_holds(pods: Pods) -> None:
    with ExitStack() as stack:
        site = build(stack, pods, LB_SRC_SOCKETS="5")
        assert site.client.get("/api/x", headers=KEY).status_code == 200
        for _ in range(10):
            half = stack.enter_context(socket.create_connection(("127.0.0.1", site.balancer.port), timeout=5))
            half.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-")
        other = {"Authorization": f"Bearer bw_term_{'o' * 43}"}
        for path in ("/ws/pos/kitchen", "/sse/pos/kitchen"):
            statuses = [
                site.client.get(path, headers={**UPGRADE, **key}).status_code for key in (KEY, other, {})
            ]
            assert statuses == [200, 429, 429]


def test_new_connections_of_one_address_are_counted_too(pods: Pods) -> None:
    with ExitStack() as stack:
        site = build(stack, pods, LB_SRC_CONNECTS_10S="20")
        answered = 0
        for _ in range(40):
            with suppress(httpx.TransportError):
                httpx.get(f"{site.balancer.url}/api/x", trust_env=False)
                answered += 1
        assert answered == 20


def test_a_stream_that_its_client_ends_is_over_at_the_gateway(own_site: Site) -> None:
    """Though the gateway writes nothing: a balancer that sees the end only when it writes would never see this one."""
    with socket.create_connection(("127.0.0.1", own_site.balancer.port), timeout=5) as link:
        link.sendall(b"GET /sse/pos/stay HTTP/1.1\r\nHost: x\r\n\r\n")
        said = b""
        while b"gateway-" not in said:
            said += link.recv(1000)
    assert wait_until(lambda: any(pod.ended_a_stream for pod in own_site.gateways), 10)


def test_a_request_is_answered_though_its_client_has_said_that_nothing_more_will_come(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.balancer.port), timeout=5) as link:
        link.sendall(b"POST /late HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        link.shutdown(socket.SHUT_WR)
        assert link.recv(1000).startswith(b"HTTP/1.1 200 ")


def proxied(site: Site, address: str, request: bytes) -> bytes:
    """Ask as a balancer in front would, for a client of this address."""
    with socket.create_connection(("127.0.0.1", site.balancer.port), timeout=5) as link:
        family = "TCP6" if ":" in address else "TCP4"
        mine = "::1" if ":" in address else "127.0.0.1"
        with suppress(ConnectionError):
            link.sendall(f"PROXY {family} {address} {mine} 4000 80\r\n".encode() + request)
            return link.recv(1000)
    return b""


def test_an_address_of_ipv6_is_the_network_that_one_subscriber_gets(pods: Pods) -> None:
    with ExitStack() as stack:
        site = build(stack, pods, LB_ACCEPT_PROXY="1", LB_SRC_RATE_10S="10")
        ask = b"GET /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        answers = [proxied(site, f"2001:db8:0:1::{number:x}", ask)[9:12] for number in range(1, 21)]
        assert answers == [b"200"] * 10 + [b"429"] * 10
        assert proxied(site, "2001:db8:0:2::1", ask)[9:12] == b"200"
        many = [proxied(site, f"198.51.100.{number}", ask)[9:12] for number in range(1, 21)]
        assert many == [b"200"] * 20


def test_each_spelling_of_a_tenant_is_that_tenant(site: Site) -> None:
    spelled = [f"/ws/pos/kitche{letter}" for letter in ("n", "%6e", "%6E")] + ["/%77s/pos/kitchen"]
    pods = {site.client.get(path, headers=UPGRADE).json()["pod"] for path in spelled}
    assert len(pods) == 1
    assert pods.pop().startswith("gateway-")


def test_too_many_headers_are_refused_before_they_reach_a_pod(site: Site) -> None:
    many = {f"x-{number}": "1" for number in range(100)}
    assert site.client.get("/api/x", headers=many).status_code == 400


def test_a_taken_port_is_said_in_one_sentence(site: Site) -> None:
    second = HAProxy(
        apis=[site.apis[0].address], gateways=[site.gateways[0].address], port=site.balancer.port
    )
    with pytest.raises(CannotStart, match=f"Port {site.balancer.port} is taken"):
        second.start()


def test_a_pod_that_is_not_well_is_named() -> None:
    with EchoPod("api-1") as api, EchoPod("gateway-1", ready=False) as gateway:
        balancer = HAProxy(apis=[api.address], gateways=[gateway.address])
        with pytest.raises(CannotStart, match="gateway-1 not well"):
            balancer.start(seconds=2.0)


LISTED = "https://Till.example.com:443, http://192.168.1.20:3000, null"


def granted(answer: httpx.Response) -> str | None:
    """The origin that may read one of the load balancer's own answers."""
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers
    allowed: str | None = answer.headers.get("access-control-allow-origin")
    assert ("retry-after" in answer.headers.get("access-control-expose-headers", "").lower()) == (
        allowed is not None
    )
    return allowed


@pytest.mark.parametrize("as_json", [False, True], ids=["commas", "JSON"])
def test_a_listed_page_may_read_the_load_balancers_own_answers_and_no_other_may(
    as_json: bool, pods: Pods
) -> None:
    listed = json.dumps(LISTED.split(", ")) if as_json else LISTED
    with ExitStack() as stack:
        site = build(stack, pods, LB_SRC_RATE_10S="100000", LB_ALLOWED_ORIGINS=listed)
        for origin, own in {
            "https://till.example.com": True,
            "HTTPS://TILL.example.com:443": True,
            "http://192.168.1.20:3000": True,
            "null": True,
            "http://till.example.com": False,
            "https://till.example.com:8443": False,
            "http://192.168.1.20": False,
            "https://till.example.com.evil.example": False,
            "https://evil.example": False,
            "x ,https://evil.example": False,
            "file://": False,
            "*": False,
            ".*": False,
        }.items():
            sent = {"Origin": origin}
            for path, status in (("/metrics", 404), ("/ws/pos/", 404), ("/ws/pos/kitchen", 426)):
                answer = site.client.get(path, headers=sent)
                assert (answer.status_code, granted(answer)) == (status, origin if own else None), origin
            # A pod's answer is the pod's to say.
            its_own = site.client.get("/api/x", headers=sent)
            assert not [
                name for name in its_own.headers if name.startswith("access-control") or name == "vary"
            ]
            preflight = site.client.options(
                "/api/tenant/orders/create", headers=sent | {"Access-Control-Request-Method": "POST"}
            )
            assert (preflight.status_code == 204) == own
            if own:
                assert granted(preflight) == origin
                assert (b"Access-Control-Allow-Origin", origin.encode()) in preflight.headers.raw
                assert preflight.headers["access-control-allow-headers"] == REQUEST_HEADERS.decode()
                assert preflight.headers["access-control-allow-methods"] == METHODS.decode()
        both = httpx.Headers([("Origin", "null"), ("Origin", "https://evil.example")])
        for headers in (httpx.Headers(), both):
            assert granted(site.client.get("/metrics", headers=headers)) is None


def test_a_limit_and_the_want_of_pods_may_be_read_by_a_listed_page_and_its_preflight_is_granted() -> None:
    with ExitStack() as stack:
        site = build(
            stack, start_pods(stack), LB_SRC_RATE_10S="20", LB_ALLOWED_ORIGINS="https://till.example.com"
        )
        sent = {"Origin": "https://till.example.com"}
        asks = sent | {"Access-Control-Request-Method": "GET"}
        for pod in site.apis:
            pod.kill()
        answer = site.client.get("/api/x", headers=sent)
        assert (answer.status_code, granted(answer)) == (503, sent["Origin"])
        answers = [site.client.get("/api/x", headers=sent) for _ in range(30)]
        assert answers[-1].status_code == 429
        assert granted(answers[-1]) == sent["Origin"]
        assert answers[-1].headers["retry-after"]
        assert site.client.options("/api/x", headers=asks).status_code == 204


def test_a_star_is_granted_as_a_star_to_pages_and_without_a_list_nothing_is_said(
    site: Site, pods: Pods
) -> None:
    with ExitStack() as stack:
        anybody = build(stack, pods, LB_ALLOWED_ORIGINS="https://till.example.com, *")
        assert granted(anybody.client.get("/metrics", headers={"Origin": "https://anybody.example"})) == "*"
        assert granted(anybody.client.get("/metrics")) is None
    answer = site.client.get("/metrics", headers={"Origin": "https://till.example.com"})
    assert not [name for name in answer.headers if name.startswith("access-control") or name == "vary"]


def test_every_answer_carries_the_requests_id(site: Site) -> None:
    answer = site.client.get("/api/x")
    assert answer.headers["x-request-id"] == answer.json()["headers"]["x-request-id"]
    assert site.client.get("/metrics").headers["x-request-id"]
