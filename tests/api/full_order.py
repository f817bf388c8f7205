"""An order with everything that an order can have."""

from typing import Any

FULL: dict[str, Any] = {
    "externalId": "UE#4F-12/ß",
    "orderType": "delivery",
    "customerName": "Ada Lovelace",
    "customerPhone": "+49 170 1234567",
    "items": [
        {
            "name": "Pizza",
            "quantity": 2,
            "unitPrice": 9.5,
            "notes": "well done",
            "sku": "PIZ-1",
            "category": "Mains",
            "station": "Oven",
            "modifiers": [
                {"name": "Extra cheese", "quantity": 2, "unitPrice": 1.25, "sku": "X-CH"},
                {"name": "No olives", "unitPrice": -0.5},
                {
                    "name": "Dip",
                    "quantity": 1,
                    "unitPrice": 0.8,
                    "modifiers": [{"name": "Hot", "quantity": 2, "unitPrice": 0.1}],
                },
            ],
        },
        {"name": "Olives", "quantity": 0.35, "unitPrice": 18.99, "unit": "kg", "station": "bar"},
        {"name": "Water", "quantity": 1, "unitPrice": 2, "notes": None},
    ],
    "adjustments": [
        {"kind": "discount", "name": "Lunch", "amount": -3.5},
        {"kind": "tax", "name": "VAT 7 %", "amount": 1.9, "included": True},
        {"kind": "fee", "name": "Delivery", "amount": 2.9},
        {"kind": "tip", "name": "Tip", "amount": 2},
        {"kind": "rounding", "name": "Cash rounding", "amount": -0.05},
    ],
    # 2 × (9.50 + 2.50 − 0.50 + 1.00) + 0.35 × 18.99 + 2.00 − 3.50 + 2.90 + 2.00 − 0.05
    "totalAmount": 35.0,
    "payments": [
        {"method": "voucher", "amount": 10, "status": "paid", "reference": "V-1"},
        {"method": "card", "amount": 20, "status": "authorized"},
        {"method": "cash", "amount": 5, "status": "due"},
    ],
    "specialInstructions": "Ring twice",
    "deliveryAddress": {
        "line1": "12 St James's Square",
        "line2": "Flat 2",
        "city": "London",
        "postalCode": "SW1Y 4JH",
        "country": "GB",
        "latitude": 51.5074,
        "longitude": -0.1359,
        "instructions": "blue door",
    },
    "tableNumber": "12a",
    "guests": 4,
    "courier": {"name": "Grace", "phone": "+44 20 7946 0000", "company": "Swift"},
    "metadata": {"platform": {"id": 42, "tags": ["a", None, 1.5, True]}, "ünï": "✓"},
}


def shown(order: dict[str, Any]) -> dict[str, Any]:
    """The members that events and answers give back as they came, with what is filled in."""
    items = [
        {
            **item,
            "notes": item.get("notes"),
            **({"modifiers": [_filled(each) for each in item["modifiers"]]} if "modifiers" in item else {}),
        }
        for item in order["items"]
    ]
    adjustments = [{"included": False, **each} for each in order["adjustments"]]
    return {**order, "items": items, "adjustments": adjustments}


def _filled(modifier: dict[str, Any]) -> dict[str, Any]:
    filled = {"quantity": 1, "unitPrice": 0, **modifier}
    if "modifiers" in modifier:
        filled["modifiers"] = [_filled(under) for under in modifier["modifiers"]]
    return filled
