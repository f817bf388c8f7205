"""A till's commands, each a request with a key of its own, kept in the outbox until it is done."""

from datetime import datetime
from typing import Any
from urllib.parse import quote

from bellwire_terminal.outbox import Outbox, Pending


class Commands:
    """Every method returns when the command is on the disk; await what it returns for the answer."""

    def __init__(self, outbox: Outbox, tenant: str) -> None:
        self._outbox = outbox
        self._slug = quote(tenant, safe="")
        self._tenant_path = f"/api/tenant/{self._slug}"

    async def step(
        self, order_id: str, status: str, *, reason: str | None = None, ready_at: datetime | str | None = None
    ) -> Pending:
        """Move an order on, or back."""
        body = {"status": status} | _given(reason=reason, readyAt=_moment(ready_at))
        return await self._outbox.submit("PATCH", f"{self._order(order_id)}/status", body)

    async def accept(self, order_id: str, *, ready_at: datetime | str | None = None) -> Pending:
        """Say that an order is being made, and when it will be ready."""
        return await self.step(order_id, "preparing", ready_at=ready_at)

    async def cancel(self, order_id: str, *, reason: str | None = None) -> Pending:
        """Cancel an order."""
        return await self.step(order_id, "cancelled", reason=reason)

    async def redeem(self, card_number: str, amount: float | str, *, order_id: str | None = None) -> Pending:
        """Use a gift card."""
        body = {"amount": amount} | _given(orderId=order_id)
        return await self._outbox.submit("POST", f"{self._card(card_number)}/redeem", body)

    async def refund_card(
        self,
        card_number: str,
        amount: float | str,
        *,
        redemption_id: str | None = None,
        order_id: str | None = None,
        reason: str | None = None,
    ) -> Pending:
        """Give back to a gift card what was taken from it."""
        body = {"amount": amount} | _given(redemptionId=redemption_id, orderId=order_id, reason=reason)
        return await self._outbox.submit("POST", f"{self._card(card_number)}/refund", body)

    async def refund(self, order_id: str, amount: float | str, *, reason: str | None = None) -> Pending:
        """Write down money that was given back."""
        body = {"amount": amount} | _given(reason=reason)
        return await self._outbox.submit("POST", f"{self._order(order_id)}/refunds", body)

    async def add_points(self, phone: str, points: int, *, reason: str | None = None) -> Pending:
        """Give a customer points."""
        return await self._points(phone, "add", points, reason)

    async def redeem_points(self, phone: str, points: int, *, reason: str | None = None) -> Pending:
        """Take a customer's points."""
        return await self._points(phone, "redeem", points, reason)

    async def _points(self, phone: str, what: str, points: int, reason: str | None) -> Pending:
        body = {"points": points} | _given(reason=reason)
        return await self._outbox.submit(
            "POST", f"/api/{self._slug}/loyalty/{quote(phone, safe='')}/{what}", body
        )

    def _order(self, order_id: str) -> str:
        return f"{self._tenant_path}/orders/{quote(order_id, safe='')}"

    def _card(self, number: str) -> str:
        return f"{self._tenant_path}/gift-cards/{quote(number, safe='')}"


def _given(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _moment(at: datetime | str | None) -> str | None:
    if isinstance(at, datetime):
        if at.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        return at.isoformat()
    return at
