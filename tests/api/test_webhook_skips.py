"""An endpoint that refuses one event for good says so at once, and is led past it by hand: that one, and no other."""

import asyncio
import uuid
from typing import Any

import asyncpg
import httpx
import pytest

from api.db.operator_keys import create_operator_key
from infra.local.counters import read_total
from tests.api.endpoints import act, attempts, register, seen, until
from tests.api.sink import Answer, Delivery, Sink
from tests.conftest import MakeDatabase, OpenShop, StartApiPod
from tests.shop import Operator, Shop, bearer


def refusing(*ids: str, status: int = 400) -> Any:
    """An answer that refuses these messages for good, and takes all others."""

    def answer(delivery: Delivery) -> Answer:
        return Answer(status if delivery.id in ids else 200)

    return answer


def problem(answer: httpx.Response) -> tuple[int, str, Any]:
    document = answer.json()
    return answer.status_code, document["type"].removeprefix("urn:bellwire:problem:"), document["stuck"]


async def test_the_stuck_event_is_passed_by_and_all_behind_it_come_in_order(
    shop: Shop, sink: Sink, operator: Operator
) -> None:
    sink.answer = refusing("1-2")
    endpoint = await register(shop, sink.url, counts=True)
    orders = [await shop.order() for _ in range(5)]
    await seen(shop, endpoint, deliveredOffset="1-1", least_failures=2)
    for offset in ("1-1", "1-3", "1-5", "1-99", "2-2", "reset-1-2"):
        assert problem(await act(shop, endpoint, "skip", offset=offset)) == (409, "not-stuck", "1-2")
    assert (await act(shop, endpoint, "skip", offset="1-2")).status_code == 204
    await seen(shop, endpoint, deliveredOffset="1-5", failures=0, lag=0)
    assert sink.ids == ["1-1", "1-3", "1-4", "1-5"]
    # No receipt, and once is once.
    receipts = [len(await shop.receipts(order["orderId"])) for order in orders]
    assert receipts == [1, 0, 1, 1, 1]
    assert problem(await act(shop, endpoint, "skip", offset="1-2")) == (409, "not-stuck", None)
    trail = await shop.http.get(shop.path("audit"), headers=bearer(operator.key))
    noted = [entry for entry in trail.json()["entries"] if entry["action"] == "webhook.skipped"]
    assert [entry["facts"] for entry in noted] == [{"webhookId": endpoint["id"], "offset": "1-2"}]
    assert noted[0]["kind"] == "store"


async def test_what_is_stuck_is_the_next_event_of_the_endpoints_types(shop: Shop, sink: Sink) -> None:
    sink.answer = refusing("1-3", status=500)
    endpoint = await register(shop, sink.url, types=["loyalty_updated"])
    await shop.order()
    await shop.order()
    await shop.change_points("5551234", "add", 1)
    await shop.change_points("5551234", "add", 2)
    await attempts(shop, endpoint, 1)
    assert problem(await act(shop, endpoint, "skip", offset="1-1")) == (409, "not-stuck", "1-3")
    assert (await act(shop, endpoint, "skip", offset="1-3")).status_code == 204
    await until(lambda: sink.ids == ["1-4"])


async def test_an_endpoint_that_is_not_stuck_has_nothing_to_be_passed_by(shop: Shop, sink: Sink) -> None:
    endpoint = await register(shop, sink.url)
    assert problem(await act(shop, endpoint, "skip", offset="1-1")) == (409, "not-stuck", None)
    await shop.order()
    await seen(shop, endpoint, deliveredOffset="1-1")
    for offset in ("1-1", "1-2"):
        assert problem(await act(shop, endpoint, "skip", offset=offset)) == (409, "not-stuck", None)


async def test_an_endpoint_that_was_switched_off_is_led_past_it_and_stays_off_until_enabled(
    shop: Shop, sink: Sink
) -> None:
    sink.answer = refusing("1-1", status=410)
    endpoint = await register(shop, sink.url)
    await shop.order()
    await shop.order()
    await seen(shop, endpoint, enabled=False)
    assert (await act(shop, endpoint, "skip", offset="1-1")).status_code == 204
    await asyncio.sleep(1)
    assert (await seen(shop, endpoint, enabled=False))["deliveredOffset"] == "1-1"
    assert sink.ids == []
    assert (await act(shop, endpoint, "enable")).status_code == 204
    await until(lambda: sink.ids == ["1-2"])


async def test_a_reset_that_is_refused_is_passed_by_under_its_own_name(
    shop: Shop, sink: Sink, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    sink.answer = refusing("reset-1-3")
    endpoint = await register(shop, sink.url)
    await database.execute("UPDATE webhook_endpoints SET disabled_at = now() WHERE tenant = $1", shop.slug)
    for _ in range(5):
        await shop.order()
    await database.execute("DELETE FROM pos_sync_logs WHERE tenant = $1 AND seq <= 3", shop.slug)
    await act(shop, endpoint, "enable")
    await attempts(shop, endpoint, 1)
    assert problem(await act(shop, endpoint, "skip", offset="1-4")) == (409, "not-stuck", "reset-1-3")
    assert (await act(shop, endpoint, "skip", offset="reset-1-3")).status_code == 204
    await until(lambda: sink.ids == ["1-4", "1-5"])


async def test_an_answer_that_is_under_way_while_the_event_is_passed_by_gives_no_receipt(
    shop: Shop, sink: Sink, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    # The second try is taken, but slowly.
    sink.answer = lambda d: Answer(400) if len(sink.deliveries) == 1 else Answer(200, seconds=1.0)
    endpoint = await register(shop, sink.url, counts=True)
    order = await shop.order()
    await until(lambda: len(sink.deliveries) == 2)
    assert (await act(shop, endpoint, "skip", offset="1-1")).status_code == 204
    await attempts(shop, endpoint, 2)
    await asyncio.sleep(0.5)
    assert await shop.receipts(order["orderId"]) == []
    found = await seen(shop, endpoint, deliveredOffset="1-1")
    assert (found["failures"], found["enabled"]) == (0, True)
    # And the endpoint goes on.
    await shop.order()
    await until(lambda: "1-2" in sink.ids)


async def test_many_who_pass_it_by_at_once_pass_one(shop: Shop, sink: Sink) -> None:
    sink.answer = refusing("1-1", "1-2", "1-3")
    endpoint = await register(shop, sink.url)
    for _ in range(3):
        await shop.order()
    await seen(shop, endpoint, least_failures=1)
    answers = await asyncio.gather(*(act(shop, endpoint, "skip", offset="1-1") for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [204] + [409] * 9
    assert (await seen(shop, endpoint, deliveredOffset="1-1"))["lag"] == 2


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({}, "offset"), ({"offset": 2}, "offset"), ({"offset": "2"}, "offset"), ({"offset": ""}, "offset"),
        ({"offset": "ping-1"}, "offset"), ({"offset": "1-1", "why": "x"}, "why"),
        ({"offset": "1-" + "9" * 70}, "offset"), ({"offset": "reset-reset-1-1"}, "offset"),
    ],
)  # fmt: skip
async def test_what_names_no_message_is_refused_by_field(shop: Shop, body: dict[str, Any], loc: str) -> None:
    answer = await shop.http.post(
        shop.path(f"webhooks/{uuid.uuid4()}/skip"), json=body, headers=bearer(shop.storefront_key)
    )
    assert answer.status_code == 422
    assert [error["loc"] for error in answer.json()["errors"]] == [loc]


async def test_an_endpoint_of_another_shop_is_none(shop: Shop, open_shop: OpenShop, sink: Sink) -> None:
    sink.answer = refusing("1-1")
    endpoint = await register(shop, sink.url)
    await shop.order()
    await seen(shop, endpoint, least_failures=1)
    other = await open_shop()
    assert (await act(other, endpoint, "skip", offset="1-1")).status_code == 404
    assert (await seen(shop, endpoint, deliveredOffset="1-0"))["lag"] == 1


# -- told at once --------------------------------------------------------------------------------------------------


async def refusals(database: "asyncpg.Connection[asyncpg.Record]", endpoint: dict[str, Any]) -> int:
    found: int = await database.fetchval(
        "SELECT CASE WHEN failures > 1 THEN refusals ELSE 0 END FROM webhook_endpoints WHERE endpoint_id = $1",
        uuid.UUID(endpoint["id"]),
    )
    return found


async def test_the_second_refusal_in_a_row_is_told_and_over_when_it_is_over(
    start_api_pod: StartApiPod, migrated_database: MakeDatabase, sink: Sink
) -> None:
    # A database of its own: what other tests' endpoints refuse would count, too.
    url = await migrated_database()
    pod = start_api_pod({"BELLWIRE_DATABASE_URL": url})

    def told() -> float:
        return read_total([pod.url], "bellwire_webhooks_refusing")

    async with httpx.AsyncClient(base_url=pod.url) as http:
        operator = Operator(http, await create_operator_key(url))
        shop = await operator.open_shop()
        trial = {"slug": "test-trial", "name": "Trial", "test": True}
        opened = await http.post("/api/tenants", json=trial, headers=bearer(operator.key))
        sink.answer = refusing("1-1", status=422)
        endpoint = await register(shop, sink.url)
        tried = await register(
            Shop(http, "test-trial", opened.json()["storefrontKey"], operator.key), sink.url
        )
        await shop.try_order(opened.json()["storefrontKey"])
        await shop.order()
        await until(lambda: told() == 1)
        assert (await seen(shop, endpoint, deliveredOffset="1-0"))["failures"] >= 2
        assert tried["id"] != endpoint["id"]
        assert (await act(shop, endpoint, "skip", offset="1-1")).status_code == 204
        await until(lambda: told() == 0)


@pytest.mark.parametrize(
    ("statuses", "counted"),
    [
        ([400, 400], 2), ([404, 401], 2), ([400, 500], 0), ([500, 400], 1), ([408, 408], 0), ([409, 425], 0),
        ([429, 429], 0), ([302, 400], 1),
    ],
)  # fmt: skip
async def test_refusals_count_in_a_row_and_patience_is_none(
    shop: Shop, sink: Sink, database: "asyncpg.Connection[asyncpg.Record]", statuses: list[int], counted: int
) -> None:
    sink.answer = lambda _: Answer(statuses[min(len(sink.deliveries), 2) - 1])
    endpoint = await register(shop, sink.url)
    await shop.order()
    await seen(shop, endpoint, least_failures=2)
    assert await refusals(database, endpoint) == counted
    await act(shop, endpoint, "enable")
