"""The demo as people run it: ready when it says so, two at once, and nothing left when it ends."""

import asyncio
import json
import os
import re
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
from websockets.sync.client import connect

from infra.local.ports import free_port
from infra.local.waiting import wait_until
from tests.local.processes import all_gone, is_running

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60.0
COMMAND = [sys.executable, "-m", "infra.local"]


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Ours without what would change the demo, and with its temporary files where we can see them."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("BELLWIRE_")}
    return {**ours, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder), **settings}


@contextmanager
def demo(
    folder: Path, name: str = "demo.json", port: int | None = None, **more: str
) -> Iterator[tuple[Any, dict[str, Any]]]:
    """A small demo that is ready, and what its demo.json says; stopped by SIGINT if the test did not stop it."""
    settings = {
        "BELLWIRE_PORT": str(port or free_port()),
        "BELLWIRE_API_PODS": "1",
        "BELLWIRE_GATEWAY_PODS": "2",
        **more,
    }
    env = environment(folder, **settings)
    with (folder / f"{name}.out").open("w") as out:
        process = subprocess.Popen(COMMAND, cwd=folder, env=env, stdout=out, stderr=subprocess.STDOUT)
        try:
            manifest = folder / ".bellwire" / name
            wait_until(lambda: manifest.exists() or process.poll() is not None, READY_SECONDS)
            assert manifest.exists(), (folder / f"{name}.out").read_text()
            yield process, json.loads(manifest.read_text())
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.wait(30)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A working directory with a short path, which a Unix socket's name needs; a server's user may pass through."""
    with tempfile.TemporaryDirectory(prefix="demo-test-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


def orders_said(folder: Path) -> list[str]:
    """The whole lines that place an order, of what the demo has said so far."""
    lines = (folder / "demo.json.out").read_text().splitlines(keepends=True)
    return [line.rstrip() for line in lines if " | curl " in line and line.endswith("\n")]


def pid_of(role: str, document: dict[str, Any]) -> int:
    return next(int(each["pid"]) for each in document["processes"] if each["role"] == role)


def assert_no_secret_in_a_list_of_processes(document: dict[str, Any], folder: Path) -> None:
    """No key or password of a demo is a word of a command that runs, or of one that it tells people to type."""
    # Its lines follow its file; the orders to type are the last ones that matter here.
    assert wait_until(lambda: bool(orders_said(folder)), READY_SECONDS)
    printed = (folder / "demo.json.out").read_text()
    found = re.findall(r"bw_(?:op|store|term)_[\w-]{43}", json.dumps(document))
    found += [urlsplit(document[name]).password for name in ("databaseUrl", "redisUrl")]
    assert len(found) >= 10
    # The token behind the # of its pages' addresses opens the demo to whoever has it.
    tokens = {address.partition("#")[2] for address in document["pages"].values()}
    assert len(tokens) == 1
    found += tokens
    assert all(address in printed for address in document["pages"].values())
    words = [
        word
        for path in Path("/proc").glob("[0-9]*/cmdline")
        for word in reading(path).decode(errors="replace").split("\0")
    ]
    assert any("postgres" in word for word in words)
    # The shell's own words before a command are no arguments of it.
    for line in printed.splitlines():
        if re.match(r"\s+(\w+=\S+ |echo )", line):
            words += shlex.split(line.rpartition(" | ")[2])
    words = [word for word in words if not re.match(r"[A-Z_]+=", word)]
    assert [word for word in words for secret in found if secret in word] == []


async def who_connects(url: str) -> dict[str, str]:
    """The database roles of each kind of pods."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT DISTINCT substring(application_name FROM '^bellwire-(api|gateway)') AS kind, usename "
            "FROM pg_stat_activity WHERE application_name LIKE 'bellwire-%'"
        )
        assert len(rows) == 2, rows
        return {row["kind"]: row["usename"] for row in rows}
    finally:
        await connection.close()


def reading(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)], ids=["Ctrl-C", "SIGTERM"]
)
def test_it_ends_with_0_and_leaves_no_process_and_no_file_behind(
    folder: Path, number: signal.Signals
) -> None:
    with demo(folder) as (process, document):
        pids = [each["pid"] for each in document["processes"]]
        assert all(is_running(pid) for pid in pids)
        assert len(pids) == 6
        assert_no_secret_in_a_list_of_processes(document, folder)
        assert asyncio.run(who_connects(document["databaseUrl"])) == {
            "api": "bellwire_api",
            "gateway": "bellwire_gateway",
        }
        process.send_signal(number)
        assert process.wait(30) == 0
        assert all_gone(pids, 1.0)
    assert {path.name for path in folder.iterdir()} == {".bellwire", "demo.json.out"}
    assert {path.name for path in (folder / ".bellwire").iterdir()} == {"logs"}
    assert (
        "0 online orders accepted, 0 events delivered, 0 pods restarted"
        in (folder / "demo.json.out").read_text()
    )


@pytest.mark.long
def test_with_tls_it_speaks_tls_and_its_lines_say_how_to_trust_it(folder: Path) -> None:
    with demo(folder, TLS="1") as (process, document):
        assert document["url"].startswith("https://127.0.0.1:")
        kitchen = document["tenants"]["kitchen"]
        # The lines follow the file.
        wait_until(lambda: bool(orders_said(folder)), READY_SECONDS)
        (order,) = orders_said(folder)
        said = subprocess.run(
            order, shell=True, cwd=folder, capture_output=True, text=True, timeout=30, check=True
        )
        assert json.loads(said.stdout)["offset"] == "1-1"
        address = document["url"].replace("https", "wss", 1) + "/ws/pos/kitchen?after=0"
        headers = {"Authorization": f"Bearer {kitchen['terminals'][0]['key']}"}
        tls = ssl.create_default_context(cafile=document["caFile"])
        with connect(address, additional_headers=headers, ssl=tls, proxy=None) as socket:
            assert json.loads(socket.recv(10))["type"] == "hello"
            assert json.loads(socket.recv(10))["type"] == "new_order"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert {path.name for path in (folder / ".bellwire").iterdir()} == {"logs"}


@pytest.mark.long
def test_with_monitoring_a_prometheus_with_our_rules_scrapes_all_of_it_and_goes_with_it(folder: Path) -> None:
    with demo(folder, MONITORING="1") as (process, document):
        url = document["prometheusUrl"]

        def scraped() -> dict[str, set[str]]:
            found: dict[str, set[str]] = {}
            for target in httpx.get(f"{url}/api/v1/targets").json()["data"]["activeTargets"]:
                found.setdefault(target["labels"]["job"], set()).add(target["health"])
            return found

        jobs = {"api", "gateway", "haproxy", "redis", "postgres"}
        assert wait_until(lambda: scraped() == {f"bellwire-{job}": {"up"} for job in jobs}, 60.0), scraped()
        groups = httpx.get(f"{url}/api/v1/rules").json()["data"]["groups"]
        assert "BellwireOrdersUnseen" in {rule["name"] for group in groups for rule in group["rules"]}
        # An Alertmanager is told of alerts, and lives.
        managers = httpx.get(f"{url}/api/v1/alertmanagers").json()["data"]["activeAlertmanagers"]
        assert len(managers) == 1
        assert httpx.get(managers[0]["url"].replace("alerts", "status")).json()["config"]["original"]
        wait_until(lambda: "dashboards/*.json" in (folder / "demo.json.out").read_text(), READY_SECONDS)
        assert f"add {url} there" in (folder / "demo.json.out").read_text()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def place_its_first_order(document: dict[str, Any]) -> None:
    key = document["tenants"]["kitchen"]["storefrontKey"]
    order = {
        "orderType": "pickup",
        "customerName": "Ada",
        "items": [{"name": "Tea", "quantity": 1, "unitPrice": 2}],
    }
    answer = httpx.post(
        f"{document['url']}/api/tenant/orders/create", json=order, headers={"Authorization": f"Bearer {key}"}
    )
    assert answer.status_code == 201
    assert answer.json()["offset"] == "1-1"


def what_it_says_is_true_and_stays_true_when_a_pod_is_killed(folder: Path, document: dict[str, Any]) -> None:
    """Of a demo.json: its addresses answer, its tills are named, and a pod that is back has its process there."""
    for each in document["processes"]:
        if each["role"] in ("api", "gateway"):
            assert httpx.get(f"{each['url']}/readyz").status_code == 200
    assert [till["name"] for till in document["tenants"]["kitchen"]["terminals"]] == [
        "counter", "kitchen-1", "kitchen-2", "bar", "drive-through",
    ]  # fmt: skip
    assert [till["name"] for till in document["tenants"]["bistro"]["terminals"]] == ["counter", "kitchen"]
    killed = pid_of("api", document)
    os.kill(killed, signal.SIGKILL)
    manifest = folder / ".bellwire" / "demo.json"
    assert wait_until(lambda: pid_of("api", json.loads(manifest.read_text())) != killed, READY_SECONDS)
    assert is_running(pid_of("api", json.loads(manifest.read_text())))


@pytest.mark.long
def test_of_two_demos_in_one_directory_neither_disturbs_the_other_and_the_next_one_clears_up_after_a_killed_one(
    folder: Path,
) -> None:
    mine = folder / "bellwire-mine"
    (mine / ".git").mkdir(parents=True)
    (mine / ".git" / "HEAD").write_text("ref: refs/heads/main")
    for path in (mine, mine / ".git"):
        os.utime(path, (path.stat().st_mtime - 3600,) * 2)
    other = free_port()
    with demo(folder) as (_, first), demo(folder, f"demo-{other}.json", other) as (process, document):
        assert first["url"] != document["url"]
        for each in (first, document):
            place_its_first_order(each)
        again = subprocess.run(
            COMMAND, cwd=folder, env=environment(folder, BELLWIRE_PORT=str(other)),
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert again.returncode == 1
        assert again.stdout.startswith(
            f"A demo of this folder runs at {document['url']} already; choose another port"
        )
        process.kill()
        process.wait()
        assert all_gone([each["pid"] for each in document["processes"]], 5.0)
        what_it_says_is_true_and_stays_true_when_a_pod_is_killed(folder, first)
        assert (folder / ".bellwire" / f"demo-{other}.json").exists()
        assert list(folder.glob("bellwire-run-*/*"))
    with demo(folder):
        assert not (folder / ".bellwire" / f"demo-{other}.json").exists()
    left = {path.name for path in folder.iterdir()}
    assert left == {".bellwire", "bellwire-mine", "demo.json.out", f"demo-{other}.json.out"}
    assert {path.name for path in (folder / ".bellwire").iterdir()} == {"logs", f"logs-{other}"}
    assert (mine / ".git" / "HEAD").read_text() == "ref: refs/heads/main"


def test_the_check_passes_on_the_real_cluster_beside_a_demo_at_the_exported_port(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = subprocess.run(
            [*COMMAND, "--check"], cwd=folder, env=environment(folder, BELLWIRE_PORT=port),
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert f"port {port} is taken" in done.stdout
    assert "the check passed" in done.stdout
    assert list((folder / ".bellwire").iterdir()) == []
