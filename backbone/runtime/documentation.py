"""`/openapi.json` and `/docs` of a pod: written once, when the pod starts."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

from backbone.runtime.docs_page import page
from backbone.runtime.openapi import document
from backbone.runtime.routes import ANYBODY, DescribedRoute, RouteDoc, described
from backbone.runtime.version import VERSION

# The page is text and a style of its own; nothing in it may run or be fetched.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


class Documentation:
    """A pod's routes, described for programs and for people."""

    def __init__(
        self, title: str, says: str, routes: list[BaseRoute], examples: Mapping[str, Any] | None = None
    ) -> None:
        everything = described([*routes, *self.routes()])
        written = document(title, says, VERSION, everything, examples or {})
        self._json = orjson.dumps(written)
        self._page = page(written)

    def routes(self) -> list[DescribedRoute]:
        """The two routes."""
        return [
            DescribedRoute(
                "GET",
                "/openapi.json",
                self.openapi,
                RouteDoc("Pod", "This description, for programs.", ANYBODY, "application/json"),
            ),
            DescribedRoute(
                "GET",
                "/docs",
                self.docs,
                RouteDoc("Pod", "This description, for people.", ANYBODY, "text/html"),
            ),
        ]

    async def openapi(self, _: Request) -> Response:
        """`GET /openapi.json`."""
        return Response(self._json, media_type="application/json")

    async def docs(self, _: Request) -> Response:
        """`GET /docs`."""
        return HTMLResponse(self._page, headers={"Content-Security-Policy": _POLICY})
