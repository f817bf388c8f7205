"""Sources of orders at pods of two releases: whichever takes the order, it has its event where its source broadcasts.

A pod of the release before knows one word, `online`, and refuses none.
"""

from typing import Any

import httpx

from infra.local.pods import Pod
from tests.shop import Operator, Shop, bearer

OWN = [{"name": "UberEats", "broadcast": True}, {"name": "walk-in", "broadcast": False}]
# As it is asked for, as the shop spells it, and whether it is broadcast.
WORDS = (
    ("online", "online", True),
    ("Online", "online", True),
    ("ubereats", "UberEats", True),
    ("Walk-in", "walk-in", False),
    ("POS", "pos", False),
    ("a new word", "a new word", False),
)


async def sources_across(old: Pod, new: Pod, operator_key: str) -> list[str]:
    """Place orders of all words at both pods, move them on at the other, and return every broken promise in words."""
    complaints: list[str] = []
    async with httpx.AsyncClient(base_url=new.url, timeout=10) as http:
        here = await Operator(http, operator_key).open_shop()
        named = await http.patch(
            f"/api/tenant/{here.slug}", json={"orderSources": OWN}, headers=bearer(operator_key)
        )
        assert named.status_code == 200, named.text
        async with httpx.AsyncClient(base_url=old.url, timeout=10) as other:
            there = here.at(other)
            # The word that is new comes by the older pod first, and is known everywhere from then on.
            placed = [
                (word, shop, later, await shop.try_order(orderSource=word[0]))
                for word in WORDS
                for shop, later in ((there, here), (here, there))
            ]
            for word, shop, later, answer in placed:
                name = f"{word[0]} at {'the old pod' if shop is there else 'the new pod'}"
                if answer.status_code != 201:
                    complaints.append(f"{name}: {answer.status_code} {answer.text}")
                    continue
                complaints += [f"{name}: {one}" for one in await _follow(here, later, answer.json(), word)]
    return complaints


async def _follow(shop: Shop, later: Shop, order: dict[str, Any], word: tuple[str, str, bool]) -> list[str]:
    _, spelled, broadcast = word
    if (order["offset"] is not None) != broadcast or order["broadcast"] != broadcast:
        return [f"answered {order}"]
    stepped = await later.step(order["orderId"], "preparing")
    if stepped.status_code != 200 or (stepped.json()["offset"] is not None) != broadcast:
        return [f"moved on with {stepped.status_code} {stepped.text}"]
    told = [event for event in await shop.events() if event["data"].get("orderId") == order["orderId"]]
    if [event["type"] for event in told] != (["new_order", "order_updated"] if broadcast else []):
        return [f"told as {told}"]
    if broadcast and told[0]["data"]["orderSource"] != spelled:
        return [f"spelled as {told[0]['data']['orderSource']}"]
    return []
