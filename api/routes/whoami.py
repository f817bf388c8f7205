"""What a key is, for whoever holds it: a terminal learns its shop from its key alone."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.door.answer import json_answer
from api.door.entry import Entry
from backbone.contract.keys import KeyKind


class WhoamiRoutes:
    """The one route."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    def routes(self) -> list[Route]:
        """Where it is."""
        return [Route("/api/whoami", self.get)]

    async def get(self, request: Request) -> Response:
        """`GET /api/whoami`: 200 `{kind, tenant, terminalId}`; what does not apply is null."""
        caller = await self._entry.admit(request, *KeyKind)
        terminal = None if caller.terminal is None else str(caller.terminal)
        return json_answer(
            {"kind": caller.kind.value, "tenant": caller.tenant or None, "terminalId": terminal}
        )
