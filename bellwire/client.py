"""A cluster as the commands see it that are its clients: an address, a key, and errors in one sentence."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from bellwire.trouble import Trouble

TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Peer:
    """Where to speak to, as whom."""

    url: str
    key: str
    tenant: str | None

    def request(self, method: str, path: str, **arguments: Any) -> Any:
        """Send one request and return the answer's JSON.

        Raises:
            Trouble: no answer, or an answer that is a problem.
        """
        headers = {"Authorization": f"Bearer {self.key}"} | arguments.pop("headers", {})
        try:
            answer = httpx.request(
                method, self._base() + path, headers=headers, timeout=TIMEOUT_SECONDS, **arguments
            )
        except httpx.HTTPError as exc:
            raise Trouble(f"{self._base()} does not answer ({type(exc).__name__})") from exc
        if answer.is_success:
            return answer.json()
        raise Trouble(explain(answer.status_code, answer.content))

    def socket_url(self) -> str:
        """The address of the terminal's WebSocket, without a query.

        Raises:
            Trouble: no answer, a wrong key, or a key that belongs to no shop.
        """
        tenant = self.tenant or self.request("GET", "/api/whoami")["tenant"]
        if tenant is None:
            raise Trouble("this key belongs to no shop; a terminal's key is needed")
        return "ws" + self._base().removeprefix("http") + f"/ws/pos/{quote(tenant)}"

    def _base(self) -> str:
        parts = urlsplit(self.url)
        scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
        if scheme not in ("http", "https") or not parts.netloc:
            raise Trouble(f"{self.url!r} is not an address such as http://127.0.0.1:8080")
        return f"{scheme}://{parts.netloc}"


def explain(status: int, body: bytes) -> str:
    """A problem document in one sentence; without one, the status."""
    try:
        problem = httpx.Response(status, content=body).json()
        fields = "; ".join(f"{error['loc']}: {error['msg']}" for error in problem.get("errors", ()))
        return f"{status} {problem['title']}: {fields or problem['detail']}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"the answer was {status} {httpx.codes.get_reason_phrase(status)}".rstrip()
