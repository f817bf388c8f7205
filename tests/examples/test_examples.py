"""The examples in Python before a whole cluster: printed once, ordered once, taken once, whatever is cut."""

import http.client
import json
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from examples.kitchen_printer import BEGIN, END, ticket
from infra.local.cluster import Cluster
from infra.local.ports import free_port
from infra.local.shops import Shop
from infra.local.waiting import wait_until
from tests.conftest import ROOT
from tests.examples.conftest import OpenExample
from tests.examples.program import Program, running
from tests.shop import ORDER, bearer

EXAMPLES = ROOT / "examples"
SECONDS = 30.0


def environment(url: str, shop: Shop, key: str) -> dict[str, str]:
    """The variables of every example."""
    return {"BELLWIRE_URL": url, "BELLWIRE_TENANT": shop.slug, "BELLWIRE_KEY": key}


@contextmanager
def counter_of(square: Cluster, shop: Shop) -> Iterator[httpx.Client]:
    """The web shop's client."""
    headers = bearer(shop.storefront_key)
    with httpx.Client(base_url=square.url, headers=headers, timeout=20, trust_env=False) as client:
        yield client


# -- the kitchen printer -------------------------------------------------------------------------------------------


class Paper:
    """A printer in the network: what it was sent. It can be switched on later than its address is known."""

    def __init__(self) -> None:
        self.port = free_port()
        self.content = b""
        self._socket: socket.socket | None = None

    def switch_on(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", self.port))
        self._thread = threading.Thread(target=self._take, args=(self._socket,))
        self._thread.start()

    def switch_off(self) -> None:
        if self._socket is not None:
            self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            self._thread.join()

    def _take(self, server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                while data := connection.recv(65536):
                    self.content += data


def test_of_two_kitchen_printers_one_prints_each_order_also_when_one_is_off_and_the_other_dies(
    square: Cluster, open_example: OpenExample, tmp_path: Path
) -> None:
    shop, paper, roll = open_example("printer"), Paper(), tmp_path / "roll"
    made = httpx.post(
        f"{square.url}/api/tenant/{shop.slug}/terminals",
        json={"name": "bar"},
        headers=bearer(square.operator_key),
        trust_env=False,
    )
    keys = {f"127.0.0.1:{paper.port}": shop.terminals[0].key, str(roll): made.json()["key"]}
    programs = [
        Program(
            [sys.executable, EXAMPLES / "kitchen_printer.py", printer],
            environment(square.url, shop, key) | {"TILL_CURSOR": f"{number}.cursor"},
            tmp_path,
        )
        for number, (printer, key) in enumerate(keys.items())
    ]
    paper.switch_on()
    try:
        with counter_of(square, shop) as counter:
            body = {**ORDER, "specialInstructions": "no onions\nORD-999 pickup"}
            for _ in range(3):
                answer = counter.post("/api/tenant/orders/create", json=body)
                assert answer.status_code == 201, answer.text
            assert wait_until(lambda: printed(roll, paper) == ["ORD-1", "ORD-2", "ORD-3"], SECONDS)
            # One dies, the other has no paper: nothing is acknowledged until there is some.
            programs[1].kill()
            paper.switch_off()
            order = counter.post("/api/tenant/orders/create", json=body).json()
            programs[0].prints("Connection refused")
            path = f"/api/tenant/{shop.slug}/orders/{order['orderId']}"
            assert counter.get(path).json()["receipts"] == []
            paper.switch_on()
            assert wait_until(lambda: printed(roll, paper)[-1] == "ORD-4", SECONDS)
            assert wait_until(lambda: counter.get(path).json()["receipts"] != [], SECONDS)
        assert printed(roll, paper) == ["ORD-1", "ORD-2", "ORD-3", "ORD-4"]
        assert b"\nORD-999" not in paper.content
    finally:
        for program in programs:
            program.kill()
        paper.switch_off()


def printed(roll: Path, paper: Paper) -> list[str]:
    """The orders on both papers, each as often as it is there."""
    content = paper.content + (roll.read_bytes() if roll.exists() else b"")
    return sorted(part.split()[0].decode() for part in content.split(BEGIN)[1:])


@given(st.text(), st.text(max_size=40))
def test_nothing_that_a_customer_writes_is_a_command_to_the_printer(text: str, name: str) -> None:
    item = {"name": text, "quantity": 1, "notes": text or "-", "modifiers": [{"name": text, "quantity": 2}]}
    order = {"orderNumber": "ORD-1", "orderType": text, "customerName": name, "specialInstructions": text}
    data = ticket({**order, "items": [item]}, fence=1)
    assert data.startswith(BEGIN)
    assert data.endswith(END)
    paper = data[len(BEGIN) : -len(END)]
    assert [sign for sign in paper if (sign < 0x20 and sign != 0x0A) or sign == 0x7F] == []
    assert paper.count(b"\n") == len(ticket({**order, "items": [{**item, "name": "x"}]}, 1).split(b"\n")) - 1


# -- the storefront ------------------------------------------------------------------------------------------------


class Trouble(BaseHTTPRequestHandler):
    """Before the cluster: answers are cut, refused for now, said to be under way; then all is well."""

    target = ""
    seen: list[str]
    script: Iterator[str]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append(self.headers["Idempotency-Key"])
        match next(self.script, "pass"):
            case "busy":
                self.answer(503, b"{}", {"Retry-After": "1"})
            case "cut":
                self.forward(body)
                self.close_connection = True
            case "running":
                problem = {"type": "urn:bellwire:problem:still-running", "status": 409}
                self.answer(409, json.dumps(problem).encode(), {})
            case _:
                status, content = self.forward(body)
                self.answer(status, content, {})

    def forward(self, body: bytes) -> tuple[int, bytes]:
        with closing(http.client.HTTPConnection(self.target, timeout=20)) as connection:
            connection.request("POST", self.path, body, dict(self.headers))
            answer = connection.getresponse()
            return answer.status, answer.read()

    def answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {
            **headers,
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Silence."""


def test_a_storefront_places_an_order_once_through_cuts_and_refusals_and_again_after_a_restart(
    square: Cluster, open_example: OpenExample, tmp_path: Path
) -> None:
    shop = open_example("storefront")
    script = iter(["cut", "busy", "running"])
    seen: list[str] = []
    members = {"target": square.url.removeprefix("http://"), "seen": seen, "script": script}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("TroubleHere", (Trouble,), members))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}"

    def order(**changes: Any) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, EXAMPLES / "storefront.py", "basket-4711"],
            input=json.dumps({**ORDER, **changes}),
            env=environment(url, shop, shop.storefront_key),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    try:
        assert order().stdout == "ORD-1\n"
        assert seen == ["basket-4711"] * 4
        assert order().stdout == "ORD-1\n"
        wrong = order(items=[])
        assert (wrong.returncode, "Refused: 422" in wrong.stderr) == (1, True)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    with counter_of(square, shop) as counter:
        listed = counter.get(f"/api/tenant/{shop.slug}/orders").json()["orders"]
    assert [order["externalId"] for order in listed] == ["basket-4711"]


# -- the receiver of webhooks ----------------------------------------------------------------------------------------


def test_a_receiver_takes_each_genuine_message_once_in_order_and_goes_on_after_a_crash(
    tmp_path: Path,
) -> None:
    secret, port = "whsec_" + "c2VjcmV0" * 4, free_port()
    command: list[str | Path] = [sys.executable, EXAMPLES / "webhook_receiver.py", str(port)]

    def send(id_: str, *, genuine: bool = True) -> int:
        now, body = datetime.now(UTC), json.dumps({"type": "new_order", "offset": id_})
        headers = {
            "webhook-id": id_,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret).sign(id_, now, body) if genuine else "v1,AAAA",
        }
        return httpx.post(
            f"http://127.0.0.1:{port}", content=body, headers=headers, trust_env=False
        ).status_code

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    with running(command, {"WEBHOOK_SECRET": secret}, tmp_path) as receiver:
        assert wait_until(listens, SECONDS)
        assert [send(id_) for id_ in ("1-1", "1-2", "1-1")] == [204] * 3
        assert send("1-3", genuine=False) == 400
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection:
            connection.putrequest("POST", "/")
            connection.putheader("Content-Length", str(1 << 30))
            connection.endheaders()
            assert connection.getresponse().status == 413
        receiver.prints("1-2 new_order")
        receiver.kill()
    done = [line for line in receiver.lines if line.endswith("new_order")]
    assert done == ["1-1 new_order", "1-2 new_order"]
    # It was stored, and a crash came before the work: it is done at the next start, and not asked for again.
    with closing(sqlite3.connect(tmp_path / "inbox.sqlite")) as inbox, inbox:
        inbox.execute("UPDATE inbox SET done_at = NULL WHERE webhook_id = '1-2'")
    with running(command, {"WEBHOOK_SECRET": secret}, tmp_path) as receiver:
        assert receiver.prints("new_order") == "1-2 new_order"


def test_a_receiver_without_a_secret_takes_nothing(tmp_path: Path) -> None:
    with running(
        [sys.executable, EXAMPLES / "webhook_receiver.py"], {"WEBHOOK_SECRET": ""}, tmp_path
    ) as receiver:
        assert receiver.ends() == 1
