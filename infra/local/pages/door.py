"""The door of the demo's pages, open to this machine's browser, at the printed address, with the printed token.

Knows headers alone. Another `Host` is a name that somebody pointed at this machine, another `Origin` a page that was
not served here; both get 403 for every path. The token is asked for where keys are given or things are broken.
"""

import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit

TOKEN_HEADER = "X-Demo-Token"  # noqa: S105 - the name of a header


class Door:
    """The one address of a demo, and its token."""

    def __init__(self, url: str, token: str) -> None:
        """`url` is the printed one, such as `http://127.0.0.1:8080`."""
        parts = urlsplit(url)
        self._token = token.encode()
        self.hosts = (parts.netloc, f"localhost:{parts.port}")
        self._origins = tuple(f"{parts.scheme}://{host}" for host in self.hosts)

    def refusal(self, headers: Mapping[str, str], *, needs_token: bool) -> str | None:
        """The reason to answer 403, in a sentence that repeats nothing of the request; None where there is none."""
        host = headers.get("host", "").lower()
        if host not in self.hosts:
            return "The demo answers at the address that it printed, and at no other name."
        origin = headers.get("origin")
        if origin is not None and origin.lower() != self._origins[self.hosts.index(host)]:
            return "Pages of another origin may not speak to the demo."
        if needs_token and not secrets.compare_digest(headers.get(TOKEN_HEADER, "").encode(), self._token):
            return "The demo's token is missing or of another demo; open the address that make demo prints."
        return None
