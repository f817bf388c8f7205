"""WooCommerce's order webhook (`order.created`, `order.updated`; REST API v3) as a Bellwire order. Pure.

Source: WooCommerce REST API, "Orders" and "Webhooks". Each message is the whole order as it is then, so the first one
in which the order is to be made places it, and a later one cancels it. Amounts are decimal texts; those of lines are
without tax, whatever the shop shows its customers.
"""

import base64
from collections.abc import Mapping
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from examples.aggregators.incoming import Incoming, decimal, given, read, same, signature

SOURCE = "woocommerce"
HEADER = "x-wc-webhook-signature"
PLACED = frozenset({"processing", "completed"})
CANCELLED = frozenset({"cancelled", "refunded", "trash"})
ON_DELIVERY = "cod"
CENT = Decimal("0.01")


def is_signed(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the message is the shop's: its HMAC, in Base64, of the bytes as they came."""
    return same(base64.b64encode(signature(secret, body)).decode(), headers.get(HEADER, ""))


def incoming(message: Any, headers: Mapping[str, str]) -> Incoming | None:
    """Read a message; None for one that means nothing yet: an order that still waits for its payment, or a ping.

    Raises:
        Unreadable: a member that an order must have is missing or of another kind.
    """
    if isinstance(message, Mapping) and "webhook_id" in message:
        return None
    number, status = str(read(message, "id")), read(message, "status")
    # One that nobody had paid was never to be made.
    accepted = bool(message.get("date_paid_gmt")) or message.get("payment_method") == ON_DELIVERY
    cancelled = f"{status} in the web shop" if status in CANCELLED else None
    if cancelled is None and status not in PLACED:
        return None
    return Incoming(f"woocommerce-{number}", _order(message, number), cancelled, accepted)


def _order(message: Mapping[str, Any], number: str) -> dict[str, Any]:
    billing, shipping = message.get("billing") or {}, message.get("shipping") or {}
    lines = message.get("shipping_lines") or ()
    fetched = any(line.get("method_id") == "local_pickup" for line in lines)
    delivered = bool(shipping.get("address_1")) and bool(lines) and not fetched
    items, rest = _items(read(message, "line_items"))
    adjustments = _adjustments(message)
    total = decimal(read(message, "total"), "total")
    adjustments += _rounding(items, adjustments, rest, total)
    return given(
        {
            "orderSource": SOURCE,
            "orderType": "delivery" if delivered else "pickup",
            "externalId": number,
            "customerName": " ".join(filter(None, (billing.get("first_name"), billing.get("last_name")))),
            "customerPhone": billing.get("phone"),
            "customerEmail": billing.get("email"),
            "items": items,
            "adjustments": adjustments,
            "totalAmount": str(total),
            "payments": _payments(message, total),
            "deliveryAddress": _address(shipping) if delivered else None,
            "specialInstructions": message.get("customer_note"),
            "metadata": {
                "woocommerce": given(
                    {
                        name: message.get(name)
                        for name in ("number", "order_key", "created_via", "customer_id")
                    }
                    | {"coupons": [line.get("code") for line in message.get("coupon_lines") or ()]}
                )
            },
        }
    )


def _items(lines: list[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], Decimal]:
    """The lines, and what is left of their amounts: three for 10.00 are three for 3.33, and a cent."""
    items, rest = [], Decimal(0)
    for line in lines:
        quantity, subtotal = (
            decimal(read(line, "quantity"), "quantity"),
            decimal(read(line, "subtotal"), "subtotal"),
        )
        price = (subtotal / quantity).quantize(CENT, ROUND_FLOOR)
        rest += subtotal - price * quantity
        items.append(
            given(
                {
                    "name": read(line, "name"),
                    "quantity": line["quantity"],
                    "sku": line.get("sku"),
                    "modifiers": [
                        {"name": f"{meta.get('display_key') or meta['key']}: {meta['display_value']}"}
                        for meta in line.get("meta_data") or ()
                        if not str(meta.get("key", "_")).startswith("_") and meta.get("display_value")
                    ],
                }
            )
            | {"unitPrice": str(price)}
        )
    return items, rest


def _adjustments(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = [("discount", "Discount", -decimal(message.get("discount_total", 0), "discount_total"))]
    found += [
        ("fee", line.get("method_title") or "Shipping", decimal(read(line, "total"), "shipping_lines.total"))
        for line in message.get("shipping_lines") or ()
    ]
    for line in message.get("fee_lines") or ():
        amount = decimal(read(line, "total"), "fee_lines.total")
        found.append(("fee" if amount >= 0 else "discount", line.get("name") or "Fee", amount))
    for line in message.get("tax_lines") or ():
        both = [
            decimal(line.get(name) or 0, f"tax_lines.{name}") for name in ("tax_total", "shipping_tax_total")
        ]
        found.append(("tax", line.get("label") or "Tax", sum(both, Decimal(0))))
    return [{"kind": kind, "name": name, "amount": str(amount)} for kind, name, amount in found if amount]


def _rounding(
    items: list[dict[str, Any]], adjustments: list[dict[str, Any]], rest: Decimal, total: Decimal
) -> list[dict[str, Any]]:
    """The cents that the shop's own rounding leaves, at most one an amount. Beyond that the order is to be refused."""
    sums = [Decimal(item["unitPrice"]) * Decimal(str(item["quantity"])) for item in items]
    sums += [Decimal(one["amount"]) for one in adjustments]
    off = total - sum(sums, Decimal(0))
    amounts = len(items) + len(adjustments)
    if not off or abs(off - rest) > CENT * amounts:
        return []
    return [{"kind": "rounding", "name": "Rounding", "amount": str(off)}]


def _payments(message: Mapping[str, Any], total: Decimal) -> list[dict[str, Any]]:
    if not total:
        return []
    return [
        given(
            {
                "method": message.get("payment_method_title") or message.get("payment_method") or "other",
                "amount": str(total),
                "status": "paid" if message.get("date_paid_gmt") else "due",
                "reference": message.get("transaction_id"),
            }
        )
    ]


def _address(shipping: Mapping[str, Any]) -> dict[str, Any]:
    return given(
        {
            "line1": shipping["address_1"],
            "line2": shipping.get("address_2"),
            "city": shipping.get("city"),
            "postalCode": shipping.get("postcode"),
            "region": shipping.get("state"),
            "country": shipping.get("country"),
        }
    )
