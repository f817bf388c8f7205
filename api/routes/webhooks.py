"""Webhook endpoints over HTTP: a shop or an operator registers them, looks at them, rotates their secrets."""

import uuid
from collections.abc import Collection
from typing import Annotated, Any

import httpx
from pydantic import AfterValidator, Field
from starlette.requests import Request
from starlette.responses import Response

from api.core.host_name import fault_of_name
from api.core.public_address import HTTPS_PORT, is_address, is_public, may_use_port
from api.db import webhooks as db
from api.db.audit_trail import Entry
from api.http.answer import json_answer
from api.http.body import Body, RouteName, path_uuid, read_body, wrong_fields
from api.http.documents.webhooks import Webhook, WebhookMade, WebhookRotated, Webhooks
from api.http.guard import Caller, Guard, unknown_tenant
from api.webhooks.endpoint_secrets import EndpointSecrets
from backbone.contract.errors import FieldError, Problem, Refused
from backbone.contract.event import EventType
from backbone.contract.event_filter import MAX_NAMES, EventFilter, filter_of
from backbone.contract.keys import KeyKind
from backbone.contract.names import folded
from backbone.eventlog.log_reads import read_heads
from backbone.eventlog.postgres import Database
from backbone.runtime.openapi import Answer
from backbone.runtime.routes import DescribedRoute, RouteDoc

MAX_URL = 2048
MAX_PORT = 65535


def known_type(value: str) -> str:
    """Refuse a type that no event has."""
    if value not in {member.value for member in EventType}:
        raise ValueError("is no event type")
    return value


class EndpointBody(Body):
    """An endpoint to register."""

    url: Annotated[str, Field(min_length=1, max_length=MAX_URL)]
    types: (
        Annotated[
            list[Annotated[str, AfterValidator(known_type)]], Field(min_length=1, max_length=len(EventType))
        ]
        | None
    ) = None
    stations: Annotated[list[RouteName], Field(min_length=1, max_length=MAX_NAMES)] | None = None
    categories: Annotated[list[RouteName], Field(min_length=1, max_length=MAX_NAMES)] | None = None
    counts: bool = False

    @property
    def filter(self) -> EventFilter:
        """The events that it is to get."""

        def names(given: list[str] | None) -> set[str] | None:
            return None if given is None else set(map(folded, given))

        return filter_of(self.types, names(self.stations), names(self.categories))


def check_url(text: str, *, private: bool, ports: Collection[int] = ()) -> str:
    """Return the address in its one spelling. The addresses behind a name are checked when a message is sent.

    Raises:
        ValueError: it is none that a webhook may have; with `private`, http, any host and any port are fine. `ports`
            are those besides 443.
    """
    try:
        url = httpx.URL(text.strip())
        host = url.raw_host.decode("ascii")
    except (httpx.InvalidURL, UnicodeError):
        raise ValueError("is not a URL") from None
    if url.scheme not in (("https", "http") if private else ("https",)) or not host:
        raise ValueError("must begin with https:// and a host")
    if url.userinfo or url.fragment:
        raise ValueError("must not carry a user, a password or a fragment")
    # An address with a zone (`fe80::1%eth0`) is one of a single machine's.
    fault = None if is_address(host) and "%" not in host else fault_of_name(host)
    if fault is not None:
        raise ValueError(fault)
    port = HTTPS_PORT if url.port is None else url.port
    if not 1 <= port <= MAX_PORT:
        raise ValueError(f"must use a port from 1 to {MAX_PORT}")
    if not private and not _may_be_public(host):
        raise ValueError("must lead to the public internet")
    if not private and not may_use_port(port, ports):
        raise ValueError("must use port 443, or one that the operator lists in BELLWIRE_WEBHOOK_PORTS")
    if len(str(url)) > MAX_URL:
        raise ValueError(f"must have at most {MAX_URL} characters")
    return str(url)


def _may_be_public(host: str) -> bool:
    if is_address(host):
        return is_public(host)
    last = host.rstrip(".").rpartition(".")[2]
    # A name of one word is somebody's own network; one that ends in a number is an address in disguise.
    return "." in host.rstrip(".") and not last[:1].isdigit()


class WebhookRoutes:
    """The six routes."""

    def __init__(
        self,
        guard: Guard,
        reads: Database,
        writes: Database,
        secrets: EndpointSecrets,
        *,
        private: bool,
        ports: Collection[int] = (),
    ) -> None:
        self._guard = guard
        self._reads = reads
        self._writes = writes
        self._secrets = secrets
        self._private = private
        self._ports = ports

    def routes(self) -> list[DescribedRoute]:
        """Where they are, and what they promise."""
        path = "/api/tenant/{tenant}/webhooks"
        one = path + "/{webhookId}"

        def doc(summary: str, answer: type[Answer] | None, status: int = 200, **more: Any) -> RouteDoc:
            return RouteDoc(
                "Webhooks", summary, (KeyKind.OPERATOR, KeyKind.STOREFRONT), answer, status, **more
            )

        made = doc(
            "Register an endpoint, starting at the head.",
            WebhookMade,
            201,
            says="Deliveries follow the Standard Webhooks specification; the secret is shown here, once. With `counts` "
            "a 2xx for `new_order` is that order's receipt, and ends or forestalls its alarm; it is never changed.",
            body=EndpointBody,
            problems=(Problem.TOO_MANY_WEBHOOKS,),
        )
        return [
            DescribedRoute("POST", path, self.create, made),
            DescribedRoute("GET", path, self.list, doc("The tenant's endpoints.", Webhooks)),
            DescribedRoute("GET", one, self.get, doc("One endpoint, and how it fares.", Webhook)),
            DescribedRoute("DELETE", one, self.delete, doc("Remove an endpoint.", None, 204)),
            DescribedRoute(
                "POST",
                one + "/rotate",
                self.rotate,
                doc("Give an endpoint a new secret; for 24 hours both sign.", WebhookRotated),
            ),
            DescribedRoute(
                "POST",
                one + "/enable",
                self.enable,
                doc("Switch it on again, from where it stopped.", None, 204),
            ),
        ]

    async def create(self, request: Request) -> Response:
        """`POST /api/tenant/{tenant}/webhooks`. The secret is in the answer and nowhere else."""
        caller = await self._guard.authorize(request)
        if caller.tenant not in await read_heads(self._writes, [caller.tenant]):
            raise unknown_tenant()
        body = (await read_body(request, EndpointBody)).model
        try:
            url = check_url(body.url, private=self._private, ports=self._ports)
        except ValueError as exc:
            raise wrong_fields([FieldError("url", str(exc))]) from exc
        endpoint = uuid.uuid4()
        types, stations, categories = body.filter.columns
        asked = {"types": types, "stations": stations, "categories": categories}
        entry = self._entry(request, caller, "webhook.made", endpoint, **asked, counts=body.counts)
        made = await db.create_endpoint(
            self._writes,
            caller.tenant,
            endpoint,
            url,
            body.filter,
            self._secrets.newest_id,
            entry,
            counts=body.counts,
            most=caller.quotas.webhooks,
        )
        if made is None:
            raise unknown_tenant()
        if not made:
            raise caller.quotas.refusal("webhooks")
        secret = self._secrets.newest(endpoint, 1)
        made_of = {"id": str(endpoint), "url": url, **asked, "counts": body.counts, "secret": secret}
        return json_answer(made_of, 201)

    async def list(self, request: Request) -> Response:
        """`GET /api/tenant/{tenant}/webhooks`."""
        caller = await self._guard.authorize(request)
        found = await db.list_endpoints(self._reads, caller.tenant)
        if not found and caller.tenant not in await read_heads(self._reads, [caller.tenant]):
            raise unknown_tenant()
        return json_answer({"webhooks": [document_of(endpoint) for endpoint in found]})

    async def get(self, request: Request) -> Response:
        """`GET /api/tenant/{tenant}/webhooks/{webhookId}`."""
        caller = await self._guard.authorize(request)
        found = await db.list_endpoints(self._reads, caller.tenant, webhook_id(request))
        if not found:
            raise unknown_webhook()
        return json_answer(document_of(found[0]))

    async def delete(self, request: Request) -> Response:
        """`DELETE /api/tenant/{tenant}/webhooks/{webhookId}`."""
        caller = await self._guard.authorize(request)
        endpoint = webhook_id(request)
        entry = self._entry(request, caller, "webhook.deleted", endpoint)
        if not await db.delete_endpoint(self._writes, caller.tenant, endpoint, entry):
            raise unknown_webhook()
        return Response(status_code=204)

    async def rotate(self, request: Request) -> Response:
        """`POST /api/tenant/{tenant}/webhooks/{webhookId}/rotate`. Both secrets sign for a day."""
        caller = await self._guard.authorize(request)
        endpoint = webhook_id(request)
        entry = self._entry(request, caller, "webhook.rotated", endpoint)
        rotation = await db.rotate_secret(
            self._writes, caller.tenant, endpoint, self._secrets.newest_id, entry
        )
        if rotation is None:
            raise unknown_webhook()
        secret = self._secrets.newest(endpoint, rotation.generation)
        return json_answer(
            {"id": str(endpoint), "secret": secret, "previousValidUntil": rotation.previous_until}
        )

    async def enable(self, request: Request) -> Response:
        """`POST /api/tenant/{tenant}/webhooks/{webhookId}/enable`: on again, from where it stopped."""
        caller = await self._guard.authorize(request)
        endpoint = webhook_id(request)
        entry = self._entry(request, caller, "webhook.enabled", endpoint)
        if not await db.enable_endpoint(self._writes, caller.tenant, endpoint, entry):
            raise unknown_webhook()
        return Response(status_code=204)

    def _entry(
        self, request: Request, caller: Caller, action: str, endpoint: uuid.UUID, **facts: Any
    ) -> Entry:
        actor = self._guard.actor(request, caller)
        return Entry(actor, caller.tenant, action, {"webhookId": str(endpoint), **facts})


def webhook_id(request: Request) -> uuid.UUID:
    """The endpoint that the path names."""
    return path_uuid(request, "webhookId", "webhook")


def unknown_webhook() -> Refused:
    """The one answer for an endpoint that does not exist and for one of another tenant."""
    return Refused(Problem.NOT_FOUND, "There is no such webhook")


def document_of(endpoint: db.Endpoint) -> dict[str, Any]:
    """An endpoint as it is answered; never with its secret."""
    return {
        "id": str(endpoint.endpoint_id),
        "url": endpoint.url,
        "types": endpoint.types,
        "stations": endpoint.stations,
        "categories": endpoint.categories,
        "counts": endpoint.counts,
        "createdAt": endpoint.created_at,
        "enabled": endpoint.enabled,
        "disabledReason": endpoint.disabled_reason,
        "deliveredOffset": endpoint.delivered_offset,
        "lag": endpoint.lag,
        "failures": endpoint.failures,
        "nextAttemptAt": endpoint.next_attempt_at,
        "lastAttemptAt": endpoint.last_attempt_at,
        "lastOutcome": endpoint.last_outcome,
    }
