"""Wire a gateway pod: settings in, a pod out. Nothing here decides anything."""

import contextlib
import logging
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.routing import BaseRoute, WebSocketRoute

from backbone.contract.errors import Problem, Unavailable
from backbone.contract.frames import MAX_INBOUND_BYTES
from backbone.contract.keys import KeyKind
from backbone.contract.origin import AllowedOrigins
from backbone.eventlog.access import Access
from backbone.eventlog.addresses import check_addresses
from backbone.eventlog.pod_samples import PodReporter
from backbone.eventlog.postgres import open_database
from backbone.eventlog.refusals import Refusals
from backbone.eventlog.schema_gate import SchemaGate
from backbone.eventlog.signing import warn_if_unsigned
from backbone.eventlog.stream import Stream
from backbone.runtime.cors import Cors
from backbone.runtime.documentation import Documentation
from backbone.runtime.health import Health
from backbone.runtime.logs import configure_logging
from backbone.runtime.metrics import metrics_route
from backbone.runtime.origins import warn_of_strangers
from backbone.runtime.problems import HANDLERS
from backbone.runtime.routes import DescribedRoute, RouteDoc
from backbone.runtime.server import Pod, raise_descriptor_limit, serve_pod
from backbone.runtime.settings import load_settings
from backbone.runtime.stream_query import SOCKET_QUERY, STREAM_QUERY
from backbone.runtime.tasks import TaskOwner
from backbone.runtime.version import VERSION
from backbone.runtime.worker_states import WorkerStates
from gateway.figures import OperatorDrain, gateway_figures
from gateway.hub import Hub
from gateway.moves import Moves
from gateway.processes.parent import run_workers
from gateway.routes.admission import LOOKUPS_APART_SECONDS, Admission
from gateway.routes.doorkeeper import Doorkeeper
from gateway.routes.event_stream import EventStreamEndpoint
from gateway.routes.tickets import Tickets
from gateway.routes.websocket import Endpoint
from gateway.settings import GatewaySettings
from gateway.transport.event_stream import protocol_at
from gateway.transport.handshake_queue import HandshakeQueue
from gateway.transport.readable_refusal import ReadableRefusals
from gateway.transport.websocket import WebSocketProtocol

log = logging.getLogger("bellwire.gateway")

REQUIREMENT = "PostgreSQL"
WARM_CONNECTIONS = 3
SPARE_DESCRIPTORS = 256
"""For servers, probes and whoever is being turned away."""


_INTRODUCTION = """\
A tenant's events, in order and exactly once, from any offset that is retained. The messages are described by the API
pods' `/asyncapi.json`, what a storefront asks by their `/openapi.json`.
"""
_SOCKET = RouteDoc(
    "Events",
    "The tenant's events, by WebSocket.",
    (KeyKind.TERMINAL,),
    None,
    101,
    says="Without an `Upgrade` it is answered with 426.",
    query=SOCKET_QUERY,
    problems=(Problem.ORIGIN, Problem.UPGRADE_REQUIRED),
)
_STREAM = RouteDoc(
    "Events",
    "The tenant's events, as server-sent events.",
    (KeyKind.TERMINAL,),
    "text/event-stream",
    says="`Last-Event-ID` resumes as `after` does.",
    query=STREAM_QUERY,
    problems=(Problem.ORIGIN,),
)


@contextlib.asynccontextmanager
async def gateway_pod(settings: GatewaySettings, health: Health) -> AsyncIterator[Pod]:
    """A running gateway; on leaving, what it knows of its terminals is written and everything is closed."""
    async with contextlib.AsyncExitStack() as stack:
        database = await open_database(
            settings,
            size=settings.database_connections,
            application=f"bellwire-gateway@{VERSION}",
            gate=SchemaGate(),
        )
        stack.push_async_callback(database.close)
        stream = Stream(settings)
        stack.push_async_callback(stream.close)
        hub = Hub(settings, database, stream, health)
        stack.push_async_callback(hub.close)
        await database.warm(WARM_CONNECTIONS)
        refusals = Refusals(database)
        stack.push_async_callback(_last_refusals, refusals)
        operator_drain = OperatorDrain(hub)
        stack.push_async_callback(operator_drain.stop)
        moves = Moves(hub)
        stack.push_async_callback(moves.stop)
        health.on_balancer(moves.hear)
        reporter = PodReporter(
            database, "gateway", settings.pod_name, gateway_figures(health), operator_drain.wanted
        )
        stack.push_async_callback(reporter.farewell)
        tasks = TaskOwner()
        stack.push_async_callback(tasks.stop)
        tasks.start("feed", hub.feed.run)
        tasks.start("head-check", hub.head_check.run)
        tasks.start("upkeep", hub.upkeep.run)
        tasks.start("write-behind", hub.write_behind.run)
        tasks.start("refusals", refusals.run)
        tasks.start("samples", reporter.run)
        handshakes = HandshakeQueue(settings.max_handshakes, settings.max_waiting, lambda: hub.full)
        allowed_origins = AllowedOrigins(settings.allowed_origins)
        access = Access(database, LOOKUPS_APART_SECONDS)
        tickets = Tickets(database, LOOKUPS_APART_SECONDS)
        doorkeeper = Doorkeeper(settings, allowed_origins, access, tickets, refusals)
        admission = Admission(settings, doorkeeper, tickets, hub, database, handshakes)
        readable_refusals = ReadableRefusals()
        endpoint = Endpoint(admission, readable_refusals)
        streams = DescribedRoute("GET", "/sse/pos/{tenant}", EventStreamEndpoint(admission), _STREAM)
        # A HEAD would be a stream without a body, and nobody's terminal.
        streams.methods = {"GET"}
        http: list[BaseRoute] = [
            DescribedRoute("GET", "/ws/pos/{tenant}", endpoint.upgrade_required, _SOCKET),
            streams,
            metrics_route(),
            *health.routes(),
        ]
        documentation = Documentation("Bellwire gateway", _INTRODUCTION, http)
        routes = [WebSocketRoute("/ws/pos/{tenant}", endpoint.connect), *documentation.routes(), *http]
        starlette = Starlette(routes=routes, exception_handlers=HANDLERS)
        starlette.router.redirect_slashes = False
        starlette.router.default = endpoint.not_found
        app = Cors(starlette, allowed_origins) if allowed_origins else starlette
        yield Pod(app, hub.drain, protocol_at(handshakes, readable_refusals, allowed_origins, endpoint.open))


async def _last_refusals(refusals: Refusals) -> None:
    with contextlib.suppress(Unavailable):
        await refusals.flush()


def run(**overrides: object) -> None:
    """Run a gateway pod until a polite signal.

    Raises:
        InvalidSettings: some settings are missing or wrong.
        CannotListen: the address cannot be listened on.
        SystemExit: with 1, when a worker did not end well.
    """
    settings = _settings(**overrides)
    warn_if_unsigned(settings)
    if settings.workers == 1:
        _serve(settings, Health(REQUIREMENT))
    elif code := run_workers(settings):
        raise SystemExit(code)


def run_worker(number: int, worker_states: WorkerStates) -> None:
    """Run one worker of a pod until a polite signal. Raises as `run`."""
    _serve(_settings(), Health(REQUIREMENT, worker_states=worker_states, worker=number))


def _settings(**overrides: object) -> GatewaySettings:
    settings = load_settings(GatewaySettings, **overrides)
    check_addresses(settings)
    configure_logging(settings.pod_name, settings.log_format, settings.log_level)
    warn_of_strangers(settings.allowed_origins)
    return settings


def _serve(settings: GatewaySettings, health: Health) -> None:
    wanted = settings.max_sockets + SPARE_DESCRIPTORS
    limit = raise_descriptor_limit(wanted, "or lower BELLWIRE_MAX_SOCKETS; more sockets than fit get 503")
    if limit < wanted:
        # Refused politely, rather than left in the kernel's queue for want of a descriptor.
        settings = settings.model_copy(update={"max_sockets": max(1, limit - SPARE_DESCRIPTORS)})
    serve_pod(
        lambda: gateway_pod(settings, health),
        settings,
        websocket=WebSocketProtocol,
        websocket_max_bytes=MAX_INBOUND_BYTES,
        websocket_deflate=settings.compression,
        send_buffer_bytes=settings.send_buffer_bytes,
        # Two heartbeats that nobody acknowledged; a reader that is only slow has its own time to be so.
        dead_peer_seconds=2 * settings.heartbeat_seconds + settings.slow_seconds,
        shared_port=settings.workers > 1,
    )
