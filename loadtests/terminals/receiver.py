"""A webhook receiver: takes what the cluster posts, and judges it as a stream that may repeat.

It registers an endpoint at each of a few shops. Where the cluster takes no endpoint at this machine's address, there is
none, and the report says why.
"""

import time
from collections.abc import Mapping, Sequence

import aiohttp
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from loadtests.core import rows
from loadtests.core.ledger import parse
from loadtests.core.marker import sent_ns
from loadtests.core.record import FOREIGN, LOST, SWAPPED, WRONG_ANSWER, Record
from loadtests.core.rows import PROBE, WEBHOOK

LOCAL = "127.0.0.1"


class Receiver:
    """One HTTP server for all endpoints of a run. `shops` are slugs and storefront keys."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: str,
        record: Record,
        shops: Sequence[Sequence[str]],
        address: str | None,
    ) -> None:
        """`address`: how the cluster reaches this machine; None is this machine itself."""
        self._http, self._url, self._record = http, url, record
        self._shops = [(slug, key) for slug, key in shops]
        self._address = address
        self._secrets: dict[str, Webhook] = {}
        self._last: dict[str, tuple[int, int]] = {}
        self._runner: web.AppRunner | None = None
        self.why_not: str | None = None

    async def open(self) -> None:
        """Listen, and register."""
        if not self._shops:
            return
        app = web.Application()
        app.router.add_post("/{tenant}", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, LOCAL if self._address is None else "0.0.0.0", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        for slug, key in self._shops:
            await self._register(slug, key, f"{self._address or f'http://{LOCAL}:{port}'}/{slug}")

    async def close(self) -> None:
        """Stop listening. The endpoints go with their tenants."""
        if self._runner is not None:
            await self._runner.cleanup()

    def has(self, owed: Mapping[str, str]) -> bool:
        """Whether all that was promised is here."""
        return all(
            slug not in self._last or self._last[slug] >= parse(owed.get(slug, "0")) for slug in self._secrets
        )

    def settle(self, owed: Mapping[str, str]) -> None:
        """At the end: what did not come. An endpoint begins at the head, so one without any event owes nothing."""
        for slug in self._secrets:
            last, wanted = self._last.get(slug), parse(owed.get(slug, "0"))
            if last is not None and last < wanted:
                text = f"{slug}: {owed[slug]} never came to the webhook, the last was {last[0]}-{last[1]}"
                self._record.fault(LOST, text)

    async def _register(self, slug: str, key: str, url: str) -> None:
        path = f"{self._url}/api/tenant/{slug}/webhooks"
        async with self._http.post(
            path, json={"url": url}, headers={"Authorization": f"Bearer {key}"}
        ) as answer:
            content = await answer.json()
            if answer.status == 201:
                self._secrets[slug] = Webhook(content["secret"])
            else:
                said = content.get("errors") or [{"msg": content.get("detail", "")}]
                self.why_not = f"{answer.status} {said[0].get('msg', '')}"

    async def _take(self, request: web.Request) -> web.Response:
        at_ns = time.time_ns()
        slug, body = request.match_info["tenant"], await request.read()
        known = self._secrets.get(slug)
        if known is None:
            return web.Response(status=410)
        try:
            known.verify(body, dict(request.headers))
        except WebhookVerificationError as exc:
            self._record.fault(WRONG_ANSWER, f"{slug}: a webhook's signature does not fit: {exc}")
            return web.Response(status=400)
        self._judge(slug, request.headers["webhook-id"], body, at_ns)
        return web.Response(status=204)

    def _judge(self, slug: str, name: str, body: bytes, at_ns: int) -> None:
        if f'"tenant":"{slug}"'.encode() not in body[:200]:
            self._record.fault(FOREIGN, f"{name} came to the webhook of {slug}")
            return
        if not name[:1].isdigit():
            return
        now, before = parse(name), self._last.get(slug)
        if before is not None and now[0] == before[0] and now[1] > before[1] + 1:
            self._record.fault(
                SWAPPED, f"{slug}: the webhook was given {name} behind {before[0]}-{before[1]}"
            )
        if before is None or now > before:
            self._last[slug] = now
            if (moment := sent_ns(body)) is not None and b'"type":"new_order"' in body[:40]:
                row = rows.arrival(WEBHOOK, PROBE)
                self._record.note(row, at_ns // 1_000_000_000, (at_ns - moment) / 1e6, len(body))
