"""A request is understood or refused, by the same rule at every route: the walk over all of them."""

import gzip
import zlib
from typing import Any, get_args, get_origin

import httpx
import orjson
import pytest
from pydantic import BaseModel

from tests.api.table import route_table
from tests.shop import Shop, bearer

FILLED = {"cardNumber": "0" * 20, "phone": "5551234"}
NO_ID = "00000000-0000-4000-8000-000000000000"


class Walk:
    """Every route under /api of a pod, asked with a key that may."""

    def __init__(self, shop: Shop, routes: list[Any]) -> None:
        self._shop = shop
        self.routes = [route for route in routes if route.path.startswith("/api/")]
        self.writing = [route for route in self.routes if route.doc.body is not None]

    def key(self, route: Any) -> str:
        keys = {
            "op": self._shop.operator_key,
            "store": self._shop.storefront_key,
            "term": self._shop.terminal_key,
        }
        # A route that needs no key is asked without a valid one.
        return next((keys[kind.value] for kind in route.doc.keys), "none")

    async def ask(self, route: Any, query: str = "", **more: Any) -> httpx.Response:
        path = route.path.replace("{tenant}", self._shop.slug)
        for name in route.param_convertors:
            path = path.replace(f"{{{name}}}", FILLED.get(name, NO_ID))
        headers = {**bearer(self.key(route)), **more.pop("headers", {})}
        return await self._shop.http.request(route.method, path + query, headers=headers, **more)


@pytest.fixture
async def walk(shop: Shop, database_url: str, redis_url: str) -> Walk:
    return Walk(shop, await route_table(database_url, redis_url))


def problem(response: httpx.Response) -> tuple[int, str, list[str]]:
    document = response.json()
    locs = [error["loc"] for error in document.get("errors", [])]
    return response.status_code, document["type"].removeprefix("urn:bellwire:problem:"), locs


def texts_of(model: type[BaseModel], before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The places of a body's texts, as paths; a list is gone into by its first item."""
    found: list[tuple[str, ...]] = []
    for field in model.model_fields.values():
        here = (*before, field.alias or "")
        inner = [field.annotation, *get_args(field.annotation)]
        inner += [argument for one in inner for argument in get_args(one)]
        models = [one for one in inner if isinstance(one, type) and issubclass(one, BaseModel)]
        if models:
            listed = any(get_origin(one) in (list, tuple) for one in inner)
            found += texts_of(models[0], (*here, "0") if listed else here)
        elif str in inner:
            found.append(here)
    return found


def body_with(place: tuple[str, ...], value: Any) -> dict[str, Any]:
    made: Any = value
    for part in reversed(place):
        made = [made] if part == "0" else {part: made}
    assert isinstance(made, dict)
    return made


async def test_every_route_refuses_a_parameter_that_it_does_not_know_and_one_given_twice(walk: Walk) -> None:
    for route in walk.routes:
        status, code, locs = problem(await walk.ask(route, "?surprise=1&afer=0"))
        assert (status, code, locs) == (422, "invalid-fields", ["surprise", "afer"]), route.path
        for name in route.parameters:
            status, code, locs = problem(await walk.ask(route, f"?{name}=1&{name}=1"))
            assert (status, code, locs) == (422, "invalid-fields", [name]), route.path
            status, code, locs = problem(await walk.ask(route, f"?{name.upper()}=1"))
            assert (status, code, locs) == (422, "invalid-fields", [name.upper()]), route.path


async def test_a_key_in_the_query_is_said_first_and_who_may_not_hears_that_before_a_wrong_parameter(
    walk: Walk,
) -> None:
    for route in walk.routes:
        assert problem(await walk.ask(route, "?surprise=1&key=x"))[:2] == (400, "key-in-query")
        headers = {"Authorization": "Bearer nonsense"}
        if not route.doc.keys:
            continue
        assert problem(await walk.ask(route, "?surprise=1", headers=headers))[0] == 401


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/metrics", "/openapi.json", "/asyncapi.json", "/docs"]
)
async def test_probes_and_documents_pass_over_what_they_do_not_know(shop: Shop, path: str) -> None:
    assert (await shop.http.get(f"{path}?surprise=1&surprise=2")).status_code == 200


async def test_every_body_may_have_a_mark_and_may_come_packed(walk: Walk) -> None:
    plain = b'{"surprise":1}'
    for route in walk.writing:
        expected = (await walk.ask(route, content=plain)).content
        for raw, encoding in (
            (b"\xef\xbb\xbf" + plain, "identity"),
            (gzip.compress(plain), "gzip"),
            (gzip.compress(b"\xef\xbb\xbf" + plain), "GZIP"),
            (gzip.compress(plain[:5]) + gzip.compress(plain[5:]), "x-gzip"),
        ):
            response = await walk.ask(route, content=raw, headers={"Content-Encoding": encoding})
            assert response.content == expected, (route.path, encoding)


async def test_no_body_is_read_that_is_packed_in_another_way_broken_or_too_large(walk: Walk) -> None:
    bomb = gzip.compress(b" " * 20_000_000)
    for route in walk.writing:
        for encoding in ("deflate", "br", "zstd", "gzip, gzip", "compress"):
            response = await walk.ask(
                route, content=zlib.compress(b"{}"), headers={"Content-Encoding": encoding}
            )
            assert problem(response)[:2] == (415, "unknown-encoding"), (route.path, encoding)
            assert response.headers["accept-encoding"] == "gzip, identity"
        for broken in (b"{}", gzip.compress(b"{}")[:-4], gzip.compress(b"{}") + b"x"):
            response = await walk.ask(route, content=broken, headers={"Content-Encoding": "gzip"})
            assert problem(response)[:2] == (400, "bad-request"), route.path
        response = await walk.ask(route, content=bomb, headers={"Content-Encoding": "gzip"})
        assert problem(response)[:2] == (413, "too-large"), route.path


async def test_every_body_is_refused_that_says_a_thing_twice_or_half(walk: Walk) -> None:
    for route in walk.writing:
        assert problem(await walk.ask(route, content=b'{"a":1,"\\u0061":2}'))[:2] == (400, "bad-json"), (
            route.path
        )
        assert problem(await walk.ask(route, content=b'{"a":"\\ud83d"}')) == (422, "invalid-fields", ["a"])
        assert problem(await walk.ask(route, content=b'{"a":9007199254740993}')) == (
            422,
            "invalid-fields",
            ["a"],
        )


async def test_no_text_of_any_body_may_hold_a_control_character_or_half_of_one(walk: Walk) -> None:
    walked = 0
    for route in walk.writing:
        for place in texts_of(route.doc.body):
            loc = ".".join(place)
            if loc == "tenant":
                continue  # Compared with the key's, and kept nowhere.
            for wrong in ("cash\x1bp0", "bell\x07", "\x85", "a\x0bb", "\x7f", "\x1cAda"):
                response = await walk.ask(route, content=orjson.dumps(body_with(place, wrong)))
                status, _, locs = problem(response)
                assert (status, loc in locs) == (422, True), (route.path, loc, wrong, response.text)
            walked += 1
    assert walked >= 15


async def test_line_ends_of_every_system_are_newlines(shop: Shop) -> None:
    order = await shop.order(specialInstructions="one\r\ntwo\rthree\nfour\tfive")
    assert (await shop.events())[-1]["data"]["specialInstructions"] == "one\ntwo\nthree\nfour\tfive"
    assert order["status"] == "pending"


@pytest.mark.parametrize("name", ["\u200b", "\u2800", " \u00ad\u202e ", "\u3164"])
async def test_a_name_that_nobody_can_see_is_refused(shop: Shop, name: str) -> None:
    response = await shop.try_order(customerName=name)
    assert problem(response) == (422, "invalid-fields", ["customerName"])
