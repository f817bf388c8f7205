"""Orders as shops get them: most of a few lines, some for a whole office, with what an order may carry besides."""

import random
from typing import Any

DISHES = (
    ("Margherita", 9.5, "pizza", "oven"),
    ("Quattro stagioni", 13.4, "pizza", "oven"),
    ("Pad Thai", 12.9, "mains", "wok"),
    ("Green curry", 13.5, "mains", "wok"),
    ("Soup of the day", 7.25, "starters", "kitchen"),
    ("Caesar salad", 10.9, "starters", "kitchen"),
    ("Tiramisu", 6.8, "desserts", "bar"),
    ("Espresso", 2.4, "drinks", "bar"),
    ("Sparkling water", 3.1, "drinks", "bar"),
)
EXTRAS = (("extra cheese", 1.5), ("no onions", 0.0), ("gluten free", 2.0), ("oat milk", 0.6))
STREETS = ("Hauptstraße 12", "12 High Street", "3 rue du Bac", "Calle Mayor 8")
# Kind and weight: a counter's order, a family's, a delivery with everything, an office's lunch.
MIX = (("small", 60), ("family", 28), ("delivery", 10), ("catering", 2))


def an_order(chance: random.Random, source: str = "online") -> dict[str, Any]:
    """One order, by chance."""
    kind = chance.choices([name for name, _ in MIX], [weight for _, weight in MIX])[0]
    lines = {"small": (1, 4), "family": (4, 9), "delivery": (2, 8), "catering": (25, 60)}[kind]
    order: dict[str, Any] = {
        "orderSource": source,
        "orderType": "delivery" if kind == "delivery" else chance.choice(("pickup", "delivery")),
        "customerName": chance.choice(("Ada", "Grace", "Łukasz", "Zoë", "李雷")) + " Load",
        "customerPhone": f"+1555{chance.randrange(10_000_000):07d}",
        "items": [_line(chance, rich=kind != "small") for _ in range(chance.randint(*lines))],
    }
    if kind == "delivery":
        order["deliveryAddress"] = {
            "line1": chance.choice(STREETS),
            "city": "Springfield",
            "postalCode": f"{chance.randrange(100_000):05d}",
            "instructions": "Second door, third floor.",
        }
        order["adjustments"] = [
            {"kind": "fee", "name": "Delivery", "amount": 2.9},
            {"kind": "tip", "name": "Tip", "amount": chance.choice((1, 2, 5))},
        ]
    if kind == "catering":
        order["metadata"] = {"costCentre": f"K-{chance.randrange(1000)}", "floors": [1, 2, 5]}
    return order


def _line(chance: random.Random, *, rich: bool) -> dict[str, Any]:
    name, price, category, station = chance.choice(DISHES)
    line: dict[str, Any] = {"name": name, "quantity": chance.randint(1, 3), "unitPrice": price}
    if rich:
        line |= {"category": category, "station": station, "sku": f"A-{chance.randrange(10_000)}"}
        if chance.random() < 0.4:
            line["modifiers"] = [
                {"name": extra, "unitPrice": cost}
                for extra, cost in chance.sample(EXTRAS, chance.randint(1, 2))
            ]
        if chance.random() < 0.15:
            line["notes"] = "well done, please"
    return line
