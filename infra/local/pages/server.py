"""The demo's pages, served in a thread of the demo beside its supervisor, which alone can break the pods it holds.

`start` returns when they answer; `stop` ends every stream and thaws what is frozen. Nothing runs while nobody looks.
"""

import secrets
import signal
import socket
import threading
from collections.abc import Awaitable, Callable

import httpx
import uvicorn
from starlette.applications import Starlette

from infra.local.cluster import Cluster
from infra.local.failure import CannotStart
from infra.local.pages.acts import Acts
from infra.local.pages.app import PagesApp
from infra.local.pages.door import Door
from infra.local.pages.files import read_files
from infra.local.pages.sessions import Sessions
from infra.local.pages.stage import Stage
from infra.local.ports import free_port
from infra.local.shops import Shop
from infra.local.waiting import wait_until

START_SECONDS = 15.0
STOP_SECONDS = 5.0


class _Server(uvicorn.Server):
    """uvicorn, which first has the endless answers ended, since it waits for them."""

    def __init__(self, config: uvicorn.Config, ending: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._ending = ending

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._ending()
        await super().shutdown(sockets)


class Pages:
    """The pages of one demo. `address` is where the load balancer finds them, known before they are started."""

    def __init__(self) -> None:
        self._port = free_port()
        self.address = f"127.0.0.1:{self._port}"
        self.token = secrets.token_urlsafe(32)
        self._cluster: Cluster | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def addresses(self, url: str) -> dict[str, str]:
        """The pages' addresses behind the load balancer at `url`, each with the token, which no request carries."""
        return {
            name: f"{url}{path}#{self.token}"
            for name, path in (("tour", "/"), ("shop", "/shop"), ("wall", "/wall"))
        }

    def start(self, cluster: Cluster, shop: Shop) -> None:
        """Serve the pages of a cluster that runs, and of one shop of it.

        Raises:
            CannotStart: they did not answer in time.
        """
        self._cluster = cluster
        app, ending = wired(cluster, shop, self.token)
        # Without access log and without uvicorn's own lines: nothing that a page says is for a log.
        config = uvicorn.Config(
            app,
            host="127.0.0.1",
            port=self._port,
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        server = self._server = _Server(config, ending)
        self._thread = threading.Thread(target=server.run, name="pages", daemon=True)
        self._thread.start()
        if (
            not wait_until(lambda: server.started or not self._is_running, START_SECONDS)
            or not server.started
        ):
            raise CannotStart("The demo's pages did not start.")

    def stop(self) -> None:
        """End every stream and act; a second call does nothing."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(STOP_SECONDS)
        # An act that was cut off in a freeze thaws it itself; this is for one that was not even cut off.
        if self._cluster is not None and self._cluster.valkey is not None:
            self._cluster.valkey.send(signal.SIGCONT)

    @property
    def _is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()


def wired(cluster: Cluster, shop: Shop, token: str) -> tuple[Starlette, Callable[[], Awaitable[None]]]:
    """The application, and what ends all that it has under way."""

    def client(key: str) -> httpx.AsyncClient:
        # trust_env off: a proxy of the environment is not for our own loopback.
        return httpx.AsyncClient(
            base_url=cluster.url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=10.0,
            trust_env=False,
            verify=cluster.tls,
        )

    operator, storefront = client(cluster.operator_key), client(shop.storefront_key)
    stage = Stage(cluster, operator, shop.slug)
    sessions = Sessions(operator, shop.slug)
    acts = Acts(cluster, stage, shop.slug, operator, storefront)
    about = {"caFile": None if cluster.certificate is None else str(cluster.certificate.authority)}
    pages = PagesApp(Door(cluster.url, token), read_files(), sessions, stage, acts, about)

    async def ending() -> None:
        await stage.stop()
        await sessions.stop()
        for each in (operator, storefront):
            await each.aclose()

    return pages.app, ending
