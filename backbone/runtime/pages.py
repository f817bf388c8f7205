"""Pages and their parts, read once when a pod starts: what was not there then is not there.

Knows files, types and headers. Does not know what a page does. A request's path is looked up among those that were
listed and never becomes a path on the disk.

Why: docs/decisions/0132-pages.md
"""

import gzip
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from backbone.contract.errors import Problem
from backbone.runtime.problems import problem_response

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        # In the browsers that have the rest of this, 'self' is the WebSocket of this host too.
        "connect-src 'self'",
        "font-src 'self'",
        "media-src 'self' data:",
        "manifest-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        # One policy, by which web/common/keep.js names the worker's address.
        "trusted-types bellwire",
    )
)
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Encoding",
}
_SMALL_BYTES = 1024
_READING = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Page:
    """One file as it is sent: plain and, where that is shorter, packed."""

    plain: bytes
    packed: bytes | None
    headers: Mapping[str, str]

    @classmethod
    def of(cls, path: Path) -> "Page":
        """Read it."""
        plain = path.read_bytes()
        packed = gzip.compress(plain, 9, mtime=0) if len(plain) > _SMALL_BYTES else None
        headers = {
            **HEADERS,
            "Content-Type": TYPES[path.suffix],
            "ETag": f'W/"{hashlib.sha256(plain).hexdigest()[:32]}"',
        }
        return cls(plain, packed if packed is not None and len(packed) < len(plain) else None, headers)

    def answer(self, request: Request) -> Response:
        """All of it, or 304 to who has it."""
        tags = [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]
        if self.headers["ETag"] in tags:
            return Response(status_code=304, headers=self.headers)
        if self.packed is not None and _takes_gzip(request.headers.get("accept-encoding", "")):
            return Response(self.packed, headers={**self.headers, "Content-Encoding": "gzip"})
        return Response(self.plain, headers=self.headers)


class Pages(BaseRoute):
    """The route of all pages; `path` is their name among metrics."""

    path = "/pages/{file}"

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self._pages = pages

    def matches(self, scope: Scope) -> tuple[Match, dict[str, Any]]:
        """Whether this path is one of them."""
        known = scope["type"] == "http" and scope["path"] in self._pages
        return (Match.FULL, {"route": self}) if known else (Match.NONE, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer it. A query is the page's business."""
        if scope["method"] in _READING:
            response = self._pages[scope["path"]].answer(Request(scope, receive))
        else:
            problem = Problem.METHOD
            response = problem_response(problem, problem.title, headers={"Allow": ", ".join(_READING)})
        await response(scope, receive, send)


def served(folder: Path, names: Iterable[str]) -> Iterator[tuple[str, Path]]:
    """The files of these folders that a browser may have, as `till/main.js`; tests and notes are none."""
    for name in names:
        # As rglob finds them a folder that is a link is not entered, so it is named by where it leads.
        top = (folder / name).resolve()
        for path in sorted(top.rglob("*")):
            if path.suffix in TYPES and path.is_file() and not path.name.endswith(".test.js"):
                yield f"{name}/{path.relative_to(top).as_posix()}", path


def _takes_gzip(accepted: str) -> bool:
    for option in accepted.lower().split(","):
        name, _, rest = option.partition(";")
        if name.strip() in ("gzip", "*"):
            return rest.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
