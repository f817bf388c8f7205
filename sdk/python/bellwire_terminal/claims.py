"""A claim: of all terminals that want to do a thing with an order, one may; and it knows when it may no longer."""

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bellwire_terminal.errors import ClaimLost, Conflict, Refused, Unfinished, Unreachable
from bellwire_terminal.http import Client
from bellwire_terminal.network import Network

if TYPE_CHECKING:
    from bellwire_terminal.outbox import Outbox

TRIES = 6
FIRST_WAIT_SECONDS = 0.5
RENEWALS_A_LIFE = 3
STALE = "stale-fence"


class Claim:
    """`if claim:` this terminal has it. Otherwise `holder` says who has, or `done` that it is done.

    `fence` rises with each claim of this order and purpose: hand it to whatever does the thing, so that it can refuse
    an older one. `lost` turns true when the claim ran out and another took it: stop then, where that is possible.
    """

    def __init__(
        self,
        client: Client,
        outbox: "Outbox",
        network: Network,
        tenant: str,
        order_id: str,
        purpose: str,
        ttl: int,
    ) -> None:
        self._client = client
        self._outbox = outbox
        self._network = network
        # Of the try before the wait.
        self._since = network.times
        self._path = f"/api/tenant/{quote(tenant, safe='')}/orders/{quote(order_id, safe='')}/claims"
        self._purpose = purpose
        self._done_path = f"{self._path}/{quote(purpose, safe='')}/done"
        self._ttl = ttl
        self._renewing: asyncio.Task[None] | None = None
        self.fence: int | None = None
        self.expires_at: str | None = None
        self.holder: dict[str, Any] | None = None
        self.done = False
        self.lost = False

    def __bool__(self) -> bool:
        return self.fence is not None and not self.lost

    async def __aenter__(self) -> "Claim":
        """Ask for it.

        Raises:
            Refused: it is not to be had at all: the order is cancelled, or is none.
            Unreachable: nobody answers, after some attempts.
        """
        # It was done here, and the server has not heard of it yet: it would give the claim again.
        self.done = any(command["path"] == self._done_path for command in self._outbox.commands)
        if not self.done:
            await self._ask()
        if self.fence is not None:
            self._renewing = asyncio.get_running_loop().create_task(self._renew())
        return self

    async def __aexit__(self, kind: object, raised: BaseException | None, trace: object) -> None:
        """Say that it is done; after an exception nothing is said, and the claim runs out for another to take.

        Raises:
            ClaimLost: it ran out meanwhile, and another took it: the thing may have been done twice.
            Unfinished: the outbox was closed before it was said, and keeps nothing on a disk.
        """
        if self._renewing is not None:
            self._renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._renewing
        if raised is not None or self.fence is None:
            return
        pending = await self._outbox.submit("POST", self._done_path, {"fence": self.fence})
        try:
            # On the disk it is safe: offline, it is said when there is a network again.
            await asyncio.wait_for(asyncio.shield(_answer_of(pending)), self._ttl)
        except (TimeoutError, asyncio.TimeoutError):
            return
        except Unfinished as exc:
            if not exc.kept:
                raise
        except Conflict as exc:
            self.lost = True
            raise ClaimLost(f"{self._purpose}: {exc}") from exc

    async def _ask(self) -> None:
        body = {"purpose": self._purpose, "ttlSeconds": self._ttl}
        for attempt in range(TRIES):
            wait = random.uniform(0, FIRST_WAIT_SECONDS * 2**attempt)  # noqa: S311 - jitter, no secret
            self._since = self._network.times
            try:
                answer = await self._client.ask("POST", self._path, body=body)
            except Unreachable:
                if attempt == TRIES - 1:
                    raise
                await self._network.pause(wait, self._since)
                continue
            found = answer.json or {}
            if answer.status == 200 and found.get("claimed") is True:
                if self.fence is not None and found["fence"] != self.fence:
                    self.lost = True
                self.fence, self.expires_at = found["fence"], found["expiresAt"]
                return
            if answer.status == 409 and ("holder" in found or found.get("done") is True):
                self.holder, self.done = found.get("holder"), found.get("done") is True
                self.lost = self.fence is not None
                return
            if answer.status not in (408, 425, 429) and answer.status < 500 and answer.problem is not None:
                raise Refused(answer.status, answer.problem, found)
            if answer.retry_after_ms:
                await asyncio.sleep(answer.retry_after_ms / 1000 + wait)
            else:
                await self._network.pause(wait, self._since)
        raise Unreachable(f"{self._path} has no answer", reached=True)

    async def _renew(self) -> None:
        while not self.lost:
            await self._network.pause(self._ttl / RENEWALS_A_LIFE, self._since)
            with contextlib.suppress(Refused, Unreachable):
                await self._ask()


async def _answer_of(pending: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await pending
    return answer
