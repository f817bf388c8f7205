"""Ten orders as platforms send them, in our words: the shapes are theirs, the people and the dishes are made up."""

from datetime import UTC, datetime, timedelta
from typing import Any

_HERE = {"line1": "12 St James's Square", "city": "London", "postalCode": "SW1Y 4JH", "country": "GB"}

UBER_EATS: dict[str, Any] = {
    "externalId": "5e3c6a9b-uber",
    "orderType": "delivery",
    "customerName": "Ada L.",
    "customerPhone": "+44 20 7946 0000",
    "items": [
        {
            "name": "Burger",
            "quantity": 1,
            "unitPrice": 11.9,
            "notes": "no pickles",
            "sku": "BURG-01",
            "category": "Mains",
            "modifiers": [
                {"name": "Bun", "quantity": 1, "unitPrice": 0, "modifiers": [
                    {"name": "Brioche", "quantity": 1, "unitPrice": 0.8},
                ]},
                {"name": "Bacon", "quantity": 2, "unitPrice": 1.5, "sku": "BAC"},
            ],
        },
        {"name": "Fries", "quantity": 2, "unitPrice": 3.5, "notes": None, "category": "Sides"},
    ],
    "adjustments": [
        {"kind": "fee", "name": "Delivery", "amount": 2.49, "included": False},
        {"kind": "discount", "name": "Promotion", "amount": -4, "included": False},
        {"kind": "tax", "name": "VAT 20 %", "amount": 3.53, "included": True},
    ],
    "totalAmount": 21.19,
    "payments": [{"method": "platform", "amount": 21.19, "status": "paid", "reference": "uber-pay-1"}],
    "deliveryAddress": {**_HERE, "latitude": 51.5074, "longitude": -0.1359, "instructions": "blue door"},
    "courier": {"name": "Grace", "phone": "+44 20 7946 0001"},
    "metadata": {"uber": {"display_id": "4F-12", "store": "s-1", "eater": {"first_order": True}}},
}  # fmt: skip
DELIVEROO: dict[str, Any] = {
    "externalId": "gb:1a2b3c",
    "orderType": "delivery",
    "items": [{"name": "Ramen", "quantity": 3, "unitPrice": 12, "notes": None, "station": "noodles"}],
    "adjustments": [{"kind": "fee", "name": "Bag", "amount": 0.1, "included": False}],
    "totalAmount": 36.1,
    "payments": [{"method": "platform", "amount": 36.1, "status": "paid"}],
    "metadata": {"pickup_number": 1234, "flags": ["asap", "cutlery"]},
}
DELIVERECT: dict[str, Any] = {
    "externalId": "DLV/98765",
    "orderType": "pickup",
    "customerName": "Jean-Luc",
    "customerEmail": "jl@example.org",
    "items": [
        {"name": "Menu du jour", "quantity": 1, "unitPrice": 18.5, "notes": None, "sku": "PLU-1", "modifiers": [
            {"name": "Dessert", "quantity": 1, "unitPrice": -2.5, "sku": "PLU-2"},
        ]},
    ],
    "adjustments": [{"kind": "tip", "name": "Pourboire", "amount": 1.5, "included": False}],
    "totalAmount": 17.5,
    "payments": [{"method": "online", "amount": 17.5, "status": "authorized", "reference": "psp_1"}],
    "specialInstructions": "à emporter",
    "metadata": {"channel": 7, "courierUpdate": None},
}  # fmt: skip
SQUARE: dict[str, Any] = {
    "externalId": "CAISENgvlJ6jLWAzERDzjyHVybY",
    "orderType": "dine-in",
    "tableNumber": "12a",
    "guests": 4,
    "items": [
        {"name": "Flat white", "quantity": 2, "unitPrice": 3.8, "notes": None, "category": "Coffee"},
        {"name": "Beans", "quantity": 0.25, "unitPrice": 32.99, "notes": None, "unit": "kg", "sku": "B-1"},
    ],
    "adjustments": [
        {"kind": "tax", "name": "GST", "amount": 0.79, "included": False},
        {"kind": "rounding", "name": "Cash", "amount": 0.01, "included": False},
    ],
    "totalAmount": 16.65,
    "payments": [
        {"method": "card", "amount": 10, "status": "paid", "reference": "sq-1"},
        {"method": "cash", "amount": 6.65, "status": "due"},
    ],
    "metadata": {"version": 4, "location_id": "L1"},
}
TOAST: dict[str, Any] = {
    "externalId": "toast-guid-1",
    "orderType": "dine-in",
    "customerName": "Walk-in",
    "items": [
        {"name": "Steak", "quantity": 1, "unitPrice": 31, "notes": "rare", "station": "Grill", "category": "Mains",
         "modifiers": [{"name": "Side salad", "quantity": 1, "unitPrice": 4.25}]},
        {"name": "Wine", "quantity": 1, "unitPrice": 9.75, "notes": None, "station": "Bar", "category": "Drinks"},
    ],
    "adjustments": [
        {"kind": "discount", "name": "Loyalty", "amount": -5, "included": False},
        {"kind": "tax", "name": "Sales tax", "amount": 3.2, "included": False},
        {"kind": "tip", "name": "Gratuity", "amount": 8, "included": False},
    ],
    "totalAmount": 51.2,
    "tableNumber": "7",
    "guests": 2,
    "metadata": {"checks": [{"id": 1, "opened": "2026-11-22T18:00:00Z"}]},
}  # fmt: skip
WOOCOMMERCE: dict[str, Any] = {
    "externalId": "727",
    "orderType": "delivery",
    "customerName": "Grace Hopper",
    "customerEmail": "grace@example.org",
    "customerPhone": "+1 202 555 0143",
    "items": [{"name": "Woo Album #1", "quantity": 2, "unitPrice": 15, "notes": None, "sku": "woo-album-1"}],
    "adjustments": [
        {"kind": "fee", "name": "Flat rate", "amount": 10, "included": False},
        {"kind": "tax", "name": "State tax", "amount": 1.35, "included": False},
    ],
    "totalAmount": 41.35,
    "payments": [{"method": "bacs", "amount": 41.35, "status": "due"}],
    "deliveryAddress": {"line1": "969 Market", "city": "San Francisco", "region": "CA", "postalCode": "94103",
                        "country": "US"},
    "metadata": {"meta_data": [{"id": 13106, "key": "_download_permissions_granted", "value": "yes"}]},
}  # fmt: skip
SHOPIFY: dict[str, Any] = {
    "externalId": "gid://shopify/Order/450789469",
    "orderType": "pickup",
    "customerEmail": "bob@example.org",
    "items": [{"name": "IPod Nano - 8GB", "quantity": 1, "unitPrice": 199, "notes": None, "sku": "IPOD2008"}],
    "adjustments": [{"kind": "discount", "name": "TENOFF", "amount": -10, "included": False}],
    "totalAmount": 189,
    "payments": [{"method": "bogus", "amount": 189, "status": "paid", "reference": "b1"}],
    "metadata": {"note_attributes": [{"name": "colour", "value": "green"}]},
}
ODOO: dict[str, Any] = {
    "externalId": "Shop/0042-001-0007",
    "orderType": "counter",
    "items": [
        {"name": "Conference pears", "quantity": 1.235, "unitPrice": 3.2, "notes": None, "unit": "kg"},
        {"name": "Bag", "quantity": 1, "unitPrice": 0.1, "notes": None},
    ],
    "adjustments": [{"kind": "rounding", "name": "5 cents", "amount": 0, "included": False}],
    "totalAmount": 4.05,
    "payments": [{"method": "cash", "amount": 4.05, "status": "paid"}],
    "metadata": {"session": 42, "fiscal_position": False},
}
JUST_EAT: dict[str, Any] = {
    "externalId": "je-300123",
    "orderType": "delivery",
    "customerName": "Zoë",
    "items": [{"name": "Curry", "quantity": 1, "unitPrice": 9.99, "notes": "hot", "category": "Mains"}],
    "adjustments": [{"kind": "fee", "name": "Service", "amount": 0.99, "included": False}],
    "totalAmount": 10.98,
    "payments": [{"method": "cash", "amount": 10.98, "status": "due"}],
    "deliveryAddress": _HERE,
    "specialInstructions": "Ring twice",
    "metadata": {"restaurant": "r-9", "notes": {"kitchen": "nuts!"}},
}
LIGHTSPEED: dict[str, Any] = {
    "externalId": "LS-2026-11-22-0001",
    "orderType": "catering",
    "customerName": "Town hall",
    "scheduledFor": f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}T17:00:00.000Z",
    "items": [{"name": "Platter", "quantity": 12, "unitPrice": 24.5, "notes": None, "station": "cold",
               "modifiers": [{"name": "Cheese", "quantity": 3, "unitPrice": 1.1}]}],
    "adjustments": [{"kind": "discount", "name": "Bulk", "amount": -33.6, "included": False}],
    "totalAmount": 300,
    "payments": [{"method": "invoice", "amount": 100, "status": "paid", "reference": "deposit"}],
    "guests": 60,
    "metadata": {"po": "4711"},
}  # fmt: skip

ORDERS = {
    "Uber Eats": UBER_EATS,
    "Deliveroo": DELIVEROO,
    "Deliverect": DELIVERECT,
    "Square": SQUARE,
    "Toast": TOAST,
    "WooCommerce": WOOCOMMERCE,
    "Shopify": SHOPIFY,
    "Odoo": ODOO,
    "Just Eat": JUST_EAT,
    "Lightspeed": LIGHTSPEED,
}
