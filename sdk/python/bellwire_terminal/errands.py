"""Requests that the machine wants: each is made, and its answer fed back as an input."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from bellwire_terminal.errors import Unreachable
from bellwire_terminal.http import Client

OPEN = "pending,preparing,ready"
SNAPSHOT_PAGES = 100


class Errands:
    """Of one terminal of a shop; `feed` takes an input of the machine."""

    def __init__(self, client: Client, tenant: str, feed: Callable[..., None]) -> None:
        self._client = client
        self._path = f"/api/tenant/{quote(tenant, safe='')}"
        self._feed = feed

    async def post_ack(self, body: dict[str, Any]) -> None:
        """Say what is stored."""
        try:
            answer = await self._client.ask("POST", f"{self._path}/acks", body=body)
        except Unreachable:
            self._feed("ack_failed", status=None)
            return
        if answer.status == 204:
            self._feed("acked")
        else:
            self._feed("ack_failed", status=answer.status, retryAfterMs=answer.retry_after_ms)

    async def fetch_order(self, offset: str, order_id: str) -> None:
        """Ask for the order of a thin event."""
        try:
            answer = await self._client.ask("GET", f"{self._path}/orders/{quote(str(order_id), safe='')}")
        except Unreachable:
            self._feed("order_failed", offset=offset, status=None)
            return
        if answer.status == 200 and answer.json is not None:
            self._feed("order", offset=offset, order=answer.json)
        else:
            self._feed(
                "order_failed", offset=offset, status=answer.status, retryAfterMs=answer.retry_after_ms
            )

    async def fetch_snapshot(self) -> None:
        """Ask for the open orders, page after page."""
        orders: list[Any] = []
        offset: str | None = None
        query = {"status": OPEN}
        for _ in range(SNAPSHOT_PAGES):
            try:
                answer = await self._client.ask("GET", f"{self._path}/orders", query=query)
            except Unreachable:
                self._feed("snapshot_failed", status=None, problem=None)
                return
            page = answer.json
            if answer.status != 200 or page is None or not isinstance(page.get("orders"), list):
                told = {
                    "status": answer.status,
                    "problem": answer.problem,
                    "retryAfterMs": answer.retry_after_ms,
                }
                self._feed("snapshot_failed", **told)
                return
            offset = offset or page["offset"]
            orders += page["orders"]
            if page.get("next") is None:
                self._feed("snapshot", offset=offset, orders=orders)
                return
            query = {**query, "after": str(page["next"])}
        self._feed("snapshot_failed", status=None, problem=None)
