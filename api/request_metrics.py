"""Count and time every request under its route's template; paths hold phones and card numbers."""

import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import REQUEST_SECONDS, REQUESTS
from backbone.runtime.metrics import adder, observer

UNMATCHED = "unmatched"
OF_TEST_TENANT = "bellwire_of_test_tenant"
"""In the scope of a request whose key is a test tenant's."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMetrics:
    """ASGI middleware, and the count itself for who answers without it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        # Looking a metric's child up by its labels costs more than counting; there are few, so each is kept.
        self._known: dict[
            tuple[str, str, int, bool], tuple[Callable[[float], None], Callable[[float], None]]
        ] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and watch the answer's status go by."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", UNMATCHED)
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self.count(scope, method, route, status, time.perf_counter() - started)

    def count(self, scope: Scope, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        of_test = OF_TEST_TENANT in scope
        known = self._known.get((method, route, status, of_test))
        if known is None:
            test = "true" if of_test else "false"
            requests, took = (
                REQUESTS.labels(method, route, str(status), test),
                REQUEST_SECONDS.labels(route, test),
            )
            known = self._known[method, route, status, of_test] = (adder(requests), observer(took))
        increment, observe = known
        increment(1.0)
        observe(seconds)
