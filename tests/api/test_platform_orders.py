"""Orders of ten platforms' shapes: placed, on the till, listed, fetched, paid, refunded, each field the same."""

from typing import Any

import pytest

from api.db.audit import audit
from tests.api.platform_orders import ORDERS
from tests.conftest import OpenShop
from tests.shop import bearer


@pytest.mark.parametrize("platform", ORDERS)
async def test_an_order_of_each_platform_comes_back_as_it_was_sent(
    open_shop: OpenShop, database_url: str, platform: str
) -> None:
    sent: dict[str, Any] = {**ORDERS[platform], "currency": "GBP", "orderSource": platform}
    shop = await open_shop(currency="GBP", orderSources=[{"name": platform, "broadcast": True}])
    placed = await shop.http.post("/api/tenant/orders/create", json=sent, headers=bearer(shop.storefront_key))
    assert placed.status_code == 201, placed.text
    order = placed.json()
    assert order["totalAmount"] == sent["totalAmount"]
    [event] = await shop.events()
    listed = await shop.http.get(
        shop.path("orders"), params={"externalId": sent["externalId"]}, headers=bearer(shop.terminal_key)
    )
    [found] = listed.json()["orders"]
    fetched = await shop.get_order(order["orderId"], shop.terminal_key)
    for document in (event["data"], found, fetched):
        assert {name: document[name] for name in sent} == sent
    paid = sum(each["amount"] for each in sent.get("payments", ()) if each["status"] == "paid")
    assert found["amountPaid"] == paid
    due = round(sent["totalAmount"] - paid, 2)
    if due:
        assert (await shop.pay_order(order["orderId"], due)).json()["amountDue"] == 0
    assert (await shop.pay_order(order["orderId"], 0.01)).status_code == 409
    back = await shop.refund_order(order["orderId"], sent["totalAmount"], reason="all of it")
    assert back.json()["refundedTotal"] == sent["totalAmount"]
    last = await shop.get_order(order["orderId"])
    assert (last["amountPaid"], last["amountDue"]) == (0, sent["totalAmount"])
    given = {name: value for name, value in sent.items() if name != "payments"}
    assert {name: last[name] for name in given} == given
    assert last["payments"][: len(sent.get("payments", ()))] == sent.get("payments", [])
    assert [refund["amount"] for refund in last["refunds"]] == [sent["totalAmount"]]
    refused = await shop.try_order(
        **{**sent, "externalId": "other", "totalAmount": sent["totalAmount"] + 0.01}
    )
    [error] = refused.json()["errors"]
    assert (refused.status_code, error["loc"]) == (422, "totalAmount")
    assert all(
        f"{figure:.2f}" in error["msg"] for figure in (sent["totalAmount"], sent["totalAmount"] + 0.01)
    )
    assert not [
        found
        for found in await audit(database_url)
        if any(example.startswith(f"{shop.slug}: ") for example in found.examples)
    ]


async def test_there_are_ten_of_them_and_together_they_say_all_that_an_order_can_say() -> None:
    from api.http.order_body import OrderBody

    assert len(ORDERS) == 10
    said = {name for order in ORDERS.values() for name in order}
    known = {field.alias for field in OrderBody.model_fields.values()}
    assert known - said == {"tenant", "orderSource", "currency"}
