"""A look at orders when a run is over: is there a receipt of a terminal that never acked that far?"""

import asyncio
from collections.abc import Mapping, Sequence

import aiohttp

from loadtests.core.ledger import reached
from loadtests.core.record import FALSE_RECEIPT, WRONG_ANSWER, Record
from loadtests.plan import Shop

AT_ONCE = 8


async def look_at_orders(
    http: aiohttp.ClientSession,
    url: str,
    shops: Sequence[Shop],
    placed: Sequence[tuple[str, str, str]],
    said: Mapping[str, str | None],
    record: Record,
) -> int:
    """Look at each of `placed`; returns how many receipts were seen. A false one is a fault in `record`."""
    keys = {shop.slug: shop.storefront_key for shop in shops}
    slots = asyncio.Semaphore(AT_ONCE)

    async def look(slug: str, order_id: str, offset: str) -> int:
        path = f"{url}/api/tenant/{slug}/orders/{order_id}"
        try:
            async with slots, http.get(path, headers={"Authorization": f"Bearer {keys[slug]}"}) as answer:
                if answer.status == 404:
                    record.fault(
                        WRONG_ANSWER, f"{slug}: the order {order_id}, which was accepted, is not there"
                    )
                if answer.status != 200:
                    return 0
                receipts = (await answer.json())["receipts"]
        except (aiohttp.ClientError, OSError, TimeoutError):
            return 0
        for receipt in receipts:
            if not reached(said.get(receipt["terminalId"]), offset):
                acked = said.get(receipt["terminalId"])
                record.fault(
                    FALSE_RECEIPT, f"{slug}: {receipt['name']} has a receipt of {offset}, and acked {acked}"
                )
        return len(receipts)

    return sum(await asyncio.gather(*(look(*each) for each in placed)))
