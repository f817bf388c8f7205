"""The API pod's wiring: everything is built here, in one place, and passed in."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from api.background.account_numbers import read_account_numbers
from api.background.alarms import raise_alarms
from api.background.heads import HeadWatch
from api.background.housekeeping import keep_house
from api.background.key_uses import KeyUses
from api.background.overview import Overview
from api.background.prober import POSTGRESQL, Prober
from api.background.purge import purge_deleted_tenants
from api.background.refusing import watch_refusing_endpoints
from api.background.secret_check import check_secrets
from api.background.server_state import watch_server_state
from api.background.shared_keys import watch_shared_keys
from api.background.unacked import watch_unacked_orders
from api.combiner import Combiner
from api.committer import Committer
from api.core.public_address import is_public
from api.currencies import Currencies
from api.examples import load_examples
from api.fast_path import FastPath
from api.figures import api_figures
from api.http.amounts import Amounts
from api.http.guard import Guard
from api.limits import Limits
from api.pages import pages
from api.publisher import Publisher
from api.quotas import Quotas
from api.request_metrics import RequestMetrics
from api.routes.acks import AckRoutes
from api.routes.asyncapi import AsyncApiRoutes
from api.routes.audit import AuditRoutes
from api.routes.claims import ClaimRoutes
from api.routes.daily_reports import DailyReportRoutes
from api.routes.events import EventRoutes
from api.routes.gift_cards import GiftCardRoutes
from api.routes.keys import KeyRoutes
from api.routes.loyalty import LoyaltyRoutes
from api.routes.operator import OperatorRoutes
from api.routes.order_money import OrderMoneyRoutes
from api.routes.order_reads import OrderReadRoutes
from api.routes.orders import OrderRoutes
from api.routes.pairings import PairingRoutes
from api.routes.status import StatusRoutes
from api.routes.tenants import TenantRoutes
from api.routes.terminals import TerminalRoutes
from api.routes.tickets import TicketRoutes
from api.routes.till import TillRoutes
from api.routes.trace import TraceRoutes
from api.routes.webhook_deliveries import WebhookDeliveryRoutes
from api.routes.webhooks import WebhookRoutes
from api.routes.whoami import WhoamiRoutes
from api.settings import ApiSettings
from api.tenant_slots import TenantSlots
from api.webhooks.attempts import AttemptLog
from api.webhooks.carrier import Carrier
from api.webhooks.courier import Courier
from api.webhooks.endpoint_secrets import EndpointSecrets
from api.webhooks.sender import Sender
from backbone.contract.errors import Unavailable
from backbone.contract.origin import AllowedOrigins
from backbone.eventlog.access import Access
from backbone.eventlog.addresses import check_addresses
from backbone.eventlog.pod_samples import PodReporter
from backbone.eventlog.postgres import Database, open_database
from backbone.eventlog.refusals import Refusals
from backbone.eventlog.schema_gate import SchemaGate
from backbone.eventlog.signing import warn_if_unsigned
from backbone.eventlog.stream import Stream
from backbone.runtime.cors import Cors
from backbone.runtime.documentation import Documentation
from backbone.runtime.health import Health
from backbone.runtime.http_protocol import HttpProtocol
from backbone.runtime.logs import configure_logging
from backbone.runtime.metrics import metrics_route
from backbone.runtime.origins import warn_of_strangers
from backbone.runtime.problems import HANDLERS
from backbone.runtime.server import Pod, raise_descriptor_limit, serve_pod
from backbone.runtime.settings import load_settings
from backbone.runtime.single_write import SingleWriteProtocol
from backbone.runtime.tasks import TaskOwner
from backbone.runtime.tracing import TracedRequests, open_tracing
from backbone.runtime.unsent import Unsent
from backbone.runtime.version import VERSION

BACKGROUND_CONNECTIONS = 3
WEBHOOK_CONNECTIONS = 3
FLUSH_SECONDS = 1.0
FINISH_SECONDS = 2.0
WARM_CONNECTIONS = 4
SEND_BUFFER_BYTES = 128 * 1024
"""Of a connection in the kernel, whose own measure, some megabytes, counts as this pod's memory too."""

_INTRODUCTION = """\
Every order on every till within a tenth of a second. A storefront places orders here; tills follow their shop's events
by WebSocket (`GET /ws/pos/{tenant}`), by server-sent events (`GET /sse/pos/{tenant}`), by polling or by webhooks, and
name the last offset they have when they come back. `/asyncapi.json` describes those doors and each event.

Every request but those of the pod itself carries `Authorization: Bearer <key>`. The key of another tenant finds nothing
(404). Errors are `application/problem+json` (RFC 9457). A POST that moves value may be repeated safely with its
`Idempotency-Key`. Amounts are numbers with the decimals of the
shop's currency; two, where it has none.
"""


@contextlib.asynccontextmanager
async def api_pod(settings: ApiSettings) -> AsyncIterator[Pod]:
    """A running API pod; on leaving, what waits to be announced is, and everything is closed."""
    gate = SchemaGate()
    async with contextlib.AsyncExitStack() as closing:

        async def pool(name: str, size: int) -> Database:
            database = await open_database(
                settings, size=size, application=f"bellwire-api-{name}@{VERSION}", gate=gate
            )
            closing.push_async_callback(database.close)
            return database

        writes = await pool("writes", settings.write_connections)
        reads = await pool("reads", settings.read_connections)
        # Apart from the other two: a pod whose pools are taken is busy, not unready.
        background = await pool("background", BACKGROUND_CONNECTIONS)
        await asyncio.gather(writes.warm(WARM_CONNECTIONS), reads.warm(WARM_CONNECTIONS))
        health = Health(POSTGRESQL)
        tracing = open_tracing(settings, "bellwire-api")
        if tracing is not None:
            closing.push_async_callback(tracing.close)
        stream = Stream(settings)
        closing.push_async_callback(stream.close)
        publisher = Publisher(stream, settings.publish_queue)
        watch = HeadWatch(settings, stream.topology, background)
        uses = KeyUses(background)
        closing.push_async_callback(_last_words, uses.flush)
        overview = Overview(reads, stream)
        reporter = PodReporter(background, "api", settings.pod_name, api_figures(health, publisher.traffic))
        closing.push_async_callback(reporter.farewell)
        refusals = Refusals(background)
        closing.push_async_callback(_last_words, refusals.flush)

        owner = TaskOwner()
        closing.push_async_callback(owner.stop)
        closing.push_async_callback(publisher.flush, FLUSH_SECONDS)
        owner.start("publisher", publisher.run)
        owner.start("heads", watch.run)
        owner.start("live", watch.feed.run)
        owner.start("key-uses", uses.run)
        owner.start("refusals", refusals.run)
        owner.start("samples", reporter.run)
        owner.start("overview", overview.run)
        owner.start("prober", Prober(background, stream, health).run)
        owner.start("unacked", lambda: watch_unacked_orders(background))
        owner.start("server-state", lambda: watch_server_state(background))
        owner.start("refusing", lambda: watch_refusing_endpoints(background))
        owner.start("shared-keys", lambda: watch_shared_keys(background))
        owner.start("alarms", lambda: raise_alarms(background, publisher.announce))
        owner.start("account-numbers", lambda: read_account_numbers(background, publisher.announce))
        owner.start("purge", lambda: purge_deleted_tenants(background))
        owner.start(
            "secret-check", lambda: check_secrets(background, settings.card_secrets, settings.webhook_secrets)
        )
        owner.start("housekeeping", lambda: keep_house(background, settings.retention_days))

        endpoints = await pool("webhooks", WEBHOOK_CONNECTIONS)
        sender = Sender(
            _anywhere if settings.webhook_private else is_public, settings.webhook_timeout_seconds
        )
        closing.push_async_callback(sender.close)
        attempts = AttemptLog(endpoints)
        closing.push_async_callback(_last_words, attempts.flush)
        owner.start("webhook-attempts", attempts.run)
        carrier = Carrier(sender, EndpointSecrets(settings.webhook_secrets), attempts, tracing)
        courier = Courier(
            endpoints,
            carrier,
            at_once=settings.webhook_deliveries,
            timeout_seconds=settings.webhook_timeout_seconds,
            retry_scale=settings.webhook_retry_scale,
        )
        closing.push_async_callback(courier.finish, FINISH_SECONDS)
        owner.start("webhooks", courier.run)

        slots = TenantSlots(settings.tenant_writes, settings.tenant_wait_seconds)
        combiner = Combiner(writes, settings.orders_a_commit, settings.tenant_wait_seconds)
        committer = Committer(writes, slots, combiner, publisher, Quotas.of(settings))
        routes = _documented(
            [
                *health.routes(),
                metrics_route(),
                *AsyncApiRoutes(load_examples()).routes(),
                *_routes(settings, reads, writes, committer, slots, watch, uses, refusals, carrier, overview),
            ]
        )
        if settings.serves_pages:
            routes.append(pages())
        starlette = Starlette(routes=routes, exception_handlers=HANDLERS)
        starlette.router.redirect_slashes = False
        fast_path = FastPath(RequestMetrics(starlette), routes)
        app: ASGIApp = fast_path if tracing is None else TracedRequests(fast_path, tracing)
        allowed_origins = AllowedOrigins(settings.allowed_origins)
        if allowed_origins:
            app = Cors(app, allowed_origins)

        async def drain() -> None:
            # Say on /readyz that this pod is going, send who waits for events home, and give both a moment.
            health.drain()
            watch.release()
            overview.release()
            await asyncio.sleep(settings.api_drain_seconds)

        # A span has to see the answer go by, so with tracing on every answer goes the long way.
        yield Pod(app, drain, _bounded(SingleWriteProtocol if tracing is None else HttpProtocol, settings))


def _bounded(protocol: type[HttpProtocol], settings: ApiSettings) -> type[HttpProtocol]:
    """The class of HTTP connections, with the settings' bounds."""
    bounds = {
        "request_seconds": settings.request_seconds,
        "unsent": Unsent(settings.unsent_bytes, settings.reader_seconds),
    }
    return type("ApiHttp", (protocol,), bounds)


def _routes(
    settings: ApiSettings,
    reads: Database,
    writes: Database,
    committer: Committer,
    slots: TenantSlots,
    watch: HeadWatch,
    uses: KeyUses,
    refusals: Refusals,
    carrier: Carrier,
    overview: Overview,
) -> list[BaseRoute]:
    limits = Limits(settings)
    quotas = Quotas.of(settings)
    guard = Guard(Access(reads), limits, refusals, quotas, settings.trust_forwarded_for, uses.note)
    ring = settings.card_secrets
    amounts = Amounts(Currencies(reads))
    routes = [
        *OrderRoutes(guard, committer, amounts).routes(),
        *OrderMoneyRoutes(guard, committer, amounts).routes(),
        *ClaimRoutes(guard, writes, slots).routes(),
        *OrderReadRoutes(guard, reads, writes).routes(),
        *GiftCardRoutes(guard, committer, reads, writes, ring, limits, amounts).routes(),
        *LoyaltyRoutes(guard, committer, reads).routes(),
        *EventRoutes(guard, reads, writes, watch).routes(),
        *AckRoutes(guard, writes).routes(),
        *DailyReportRoutes(guard, reads, writes).routes(),
        *StatusRoutes(guard, reads).routes(),
        *TenantRoutes(guard, reads, writes, committer.announce).routes(),
        *AuditRoutes(guard, reads).routes(),
        *OperatorRoutes(guard, reads, writes, overview).routes(),
        *TraceRoutes(guard, reads, writes, watch).routes(),
        *PairingRoutes(guard, reads, writes, ring).routes(),
        *KeyRoutes(guard, reads, writes).routes(),
        *TerminalRoutes(guard, reads, writes).routes(),
        *TillRoutes(guard, reads).routes(),
        *TicketRoutes(guard, writes).routes(),
        *WebhookRoutes(
            guard,
            reads,
            writes,
            carrier.secrets,
            private=settings.webhook_private,
            ports=settings.webhook_ports,
        ).routes(),
        *WebhookDeliveryRoutes(guard, reads, writes, carrier).routes(),
        *WhoamiRoutes(guard, reads).routes(),
    ]
    return [guard.watched(route) for route in routes]


async def _last_words(flush: Callable[[], Awaitable[None]]) -> None:
    with contextlib.suppress(Unavailable):
        await flush()


def _anywhere(_: str) -> bool:
    return True


def _documented(routes: list[BaseRoute]) -> list[BaseRoute]:
    documentation = Documentation("Bellwire", _INTRODUCTION, routes, load_examples())
    return [*documentation.routes(), *routes]


def run(**overrides: object) -> None:
    """Run an API pod until a polite signal; `overrides` (`listen_host`, …) win over the environment.

    Raises:
        InvalidSettings: at least one setting is missing or wrong.
        CannotListen: the address cannot be listened on.
    """
    settings = load_settings(ApiSettings, **overrides)
    check_addresses(settings)
    configure_logging(settings.pod_name, settings.log_format, settings.log_level)
    warn_of_strangers(settings.allowed_origins)
    warn_if_unsigned(settings)
    raise_descriptor_limit()
    serve_pod(lambda: api_pod(settings), settings, send_buffer_bytes=SEND_BUFFER_BYTES)
