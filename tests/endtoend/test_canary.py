"""Canaries through every door, right and wrong, and then a look at everything the cluster wrote: none is there.

A cluster of its own, so that all of its output is at hand, at the level that tells most.
"""

import asyncio
import uuid
from collections import defaultdict
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from infra.local.cluster import Cluster
from infra.local.haproxy import HAProxy
from infra.local.plan import Plan
from infra.local.shops import open_shops
from tests.gateway.till import open_till
from tests.shop import ORDER, bearer

pytestmark = pytest.mark.timeout(180)

PHONE, EMAIL, NAME = "4917055598765", "canary@zebra.example", "Zebediah-Canary"
BODY = {**ORDER, "customerPhone": PHONE, "customerEmail": EMAIL, "customerName": NAME}


async def sing(http: httpx.AsyncClient, slug: str, store: str, term: str, card: str) -> set[int]:
    """Carry the canaries everywhere, in requests that go well and in requests that do not; returns the statuses."""
    stranger = "bw_term_" + "C" * 43
    here = f"/api/tenant/{slug}"
    bodies: list[Any] = [
        BODY,
        {**BODY, "items": [{"name": EMAIL}]},
        {**BODY, EMAIL: PHONE},
        {"points": PHONE},
        {"amount": 1000},
    ]
    paths = [
        "/api/tenant/orders/create",
        f"{here}/orders?after={EMAIL}&status={PHONE}",
        f"{here}/orders/{PHONE}",
        f"{here}/orders/{PHONE}/status",
        f"{here}/gift-cards/purchase",
        f"{here}/gift-cards/{card}",
        f"{here}/gift-cards/{card}/redeem",
        f"{here}/gift%2Dcards/{card}",
        f"{here}/gift-cards//{card}",
        f"/api/{slug}/loyalty/{PHONE}",
        f"/api/{slug}/loyalty/{PHONE}/add",
        f"/api/{slug}/loyalty/{PHONE}/redeem",
        f"/api/{slug}/loyalt%79/{PHONE}",
        f"/api/{slug}/loyalty//{PHONE}/add",
        f"{here}/events?after={PHONE}",
        f"{here}/events?types={EMAIL}&key={term}",
        f"{here}/acks",
        f"{here}/daily-reports?from={PHONE}",
        f"{here}/terminals?token={store}",
        f"{here}/status",
        f"/ws/pos/{slug}?after={PHONE}",
        f"/ws/pos/{slug}?access_token={term}",
        "/api/whoami",
    ]
    statuses = set()
    for path in paths:
        for key in (store, term, stranger):
            for body in bodies:
                response = await http.post(
                    path, json=body, headers={**bearer(key), "Idempotency-Key": f"{EMAIL}{uuid.uuid4()}"}
                )
                statuses.add(response.status_code)
            statuses.add((await http.get(path, headers=bearer(key))).status_code)
        statuses.add((await http.post(path, content=f"{{{PHONE} {EMAIL}", headers=bearer(store))).status_code)
    return statuses


async def test_no_phone_address_card_or_key_is_in_anything_the_cluster_wrote() -> None:
    written: dict[str, list[str]] = defaultdict(list)
    cluster = Cluster(
        Plan(),
        settings={"BELLWIRE_LOG_LEVEL": "debug", "BELLWIRE_LOG_FORMAT": "json"},
        sink=lambda name, line: written[name].append(line),
    )
    secrets: dict[str, str] = {"phone": PHONE, "address": EMAIL, "name": NAME}
    with cluster, ExitStack() as stack:
        # A balancer of the test's own: it writes a line for every request, and has no limit in their way.
        balancer = HAProxy(
            apis=[f"127.0.0.1:{pod.port}" for pod in cluster.apis],
            gateways=[f"127.0.0.1:{pod.port}" for pod in cluster.gateways],
            settings={"LB_LOG_LEVEL": "info", "LB_SRC_RATE_10S": "100000"},
            sink=lambda name, line: written[name].append(line),
        )
        stack.callback(balancer.stop)
        balancer.start()
        kitchen, _ = open_shops(cluster.url, cluster.operator_key)
        term, store = kitchen.terminals[0].key, kitchen.storefront_key
        async with httpx.AsyncClient(base_url=balancer.url, timeout=20, trust_env=False) as http:
            sold = await http.post(
                f"/api/tenant/{kitchen.slug}/gift-cards/purchase",
                json={"amount": 10, "purchasedBy": NAME, "recipientEmail": EMAIL},
                headers=bearer(store),
            )
            card = sold.json()["cardNumber"]
            secrets |= {"card": card, "operator": cluster.operator_key, "store": store, "terminal": term}
            # A till is told about, so that the gateways carry canaries too.
            async with open_till(cluster.gateways[0], kitchen.slug, term) as till:
                await till.socket.send(f"{{{PHONE}: {EMAIL}")
                statuses = await sing(http, kitchen.slug, store, term, card)
                # With PostgreSQL away for a moment, too: its errors quote values.
                cluster.own_postgres.kill()
                answers = await asyncio.gather(
                    *(
                        http.post("/api/tenant/orders/create", json=BODY, headers=bearer(store))
                        for _ in range(4)
                    )
                )
                cluster.own_postgres.restart()
                statuses |= {answer.status_code for answer in answers}
            pages = [(await http.get(f"{pod.url}/metrics")).text for pod in cluster.pods]
            pages.append((await http.get(f"{balancer.admin_url}/metrics")).text)
    assert statuses >= {200, 201, 400, 401, 403, 404, 409, 422, 503}, statuses
    # The walls were there to be looked over: each kind of process wrote something, HAProxy a line a request.
    assert {"haproxy", "postgres"} <= set(written), set(written)
    # JSON may write a slash with a backslash, and HAProxy does.
    assert any("loyalty/*" in line.replace("\\/", "/") for line in written["haproxy"])
    for where, text in {"metrics": "\n".join(pages), **{k: "\n".join(v) for k, v in written.items()}}.items():
        for what, secret in secrets.items():
            assert secret not in text, (
                where,
                what,
                [line for line in text.splitlines() if secret in line][:3],
            )
            assert secret.removeprefix("bw_")[-30:] not in text, (where, what)
