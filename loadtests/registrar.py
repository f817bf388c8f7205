"""The part of the load test that needs an operator: terminals of its own, and their removal.

A terminal's key holds one socket at a time, so every terminal user has to be registered.
"""

import secrets
from dataclasses import dataclass
from typing import Any

import requests

from loadtests.demo import Demo, Shop

TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Registered:
    """A terminal that was made for one user."""

    shop: Shop
    terminal_id: str
    key: str


class Operator:
    """The operator's few calls, over HTTP. Any answer but the expected one raises."""

    def __init__(self, demo: Demo) -> None:
        self._url = demo.url
        self._headers = {"Authorization": f"Bearer {demo.operator_key}"}

    def register(self, shop: Shop) -> Registered:
        """Make a terminal for one user."""
        name = f"load-{secrets.token_hex(4)}"
        made = self._call("POST", f"/api/tenant/{shop.slug}/terminals", {"name": name})
        return Registered(shop, made["terminalId"], made["key"])

    def remove(self, terminal: Registered) -> None:
        """Take a user's terminal away again."""
        self._call("DELETE", f"/api/tenant/{terminal.shop.slug}/terminals/{terminal.terminal_id}")

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = requests.request(
            method, self._url + path, json=body, headers=self._headers, timeout=TIMEOUT_SECONDS
        )
        answer.raise_for_status()
        content: dict[str, Any] = answer.json() if answer.content else {}
        return content
