"""The keys that a page of the demo works with: made for it, and ended with it.

A page never sees the demo's own keys. It gets a storefront key, and the wall six tills besides, which live as long as
somebody looks: a page that went away, or never opened its stream, loses them `LINGER_SECONDS` later.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

log = logging.getLogger("demo.pages")

TILLS: Mapping[str, tuple[str, ...]] = {
    "shop": (),
    "wall": ("counter", "grill", "oven", "bar", "garden", "pick-up"),
}
"""The tills of each page that has a session."""
MOST_SESSIONS = 8
LINGER_SECONDS = 20.0
SWEEP_SECONDS = 2.0
# A key that this process forgot is over then.
KEY_HOURS = 12


class Unwilling(Exception):
    """The demo will not, or the cluster said no: the sentence is for the person at the page."""


@dataclass(slots=True)
class Session:
    """One page that is open. `streams` look at it now; without any it ends at `ends_at`."""

    session_id: str
    page: str
    key: str
    key_id: str
    tills: list[dict[str, str]]
    streams: int = 0
    ends_at: float = field(default=0.0)


class Sessions:
    """All pages that are open. `operator` is an HTTP client with the operator's key."""

    def __init__(self, operator: httpx.AsyncClient, tenant: str) -> None:
        self._operator = operator
        self._tenant = tenant
        self._open: dict[str, Session] = {}
        self._sweeper: asyncio.Task[None] | None = None
        # Two pages that come at once shall not pass the limit together.
        self._lock = asyncio.Lock()

    def get(self, session_id: str) -> Session | None:
        return self._open.get(session_id)

    async def open(self, page: str) -> Session:
        """Make the keys of a page.

        Raises:
            Unwilling: too many pages are open, or the cluster did not make the keys.
        """
        async with self._lock:
            if len(self._open) >= MOST_SESSIONS:
                raise Unwilling(f"{MOST_SESSIONS} pages are open; close one, and wait a moment.")
            session = Session(secrets.token_hex(3), page, "", "", [])
            try:
                await self._make_keys(session)
            except Unwilling:
                await self._take_keys(session)
                raise
            session.ends_at = self._now() + LINGER_SECONDS
            self._open[session.session_id] = session
            if self._sweeper is None or self._sweeper.done():
                self._sweeper = asyncio.create_task(self._sweep(), name="sweep-sessions")
        return session

    def document(self, session: Session) -> dict[str, Any]:
        """As the page gets it, once."""
        return {
            "session": session.session_id,
            "tenant": self._tenant,
            "storefrontKey": session.key,
            "tills": session.tills,
        }

    async def pairing_code(self) -> str:
        """A code that a new till of the shop types, good for ten minutes."""
        made = await self._ask("POST", "pairings", {"name": "a till of the tour"})
        return str(made["code"])

    async def end(self, session: Session) -> None:
        """Take its keys; its tills' sockets are closed within 2 s."""
        if self._open.pop(session.session_id, None) is not None:
            await self._take_keys(session)

    def enter(self, session: Session) -> None:
        """A stream looks at it."""
        session.streams += 1

    def leave(self, session: Session) -> None:
        """A stream is over; another may come for `LINGER_SECONDS`."""
        session.streams -= 1
        session.ends_at = self._now() + LINGER_SECONDS

    async def stop(self) -> None:
        """Forget them: the cluster is being stopped, and with it all keys."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _sweep(self) -> None:
        """While there are sessions, end those that nobody looks at."""
        while self._open:
            await asyncio.sleep(SWEEP_SECONDS)
            for session in list(self._open.values()):
                if session.streams == 0 and session.ends_at <= self._now():
                    await self.end(session)

    async def _make_keys(self, session: Session) -> None:
        end = datetime.now(UTC) + timedelta(hours=KEY_HOURS)
        made = await self._ask(
            "POST", "keys", {"name": f"page {session.page}", "expiresAt": end.isoformat(timespec="seconds")}
        )
        session.key, session.key_id = made["key"], made["keyId"]
        for name in TILLS[session.page]:
            till = await self._ask("POST", "terminals", {"name": f"wall: {name}"})
            session.tills.append({"terminalId": str(till["terminalId"]), "name": name, "key": till["key"]})

    async def _take_keys(self, session: Session) -> None:
        paths = [f"terminals/{till['terminalId']}" for till in session.tills]
        if session.key_id:
            paths.append(f"keys/{session.key_id}")
        for path in paths:
            try:
                await self._ask("DELETE", path)
            except Unwilling as exc:
                # The key ends by itself after `KEY_HOURS`, and all of them with the demo.
                log.warning("a key of a page that was closed is still good: %s", exc)

    async def _ask(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        try:
            answer = await self._operator.request(method, f"/api/tenant/{self._tenant}/{path}", json=body)
        except httpx.HTTPError as exc:
            raise Unwilling(f"The cluster did not answer ({type(exc).__name__}).") from exc
        if answer.status_code == 404 and method == "DELETE":
            return {}
        if answer.status_code >= 400:
            raise Unwilling(f"The cluster answered with {answer.status_code}.")
        document: dict[str, Any] = answer.json() if answer.content else {}
        return document
