"""The pod as a process: it says how it is, counts without telling secrets, stops politely, refuses wrong settings."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import asyncpg
import httpx
import pytest

from api.db.operator_keys import create_operator_key
from tests.api.streams import stream_entries
from tests.conftest import ROOT, MakeDatabase, OpenShop, StartApiPod
from tests.shop import Operator, Shop, bearer

FIXED = {
    "bellwire_api_requests_total",
    "bellwire_api_request_seconds_bucket",
    "bellwire_events_committed_total",
    "bellwire_events_published_total",
    "bellwire_unacked_orders",
    "bellwire_redis_up",
    "bellwire_postgres_up",
}


async def test_a_pod_says_that_it_is_alive_and_ready(http: httpx.AsyncClient) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert (await http.get(path)).status_code == 200


async def test_the_metrics_have_their_names_and_tell_no_tenant_no_terminal_no_phone_and_no_card(
    shop: Shop,
) -> None:
    await shop.order()
    card = await shop.sell_card()
    await shop.redeem_card(card["cardNumber"], 1)
    await shop.change_points("15557654321", "add", 1)
    await shop.http.get(f"/nowhere/{shop.slug}")
    page = (await shop.http.get("/metrics")).text
    samples = [line for line in page.splitlines() if not line.startswith("#")]
    assert {re.split(r"[{ ]", line)[0] for line in samples} >= FIXED
    for secret in (shop.slug, shop.terminals[0].terminal_id, "15557654321", card["cardNumber"]):
        assert secret not in page
    assert 'route="/api/{tenant}/loyalty/{phone}/add"' in page
    assert 'route="unmatched"' in page


async def test_an_answer_has_the_date_of_now(http: httpx.AsyncClient) -> None:
    dates = set[datetime]()
    async with asyncio.timeout(10):
        while len(dates) < 3:
            date = parsedate_to_datetime((await http.get("/healthz")).headers["date"])
            assert abs((datetime.now(UTC) - date).total_seconds()) < 5
            dates.add(date)
            await asyncio.sleep(0.1)


async def test_no_series_tells_when_another_one_was_made(http: httpx.AsyncClient) -> None:
    assert "_created" not in (await http.get("/metrics")).text


async def test_requests_of_test_tenants_stand_apart(operator: Operator) -> None:
    made = 'bellwire_api_requests_total{method="POST",route="/api/tenant/orders/create",status="201",test="true"}'
    to_see = "bellwire_orders_to_see_total"

    async def figures() -> tuple[float, float]:
        page = (await operator.http.get("/metrics")).text
        samples = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
        return float(samples.get(made, 0)), float(samples[to_see])

    test_shop = await operator.open_shop(f"test-{uuid.uuid4().hex[:12]}", test=True)
    of_test, seen = await figures()
    await test_shop.order()
    assert await figures() == (of_test + 1, seen)
    await (await operator.open_shop()).order()
    assert await figures() == (of_test + 1, seen + 1)


async def test_orders_that_nobody_acked_in_time_are_counted_on_every_pod(
    start_api_pod: StartApiPod, migrated_database: MakeDatabase
) -> None:
    url = await migrated_database()
    pod = start_api_pod({"BELLWIRE_DATABASE_URL": url})
    async with httpx.AsyncClient(base_url=pod.url) as http:
        shop = await Operator(http, await create_operator_key(url)).open_shop()
        late = [await shop.order() for _ in range(2)]
        await shop.order()
        connection = await asyncpg.connect(url)
        await connection.execute(
            "UPDATE unseen_orders SET counts_from = counts_from - interval '31 seconds' "
            "WHERE order_id = ANY ($1::uuid[])",
            [order["orderId"] for order in late],
        )
        await connection.close()
        for _ in range(70):
            page = (await http.get("/metrics")).text
            if "bellwire_unacked_orders 2.0" in page:
                return
            await asyncio.sleep(0.1)
    raise AssertionError("two orders were seen by nobody for half a minute, and one was just placed")


async def test_no_line_of_the_log_holds_a_phone_a_card_a_key_or_a_name(
    start_api_pod: StartApiPod, shop: Shop
) -> None:
    lines: list[str] = []
    pod = start_api_pod({"BELLWIRE_LOG_LEVEL": "debug"}, lines)
    async with httpx.AsyncClient(base_url=pod.url) as http:
        there = shop.at(http)
        await there.order(customerName="Zebediah")
        await there.try_order(customerName="Zebediah", items=[{"name": 5}])
        card = await there.sell_card(recipientEmail="zebediah@example.org")
        await there.redeem_card(card["cardNumber"], 1_000)
        await there.change_points("15557654321", "add", 1)
        await http.get(there.path("orders"), params={"key": shop.terminal_key})
    pod.stop(10)
    log = "\n".join(lines)
    assert "server.listening" in log
    for secret in (
        "ebediah",
        card["cardNumber"],
        "15557654321",
        "bw_store_",
        "bw_term_",
        "a secret of the tests",
    ):
        assert secret not in log


async def test_a_polite_signal_lets_requests_finish_flushes_the_queue_and_ends_with_0(
    start_api_pod: StartApiPod, shop: Shop, open_shop: OpenShop, redis_url: str
) -> None:
    lines: list[str] = []
    other = await open_shop()
    pod = start_api_pod({"BELLWIRE_API_DRAIN_SECONDS": "0.5"}, lines)
    async with httpx.AsyncClient(base_url=pod.url, timeout=35) as http:
        waiting = asyncio.create_task(shop.at(http).poll(wait=30))
        await asyncio.sleep(0.5)
        started = time.monotonic()
        stopping = asyncio.create_task(asyncio.to_thread(pod.stop, 15))
        await asyncio.sleep(0.2)
        drained = await http.get("/readyz")
        assert (drained.status_code, drained.json()["draining"]) == (404, True)
        late = await other.at(http).try_order()
        assert late.status_code == 201
        assert (await waiting).json()["events"] == []
        await stopping
    assert time.monotonic() - started < 5
    assert pod._child is not None
    assert pod._child.wait(0) == 0
    assert any("SIGTERM" in line for line in lines)
    assert [entry_id for entry_id, _ in await stream_entries(redis_url, other.slug)] == ["1-1"]


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"BELLWIRE_CARD_SECRET": "short"}, ["BELLWIRE_CARD_SECRET"]),
        (
            {"BELLWIRE_REDIS_SECRET": "short", "BELLWIRE_REDIS_SECRET_BEFORE": "short"},
            ["BELLWIRE_REDIS_SECRET", "BELLWIRE_REDIS_SECRET_BEFORE"],
        ),
        ({"BELLWIRE_REDIS_SIGNATURES": "none"}, ["BELLWIRE_REDIS_SIGNATURES"]),
        # The run's own Redis has no password.
        ({"BELLWIRE_REDIS_STRICT": "true"}, ["BELLWIRE_REDIS_STRICT"]),
        (
            {
                "BELLWIRE_DATABASE_URL": "mysql://x/y",
                "BELLWIRE_TENANT_WRITES": "0",
                "BELLWIRE_RETENTION_DAYS": "x",
            },
            ["BELLWIRE_DATABASE_URL", "BELLWIRE_TENANT_WRITES", "BELLWIRE_RETENTION_DAYS"],
        ),
    ],
)
def test_wrong_settings_stop_the_pod_before_it_starts_and_are_all_named(
    pod_env: dict[str, str], settings: dict[str, str], names: list[str]
) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "bellwire", "api", "--port", "0"],
        env={**pod_env, **settings},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    for name in names:
        assert name in result.stderr
    assert "short" not in result.stderr


async def test_a_pod_killed_right_after_its_answer_loses_nothing(
    start_api_pod: StartApiPod, operator: Operator, shop: Shop
) -> None:
    pod = start_api_pod({})
    async with httpx.AsyncClient(base_url=pod.url) as http:
        answers = await asyncio.gather(*(shop.at(http).try_order(idempotency_key=f"k{n}") for n in range(10)))
        pod._keep = False
        os.kill(pod.pid, signal.SIGKILL)
    assert {answer.status_code for answer in answers} == {201}
    assert len(await shop.events()) == 10
    again = await shop.try_order(idempotency_key="k3")
    assert again.headers["idempotency-replayed"] == "true"
    listed = await shop.http.get(shop.path("orders"), headers=bearer(shop.storefront_key))
    assert len(listed.json()["orders"]) == 10
