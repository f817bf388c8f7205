"""A cluster as the commands see it that are its clients: an address, a key, and errors in one sentence."""

import json
import ssl
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx

from bellwire.amounts import Written
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
        if not (self.key.isascii() and self.key.isprintable()):
            raise Trouble("the key holds characters that no key has")
        headers = {"Authorization": f"Bearer {self.key}"} | arguments.pop("headers", {})
        try:
            answer = httpx.request(
                method,
                self._base() + path,
                headers=headers,
                timeout=TIMEOUT_SECONDS,
                verify=_trusted(),
                **arguments,
            )
        except httpx.HTTPError as exc:
            raise Trouble(f"{self._base()} does not answer ({type(exc).__name__})") from exc
        except (httpx.InvalidURL, UnicodeError) as exc:
            raise Trouble(self._no_address()) from exc
        if answer.is_success:
            try:
                return json.loads(answer.content, parse_float=Written)
            except ValueError as exc:
                raise Trouble(f"{self._base()} answers, and is not Bellwire") from exc
        raise Trouble(explain(answer.status_code, answer.content))

    def document(self, path: str, *members: str, **query: str) -> dict[str, Any]:
        """Ask for a document that has these members.

        Raises:
            Trouble: no answer, an answer that is a problem, or one that Bellwire does not give.
        """
        answer = self.request("GET", path, params=query)
        if not isinstance(answer, dict) or not answer.keys() >= set(members):
            raise Trouble(f"{self._base()} answers, and is not Bellwire")
        return answer

    def shop(self) -> str:
        """The shop's slug: the one that was given, or the key's.

        Raises:
            Trouble: no answer, a wrong key, or a key that belongs to no shop.
        """
        tenant = self.tenant or self.document("/api/whoami", "tenant")["tenant"]
        if tenant is None:
            raise Trouble("this key belongs to no shop: name one with --tenant")
        return str(tenant)

    def _base(self) -> str:
        try:
            parts = urlsplit(self.url)
            port = parts.port
        except ValueError as exc:
            raise Trouble(self._no_address()) from exc
        scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
        if scheme not in ("http", "https") or not parts.hostname or port == 0:
            raise Trouble(self._no_address())
        return f"{scheme}://{parts.netloc}"

    def _no_address(self) -> str:
        return f"{self.url!r} is not an address such as http://127.0.0.1:8080"


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates that are trusted; to read them takes a tenth of a second, so it is done once."""
    return httpx.create_ssl_context()


def explain(status: int, body: bytes) -> str:
    """A problem document in one sentence; without one, the status."""
    try:
        problem = httpx.Response(status, content=body).json()
        fields = "; ".join(f"{error['loc']}: {error['msg']}" for error in problem.get("errors", ()))
        return f"{status} {problem['title']}: {fields or problem['detail']}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"the answer was {status} {httpx.codes.get_reason_phrase(status)}".rstrip()
