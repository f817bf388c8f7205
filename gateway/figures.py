"""The figures that a gateway says of itself each second, and what it does when an operator wants it empty."""

import asyncio
from collections.abc import Callable
from typing import Any

from backbone.runtime.figures import bounds, buckets, by_label, servers
from backbone.runtime.health import Health
from gateway import metrics
from gateway.hub import Hub


def gateway_figures(health: Health) -> Callable[[], dict[str, Any]]:
    """Return what reads them."""
    delivery_bounds = bounds(metrics.DELIVERY_SECONDS)

    def read() -> dict[str, Any]:
        return {
            "missing": health.missing,
            "draining": health.draining,
            **servers(),
            "connections": by_label(metrics.CONNECTIONS),
            "deliveries": sum(by_label(metrics.DELIVERIES).values()),
            "bounds": delivery_bounds,
            "delivery": buckets(metrics.DELIVERY_SECONDS),
            "replayed": by_label(metrics.REPLAYED),
            "closed": by_label(metrics.CLOSED),
        }

    return read


class OperatorDrain:
    """The drain that an operator asks for: as the one at a pod's end, but the pod stays, and may be asked back."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._draining: asyncio.Task[None] | None = None

    def wanted(self, drain: bool) -> None:
        """Hear what is wanted, as often as it is said."""
        if drain and self._draining is None:
            self._draining = asyncio.create_task(self._hub.drain(), name="operator-drain")
        elif not drain and self._draining is not None:
            self._draining.cancel()
            self._draining = None
            self._hub.resume()

    async def stop(self) -> None:
        """Leave the rest to the drain of the pod's end."""
        if self._draining is not None:
            self._draining.cancel()
            await asyncio.gather(self._draining, return_exceptions=True)
