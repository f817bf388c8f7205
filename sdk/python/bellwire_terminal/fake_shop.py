"""The shop behind the fake server: its log, its orders and claims, and what a command does. Knows no wire."""

import uuid
from datetime import datetime, timedelta, timezone
from typing import Any

HEARTBEAT_SECONDS = 20


class FakeShop:
    """`requests` are the commands that came, `(method, path, body)`, a repeat of one left out; `acked` the last ack."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.terminal_id = str(uuid.uuid4())
        self.events: list[dict[str, Any]] = []
        self.orders: dict[str, dict[str, Any]] = {}
        self.acked: str | None = None
        self.acked_orders: set[str] = set()
        self.requests: list[tuple[str, str, Any]] = []
        self.claims: dict[tuple[str, str], dict[str, Any]] = {}
        self._epoch = 1
        self._floor = 0
        self._answers: dict[str, tuple[int, Any]] = {}

    @property
    def head(self) -> str:
        """The newest offset."""
        return f"{self._epoch}-{self._floor + len(self.events)}"

    # For the test.

    def place_order(self, **data: Any) -> str:
        """Commit an order and tell it; returns its offset. `data` goes over what a plain order has."""
        order_id = str(data.get("orderId", uuid.uuid4()))
        order = {
            "orderId": order_id, "orderNumber": f"ORD-{len(self.orders) + 1}", "status": "pending",
            "orderType": "pickup", "customerName": None, "totalAmount": 5,
            "items": [{"name": "Soup", "quantity": 1, "unitPrice": 5}],
            "orderSource": "online", "stations": [], "categories": [], **data,
        }  # fmt: skip
        self.orders[order_id] = order
        return self.publish("new_order", order)

    def publish(self, type_: str, data: dict[str, Any]) -> str:
        """Commit any event and tell it; returns its offset."""
        offset = f"{self._epoch}-{self._floor + len(self.events) + 1}"
        told = {"type": type_, "tenant": self.tenant, "offset": offset, "id": f"evt_{self.tenant}_{offset}"}
        event = {**told, "timestamp": _moment(datetime.now(timezone.utc)), "data": dict(data)}
        self.events.append(event)
        self._committed(event)
        return offset

    def _committed(self, event: dict[str, Any]) -> None:
        """Somebody who listens wants it."""

    def forget(self) -> None:
        """All events so far are older than retention: who asks behind them gets a reset."""
        self._floor += len(self.events)
        self.events.clear()

    def claimed_by_another(self, order_id: str, purpose: str, seconds: float = 30) -> None:
        """Another terminal takes a claim, whoever has it."""
        held = self.claims.setdefault((order_id, purpose), {"fence": 0, "done": False})
        until = datetime.now(timezone.utc) + timedelta(seconds=seconds)
        held |= {"fence": held["fence"] + 1, "holder": "another", "until": until}

    # For the server.

    def _begin(self, query: dict[str, str]) -> tuple[int, str | None]:
        """The place in `events` at which a reader begins, and why it is a reset, if it is one."""
        after = query.get("after")
        if after is None:
            return len(self.events), None
        if after == "acked":
            after = self.acked or "0"
        if after == "0":
            return 0, None
        epoch, _, number = after.partition("-")
        if not number.isdigit() or int(epoch) != self._epoch:
            return len(self.events), "epoch"
        if int(number) < self._floor:
            return 0, "retention"
        return min(int(number) - self._floor, len(self.events)), None

    def _wanted(self, event: dict[str, Any], query: dict[str, str]) -> bool:
        return "types" not in query or event["type"] in query["types"].split(",")

    def _opening(self, query: dict[str, str]) -> list[dict[str, Any]]:
        """Everything that a stream says before it is live."""
        at, reset = self._begin(query)
        after = f"{self._epoch}-{self._floor + at}"
        told = {"tenant": self.tenant, "terminal": self.terminal_id, "head": self.head, "after": after}
        more = {
            "resumed": reset is None,
            "heartbeatSeconds": HEARTBEAT_SECONDS,
            "protocol": 1,
            "reading": "fake",
        }
        opening: list[dict[str, Any]] = [{"type": "hello", **told, **more, "ackedOffset": self.acked}]
        if reset is not None:
            opening.append({"type": "reset", "to": after, "reason": reset})
        opening += [event for event in self.events[at:] if self._wanted(event, query)]
        return [*opening, {"type": "caught_up", "offset": self.head}]

    def _page(self, at: int, reset: str | None, query: dict[str, str]) -> dict[str, Any]:
        """The answer to a poll that begins there."""
        found = self.events[at : at + int(query.get("limit", "100"))]
        end = at + len(found)
        page: dict[str, Any] = (
            {} if reset is None else {"reset": {"to": f"{self._epoch}-{self._floor + at}", "reason": reset}}
        )
        page |= {"events": [event for event in found if self._wanted(event, query)], "head": self.head}
        return page | {
            "offset": f"{self._epoch}-{self._floor + end}",
            "more": end < len(self.events),
            "reading": "fake",
        }

    def _answer_to(self, method: str, path: str, body: Any, key: str | None) -> tuple[int, Any]:
        """The status and the document of a command; of one that came already under its key, the first ones."""
        if key is not None and key in self._answers:
            return self._answers[key]
        answer = self._carry_out(method, path, body)
        if key is not None:
            self._answers[key] = answer
        return answer

    def _carry_out(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        base = f"/api/tenant/{self.tenant}/"
        parts = path.removeprefix(base).split("/") if path.startswith(base) else path.split("/")
        if method == "GET" and parts == ["orders"]:
            open_ = [
                one for one in self.orders.values() if one["status"] in ("pending", "preparing", "ready")
            ]
            return 200, {"orders": open_[::-1], "offset": self.head, "next": None}
        if method == "POST" and parts == ["acks"]:
            self.acked = body.get("offset", self.acked)
            self.acked_orders.update(body.get("orderIds", ()))
            return 204, None
        if parts[0] == "orders" and len(parts) > 1:
            order = self.orders.get(parts[1])
            if order is None:
                return 404, {}
            if method == "GET":
                return 200, order
            if len(parts) > 2 and parts[2] == "claims":
                return self._claim(parts, body)
        self.requests.append((method, path, body))
        if parts[0] == "orders" and parts[-1] == "status":
            before, order["status"] = order["status"], body["status"]  # type: ignore[index]  # it was found above
            names = {"orderId": parts[1], "orderNumber": order["orderNumber"]}  # type: ignore[index]
            step = {**names, "status": body["status"], "previousStatus": before}
            return 200, {**step, "offset": self.publish("order_updated", step)}
        return 200, {"balance": 0, "newBalance": 0, "offset": self.head}

    def _claim(self, parts: list[str], body: Any) -> tuple[int, Any]:
        now = datetime.now(timezone.utc)
        purpose = parts[3] if parts[-1] == "done" else body["purpose"]
        held = self.claims.setdefault(
            (parts[1], purpose), {"fence": 0, "until": now, "done": False, "holder": None}
        )
        if parts[-1] == "done":
            if body["fence"] != held["fence"] or held["holder"] != self.terminal_id:
                return 409, {"code": "stale-fence"}
            held["done"] = True
            return 204, None
        if held["done"]:
            return 409, {"code": "claim-done", "done": True}
        mine = held["holder"] == self.terminal_id
        if held["until"] > now and not mine:
            name = {"terminalId": held["holder"], "name": "another"}
            return 409, {"code": "claimed", "holder": name, "expiresAt": _moment(held["until"])}
        if held["until"] <= now:
            held["fence"] += 1
        held |= {"holder": self.terminal_id, "until": now + timedelta(seconds=body.get("ttlSeconds", 30))}
        return 200, {"claimed": True, "fence": held["fence"], "expiresAt": _moment(held["until"])}


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
