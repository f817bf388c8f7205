"""`GET /asyncapi.json`: sockets, streams and webhooks, described for programs; written once, when the pod starts."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api.http.answer import JSON
from api.http.asyncapi import document
from backbone.runtime.routes import ANYBODY, DescribedRoute, RouteDoc
from backbone.runtime.version import VERSION

_DOC = RouteDoc(
    "Pod", "Sockets, streams and webhooks, with the schema of each message, for programs.", ANYBODY, JSON
)
_EVENTS = "GET /api/tenant/{tenant}/events"


class AsyncApiRoutes:
    """The one route. `examples` are those of `/openapi.json`; the events among them are examples here too."""

    def __init__(self, examples: Mapping[str, Any]) -> None:
        events = examples.get(_EVENTS, {}).get("answer", {}).get("events", [])
        self._json = orjson.dumps(document(VERSION, {event["type"]: event for event in events}))

    def routes(self) -> list[DescribedRoute]:
        """Where it is."""
        return [DescribedRoute("GET", "/asyncapi.json", self.asyncapi, _DOC)]

    async def asyncapi(self, _: Request) -> Response:
        """`GET /asyncapi.json`."""
        return Response(self._json, media_type=JSON)
