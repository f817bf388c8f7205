"""The first thing a request meets: routes of one fixed path are answered at once, all others by Starlette.

Most of the load has a path without a variable in it, and is found by one look-up; the answers, the count and the
errors are those of the way through Starlette, which a test compares.

Why: docs/decisions/0077-cost-of-an-order.md
"""

import time
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from api.in_flight import leave, leave_when_taken
from api.request_metrics import RequestMetrics
from backbone.contract.errors import BellwireError
from backbone.runtime.problems import on_bug, response_of
from backbone.runtime.routes import DescribedRoute
from backbone.runtime.single_write import EXTENSION, SingleWrite


class FastPath:
    """ASGI application around the measured one."""

    def __init__(self, app: RequestMetrics, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self.routes = routes
        self._straight = {
            (route.method, route.path): route
            for route in routes
            if isinstance(route, DescribedRoute) and "{" not in route.path
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        single_write: SingleWrite | None = scope.get("extensions", {}).get(EXTENSION)
        route = self._straight.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        try:
            if route is None:
                await self._app(scope, receive, send)
            else:
                await self._serve(route, single_write, scope, receive, send)
        finally:
            if single_write is None or not single_write.is_taken:
                await leave_when_taken(scope, single_write)
            else:
                leave(scope)

    async def _serve(
        self,
        route: DescribedRoute,
        single_write: SingleWrite | None,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        started = time.perf_counter()
        scope["route"], scope["path_params"] = route, {}
        status = 500
        request = Request(scope, receive, send)
        response: Response
        try:
            try:
                response = await route.endpoint(request)
            except BellwireError as exc:
                response = response_of(exc)
            except Exception as exc:
                response = await on_bug(request, exc)
            status = response.status_code
            if single_write is None or not (type(response) is Response and single_write.write(response)):
                await response(scope, receive, send)
        finally:
            self._app.count(scope, route.method, route.path, status, time.perf_counter() - started)
