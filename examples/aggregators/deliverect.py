"""Deliverect's order notification as a Bellwire order. Pure.

Source: Deliverect's POS API, "Order Notification", "Order Cancellations", "Verify Orders Received by a Webhook". A
cancel is the same order once more, with the same `_id` and `status` 100. Amounts are whole numbers of the smallest
unit, by `decimalDigits`.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from examples.aggregators.incoming import Incoming, given, read, same, signature

SOURCE = "deliverect"
HEADER = "x-server-authorization-hmac-sha256"
CANCEL = 100
ORDER_TYPES = {1: "pickup", 2: "delivery", 3: "dine-in", 4: "curbside"}
PAYMENT_TYPES = {
    0: "card online", 1: "cash", 2: "on delivery", 3: "online", 4: "card at door", 5: "PIN at door",
    6: "voucher at door", 7: "meal voucher", 8: "bank contact",
}  # fmt: skip


def is_signed(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the message is Deliverect's: its HMAC, in hexadecimal digits, of the bytes as they came."""
    return same(signature(secret, body).hex(), headers.get(HEADER, "").lower())


def incoming(message: Any, headers: Mapping[str, str]) -> Incoming:
    """Read a message.

    Raises:
        Unreadable: a member that an order must have is missing or of another kind.
    """
    number, status = str(read(message, "_id")), read(message, "status")
    cancelled = "cancelled by the channel" if status == CANCEL else None
    # The order has one key for ever, whichever message is the first to bring it.
    return Incoming(f"deliverect-{number}", _order(message, number), cancelled)


def _order(message: Mapping[str, Any], number: str) -> dict[str, Any]:
    digits = int(message.get("decimalDigits", 2))
    customer = message.get("customer") or {}
    order_type = ORDER_TYPES.get(read(message, "orderType"), "other")

    def money(minor: Any) -> str:
        return str(Decimal(int(minor or 0)).scaleb(-digits))

    adjustments = _adjustments(message, money)
    total = (message.get("payment") or {}).get("amount")
    return given(
        {
            "orderSource": SOURCE,
            "orderType": order_type,
            "externalId": number,
            "customerName": customer.get("name"),
            "customerPhone": customer.get("phoneNumber"),
            "customerEmail": customer.get("email"),
            "items": [_item(item, money) for item in read(message, "items")],
            "adjustments": adjustments,
            "totalAmount": None if total is None else money(total),
            "payments": _payments(message, money),
            "scheduledFor": None if message.get("deliveryIsAsap", True) else _wanted_at(message, order_type),
            "deliveryAddress": _address(message.get("deliveryAddress") or {}),
            "tableNumber": None if message.get("table") is None else str(message["table"]),
            "guests": message.get("numberOfCustomers"),
            "courier": _courier(message.get("courier") or {}),
            "specialInstructions": message.get("note"),
            "metadata": {
                "deliverect": given(
                    {
                        name: message.get(name)
                        for name in (
                            "channelOrderId",
                            "channelOrderDisplayId",
                            "channel",
                            "location",
                            "channelLink",
                            "by",
                        )
                    }
                )
                | ({"includeCutlery": True} if (message.get("packaging") or {}).get("includeCutlery") else {})
            },
        }
    )


def _item(item: Mapping[str, Any], money: Any) -> dict[str, Any]:
    return given(
        {
            "name": read(item, "name"),
            "quantity": read(item, "quantity"),
            "sku": item.get("plu"),
            "notes": item.get("remark"),
            "modifiers": [_modifier(one, money) for one in item.get("subItems") or ()],
        }
    ) | {"unitPrice": money(read(item, "price"))}


def _modifier(item: Mapping[str, Any], money: Any) -> dict[str, Any]:
    return given(
        {
            "name": read(item, "name"),
            "quantity": item.get("quantity", 1),
            "sku": item.get("plu"),
            "modifiers": [_modifier(one, money) for one in item.get("subItems") or ()],
        }
    ) | {"unitPrice": money(item.get("price"))}


def _adjustments(message: Mapping[str, Any], money: Any) -> list[dict[str, Any]]:
    named = [
        ("fee", "Delivery", message.get("deliveryCost")),
        ("fee", "Service charge", message.get("serviceCharge")),
        ("fee", "Bag fee", message.get("bagFee")),
        ("tip", "Tip", message.get("tip")),
        ("tip", "Driver's tip", message.get("driverTip")),
        # It comes with either sign.
        ("discount", "Discount", -abs(message.get("discountTotal") or 0)),
    ]
    found = [{"kind": kind, "name": name, "amount": money(minor)} for kind, name, minor in named if minor]
    taxes = message.get("taxes") or ()
    # Prices include their tax or not, as the location was set up. The order's own total says which.
    beside = sum(_minor(item) for item in read(message, "items")) + sum(minor or 0 for _, _, minor in named)
    excluded = (message.get("payment") or {}).get("amount") == beside + sum(
        tax.get("total") or 0 for tax in taxes
    )
    return found + [
        {
            "kind": "tax",
            "name": tax.get("name") or "Tax",
            "amount": money(tax.get("total")),
            "included": not excluded,
        }
        for tax in taxes
    ]


def _minor(item: Mapping[str, Any]) -> int:
    under = sum(_minor(one) for one in item.get("subItems") or ())
    minor: int = item.get("quantity", 1) * ((item.get("price") or 0) + under)
    return minor


def _payments(message: Mapping[str, Any], money: Any) -> list[dict[str, Any]]:
    payment = message.get("payment")
    if not payment or not payment.get("amount"):
        return []
    method = PAYMENT_TYPES.get(payment.get("type"), "other")
    status = "paid" if message.get("orderIsAlreadyPaid") else "due"
    return [{"method": method, "amount": money(payment["amount"]), "status": status}]


def _wanted_at(message: Mapping[str, Any], order_type: str) -> Any:
    return message.get("deliveryTime" if order_type == "delivery" else "pickupTime") or message.get(
        "pickupTime"
    )


def _address(address: Mapping[str, Any]) -> dict[str, Any] | None:
    street = " ".join(filter(None, (address.get("street"), address.get("streetNumber"))))
    if not street:
        return None
    return given(
        {
            "line1": street,
            "postalCode": address.get("postalCode"),
            "city": address.get("city"),
            "country": address.get("country"),
            "instructions": address.get("extraAddressInfo"),
        }
    )


def _courier(courier: Mapping[str, Any]) -> dict[str, Any]:
    name = " ".join(filter(None, (courier.get("firstName"), courier.get("lastName"))))
    return given({"name": name, "phone": courier.get("phoneNumber"), "company": courier.get("deliveryBy")})
