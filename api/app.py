"""The API pod's wiring: everything is built here, in one place, and passed in."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route

from api.committer import Committer
from api.door.entry import Entry
from api.measure import Measure
from api.publisher import Publisher
from api.routes.acks import AckRoutes
from api.routes.daily_reports import DailyReportRoutes
from api.routes.events import EventRoutes
from api.routes.gift_cards import GiftCardRoutes
from api.routes.loyalty import LoyaltyRoutes
from api.routes.orders import OrderRoutes
from api.routes.status import StatusRoutes
from api.routes.tenants import TenantRoutes
from api.routes.terminals import TerminalRoutes
from api.routes.whoami import WhoamiRoutes
from api.settings import ApiSettings
from api.tenant_turns import TenantTurns
from api.workers.heads import HeadWatch
from api.workers.housekeeping import keep_house
from api.workers.prober import POSTGRESQL, Prober
from api.workers.unacked import watch_unacked_orders
from backbone.eventlog.access import Access
from backbone.eventlog.postgres import Database, open_database
from backbone.eventlog.stream import Stream
from backbone.runtime.health import Health
from backbone.runtime.metrics import metrics_page
from backbone.runtime.problems import HANDLERS
from backbone.runtime.tasks import TaskOwner

BACKGROUND_CONNECTIONS = 3
FLUSH_SECONDS = 1.0
WARM_CONNECTIONS = 4


class ApiPod:
    """What an API pod is made of. `app` serves; `drain` is what to do before it stops."""

    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings
        self._health = Health(POSTGRESQL)
        self._watch: HeadWatch | None = None
        self.app = Starlette(
            routes=[*self._health.routes(), Route("/metrics", metrics_page)],
            middleware=[Middleware(Measure)],
            exception_handlers=HANDLERS,
            lifespan=self._lifespan,
        )
        self.app.router.redirect_slashes = False

    async def drain(self) -> None:
        """Say on `/readyz` that this pod is going, send who waits for events home, and give both a moment."""
        self._health.draining = True
        if self._watch is not None:
            self._watch.release()
        await asyncio.sleep(self._settings.api_drain_seconds)

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        settings = self._settings
        async with contextlib.AsyncExitStack() as closing:
            writes = await self._open(closing, "api-writes", settings.write_connections)
            reads = await self._open(closing, "api-reads", settings.read_connections)
            # Apart from the other two: a pod whose pools are taken is busy, not unready.
            background = await self._open(closing, "api-background", BACKGROUND_CONNECTIONS)
            stream = Stream(settings)
            closing.push_async_callback(stream.close)
            publisher = Publisher(stream, settings.publish_queue)
            watch = self._watch = HeadWatch(background)
            prober = Prober(background, stream, self._health)

            owner = TaskOwner()
            closing.push_async_callback(owner.stop)
            closing.push_async_callback(publisher.flush, FLUSH_SECONDS)
            owner.start("publisher", publisher.run)
            owner.start("heads", watch.run)
            owner.start("prober", prober.run)
            owner.start("unacked", lambda: watch_unacked_orders(background))
            owner.start("housekeeping", lambda: keep_house(background, settings.retention_days))

            await asyncio.gather(writes.warm(WARM_CONNECTIONS), reads.warm(WARM_CONNECTIONS))
            turns = TenantTurns(settings.tenant_writes, settings.tenant_wait_seconds)
            committer = Committer(writes, turns, publisher)
            app.router.routes.extend(self._routes(reads, writes, committer, watch))
            yield

    async def _open(self, closing: contextlib.AsyncExitStack, name: str, size: int) -> Database:
        database = await open_database(self._settings, size=size, application=f"bellwire-{name}")
        closing.push_async_callback(database.close)
        return database

    def _routes(
        self, reads: Database, writes: Database, committer: Committer, watch: HeadWatch
    ) -> list[BaseRoute]:
        entry = Entry(Access(reads))
        secret = self._settings.card_secret.get_secret_value().encode()
        return [
            *OrderRoutes(entry, committer, reads).routes(),
            *GiftCardRoutes(entry, committer, reads, secret).routes(),
            *LoyaltyRoutes(entry, committer, reads).routes(),
            *EventRoutes(entry, reads, watch).routes(),
            *AckRoutes(entry, writes).routes(),
            *DailyReportRoutes(entry, reads, writes).routes(),
            *StatusRoutes(entry, reads).routes(),
            *TenantRoutes(entry, writes).routes(),
            *TerminalRoutes(entry, reads, writes).routes(),
            *WhoamiRoutes(entry).routes(),
        ]


def create_app(settings: ApiSettings) -> Starlette:
    """Return the application alone, for whoever serves it otherwise than `api.pod` does."""
    return ApiPod(settings).app
