"""The description of the API is complete, can be read without the internet, and its examples are real."""

import asyncio
import re
from typing import Any

import httpx
import orjson
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.db.operator_keys import create_operator_key
from api.examples import FILE, load_examples
from backbone.runtime.routes import Undescribed, described
from infra.local.pods import Pod
from tests.api.sink import Answer, open_sink
from tests.api.table import route_table
from tests.conftest import ROOT, MakeDatabase, StartApiPod
from tests.shop import ORDER, Operator, bearer


async def test_the_document_has_every_route_of_the_pod(
    http: httpx.AsyncClient, database_url: str, redis_url: str
) -> None:
    document = (await http.get("/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    written = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert written == {(route.method, route.path) for route in await route_table(database_url, redis_url)}
    names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))


def test_a_route_without_a_description_is_refused() -> None:
    async def endpoint(_: Request) -> Response:
        return Response()

    with pytest.raises(Undescribed, match="/api/new"):
        described([Route("/api/new", endpoint)])


async def test_the_page_is_read_without_the_internet_and_names_every_route(http: httpx.AsyncClient) -> None:
    response = await http.get("/docs")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert not re.search(r"<script|<link|<img|src=|href=.?http|url\(|@import", response.text)
    for path in (await http.get("/openapi.json")).json()["paths"]:
        assert f"<code>{path}</code>" in response.text
    assert "ORD-1" in response.text


async def test_a_gateway_describes_itself_too(gateway: Pod) -> None:
    async with httpx.AsyncClient(base_url=gateway.url) as http:
        document = (await http.get("/openapi.json")).json()
        page = (await http.get("/docs")).text
        asked = await http.get("/ws/pos/kitchen")
    assert set(document["paths"]) == {
        "/ws/pos/{tenant}", "/sse/pos/{tenant}", "/metrics", "/healthz", "/readyz", "/openapi.json", "/docs"
    }  # fmt: skip
    assert "<code>/ws/pos/{tenant}</code>" in page
    assert str(asked.status_code) in document["paths"]["/ws/pos/{tenant}"]["get"]["responses"]


async def a_day(http: httpx.AsyncClient, operator: Operator) -> dict[str, Any]:
    """Live a day in a new shop, and return what was asked and answered, by `METHOD path`."""
    notes: dict[str, Any] = {}

    async def ask(method: str, template: str, key: str, body: Any = None, **path: str) -> Any:
        response = await http.request(method, template.format(**path), json=body, headers=bearer(key))
        assert response.is_success, response.text
        answer = response.json() if response.content else None
        notes[f"{method} {template}"] = {
            name: said for name, said in (("request", body), ("answer", answer)) if said is not None
        }
        return answer

    opened = await http.post(
        "/api/tenants", json={"slug": SLUG, "name": "The kitchen"}, headers=bearer(operator.key)
    )
    if opened.status_code == 409:
        raise AssertionError("this day can be lived once in a database")
    store = opened.json()["storefrontKey"]
    notes["POST /api/tenants"] = {"request": {"slug": SLUG, "name": "The kitchen"}, "answer": opened.json()}
    t = {"tenant": SLUG}
    shop = "/api/tenant/{tenant}"
    till = await ask("POST", shop + "/terminals", operator.key, {"name": "counter", "role": "till"}, **t)
    term = till["key"]
    await ask("PATCH", shop, operator.key, {"pointsPerUnit": 1.5, "timeZone": "Europe/Berlin"}, **t)
    await ask("GET", shop, operator.key, **t)
    listed = await http.get("/api/tenants", params={"q": SLUG, "limit": 1}, headers=bearer(operator.key))
    notes["GET /api/tenants"] = {"answer": listed.json()}
    order = await ask("POST", "/api/tenant/orders/create", store, ORDER)
    here = {**t, "orderId": order["orderId"]}
    await ask("PATCH", shop + "/orders/{orderId}/status", term, {"status": "preparing"}, **here)
    claim = await ask("POST", shop + "/orders/{orderId}/claims", term, {"purpose": "print"}, **here)
    printed = {**here, "purpose": "print"}
    done = {"fence": claim["fence"]}
    await ask("POST", shop + "/orders/{orderId}/claims/{purpose}/done", term, done, **printed)
    payment = {"method": "card", "amount": 12.5, "status": "paid", "reference": "T-4711"}
    await ask("POST", shop + "/orders/{orderId}/payments", term, payment, **here)
    refund = {"amount": 2.05, "reason": "the Ayran was warm"}
    await ask("POST", shop + "/orders/{orderId}/refunds", term, refund, **here)
    sale = {"amount": 25, "purchasedBy": "Grace Hopper", "recipientName": "Ada Lovelace"}
    card = await ask("POST", shop + "/gift-cards/purchase", store, sale, **t)
    number = {**t, "cardNumber": card["cardNumber"]}
    use = {"amount": 5.25, "orderId": order["orderId"]}
    used = await ask("POST", shop + "/gift-cards/{cardNumber}/redeem", term, use, **number)
    back = {"amount": 2.5, "redemptionId": used["redemptionId"], "reason": "cold"}
    await ask("POST", shop + "/gift-cards/{cardNumber}/refund", term, back, **number)
    more = {"amount": 10, "purchasedBy": "Grace Hopper"}
    await ask("POST", shop + "/gift-cards/{cardNumber}/top-up", store, more, **number)
    await ask("GET", shop + "/gift-cards/{cardNumber}", term, **number)
    await ask("POST", shop + "/gift-cards/{cardNumber}/void", store, {"reason": "lost"}, **number)
    phone = {**t, "phone": "+491701234567"}
    points = {"points": 20, "reason": "birthday"}
    await ask("POST", "/api/{tenant}/loyalty/{phone}/add", term, points, **phone)
    await ask("POST", "/api/{tenant}/loyalty/{phone}/redeem", term, {"points": 5}, **phone)
    await ask("GET", "/api/{tenant}/loyalty/{phone}", term, **phone)
    events = await http.get(
        f"/api/tenant/{SLUG}/events", params={"after": "0", "limit": 50}, headers=bearer(term)
    )
    notes[f"GET {shop}/events"] = {"answer": events.json()}
    ack = {"offset": "1-1", "reading": events.json()["reading"]}
    await ask("POST", shop + "/acks", term, ack, **t)
    report = {"businessDate": "2026-11-22", "orders": 1, "gross": 17.05}
    await ask("POST", shop + "/daily-reports", term, report, **t)
    await ask("GET", shop + "/orders", store, **t)
    await ask("GET", shop + "/orders/{orderId}", store, **here)
    await ask("GET", shop + "/orders/{orderId}/journey", store, **here)
    one_till = {**t, "terminalId": till["terminalId"]}
    await ask("GET", shop + "/terminals/{terminalId}/connections", store, **one_till)
    await ask("GET", shop + "/terminals", store, **t)
    await ask("GET", shop + "/status", store, **t)
    await ask("GET", "/api/whoami", term)
    await ask("GET", shop + "/till", term, **t)
    await ask("POST", shop + "/tickets", term, **t)
    reports = await http.get(
        f"/api/tenant/{SLUG}/daily-reports",
        params={"from": "2026-11-22", "to": "2026-11-22"},
        headers=bearer(store),
    )
    notes[f"GET {shop}/daily-reports"] = {"answer": reports.json()}
    storefront = {"name": "web shop", "expiresAt": "2100-01-01T00:00:00.000Z"}
    key = await ask("POST", shop + "/keys", operator.key, storefront, **t)
    await ask("GET", shop + "/keys", operator.key, **t)
    await ask("GET", shop + "/keys/{keyId}", operator.key, **t, keyId=key["keyId"])
    await ask("DELETE", shop + "/keys/{keyId}", operator.key, **t, keyId=key["keyId"])
    overlap = {"overlapSeconds": 3600}
    await ask("POST", shop + "/terminals/{terminalId}/rotate", operator.key, overlap, **one_till)
    here_too = {"name": "counter 2", "role": "till"}
    pairing = await ask("POST", shop + "/pairings", operator.key, here_too, **t)
    await ask("GET", shop + "/pairings", operator.key, **t)
    typed = await http.post("/api/terminals/pair", json={"code": pairing["code"]})
    notes["POST /api/terminals/pair"] = {"request": {"code": pairing["code"]}, "answer": typed.json()}
    one_pairing = {**t, "pairingId": pairing["pairingId"]}
    await ask("GET", shop + "/pairings/{pairingId}", operator.key, **one_pairing)
    await ask("DELETE", shop + "/pairings/{pairingId}", operator.key, **one_pairing)
    trail = await http.get(f"/api/tenant/{SLUG}/audit", params={"limit": 2}, headers=bearer(operator.key))
    notes[f"GET {shop}/audit"] = {"answer": trail.json()}
    await ask("GET", "/api/operator/audit", operator.key)
    # Last, so that there is nothing to deliver: how an endpoint fares would be another example each time.
    hook = {"url": "https://erp.example.com/bellwire", "types": ["new_order", "order_updated"]}
    made = await ask("POST", shop + "/webhooks", store, hook, **t)
    one = {**t, "webhookId": made["id"]}
    await ask("GET", shop + "/webhooks", store, **t)
    await ask("GET", shop + "/webhooks/{webhookId}", store, **one)
    await ask("POST", shop + "/webhooks/{webhookId}/rotate", store, **one)
    with open_sink() as sink:
        sink.answer = lambda _: Answer(200, body=b"taken")
        here_is_one = await http.post(
            f"/api/tenant/{SLUG}/webhooks", json={"url": sink.url}, headers=bearer(store)
        )
        answering = {**t, "webhookId": here_is_one.json()["id"]}
        await ask("POST", shop + "/webhooks/{webhookId}/test", store, **answering)
        async with asyncio.timeout(30):
            while not (await ask("GET", shop + "/webhooks/{webhookId}/attempts", store, **answering))[
                "attempts"
            ]:
                await asyncio.sleep(0.1)
    return notes


SLUG = "kitchen"
_VARYING = [
    (r'"milliseconds":[0-9]+', '"milliseconds":38'),
    (r'"code":"[0-9A-Z]{4}-[0-9A-Z]{4}"', '"code":"7G2K-9QXM"'),
    (r'"(keyId|createdBy|by)":"[0-9a-f]{12}"', r'"\1":"3f9a0c5d17be"'),
    (r'"next":"[A-Za-z0-9_-]+"', '"next":"bzQy"'),
    (r'"address":"[^"]*"', '"address":"203.0.113.7"'),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "6f1f0a4e-8c1d-4a57-9a3e-2b7d5c901e42"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "2026-11-22T12:30:00.123Z"),
    (r"bw_(op|store|term)_[A-Za-z0-9_-]{43}", r"bw_\1_…"),
    (r"bw_ticket_[0-9a-f]{64}", "bw_ticket_…"),
    (r"whsec_[A-Za-z0-9+/=]+", "whsec_…"),
    (r'"cardNumber":"[0-9A-Z]{17}"', '"cardNumber":"7G2K9QXM4B0TRW8D5"'),
    (r'"cardNumber":"\*{13}[0-9A-Z]{4}"', '"cardNumber":"*************W8D5"'),
    (r'"oldestUnackedSeconds":[0-9.]+', '"oldestUnackedSeconds":4.2'),
]


def settled(notes: dict[str, Any]) -> Any:
    """Values that differ each time (identifiers, moments, keys, numbers) as something that stays."""
    text = orjson.dumps(notes).decode()
    for pattern, instead in _VARYING:
        text = re.sub(pattern, instead, text)
    return orjson.loads(text)


async def test_the_examples_are_what_a_day_in_a_shop_asks_and_is_answered(
    start_api_pod: StartApiPod, migrated_database: MakeDatabase, pytestconfig: pytest.Config
) -> None:
    # A database of its own: whoever tries the examples, as a test of the schema does, takes the shop's slug.
    url = await migrated_database()
    pod = start_api_pod({"BELLWIRE_DATABASE_URL": url})
    async with httpx.AsyncClient(base_url=pod.url, timeout=35) as http:
        lived = settled(await a_day(http, Operator(http, await create_operator_key(url))))
    if pytestconfig.getoption("--write-examples"):
        options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        (ROOT / "api" / FILE).write_bytes(orjson.dumps(lived, option=options))
    assert lived == load_examples(), "they changed: run this test with --write-examples"


async def test_every_route_that_answers_with_json_has_an_example(http: httpx.AsyncClient) -> None:
    document = (await http.get("/openapi.json")).json()
    without = {
        f"{method} {path}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for status, response in operation["responses"].items()
        if status.startswith("2")
        for kind, content in response.get("content", {}).items()
        if kind == "application/json" and "example" not in content
    }
    assert without == {"get /openapi.json", "get /asyncapi.json"}
