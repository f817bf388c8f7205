"""The fate of a webhook's messages, over HTTP: the last attempts, a ping, a step past one that is refused."""

import uuid
from collections import Counter
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, Field
from starlette.requests import Request
from starlette.responses import Response

from api.db.audit_trail import Entry, note
from api.db.webhook_attempts import KEPT, KEPT_DAYS, list_attempts
from api.db.webhook_skips import Standing, endpoint_standing, skip_message
from api.db.webhooks import signed_endpoint
from api.http.answer import json_answer
from api.http.body import Body, read_body
from api.http.documents.webhooks import WebhookAttempt, WebhookAttempts
from api.http.guard import Caller, Guard
from api.routes.webhooks import unknown_webhook, webhook_id
from api.webhooks.carrier import Carrier, Recipient
from api.webhooks.message import RESET, moment_text, ping_message, reset_id
from backbone.contract.errors import Problem, Refused, TooManyAtOnce, Violation
from backbone.contract.keys import KeyKind
from backbone.contract.offset import Offset
from backbone.contract.resume import resume
from backbone.eventlog.log_reads import read_extent
from backbone.eventlog.postgres import Database
from backbone.runtime.routes import DescribedRoute, RouteDoc

PINGS_AT_ONCE = 2
"""Of one tenant: each may last as long as an attempt."""
LOOKS = 3
"""So often an endpoint may have moved on between the look and the step."""


def message_id(value: str) -> str:
    """Refuse what is no `webhook-id` of a message that may be passed by."""
    try:
        Offset.parse(value.removeprefix(RESET))
    except Violation:
        raise ValueError("must be an offset such as 1-42, or reset-1-42 for a reset") from None
    return value


class SkipBody(Body):
    """The message to pass by, by its `webhook-id`."""

    offset: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(message_id)]


_MAY = (KeyKind.OPERATOR, KeyKind.STOREFRONT)
_ATTEMPTS = RouteDoc(
    "Webhooks",
    f"An endpoint's last {KEPT} attempts, newest first.",
    _MAY,
    WebhookAttempts,
    says=f"Kept for {KEPT_DAYS} days. An attempt is here within a second; those of an older release's pods are not.",
)
_TEST = RouteDoc(
    "Webhooks",
    "Send an endpoint a signed `ping`, and say what happened.",
    _MAY,
    WebhookAttempt,
    says="Goes to an endpoint that is switched off, too. It moves nothing on, counts as no failure, and is no receipt. "
    f"At most {PINGS_AT_ONCE} of a tenant at once.",
)
_SKIP = RouteDoc(
    "Webhooks",
    "Pass by the one message that an endpoint refuses.",
    _MAY,
    None,
    204,
    says="Only the one that is stuck (it has failed, and comes next); for any other the 409's `stuck` names the one "
    "that is, or is null. It is not delivered, has no receipt, and the step is in the audit trail. An endpoint that is "
    "switched off stays so.",
    body=SkipBody,
    problems=(Problem.NOT_STUCK,),
)


class WebhookDeliveryRoutes:
    """The routes beside the endpoints themselves."""

    def __init__(self, guard: Guard, reads: Database, writes: Database, carrier: Carrier) -> None:
        self._guard = guard
        self._reads = reads
        self._writes = writes
        self._carrier = carrier
        self._pings: Counter[str] = Counter()

    def routes(self) -> list[DescribedRoute]:
        """Where they are."""
        one = "/api/tenant/{tenant}/webhooks/{webhookId}"
        return [
            DescribedRoute("GET", one + "/attempts", self.attempts, _ATTEMPTS),
            DescribedRoute("POST", one + "/test", self.test, _TEST),
            DescribedRoute("POST", one + "/skip", self.skip, _SKIP),
        ]

    async def attempts(self, request: Request) -> Response:
        """`GET /api/tenant/{tenant}/webhooks/{webhookId}/attempts`."""
        caller = await self._guard.authorize(request)
        found = await list_attempts(self._reads, caller.tenant, webhook_id(request))
        if found is None:
            raise unknown_webhook()
        return json_answer({"attempts": found})

    async def test(self, request: Request) -> Response:
        """`POST /api/tenant/{tenant}/webhooks/{webhookId}/test`: answered when the endpoint has, or is given up."""
        caller = await self._guard.authorize(request)
        endpoint = webhook_id(request)
        found = await signed_endpoint(self._reads, caller.tenant, endpoint)
        if found is None:
            raise unknown_webhook()
        if self._pings[caller.tenant] >= PINGS_AT_ONCE:
            raise TooManyAtOnce(PINGS_AT_ONCE)
        self._pings[caller.tenant] += 1
        try:
            actor = self._guard.actor(request, caller)
            facts = {"webhookId": str(endpoint)}
            await note(self._writes, Entry(actor, caller.tenant, "webhook.tested", facts))
            now = datetime.now(UTC)
            message = ping_message(caller.tenant, endpoint, uuid.uuid4(), now)
            to = Recipient(endpoint, found.url, found.signing)
            attempt = await self._carrier.carry(to, message)
        finally:
            self._pings[caller.tenant] -= 1
            if not self._pings[caller.tenant]:
                del self._pings[caller.tenant]
        return json_answer(
            {
                "at": moment_text(now),
                "id": message.id,
                "type": message.type,
                "outcome": attempt.outcome.value,
                "status": attempt.status,
                "milliseconds": attempt.milliseconds,
                "answer": attempt.answer,
            }
        )

    async def skip(self, request: Request) -> Response:
        """`POST /api/tenant/{tenant}/webhooks/{webhookId}/skip`: exactly the message that is named, if it is stuck."""
        caller = await self._guard.authorize(request)
        endpoint = webhook_id(request)
        asked = (await read_body(request, SkipBody)).model.offset
        facts = {"webhookId": str(endpoint), "offset": asked}
        entry = Entry(self._guard.actor(request, caller), caller.tenant, "webhook.skipped", facts)
        for _ in range(LOOKS):
            standing = await endpoint_standing(self._writes, caller.tenant, endpoint)
            if standing is None:
                raise unknown_webhook()
            stuck, behind = await self._stuck(caller, standing)
            if stuck is None or stuck != asked:
                raise not_stuck(asked, stuck)
            if await skip_message(self._writes, caller.tenant, endpoint, standing, behind, entry):
                return Response(status_code=204)
        raise not_stuck(asked, None)

    async def _stuck(self, caller: Caller, standing: Standing) -> tuple[str | None, Offset]:
        """The `webhook-id` of the message that an endpoint is stuck at, and the position behind it."""
        extent = await read_extent(self._writes, caller.tenant)
        if extent is None or standing.failures == 0:
            return None, standing.position
        start = resume(standing.position, floor=extent.floor, head=extent.head, forks=extent.forks)
        if start.reset is not None:
            return reset_id(start.position), start.position
        if standing.next is None:
            return None, standing.position
        return str(standing.next), standing.next


def not_stuck(asked: str, stuck: str | None) -> Refused:
    """The answer for a message that is not the one that an endpoint is stuck at."""
    instead = "nothing is" if stuck is None else f"{stuck} is"
    return Refused(Problem.NOT_STUCK, f"The endpoint is not stuck at {asked}; {instead}", stuck=stuck)
