"""Six planted faults, each found for the right reason, and none where there is none; the smoke profile, whole.

The terminals, the look at receipts and the verdict are those of a run; customers are the test's own, so that a fault
costs seconds and not a run.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest

from infra.local.cluster import Cluster
from infra.local.plan import Plan
from loadtests.core.marker import stamp
from loadtests.core.profiles import Size
from loadtests.core.record import FALSE_RECEIPT, FOREIGN, LOST, REPEATED, SWAPPED, Record
from loadtests.core.rows import PROBE, WEBSOCKET, arrival
from loadtests.core.thresholds import read_thresholds
from loadtests.core.verdict import Run, report_of
from loadtests.estate import Estate, Opened
from loadtests.looks import look_at_orders
from loadtests.plan import Shop
from loadtests.terminals.host import Host
from tests.loadtests.spoiler import DELAY_SECONDS, spoiled
from tests.shop import bearer

ROOT = Path(__file__).resolve().parents[2]
SIZE = Size(2, 0, 10.0, 600.0, warm_up_seconds=1.0, probes=2, clients=0, webhooks=0)
ORDERS = 12
SECONDS = 60.0
FAULTS = {"drop": LOST, "repeat": REPEATED, "swap": SWAPPED, "leak": FOREIGN, "invent_ack": FALSE_RECEIPT}
# Limits of time say nothing on a machine that has other work; the promises hold everywhere.
PATIENT = "failures = 1.0\noffered = 0.1\n[[limit]]\nrow = '*'\np99_ms = 60000\n"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(Plan(api_pods=1, gateway_pods=1)) as cluster:
        yield cluster


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture(scope="module")
async def estate(
    cluster: Cluster, http: aiohttp.ClientSession, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Estate]:
    ledger = tmp_path_factory.mktemp("estate") / "left.json"
    estate = Estate(http, cluster.url, cluster.operator_key, "planted", ledger)
    await estate.knock()
    yield estate
    assert await estate.leave() == []
    assert not ledger.exists()


@pytest.fixture(scope="module")
async def opened(estate: Estate) -> Opened:
    return await estate.open(SIZE)


class Night:
    """One short run: terminals at `url`, orders at the cluster itself, and the verdict."""

    def __init__(self, http: aiohttp.ClientSession, url: str, opened: Opened) -> None:
        self._http, self._url, self._opened = http, url, opened
        self.record = Record()
        self.words: list[dict[str, Any]] = []
        self.placed: list[tuple[str, str, str]] = []
        self.began = time.time()

    async def spend(self, terminal_url: str) -> dict[str, Any]:
        # The crowd's doors pass through the proxy as they are; it is WebSockets that are spoiled.
        seats = [seat for seat in self._opened.probes if seat.door == WEBSOCKET and not seat.deadline_seconds]
        order = {
            "url": terminal_url,
            "people": PROBE,
            "part": "probes",
            "seats": [list(asdict(seat).values()) for seat in seats],
        }
        lines = asyncio.StreamReader()
        running = asyncio.create_task(Host(order, self._hear).run(lines))
        await self._until(lambda: any("ready" in word for word in self.words))
        self.began = time.time() - SIZE.warm_up_seconds - 1
        owed: dict[str, str] = {}
        for number in range(ORDERS):
            shop = self._opened.shops[number % len(self._opened.shops)]
            owed[shop.slug] = await self._order(shop)
        # A late event is not to be taken for a lost one.
        lines.feed_data(json.dumps({"do": "settle", "owed": owed}).encode() + b"\n")
        await self._until(lambda: any("settled" in word for word in self.words))
        lines.feed_eof()
        await running
        said = next(word["said"] for word in self.words if "settled" in word)
        # An ack is written within a second or so.
        await asyncio.sleep(2.0)
        await look_at_orders(self._http, self._url, self._opened.shops, self.placed, said, self.record)
        limits = read_thresholds((ROOT / "loadtests" / "thresholds.toml").read_text(encoding="utf-8"))
        limits = replace(
            limits, offered=0.0, limits=tuple(replace(limit, least=0) for limit in limits.limits)
        )
        run = Run("steady", SIZE, "planted", self.began, time.time() + 1, self.record)
        return report_of(run, limits)

    def _hear(self, word: dict[str, Any]) -> None:
        self.words.append(word)
        if "delta" in word:
            self.record.add(word["delta"])

    async def _order(self, shop: Shop) -> str:
        body = {
            "orderType": "pickup", "customerName": "Ada", "specialInstructions": stamp(time.time_ns()),
            "items": [{"name": "Margherita", "quantity": 1, "unitPrice": 9.5}],
        }  # fmt: skip
        path = f"{self._url}/api/tenant/orders/create"
        async with self._http.post(path, json=body, headers=bearer(shop.storefront_key)) as answer:
            assert answer.status == 201
            content = await answer.json()
        self.record.note("POST orders/create", int(time.time()), 1.0)
        self.placed.append((shop.slug, content["orderId"], content["offset"]))
        return str(content["offset"])

    @staticmethod
    async def _until(is_so: Any) -> None:
        async with asyncio.timeout(SECONDS):
            while not is_so():
                await asyncio.sleep(0.02)


async def a_night(
    http: aiohttp.ClientSession, cluster: Cluster, opened: Opened, fault: str | None
) -> dict[str, Any]:
    async with spoiled(cluster.url, fault) as (url, spoiler):
        report = await Night(http, cluster.url, opened).spend(url)
        assert spoiler.done or fault is None, "nothing was spoiled, so nothing is proved"
    return report


def kinds(report: dict[str, Any]) -> set[str]:
    return {kind for kind, count in report["faults"].items() if count}


async def test_without_a_fault_no_promise_is_broken(
    http: aiohttp.ClientSession, cluster: Cluster, opened: Opened
) -> None:
    report = await a_night(http, cluster, opened, None)
    assert kinds(report) == set()
    assert report["rows"][arrival(WEBSOCKET, PROBE)]["count"] == ORDERS * 2


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_planted_fault_fails_the_run_for_its_own_reason(
    http: aiohttp.ClientSession, cluster: Cluster, opened: Opened, fault: str
) -> None:
    report = await a_night(http, cluster, opened, fault)
    assert not report["passed"]
    assert kinds(report) == {FAULTS[fault]}, report["complaints"]
    assert any(text.startswith(f"{FAULTS[fault]}: ") for text in report["complaints"])


async def test_events_that_are_300_ms_late_fail_the_run_by_its_limit_and_break_no_promise(
    http: aiohttp.ClientSession, cluster: Cluster, opened: Opened
) -> None:
    report = await a_night(http, cluster, opened, "delay")
    assert kinds(report) == set()
    assert report["rows"][arrival(WEBSOCKET, PROBE)]["p50"] >= DELAY_SECONDS * 1000
    assert any(text.startswith(f"{arrival(WEBSOCKET, PROBE)}: p99 is ") for text in report["complaints"])


def test_the_smoke_profile_passes_and_leaves_nothing_behind(cluster: Cluster, tmp_path: Path) -> None:
    limits, key = tmp_path / "limits.toml", tmp_path / "key"
    limits.write_text(PATIENT, encoding="utf-8")
    key.write_text(cluster.operator_key, encoding="utf-8")
    words = [
        sys.executable,
        "-m",
        "loadtests",
        "run",
        "smoke",
        "--host",
        cluster.url,
        "--operator-key-file",
        str(key),
    ]
    words += [
        "--thresholds",
        str(limits),
        "--results",
        str(tmp_path),
        "--quiet",
        "--seconds",
        "12",
        "--warm-up",
        "3",
    ]
    words += [f"--pod=api-1={cluster.apis[0].url}", f"--pod=gateway-1={cluster.gateways[0].url}"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=110)
    log = tmp_path / "locust.log"
    assert done.returncode == 0, done.stdout + done.stderr + (log.read_text() if log.exists() else "")
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    for row in (
        "EVENT order → websocket (probe)", "EVENT order → sse (probe)", "EVENT order → polling (probe)",
        "EVENT order → websocket (crowd)", "EVENT order → websocket (sdk)", "EVENT order → webhook (probe)",
        "POST orders/create", "EVENT alarm, after its deadline",
    ):  # fmt: skip
        assert row in report["rows"], row
    assert report["settings"]["receiptsSeen"] > 0
    assert {"memory api-1", "connections gateway-1", "cpu generator"} <= set(report["values"])
    # Those of the tests above are there still.
    listed = httpx.get(f"{cluster.url}/api/tenants?q=load-", headers=bearer(cluster.operator_key)).json()
    assert [each["tenant"] for each in listed["tenants"] if "planted" not in each["tenant"]] == []
    assert sorted(path.name for path in tmp_path.glob("*.json")) == ["report.json"]
