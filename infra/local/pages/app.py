"""The demo's pages as an application: files for everybody at the printed address, and calls for who has the token.

    GET    /, /shop, /wall, /demo/FOLDER/FILE      the pages
    POST   /demo/sessions/PAGE                     keys for a page, which live as long as its stream
    GET    /demo/sessions/SESSION/stream           what happens, a JSON object a line
    DELETE /demo/sessions/SESSION                  the page is closed
    GET    /demo/about                             what the lines to copy need to know
    POST   /demo/pairings                          a code for a new till of the demo's shop
    POST   /demo/acts/ACT?session=SESSION           do it; with &gateway=NAME to that one

No call reads a body. Errors are problem+json, as everywhere.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from backbone.runtime.pages import HEADERS, Page
from infra.local.pages.acts import Acts, Ask
from infra.local.pages.door import Door
from infra.local.pages.sessions import TILLS, Session, Sessions, Unwilling
from infra.local.pages.stage import Line, Stage

Endpoint = Callable[[Request], Awaitable[Response]]

# Answers hold keys, or are of one moment: nothing keeps them.
QUIET = {**HEADERS, "Cache-Control": "no-store"}


def problem(status: int, title: str, detail: str, **headers: str) -> Response:
    """An error as the API says its own."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JSONResponse(body, status, {**QUIET, **headers}, "application/problem+json")


class PagesApp:
    """The routes, and what they stand on."""

    def __init__(
        self,
        door: Door,
        files: Mapping[str, Page],
        sessions: Sessions,
        stage: Stage,
        acts: Acts,
        about: Mapping[str, str | None],
    ) -> None:
        self._about = about
        self._door = door
        self._files = files
        self._sessions = sessions
        self._stage = stage
        self._acts = acts
        call = self._with_token
        self.app = Starlette(
            routes=[
                Route("/demo/sessions/{name}", call(self._open_session), methods=["POST"]),
                Route("/demo/sessions/{name}", call(self._end_session), methods=["DELETE"]),
                Route("/demo/sessions/{name}/stream", call(self._stream), methods=["GET"]),
                Route("/demo/about", call(self._tell_about), methods=["GET"]),
                Route("/demo/pairings", call(self._pair), methods=["POST"]),
                Route("/demo/acts/{act}", call(self._act), methods=["POST"]),
                Route("/{path:path}", self._file, methods=["GET"]),
            ],
            exception_handlers={404: self._not_found, 405: self._not_found},
        )
        # A path that differs by a slash is another path, as at every door.
        self.app.router.redirect_slashes = False

    async def _file(self, request: Request) -> Response:
        """A page or a file of one; a HEAD has its headers."""
        if why := self._door.refusal(request.headers, needs_token=False):
            return problem(403, "Not from here", why)
        page = self._files.get(request.url.path)
        return problem(404, "Not found", "There is nothing here.") if page is None else page.answer(request)

    def _with_token(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint, for those that have the token, and with its refusals as answers."""

        async def call(request: Request) -> Response:
            if why := self._door.refusal(request.headers, needs_token=True):
                return problem(403, "Not from here", why)
            try:
                return await endpoint(request)
            except Unwilling as exc:
                return problem(409, "Not now", str(exc))

        return call

    async def _open_session(self, request: Request) -> Response:
        page = request.path_params["name"]
        if page not in TILLS:
            return problem(404, "Not found", "There is no such page.")
        session = await self._sessions.open(page)
        return JSONResponse(self._sessions.document(session), 201, QUIET)

    async def _end_session(self, request: Request) -> Response:
        if session := self._sessions.get(request.path_params["name"]):
            await self._sessions.end(session)
        return Response(status_code=204, headers=QUIET)

    async def _stream(self, request: Request) -> Response:
        session = self._sessions.get(request.path_params["name"])
        if session is None:
            return problem(404, "Not found", "This page's session is over; load the page again.")
        return StreamingResponse(self._lines(session), 200, QUIET, "application/x-ndjson")

    async def _lines(self, session: Session) -> AsyncIterator[bytes]:
        self._sessions.enter(session)
        try:
            async for line in self._stage.lines():
                yield encoded(line)
        finally:
            self._sessions.leave(session)

    async def _pair(self, request: Request) -> Response:
        return JSONResponse({"code": await self._sessions.pairing_code()}, 201, QUIET)

    async def _act(self, request: Request) -> Response:
        act = request.path_params["act"]
        if act not in self._acts.names:
            return problem(404, "Not found", "There is no such act.")
        query = request.query_params
        done = await self._acts.do(act, Ask(query.get("gateway"), query.get("session")))
        return JSONResponse({"says": done.says, "orders": done.orders}, 200, QUIET)

    async def _tell_about(self, _: Request) -> Response:
        return JSONResponse(self._about, 200, QUIET)

    async def _not_found(self, request: Request, _: Exception) -> Response:
        if why := self._door.refusal(request.headers, needs_token=False):
            return problem(403, "Not from here", why)
        return problem(404, "Not found", "There is nothing here.")


def encoded(line: Line | dict[str, Any]) -> bytes:
    """An object as a line of its own."""
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"
