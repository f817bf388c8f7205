"""Is this pod alive, and should it get new work?

Liveness stays while the event loop turns. Readiness names what is missing; Redis is never among it, because nothing
that a client asks for needs Redis. A pod of several workers is ready when all of them are, whichever is asked.
"""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from backbone.contract.errors import Problem
from backbone.runtime.problems import problem_response
from backbone.runtime.routes import ANYBODY, DescribedRoute, RouteDoc
from backbone.runtime.worker_states import State, WorkerStates

BALANCER = "balancer"
BALANCER_HEADER = "X-Bellwire-Balancer"
"""In a balancer's check: which process of it asks, and whether it leaves."""


class Health:
    """The state of the pod, for probes. A requirement counts as missing until it was met once.

    A worker tells the others too, through `worker_states`, where `worker` is its number.
    """

    def __init__(
        self, *requirements: str, worker_states: WorkerStates | None = None, worker: int = 0
    ) -> None:
        self._missing = dict.fromkeys(requirements, True)
        self._draining = False
        self._worker_states = worker_states
        self._worker = worker
        self._hear_balancer: Callable[[str, str], None] = lambda address, word: None

    def on_balancer(self, hear: Callable[[str, str], None]) -> None:
        """Have each check of a balancer told: its own address, at the other end of the connection, and its word."""
        self._hear_balancer = hear

    def report(self, requirement: str, met: bool) -> None:
        """Tell whether a requirement is met now."""
        self._missing[requirement] = not met
        self._tell()

    def drain(self) -> None:
        """From here on nothing new is wanted."""
        self._draining = True
        self._tell()

    def resume(self) -> None:
        """New work is wanted again."""
        self._draining = False
        self._tell()

    @property
    def draining(self) -> bool:
        """Whether this pod is on its way out."""
        return self._draining or State.DRAINING in self._others()

    @property
    def missing(self) -> list[str]:
        """The requirements that are not met, here or at another worker."""
        own = [name for name, missing in self._missing.items() if missing]
        return own + [
            f"worker {number}"
            for number, state in enumerate(self._others())
            if number != self._worker and state is not State.READY
        ]

    def _others(self) -> list[State]:
        return [] if self._worker_states is None else self._worker_states.states()

    def _tell(self) -> None:
        if self._worker_states is not None:
            ready = State.WAITING if any(self._missing.values()) else State.READY
            self._worker_states.set_state(self._worker, State.DRAINING if self._draining else ready)

    async def healthz(self, _: Request) -> Response:
        """`GET /healthz`: 200 while the process works at all."""
        return PlainTextResponse("ok\n")

    async def readyz(self, request: Request) -> Response:
        """`GET /readyz`: 200; 404 while draining (the load balancer then sends nothing new and keeps what is open);
        503 with what is missing.

        A load balancer that cuts what is open at a pod that fails its checks asks `?for=balancer`, and hears 404 then
        as well: a pod without PostgreSQL is no good for new terminals, and no reason to part with those it has.
        """
        asks_for_balancer = request.query_params.get("for") == BALANCER
        if asks_for_balancer and request.client is not None:
            self._hear_balancer(request.client.host, request.headers.get(BALANCER_HEADER, ""))
        if self.draining:
            return problem_response(Problem.NOT_FOUND, "This pod is draining", draining=True)
        missing = self.missing
        if missing and asks_for_balancer:
            detail = f"Nothing new, please: waiting for {', '.join(missing)}"
            return problem_response(Problem.NOT_FOUND, detail, missing=missing)
        if missing:
            return problem_response(
                Problem.UNAVAILABLE,
                f"Waiting for {', '.join(missing)}",
                headers={"Retry-After": "1"},
                missing=missing,
            )
        return PlainTextResponse("ready\n")

    def routes(self) -> list[DescribedRoute]:
        """The two routes."""
        alive = RouteDoc("Pod", "Whether the process works at all.", ANYBODY, "text/plain")
        ready = RouteDoc(
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
