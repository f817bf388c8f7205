"""Is this pod alive, and should it get new work?

Liveness stays while the event loop turns. Readiness names what is missing; Redis is never among it, because nothing
that a client asks for needs Redis.
"""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from backbone.contract.errors import Problem
from backbone.runtime.described import ANYBODY, About, DescribedRoute
from backbone.runtime.problems import problem_response

BALANCER = "balancer"


class Health:
    """What the pod says about itself. A requirement counts as missing until it was met once."""

    def __init__(self, *requirements: str) -> None:
        self._missing = dict.fromkeys(requirements, True)
        self.draining = False

    def report(self, requirement: str, met: bool) -> None:
        """Tell whether a requirement is met now."""
        self._missing[requirement] = not met

    @property
    def missing(self) -> list[str]:
        """The requirements that are not met."""
        return [name for name, missing in self._missing.items() if missing]

    async def healthz(self, _: Request) -> Response:
        """`GET /healthz`: 200 while the process works at all."""
        return PlainTextResponse("ok\n")

    async def readyz(self, request: Request) -> Response:
        """`GET /readyz`: 200; 404 while draining (the load balancer then sends nothing new and keeps what is open);
        503 with what is missing.

        A load balancer that cuts what is open at a pod that fails its checks asks `?for=balancer`, and hears 404 then
        as well: a pod without PostgreSQL is no good for new terminals, and no reason to part with those it has.
        """
        if self.draining:
            return problem_response(Problem.NOT_FOUND, "This pod is draining", draining=True)
        if self.missing and request.query_params.get("for") == BALANCER:
            detail = f"Nothing new, please: waiting for {', '.join(self.missing)}"
            return problem_response(Problem.NOT_FOUND, detail, missing=self.missing)
        if self.missing:
            return problem_response(
                Problem.UNAVAILABLE,
                f"Waiting for {', '.join(self.missing)}",
                headers={"Retry-After": "1"},
                missing=self.missing,
            )
        return PlainTextResponse("ready\n")

    def routes(self) -> list[DescribedRoute]:
        """The two routes."""
        alive = About("Pod", "Whether the process works at all.", ANYBODY, "text/plain")
        ready = About(
            "Pod",
            "Whether the pod should get new work.",
            ANYBODY,
            "text/plain",
            says="404 while draining, 503 with `missing` while something it needs is away (404 for `?for=balancer`).",
            problems=(Problem.NOT_FOUND, Problem.UNAVAILABLE),
        )
        return [
            DescribedRoute("GET", "/healthz", self.healthz, alive),
            DescribedRoute("GET", "/readyz", self.readyz, ready),
        ]
