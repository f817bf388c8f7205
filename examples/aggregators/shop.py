"""A Bellwire shop, as an adapter uses it: an order is placed once, and cancelled by the platform's own id."""

import logging
from typing import Any

import httpx

from examples.aggregators.incoming import Incoming

log = logging.getLogger("aggregators")


class Refused(Exception):
    """Bellwire does not take it, and will not: the text is its own, with every wrong field."""


class Away(Exception):
    """Bellwire cannot be asked at the moment: let the platform send the message again."""


class Shop:
    """A tenant, by its slug and one of its storefront keys; `http` knows the address."""

    def __init__(self, http: httpx.AsyncClient, tenant: str, key: str) -> None:
        self._http = http
        self._tenant = tenant
        self._headers = {"Authorization": f"Bearer {key}"}

    async def take(self, incoming: Incoming) -> str:
        """Do what the message means, once, however often and in whichever order messages come.

        Returns `placed`, `known` (there already), `cancelled`, or `passed` (nothing to do).

        Raises:
            Refused: a fault in the order, or a cancel that comes too late.
            Away: try again.
        """
        if incoming.cancelled is None:
            return await self._place(incoming)
        return await self._cancel(incoming, incoming.cancelled)

    async def _place(self, incoming: Incoming) -> str:
        answer = await self._ask(
            "POST",
            "/api/tenant/orders/create",
            json=incoming.order,
            headers={"Idempotency-Key": incoming.event_id},
        )
        if answer.status_code == 201:
            return "known" if "Idempotency-Replayed" in answer.headers else "placed"
        # The key's answer is kept for a week, or the platform sent the order a little changed; its id is for ever.
        if _code(answer) in ("external-id-taken", "idempotency-key-reused"):
            return "known"
        raise _trouble(answer)

    async def _cancel(self, incoming: Incoming, reason: str) -> str:
        order = await self._find(incoming)
        if order is None:
            if not incoming.was_accepted:
                return "passed"
            # It is here before its order. Place that one, so that it cannot come later and be made.
            await self._place(incoming)
            order = await self._find(incoming)
            if order is None:
                raise Refused(f"order {incoming.external_id} was placed under another id")
        if order["status"] == "cancelled":
            return "known"
        answer = await self._ask(
            "PATCH",
            f"/api/tenant/{self._tenant}/orders/{order['orderId']}/status",
            json={"status": "cancelled", "reason": reason},
        )
        if answer.is_success:
            return "cancelled"
        if _code(answer) == "wrong-step" and answer.json()["status"] == "cancelled":
            return "known"
        raise _trouble(answer)

    async def _find(self, incoming: Incoming) -> dict[str, Any] | None:
        """The order with the platform's id: it is unique for a source, so there is one or none."""
        query = {"externalId": incoming.external_id, "source": incoming.order["orderSource"]}
        answer = await self._ask("GET", f"/api/tenant/{self._tenant}/orders", params=query)
        if not answer.is_success:
            raise _trouble(answer)
        orders: list[dict[str, Any]] = answer.json()["orders"]
        return orders[0] if orders else None

    async def _ask(self, method: str, path: str, **what: Any) -> httpx.Response:
        headers = self._headers | what.pop("headers", {})
        try:
            return await self._http.request(method, path, headers=headers, **what)
        except httpx.TransportError as exc:
            raise Away(type(exc).__name__) from exc


def _code(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["type"]).rpartition(":")[2]
    except (ValueError, KeyError, TypeError):
        return ""


def _trouble(answer: httpx.Response) -> Refused | Away:
    code = _code(answer)
    if answer.status_code >= 500 or answer.status_code in (408, 429) or code == "still-running":
        return Away(code or str(answer.status_code))
    try:
        problem = answer.json()
        fields = "; ".join(f"{error['loc']}: {error['msg']}" for error in problem.get("errors", ()))
        return Refused(f"{problem['title']}: {fields or problem['detail']}")
    except (ValueError, KeyError, TypeError):
        return Refused(f"the answer was {answer.status_code}")
