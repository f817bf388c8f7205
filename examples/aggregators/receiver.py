"""Where platforms send their webhooks: an ASGI application, one address a platform.

`uvicorn --factory examples.aggregators.receiver:from_environment`. A platform hears 2xx when the message is done for
good, 503 when it shall send it again, and 4xx when a person has to look; each of those is in the log.
"""

import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from examples.aggregators import deliverect, woocommerce
from examples.aggregators.incoming import Incoming, Unreadable
from examples.aggregators.shop import Away, Refused, Shop

log = logging.getLogger("aggregators")
MAX_BYTES = 1024 * 1024
MALFORMED = (ValueError, TypeError, AttributeError, ArithmeticError)
"""A message that is signed well, and has a member of another kind than its platform documents."""


@dataclass(frozen=True, slots=True)
class Platform:
    """An adapter, and the secret with which its platform signs."""

    secret: str
    is_signed: Callable[[str, Mapping[str, str], bytes], bool]
    incoming: Callable[[Any, Mapping[str, str]], Incoming | None]


def platforms(secrets: Mapping[str, str]) -> dict[str, Platform]:
    """The platforms that there is a secret for, by name."""
    known = {
        "deliverect": (deliverect.is_signed, deliverect.incoming),
        "woocommerce": (woocommerce.is_signed, woocommerce.incoming),
    }
    return {name: Platform(secrets[name], *known[name]) for name in known if secrets.get(name)}


def receiver(shop: Shop, secrets: Mapping[str, str]) -> Starlette:
    """The application, for one shop."""
    routes = [
        Route(f"/{name}", _endpoint(name, platform, shop), methods=["POST"])
        for name, platform in platforms(secrets).items()
    ]
    return Starlette(routes=routes)


def _endpoint(name: str, platform: Platform, shop: Shop) -> Callable[[Request], Any]:
    async def take(request: Request) -> JSONResponse:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BYTES:
                return _say(name, 413, "too large")
        # Before anything is read out of it.
        if not platform.is_signed(platform.secret, request.headers, bytes(body)):
            return _say(name, 401, "the signature is not the platform's")
        try:
            incoming = platform.incoming(json.loads(body), request.headers)
        except (Unreadable, *MALFORMED) as exc:
            return _say(name, 400, f"cannot be read: {exc}")
        try:
            outcome = "passed" if incoming is None else await shop.take(incoming)
        except Refused as exc:
            return _say(name, 422, str(exc))
        except Away as exc:
            return _say(name, 503, f"not now: {exc}")
        return JSONResponse({"outcome": outcome})

    return take


def _say(name: str, status: int, text: str) -> JSONResponse:
    log.error("message.refused", extra={"platform": name, "status": status, "why": text})
    return JSONResponse({"error": text}, status)


def from_environment() -> Starlette:
    """The application of the shop in `BELLWIRE_URL`, `BELLWIRE_TENANT` and `BELLWIRE_KEY`."""
    http = httpx.AsyncClient(base_url=os.environ["BELLWIRE_URL"], timeout=10)
    shop = Shop(http, os.environ["BELLWIRE_TENANT"], os.environ["BELLWIRE_KEY"])
    names = ("deliverect", "woocommerce")
    return receiver(shop, {name: os.environ.get(f"{name.upper()}_SECRET", "") for name in names})
