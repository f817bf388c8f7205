"""Shops for tests: what an operator, a storefront and a terminal do over HTTP, in a few words."""

import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx

ORDER: dict[str, Any] = {
    "orderType": "pickup",
    "customerName": "Ada Lovelace",
    "customerPhone": "+49 170 1234567",
    "customerEmail": "ada@example.org",
    "items": [
        {"name": "Döner", "quantity": 2, "unitPrice": 7.5, "notes": "no onions"},
        {"name": "Ayran", "quantity": 1, "unitPrice": 2.05},
    ],
    "specialInstructions": "Ring twice",
}


def bearer(key: str) -> dict[str, str]:
    """The header that carries a key."""
    return {"Authorization": f"Bearer {key}"}


@dataclass(frozen=True, slots=True)
class Terminal:
    """A registered device and its key."""

    terminal_id: str
    name: str
    key: str


@dataclass(slots=True)
class Shop:
    """One tenant. All questions here are asked over HTTP, with the key that may."""

    http: httpx.AsyncClient
    slug: str
    storefront_key: str
    operator_key: str
    terminals: list[Terminal] = field(default_factory=list)

    @property
    def terminal_key(self) -> str:
        """The key of its first terminal."""
        return self.terminals[0].key

    def at(self, http: httpx.AsyncClient) -> "Shop":
        """The same shop through another door."""
        return Shop(http, self.slug, self.storefront_key, self.operator_key, self.terminals)

    def path(self, rest: str) -> str:
        """A path of this tenant."""
        return f"/api/tenant/{self.slug}/{rest}"

    async def add_terminal(self, name: str) -> Terminal:
        """Register a terminal."""
        response = await self.http.post(
            self.path("terminals"), json={"name": name}, headers=bearer(self.operator_key)
        )
        assert response.status_code == 201, response.text
        answer = response.json()
        self.terminals.append(Terminal(answer["terminalId"], answer["name"], answer["key"]))
        return self.terminals[-1]

    async def try_order(
        self, key: str | None = None, idempotency_key: str | None = None, **changes: Any
    ) -> httpx.Response:
        """Place an order like `ORDER` but for `changes`; whatever comes of it."""
        headers = bearer(self.storefront_key if key is None else key)
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        return await self.http.post("/api/tenant/orders/create", json={**ORDER, **changes}, headers=headers)

    async def order(self, **changes: Any) -> dict[str, Any]:
        """Place an order that must succeed, and return the answer."""
        response = await self.try_order(**changes)
        assert response.status_code == 201, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def get_order(self, order_id: str, key: str | None = None) -> dict[str, Any]:
        """An order as it stands."""
        response = await self.http.get(
            self.path(f"orders/{order_id}"), headers=bearer(key or self.storefront_key)
        )
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    async def step(self, order_id: str, status: str) -> httpx.Response:
        """Move an order on."""
        return await self.http.patch(
            self.path(f"orders/{order_id}/status"), json={"status": status}, headers=bearer(self.terminal_key)
        )

    async def claim(
        self, order_id: str, purpose: str = "print", key: str | None = None, **body: Any
    ) -> httpx.Response:
        """Claim a purpose of an order, as the first terminal where no key is given; whatever comes of it."""
        return await self.http.post(
            self.path(f"orders/{order_id}/claims"),
            json={"purpose": purpose, **body},
            headers=bearer(key or self.terminal_key),
        )

    async def finish(
        self, order_id: str, fence: Any, purpose: str = "print", key: str | None = None
    ) -> httpx.Response:
        """Say that what was claimed is done, likewise."""
        return await self.http.post(
            self.path(f"orders/{order_id}/claims/{purpose}/done"),
            json={"fence": fence},
            headers=bearer(key or self.terminal_key),
        )

    async def pay_order(
        self,
        order_id: str,
        amount: Any,
        status: str = "paid",
        key: str | None = None,
        idempotency_key: str | None = None,
        **more: Any,
    ) -> httpx.Response:
        """Take down a payment of an order, by card; whatever comes of it."""
        return await self._move_money(
            order_id,
            "payments",
            {"method": "card", "amount": amount, "status": status, **more},
            key,
            idempotency_key,
        )

    async def refund_order(
        self,
        order_id: str,
        amount: Any,
        key: str | None = None,
        idempotency_key: str | None = None,
        **more: Any,
    ) -> httpx.Response:
        """Take down a refund of an order; whatever comes of it."""
        return await self._move_money(order_id, "refunds", {"amount": amount, **more}, key, idempotency_key)

    async def _move_money(
        self, order_id: str, kind: str, body: dict[str, Any], key: str | None, idempotency_key: str | None
    ) -> httpx.Response:
        headers = bearer(key or self.terminal_key)
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        return await self.http.post(self.path(f"orders/{order_id}/{kind}"), json=body, headers=headers)

    async def sell_card(self, amount: float = 25, **more: Any) -> dict[str, Any]:
        """Sell a gift card."""
        response = await self.http.post(
            self.path("gift-cards/purchase"),
            json={"amount": amount, "purchasedBy": "Grace Hopper", **more},
            headers=bearer(self.storefront_key),
        )
        assert response.status_code == 201, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def redeem_card(
        self, number: str, amount: Any, idempotency_key: str | None = None, **more: Any
    ) -> httpx.Response:
        """Take from a gift card."""
        headers = bearer(self.terminal_key)
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        return await self.http.post(
            self.path(f"gift-cards/{number}/redeem"), json={"amount": amount, **more}, headers=headers
        )

    async def move_card(
        self, number: str, what: str, key: str | None = None, idempotency_key: str | None = None, **body: Any
    ) -> httpx.Response:
        """Refund to a gift card, top it up or void it, as the storefront where no key is given."""
        headers = bearer(key or self.storefront_key)
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        return await self.http.post(self.path(f"gift-cards/{number}/{what}"), json=body, headers=headers)

    async def balance(self, number: str) -> float:
        """The balance of a gift card."""
        response = await self.http.get(self.path(f"gift-cards/{number}"), headers=bearer(self.terminal_key))
        assert response.status_code == 200, response.text
        balance: float = response.json()["balance"]
        return balance

    async def change_points(self, phone: str, action: str, points: Any, **more: Any) -> httpx.Response:
        """Add or redeem points."""
        return await self.http.post(
            f"/api/{self.slug}/loyalty/{phone}/{action}",
            json={"points": points, **more},
            headers=bearer(self.terminal_key),
        )

    async def poll(self, key: str | None = None, **query: Any) -> httpx.Response:
        """Ask for events as a polling terminal does; as the first one, where no key is given."""
        return await self.http.get(
            self.path("events"), params=query, headers=bearer(key or self.terminal_key)
        )

    async def ack(self, key: str | None = None, **body: Any) -> httpx.Response:
        """Ack over HTTP, likewise; whatever comes of it."""
        return await self.http.post(self.path("acks"), json=body, headers=bearer(key or self.terminal_key))

    async def take(self, offset: str, key: str | None = None, **query: Any) -> None:
        """Poll from the beginning, and ack that up to `offset`."""
        page = (await self.poll(key, after="0", limit=500, **query)).json()
        answer = await self.ack(key, offset=offset, reading=page["reading"])
        assert answer.status_code == 204, answer.text

    async def ticket(self, key: str | None = None) -> str:
        """Ask for a ticket, likewise."""
        response = await self.http.post(self.path("tickets"), headers=bearer(key or self.terminal_key))
        assert response.status_code == 201, response.text
        ticket: str = response.json()["ticket"]
        return ticket

    async def receipts(self, order_id: str) -> list[dict[str, Any]]:
        """The receipts of an order."""
        response = await self.http.get(self.path(f"orders/{order_id}"), headers=bearer(self.storefront_key))
        assert response.status_code == 200, response.text
        found: list[dict[str, Any]] = response.json()["receipts"]
        return found

    async def events(self) -> list[dict[str, Any]]:
        """Everything that the log retains, oldest first."""
        found: list[dict[str, Any]] = []
        after = "0"
        while True:
            response = await self.poll(after=after, limit=500)
            assert response.status_code == 200, response.text
            answer = response.json()
            found += answer["events"]
            after = answer["offset"]
            if not answer["more"]:
                return found


@dataclass(frozen=True, slots=True)
class Operator:
    """The operator, who may open shops."""

    http: httpx.AsyncClient
    key: str

    async def open_shop(self, slug: str | None = None, **settings: Any) -> Shop:
        """Open a shop with one terminal."""
        slug = slug or f"shop-{uuid.uuid4().hex[:12]}"
        response = await self.http.post(
            "/api/tenants", json={"slug": slug, "name": f"The {slug}", **settings}, headers=bearer(self.key)
        )
        assert response.status_code == 201, response.text
        shop = Shop(self.http, slug, response.json()["storefrontKey"], self.key)
        await shop.add_terminal("counter")
        return shop
