"""Orders with more than the release before knows: taken by a new pod, shown and moved on by an old one."""

from typing import Any

import httpx

from infra.local.pods import Pod
from tests.api.full_order import FULL
from tests.shop import Operator, bearer


def seq_of(offset: str) -> int:
    """An offset's place in its log."""
    return int(offset.partition("-")[2])


async def full_orders_across(old: Pod, new: Pod, operator_key: str) -> list[str]:
    """Place full and plain orders at both pods, read and move them at the other, and return what is wrong in words."""
    complaints: list[str] = []

    def expect(what: str, found: Any, right: Any) -> None:
        if found != right:
            complaints.append(f"{what}: {found!r} and not {right!r}")

    async with (
        httpx.AsyncClient(base_url=old.url, timeout=10) as before,
        httpx.AsyncClient(base_url=new.url, timeout=10) as now,
    ):
        shop = await Operator(now, operator_key).open_shop()
        there = shop.at(before)
        full = await shop.order(**{**FULL, "customerName": None})
        plain = await there.order()
        path, key = shop.path("orders"), bearer(shop.terminal_key)
        listed = (await before.get(path, headers=key)).json()["orders"]
        expect(
            "listed by the old pod", [one["orderId"] for one in listed], [plain["orderId"], full["orderId"]]
        )
        shown = listed[1]
        expect("the total", shown["totalAmount"], FULL["totalAmount"])
        expect("the quantities", [item["quantity"] for item in shown["items"]], [2, 1, 1])
        expect("the step", (await there.step(full["orderId"], "preparing")).status_code, 200)
        expect("the other step", (await shop.step(plain["orderId"], "preparing")).status_code, 200)
        document = (await now.get(f"{path}/{full['orderId']}", headers=key)).json()
        expect("the status", document["status"], "preparing")
        expect("the metadata", document["metadata"], FULL["metadata"])
        document = (await now.get(f"{path}/{plain['orderId']}", headers=key)).json()
        expect("a plain order's items", document["items"], listed[0]["items"])
        expect("a plain order's adjustments", document["adjustments"], [])
        types = [event["type"] for event in await there.events()]
        expect("the events", types, ["new_order", "new_order", "order_updated", "order_updated"])
        # The step that the old pod wrote has the names of its order, too.
        for station, seqs in (("OVEN", [1, 2, 3, 4]), ("grill", [2, 4])):
            page = (await shop.poll(after="0", stations=station)).json()
            expect(f"the events of {station}", [seq_of(one["offset"]) for one in page["events"]], seqs)
    return complaints
