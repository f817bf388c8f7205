"""The figures that an API pod says of itself each second; `api.core.overview` reads them."""

from collections.abc import Callable
from typing import Any

from api.core.traffic import Traffic
from api.metrics import COMMITTED
from backbone.runtime.figures import by_label, servers
from backbone.runtime.health import Health

SHOPS = 20


def api_figures(health: Health, traffic: Traffic) -> Callable[[], dict[str, Any]]:
    """Return what reads them. Each reading begins another second of the traffic."""

    def read() -> dict[str, Any]:
        traffic.turn()
        return {
            "missing": health.missing,
            "draining": health.draining,
            **servers(),
            "committed": sum(by_label(COMMITTED).values()),
            "shops": traffic.top(SHOPS),
        }

    return read
