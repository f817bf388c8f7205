"""Full orders for `bellwire order --sample`: what a lunch, a catering and an order for later carry.

Each has its `totalAmount`, so the API adds it up.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

LATER = timedelta(hours=3)


def lunch(_: datetime) -> dict[str, Any]:
    """Two at a table: modifiers two levels deep, a discount, a tax within the prices, a tip, paid by card."""
    return {
        "orderType": "dine-in",
        "customerName": "Ada Lovelace",
        "tableNumber": "12",
        "guests": 2,
        "items": [
            {
                "name": "Burger",
                "quantity": 2,
                "unitPrice": 11.5,
                "notes": "medium",
                "sku": "BUR-1",
                "category": "Mains",
                "station": "Grill",
                "modifiers": [
                    {"name": "Bacon", "quantity": 2, "unitPrice": 1.2},
                    {"name": "No onions", "unitPrice": -0.3},
                    {
                        "name": "Fries",
                        "unitPrice": 3,
                        "modifiers": [{"name": "Mayonnaise", "quantity": 2, "unitPrice": 0.4}],
                    },
                ],
            },
            {"name": "Lemonade", "quantity": 2, "unitPrice": 3.25, "category": "Drinks", "station": "Bar"},
        ],
        "adjustments": [
            {"kind": "discount", "name": "Lunch", "amount": -4},
            {"kind": "tax", "name": "VAT 19 %", "amount": 5.99, "included": True},
            {"kind": "tip", "name": "Tip", "amount": 3},
        ],
        # 2 × (11.50 + 2.40 − 0.30 + 3.80) + 6.50 − 4.00 + 3.00
        "totalAmount": 40.3,
        "payments": [{"method": "card", "amount": 40.3, "status": "paid", "reference": "sample"}],
    }


def catering(_: datetime) -> dict[str, Any]:
    """A delivery to an office: weights, an address, a fee, a part authorized and the rest due, a courier."""
    return {
        "orderType": "delivery",
        "customerName": "Grace Hopper",
        "customerPhone": "+44 7700 900123",
        "customerEmail": "grace@example.org",
        "items": [
            {"name": "Sandwich platter", "quantity": 6, "unitPrice": 32.5, "station": "Cold"},
            {"name": "Potato salad", "quantity": 2.5, "unitPrice": 14.9, "unit": "kg", "station": "Cold"},
            {"name": "Olives", "quantity": 0.75, "unitPrice": 18.99, "unit": "kg", "station": "Cold"},
            {
                "name": "Coffee",
                "quantity": 30,
                "unitPrice": 2.2,
                "station": "Bar",
                "modifiers": [{"name": "Oat milk", "unitPrice": 0.3}],
            },
        ],
        "adjustments": [
            {"kind": "fee", "name": "Delivery", "amount": 15},
            {"kind": "discount", "name": "From 200.00", "amount": -20},
        ],
        # 195.00 + 37.25 + 14.24 + 75.00 + 15.00 − 20.00
        "totalAmount": 316.49,
        "payments": [
            {"method": "card", "amount": 100, "status": "authorized"},
            {"method": "invoice", "amount": 216.49, "status": "due"},
        ],
        "deliveryAddress": {
            "line1": "12 St James's Square",
            "line2": "3rd floor",
            "city": "London",
            "postalCode": "SW1Y 4JH",
            "country": "GB",
            "instructions": "Ask at the desk",
        },
        "courier": {"name": "Joan", "phone": "+44 7700 900456"},
        "specialInstructions": "Two of the platters without nuts",
        "metadata": {"costCentre": "R&D"},
    }


def scheduled(now: datetime) -> dict[str, Any]:
    """For three hours later: due, and missed, not before that less the shop's `preparationMinutes`."""
    return {
        "orderType": "pickup",
        "customerName": "Edsger Dijkstra",
        "items": [
            {
                "name": "Margherita",
                "quantity": 2,
                "unitPrice": 9.5,
                "category": "Mains",
                "station": "Oven",
                "modifiers": [{"name": "Extra cheese", "unitPrice": 1.5}],
            },
            {"name": "Tiramisu", "quantity": 2, "unitPrice": 5.9, "category": "Desserts"},
        ],
        # 22.00 + 11.80
        "totalAmount": 33.8,
        "payments": [{"method": "cash", "amount": 33.8, "status": "due"}],
        "scheduledFor": (now + LATER).isoformat(timespec="seconds"),
    }


SAMPLES: dict[str, Callable[[datetime], dict[str, Any]]] = {
    "lunch": lunch,
    "catering": catering,
    "scheduled": scheduled,
}
"""By name; each is made for a moment, with its offset from UTC."""
