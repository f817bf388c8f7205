"""The last looks: what the log lists, and what the cluster says of single orders, when all is over.

Receipts and alarms come behind the facts that they tell of; what is lacking is looked for again for some seconds.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from bellwire.verify.alarms import is_silent
from bellwire.verify.client import Client
from bellwire.verify.estate import Shop
from bellwire.verify.notes import Answer, Listed, Look, Notes, Receipt
from bellwire.verify.receipts import missing_receipts
from bellwire.verify.till import digest
from bellwire.verify.trouble import Unreachable

PAGE_EVENTS = 500
AT_ONCE = 16
ORDERS_A_SHOP = 100
PATIENT_SECONDS = 10.0
AGAIN_SECONDS = 0.2


async def list_events(client: Client, tenant: str, after: str, key: str, until: float) -> list[Listed]:
    """Return the log of a tenant behind an offset.

    Raises:
        Unreachable: it could not be read by `until` (the loop's time).
    """
    listed: list[Listed] = []
    more = True
    while more:
        path = f"/api/tenant/{tenant}/events?after={after}&limit={PAGE_EVENTS}"
        answer = await client.decided("GET", path, key, until=until)
        if not answer.accepted:
            raise Unreachable(f"GET {path}: {answer.status}")
        listed += [_listed(event) for event in answer.body["events"]]
        after, more = answer.body["offset"], answer.body["more"]
    return listed


def _listed(event: dict[str, Any]) -> Listed:
    committed_at = datetime.fromisoformat(event["timestamp"]).timestamp()
    return Listed(event["offset"], event["tenant"], event["type"], digest(event), event["data"], committed_at)


async def look_at_orders(
    client: Client, shops: Sequence[Shop], notes: Notes, chance: random.Random, until: float
) -> None:
    """Note what the cluster says of some orders of each shop. Everything else is in the notes already.

    Raises:
        Unreachable: it said nothing by `until` (the loop's time).
    """
    slots = asyncio.Semaphore(AT_ONCE)
    decided_at = {
        (write.tenant, str(answer.body.get("offset"))): write.decided_at
        for write in notes.writes
        for answer in write.answers
        if write.kind == "order" and answer.accepted
    }
    looks: dict[tuple[str, str], Look] = {}

    async def look(shop: Shop, order: Listed) -> None:
        path = f"/api/tenant/{shop.slug}/orders/{order.data['orderId']}"
        async with slots:
            answer = await client.decided("GET", path, shop.key, until=until)
        if answer.status != HTTPStatus.OK:
            raise Unreachable(f"GET {path}: {answer.status}")
        place = shop.slug, order.offset
        age = time.time() - decided_at[place] if place in decided_at else 0.0
        looks[place] = read_look(shop, order.offset, answer, age)

    async def look_behind(shop: Shop) -> None:
        listed = notes.listed[shop.slug]
        if listed:
            async with slots:
                last = listed[-1].offset
                notes.later[shop.slug] = await list_events(client, shop.slug, last, shop.auditor, until)

    wanted = [(shop, order) for shop in shops for order in _some(notes.listed[shop.slug], chance)]
    patient_until = asyncio.get_running_loop().time() + PATIENT_SECONDS
    while wanted:
        await asyncio.gather(*(look(shop, order) for shop, order in wanted))
        # Behind the orders, so that an alarm that an order speaks of is there.
        await asyncio.gather(*(look_behind(shop) for shop in shops))
        notes.looks = list(looks.values())
        lacking = {(tenant, offset) for tenant, offset, _ in missing_receipts(notes)}
        lacking |= {(each.tenant, each.offset) for each in notes.looks if is_silent(notes, each)}
        wanted = [(shop, order) for shop, order in wanted if (shop.slug, order.offset) in lacking]
        if asyncio.get_running_loop().time() > patient_until:
            return
        await asyncio.sleep(AGAIN_SECONDS)


def _some(listed: list[Listed], chance: random.Random) -> list[Listed]:
    orders = [event for event in listed if event.type == "new_order"]
    return chance.sample(orders, min(len(orders), ORDERS_A_SHOP))


def read_look(shop: Shop, offset: str, answer: Answer, age_seconds: float) -> Look:
    """Return what an answer says of the order at `offset`."""
    receipts = tuple(
        Receipt(receipt["name"], datetime.fromisoformat(receipt["ackedAt"]).timestamp())
        for receipt in answer.body["receipts"]
        # Releases that do not say whence a receipt is give it for more than was given.
        if receipt.get("by") == "stream"
    )
    pending = answer.body["status"] == "pending"
    return Look(shop.slug, offset, receipts, pending, age_seconds, shop.deadline_seconds)
