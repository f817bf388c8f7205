"""Origins of browsers' pages: which are listed, which are our own. Pure.

An origin is compared as one (RFC 6454): scheme and host in lower case, the port with its scheme's default. A page's
own origin is told by host and port alone, since a balancer that ends TLS does not say which scheme the page has.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

ANY = "*"
WITHOUT_HOST = frozenset({"null", "file://"})
"""A browser's words for a page without an origin: a file, a sandboxed frame, an app's own web view."""
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_WEB_PORTS = (None, 80, 443)
_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~-]+)"
_ORIGIN = re.compile(rf"([A-Za-z][A-Za-z0-9+.-]*)://({_HOST})(?::([0-9]{{1,5}}))?", re.ASCII)
_AUTHORITY = re.compile(rf"({_HOST})(?::([0-9]{{1,5}}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Origin:
    """A page's scheme, host and port, each in its one spelling; `port` is None for a scheme without a default."""

    scheme: str
    host: str
    port: int | None


def parse_origin(text: str) -> Origin | None:
    """Read an origin such as `https://till.example.com`; None when it is none, `null` and `file://` included.

    >>> parse_origin("HTTPS://Till.Example.com:443") == parse_origin("https://till.example.com")
    True
    """
    found = _ORIGIN.fullmatch(text)
    if found is None:
        return None
    scheme = found[1].lower()
    port = _DEFAULT_PORTS.get(scheme) if found[3] is None else int(found[3])
    if port is not None and not 0 < port < 65536:
        return None
    return Origin(scheme, found[2].lower(), port)


class AllowedOrigins:
    """The list of an installation: origins, the words `null` and `file://` of pages without one, and `*` for all."""

    def __init__(self, listed: Iterable[str]) -> None:
        """Raises ValueError for an entry that is none of these; the text names it."""
        self._origins: set[Origin] = set()
        self._words: set[str] = set()
        for entry in listed:
            origin = parse_origin(entry)
            if origin is not None:
                self._origins.add(origin)
            elif entry == ANY or entry in WITHOUT_HOST:
                self._words.add(entry)
            else:
                # With an @ it is an address of another kind, and a password may be in it.
                shown = "one of them" if "@" in entry else repr(entry)
                raise ValueError(f"{shown} is not an origin such as https://till.example.com")

    def __bool__(self) -> bool:
        return bool(self._origins or self._words)

    @property
    def any(self) -> bool:
        """Whether every page may come, whatever its origin."""
        return ANY in self._words

    def holds(self, origin: str) -> bool:
        """Whether the value of an `Origin` header is listed."""
        if self.any or origin.lower() in self._words:
            return True
        parsed = parse_origin(origin)
        return parsed is not None and parsed in self._origins


def is_own(origin: str, host: str) -> bool:
    """Whether a page's `Origin` is where the request went, by its `Host`; the ports 80, 443 and none are one.

    >>> is_own("https://pos.example.com", "pos.example.com:443")
    True
    """
    page = parse_origin(origin)
    here = _AUTHORITY.fullmatch(host)
    if page is None or here is None or page.scheme not in _DEFAULT_PORTS or page.host != here[1].lower():
        return False
    port = None if here[2] is None else int(here[2])
    return page.port == port or (page.port in _WEB_PORTS and port in _WEB_PORTS)
