"""The guests of the pictures: what they order, and how far the kitchen is with it."""

import secrets
from collections.abc import Iterator
from typing import Any

from infra.local.shops import Shop
from infra.screenshots.studio import Set

# Oldest first: the name, the dishes, and the steps that the kitchen has taken.
EVENING: tuple[tuple[str, tuple[dict[str, Any], ...], tuple[str, ...]], ...] = (
    (
        "Margaret",
        ({"name": "Tiramisù", "quantity": 2, "unitPrice": 5.9, "station": "cold"},),
        ("preparing", "ready"),
    ),
    (
        "Dennis",
        (
            {"name": "Diavola", "quantity": 1, "unitPrice": 12, "station": "oven", "modifiers": [{"name": "Olives"}]},
            {"name": "Limonata", "quantity": 2, "unitPrice": 3.4, "station": "bar"},
        ),
        ("preparing",),
    ),
    ("Radia", ({"name": "Minestrone", "quantity": 3, "unitPrice": 7.25, "station": "stove"},), ("preparing",)),
    ("Ada", ({"name": "Limonata", "quantity": 4, "unitPrice": 3.4, "station": "bar", "notes": "no ice, please"},), ()),
    (
        "Grace",
        (
            {
                "name": "Margherita", "quantity": 2, "unitPrice": 9.5, "station": "oven",
                "modifiers": [{"name": "Extra cheese"}, {"name": "Gluten-free base"}],
            },
        ),
        (),
    ),
    (
        "Edsger",
        ({"name": "Insalata mista", "quantity": 1, "unitPrice": 6.8, "station": "cold", "notes": "allergic to nuts"},),
        (),
    ),
)  # fmt: skip


async def dine(place: Set, shop: Shop) -> None:
    """Place the orders of an evening, and take the kitchen's steps."""
    async with place.client(shop.storefront_key) as guest, place.client(shop.terminals[-1].key) as kitchen:
        for name, items, steps in EVENING:
            order = {"orderType": "pickup", "customerName": name, "items": list(items)}
            made = await guest.post("/api/tenant/orders/create", json=order, headers=once())
            made.raise_for_status()
            for status in steps:
                path = f"/api/tenant/{shop.slug}/orders/{made.json()['orderId']}/status"
                (await kitchen.patch(path, json={"status": status})).raise_for_status()


def once() -> dict[str, str]:
    """Headers of a request that is placed once, however often it is sent."""
    return {"Idempotency-Key": secrets.token_hex(8)}


def crowd(count: int) -> Iterator[dict[str, Any]]:
    """The orders of a rush."""
    for number in range(1, count + 1):
        items = [{"name": "Espresso", "quantity": 1, "unitPrice": 2.2}]
        yield {"orderType": "pickup", "customerName": f"Guest {number}", "items": items}
