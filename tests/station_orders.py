"""Orders of stations and categories for tests, and whose each event of a shop's day is."""

from typing import Any

from tests.shop import Shop

BAR, GRILL, BOTH, PLAIN = "bar", "grill", "both", "plain"
ITEM = {"name": "n", "quantity": 1, "unitPrice": 1}


async def place(shop: Shop, *names: tuple[str | None, str | None], **more: Any) -> dict[str, Any]:
    """Place an order with an item for each (station, category)."""
    items = [{**ITEM, "station": station, "category": category} for station, category in names]
    return await shop.order(items=items, **more)


async def a_day(shop: Shop) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Orders of two stations and two categories, their steps, and events about no order.

    Returns:
        Of each order its id, and the offsets of all events: of each order by its name, and `other`.
    """
    placed = {
        BAR: await place(shop, ("Bar", "drinks")),
        GRILL: await place(shop, ("GRILL", "Food"), ("grill", "food")),
        BOTH: await place(shop, ("grill", "food"), ("bar", None), (None, "drinks")),
        PLAIN: await place(shop, (None, None)),
    }
    offsets = {name: [order["offset"]] for name, order in placed.items()}
    for name, order in placed.items():
        answer = await shop.step(order["orderId"], "preparing")
        offsets[name].append(answer.json()["offset"])
    points = await shop.change_points("5551234", "add", 1)
    card = await shop.sell_card(5)
    redeemed = await shop.redeem_card(card["cardNumber"], 1, orderId=placed[GRILL]["orderId"])
    # About a card, though it names an order.
    offsets["other"] = [points.json()["offset"], card["offset"], redeemed.json()["offset"]]
    return {name: order["orderId"] for name, order in placed.items()}, offsets


def expected(offsets: dict[str, list[str]], names: set[str]) -> list[str]:
    return sorted((o for name in names for o in offsets[name]), key=lambda o: int(o.partition("-")[2]))
