"""TLS at the door, on a real HAProxy: HTTP/1.1, HTTP/2 and WebSockets through it, and a certificate that is renewed."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import h2.settings
import httpx
import pytest

from infra.local.certificate import Certificate, make_certificate
from infra.local.failure import CannotStart
from infra.local.haproxy import HAProxy
from infra.local.ports import free_port
from infra.local.waiting import wait_until
from tests.local.test_haproxy import UPGRADE, Site, build, start_pods

PLAIN = f"127.0.0.1:{free_port()}"
Door = tuple[Site, Certificate]


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A load balancer with TLS, and beside it the door in the clear."""
    folder = tmp_path_factory.mktemp("tls")
    certificate = make_certificate(folder, folder / "ca.pem")
    settings = {
        "LB_PLAIN_BIND": PLAIN,
        "LB_PUBLIC_HOST": "till.example.com",
        "LB_CERT_SECONDS": "0.2",
        "LB_LOG_LEVEL": "info",
    }
    with ExitStack() as stack:
        yield build(stack, start_pods(stack), certificate, **settings), certificate


def dial(door: Door, *protocols: str) -> ssl.SSLSocket:
    site, certificate = door
    context = certificate.trusting()
    context.set_alpn_protocols(list(protocols))
    link = socket.create_connection(("127.0.0.1", site.balancer.port), timeout=10)
    return context.wrap_socket(link, server_hostname="localhost")


def shown(door: Door) -> bytes:
    """The certificate that a client is shown, without any judgement."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    link = socket.create_connection(("127.0.0.1", door[0].balancer.port), timeout=10)
    with context.wrap_socket(link) as dialled:
        found = dialled.getpeercert(binary_form=True)
    assert found is not None
    return found


def open_websocket(door: Door) -> ssl.SSLSocket:
    link = dial(door, "http/1.1")
    lines = [f"{name}: {value}" for name, value in UPGRADE.items()]
    link.sendall("\r\n".join(["GET /ws/pos/stay HTTP/1.1", "Host: bellwire", *lines, "", ""]).encode())
    heard = b""
    while not heard.partition(b"\r\n\r\n")[2].startswith(b"gateway-"):
        said = link.recv(1000)
        assert said, heard
        heard += said
    assert heard.startswith(b"HTTP/1.1 101 ")
    return link


def in_http2(
    door: Door, headers: list[tuple[str, str]], *, ends: bool = True
) -> tuple[dict[str, str], bytes]:
    """Ask in HTTP/2; returns the head of the answer and the first bytes of its body."""
    with dial(door, "h2", "http/1.1") as link:
        assert link.selected_alpn_protocol() == "h2"
        talk = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        talk.initiate_connection()
        link.sendall(talk.data_to_send())
        asked, head = False, {}
        while True:
            for event in talk.receive_data(link.recv(65536)):
                if isinstance(event, h2.events.RemoteSettingsChanged) and not asked:
                    asked = True
                    talk.send_headers(1, headers, end_stream=ends)
                elif isinstance(event, h2.events.ResponseReceived):
                    head = {str(name): str(value) for name, value in event.headers}
                elif isinstance(event, h2.events.DataReceived):
                    return head, event.data
                assert not isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated), event
            link.sendall(talk.data_to_send())


def test_a_request_over_tls_is_told_to_the_pod_as_one(door: Door) -> None:
    site, _ = door
    answer = site.client.get("/api/x", headers={"X-Forwarded-Proto": "http"})
    assert site.balancer.url.startswith("https://")
    assert answer.json()["headers"]["x-forwarded-proto"] == "https"


def test_every_answer_tells_browsers_to_stay_with_tls_whoever_gives_it(door: Door) -> None:
    for path in ("/api/x", "/metrics", "/ws/pos/kitchen", "/sse/pos/"):
        headers = door[0].client.get(path).headers
        assert headers["strict-transport-security"] == "max-age=31536000"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_http_2_is_offered_and_spoken(door: Door) -> None:
    head, body = in_http2(
        door, [(":method", "GET"), (":path", "/api/x"), (":scheme", "https"), (":authority", "localhost")]
    )
    assert head[":status"] == "200"
    assert b'"path": "/api/x"' in body


def test_a_websocket_opens_over_tls_in_http_1_and_in_http_2_as_browsers_do_it(door: Door) -> None:
    with open_websocket(door):
        pass
    head, body = in_http2(
        door,
        [
            (":method", "CONNECT"), (":protocol", "websocket"), (":path", "/ws/pos/stay"), (":scheme", "https"),
            (":authority", "localhost"), ("sec-websocket-version", "13"),
        ],
        ends=False,
    )  # fmt: skip
    assert head[":status"] == "200"
    assert body.startswith(b"gateway-")


@pytest.mark.parametrize(
    ("version", "works"),
    [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)],
)
def test_tls_begins_with_1_2(door: Door, version: ssl.TLSVersion, works: bool) -> None:
    context = door[1].trusting()
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1") if not works else ExitStack():
        context.minimum_version = context.maximum_version = version
    link = socket.create_connection(("127.0.0.1", door[0].balancer.port), timeout=10)
    with ExitStack() if works else pytest.raises((ssl.SSLError, ConnectionError)), link:
        context.wrap_socket(link, server_hostname="localhost").close()


def test_a_renewed_certificate_is_shown_to_new_connections_and_costs_no_open_one(
    door: Door, tmp_path: Path
) -> None:
    site, certificate = door
    first = shown(door)
    with open_websocket(door) as link:
        good = certificate.chain.read_bytes()
        other = make_certificate(tmp_path, tmp_path / "ca.pem").chain.read_bytes()
        # The key of one and the chain of another: a writer was seen half-way.
        begin = b"-----BEGIN CERTIFICATE-----"
        certificate.chain.write_bytes(good.partition(begin)[0] + begin + other.partition(begin)[2])
        assert wait_until(lambda: any("certificate.refused" in line for line in site.log), 5.0)
        assert shown(door) == first
        certificate.chain.write_bytes(other)
        assert wait_until(lambda: shown(door) != first, 5.0)
        certificate.chain.write_bytes(good)
        assert wait_until(lambda: shown(door) == first, 5.0)
        link.settimeout(0.3)
        with pytest.raises(TimeoutError):
            link.recv(1)
    assert "PRIVATE" not in "\n".join(site.log)


@pytest.mark.parametrize("path", ["/", "/docs", "/till", "/console/x"])
def test_a_page_in_the_clear_is_sent_to_the_name_that_was_set_and_not_to_the_one_asked_for(
    door: Door, path: str
) -> None:
    answer = httpx.get(f"http://{PLAIN}{path}", headers={"Host": "evil.example"}, trust_env=False)
    assert answer.status_code == 308
    assert answer.headers["location"] == f"https://till.example.com{path}"


@pytest.mark.parametrize("path", ["/api/x", "/ws/pos/kitchen", "/sse/pos/kitchen", "/tillx", "/metrics"])
def test_a_call_in_the_clear_is_refused_and_never_sent_on(door: Door, path: str) -> None:
    for method in ("GET", "POST"):
        answer = httpx.request(method, f"http://{PLAIN}{path}", headers=UPGRADE, trust_env=False)
        assert answer.status_code == 403
        assert answer.headers["content-type"] == "application/problem+json"
        assert "https" in answer.json()["detail"]
    assert httpx.post(f"http://{PLAIN}/till", trust_env=False).status_code == 403


def test_certificate_and_key_may_be_two_files_as_a_secret_has_them(door: Door, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, tmp_path / "ca.pem")
    key, begin, chain = certificate.chain.read_text().partition("-----BEGIN CERT")
    (tmp_path / "tls.crt").write_text(begin + chain)
    (tmp_path / "tls.key").write_text(key)
    site, _ = door
    with ExitStack() as stack:
        balancer = HAProxy(
            apis=[pod.address for pod in site.apis],
            gateways=[pod.address for pod in site.gateways],
            certificate=tmp_path / "tls.crt",
            settings={"LB_CERT_SECONDS": "0.2"},
        )
        stack.callback(balancer.stop)
        balancer.start()
        served = (Site(balancer, [], [], site.client), certificate)
        first = shown(served)
        renewed = make_certificate(tmp_path, tmp_path / "ca.pem").chain.read_text()
        key, begin, chain = renewed.partition("-----BEGIN CERT")
        (tmp_path / "tls.crt").write_text(begin + chain)
        (tmp_path / "tls.key").write_text(key)
        assert wait_until(lambda: shown(served) != first, 5.0)
        answer = httpx.get(f"{balancer.url}/api/x", verify=certificate.trusting(), trust_env=False)
        assert answer.status_code == 200


def test_without_its_certificate_it_does_not_start(tmp_path: Path) -> None:
    balancer = HAProxy(apis=["127.0.0.1:1"], gateways=["127.0.0.1:2"], certificate=tmp_path / "absent.pem")
    with pytest.raises(CannotStart, match=r"absent\.pem"):
        balancer.start(seconds=5.0)
